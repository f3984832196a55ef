//! The examples of SPEC 5.6, with the formulas written out.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _,
    aead::{Aead as _, Payload},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    hash,
    id::DeviceId,
    log::{Body, LogEntry, LogHeader, LogKey, LogPlace, Spot, seal},
    request::AgreementSecret,
};

use super::{Examples, LINE};

const LOG: [u8; 2] = 3_u16.to_le_bytes();

/// `record key || commitment`.
fn derived(key: &[u8; 32], header: &[u8], salt: &[u8]) -> [u8; 64] {
    let info: [&[u8]; 5] = [b"sotto/1 log record", &LINE.0, &LOG, header, salt];
    hash::expand(key, &info)
}

pub(super) fn log(out: &mut Examples) {
    let key = [0x61; 32];
    let id = hash::digest(&[b"sotto/1 log key", &key]);
    out.hex("log key", &key);
    out.hex("log key id", &id[..16]);
    let header = LogHeader {
        position: 3,
        previous: [0x44; 32],
        key_id: id[..16].try_into().unwrap(),
    };
    let derive = derived(&key, &header.to_bytes(), &[0x62; 32]);
    out.hex(
        "record key of position 3 in log 3, salt 62..",
        &derive[..32],
    );
    out.hex("its commitment", &derive[32..]);
    let entry = LogEntry {
        author: DeviceId([0x53; 16]),
        body: Body::Payload(b"text".to_vec().into()),
    };
    let plaintext = entry.to_bytes().unwrap();
    out.hex("log plaintext, first 24 bytes", &plaintext[..24]);
    is_what_the_engine_does(&entry, &key, &header.to_bytes());

    let (sender, newcomer) = (
        AgreementSecret::from_bytes([0x52; 32]),
        AgreementSecret::from_bytes([0x63; 32]),
    );
    let secret = x25519_dalek::StaticSecret::from([0x63; 32]);
    let shared = secret.diffie_hellman(&sender.public().0.into());
    let pair = hash::extract(b"sotto/1 device pair", &[shared.as_bytes()]);
    let label = b"sotto/1 log welcome key";
    let info: [&[u8]; 4] = [label, &sender.public().0, &newcomer.public().0, &LINE.0];
    let psk: [u8; 32] = hash::expand(&pair, &info);
    let by_engine = sender.welcome_key_to(&newcomer.public(), LINE);
    assert_eq!(by_engine.as_bytes(), &psk);
    out.hex("newcomer X25519 secret", &newcomer.to_bytes());
    out.hex("psk of its welcome by the device above", &psk);
}

fn is_what_the_engine_does(entry: &LogEntry, key: &[u8; 32], header: &[u8]) {
    let spot = Spot {
        place: LogPlace { line: LINE, log: 3 },
        position: 3,
        previous: [0x44; 32],
    };
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let record = seal(spot, &LogKey::from_bytes(*key), entry, None, rng).unwrap();
    assert_eq!(&record[..64], header);
    let derive = derived(key, header, &record[1_232..1_264]);
    assert_eq!(record[1_264..1_296], derive[32..]);
    let cipher = ChaCha20Poly1305::new_from_slice(&derive[..32]).unwrap();
    let payload = Payload {
        msg: &record[1_296..],
        aad: &record[..1_296],
    };
    let plaintext = cipher.decrypt(&[0; 12].into(), payload).unwrap();
    assert_eq!(plaintext, *entry.to_bytes().unwrap());
}
