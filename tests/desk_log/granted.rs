//! Keys that stand sealed in a log, opened with nothing but HPKE and the formulas of SPEC 5.6.

use hpke::{
    Deserializable as _, Kem, OpModeR, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::XWing,
    setup_receiver,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    hash,
    id::{DeviceId, LineId},
    limits::{ENCAPSULATION_BYTES, LOG_SLOT_BYTES},
    log::{Body, KeyPart, LogEntry, LogKey, LogPlace, Period, Unopened, open_prekey, seal_prekey},
    secret::SealingSecret,
};

const LINE: [u8; 16] = [1; 16];
const LOG: u16 = 3;
const PLACE: LogPlace = LogPlace {
    line: LineId(LINE),
    log: LOG,
};
const DEVICE: [u8; 16] = [2; 16];

/// Opens `enc || ciphertext` in mode Base.
fn opened(sealed: &[u8], receiver: &SealingSecret, info: &[&[u8]]) -> Option<Vec<u8>> {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(receiver.as_bytes()).unwrap();
    let (encapsulation, ciphertext) = sealed.split_at(ENCAPSULATION_BYTES);
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation).unwrap();
    let setup = setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>;
    let mut context = setup(&OpModeR::Base, &secret, &encapsulation, &info.concat()).unwrap();
    context.open(ciphertext, b"").ok()
}

#[test]
fn a_log_key_is_sealed_for_one_device_in_one_log() {
    let rng = &mut ChaCha20Rng::seed_from_u64(71);
    let (key, receiver) = (LogKey::make(rng), SealingSecret::make(rng));
    let public = receiver.public();
    let sealed = key.seal_to(DeviceId(DEVICE), &public, PLACE, rng).unwrap();
    assert_eq!(sealed.open(key.id(), &receiver, PLACE), Ok(key.clone()));
    let part = KeyPart {
        key_id: key.id(),
        period: Period::default(),
        part: 0,
        parts: 1,
        sealed: vec![sealed],
    };
    let entry = LogEntry {
        author: DeviceId(DEVICE),
        body: Body::Key(part),
    };
    let bytes = entry.to_bytes().unwrap();
    // Kind to author, key id and period, four numbers, the device.
    let sealed = &bytes[20 + 16 + 76 + 4 + 16..][..LOG_SLOT_BYTES];
    let id = &hash::digest(&[b"sotto/1 log key", key.as_bytes()])[..16];
    let info: [&[u8]; 6] = [
        b"sotto/1 log grant",
        &LINE,
        &LOG.to_le_bytes(),
        id,
        &DEVICE,
        &public.hash(),
    ];
    assert_eq!(
        opened(sealed, &receiver, &info).as_deref(),
        Some(key.as_bytes().as_slice())
    );
    assert_eq!(opened(sealed, &receiver, &info[..5]), None);
}

#[test]
fn a_prekey_is_sealed_for_one_device_on_one_day() {
    let rng = &mut ChaCha20Rng::seed_from_u64(72);
    let (prekey, receiver) = (SealingSecret::make(rng), SealingSecret::make(rng));
    let (public, day) = (receiver.public(), 20_781_u32);
    let device = DeviceId(DEVICE);
    let sealed = seal_prekey(&prekey, (day, device), &public, PLACE, rng).unwrap();
    let info: [&[u8]; 6] = [
        b"sotto/1 prekey grant",
        &LINE,
        &LOG.to_le_bytes(),
        &day.to_le_bytes(),
        &DEVICE,
        &public.hash(),
    ];
    assert_eq!(
        opened(&sealed, &receiver, &info).as_deref(),
        Some(prekey.as_bytes().as_slice())
    );
    let open = |day, device, place| open_prekey(&sealed, (day, device), &receiver, place);
    assert_eq!(open(day, device, PLACE), Ok(prekey));
    let other_log = LogPlace { log: 4, ..PLACE };
    assert_eq!(open(day + 1, device, PLACE), Err(Unopened));
    assert_eq!(open(day, DeviceId([3; 16]), PLACE), Err(Unopened));
    assert_eq!(open(day, device, other_log), Err(Unopened));
}
