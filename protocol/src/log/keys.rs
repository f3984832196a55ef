//! Log keys, and how they are given to devices: HPKE with X-Wing (SPEC 5.6).

use alloc::vec::Vec;

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::XWing, setup_receiver, setup_sender_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    hash,
    id::{DeviceId, LineId},
    keys::SealingPublicKey,
    limits::{ENCAPSULATION_BYTES, LOG_SLOT_BYTES},
    secret::{SealingSecret, Secret},
    wire::{Reader, Writer},
};

/// The one error of opening what stands in a log. Says nothing about where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this record cannot be opened")]
pub struct Unopened;

/// Which log of which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// The line.
    pub line: LineId,
    /// 0 the line's log, otherwise a desk's.
    pub log: u16,
}

impl LogPlace {
    pub(super) fn write(self, out: Writer) -> Writer {
        out.bytes(&self.line.0).u16(self.log)
    }
}

/// What seals the records of a log from one rotation to the next: 32 random bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey(pub(super) Secret);

impl LogKey {
    /// A new random key.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::make(rng))
    }

    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    /// Its bytes, for storing.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// What records name it by: the first 16 bytes of `H("sotto/1 log key" || key)`.
    pub fn id(&self) -> [u8; 16] {
        let hash = hash::digest(&[b"sotto/1 log key", self.as_bytes()]);
        *hash.first_chunk().unwrap_or(&[0; 16])
    }

    /// Seals this key to one device's log key of the day; `None` where that is no valid key.
    pub fn seal_to(
        &self,
        device: DeviceId,
        receiver: &SealingPublicKey,
        place: LogPlace,
        rng: &mut impl CryptoRng,
    ) -> Option<SealedKey> {
        let info = info_of(place, &self.id(), device, receiver);
        let sealed = seal_key(self, receiver, (None, &info), rng)?;
        Some(SealedKey { device, sealed })
    }
}

/// Seals the private half of the prekey of `day` to a drainer, as it stands in a desk's log (SPEC
/// 5.6.1): encapsulation and ciphertext, [`LOG_SLOT_BYTES`]; `None` where `receiver` is no valid key.
pub fn seal_prekey(
    prekey: &SealingSecret,
    (day, device): (u32, DeviceId),
    receiver: &SealingPublicKey,
    place: LogPlace,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let info = prekey_info(place, (day, device), receiver);
    seal_bytes(prekey.as_bytes(), receiver, (None, &info), rng)
}

/// Opens [`seal_prekey`]'s bytes with the private half of the drainer's key of the roster.
pub fn open_prekey(
    sealed: &[u8],
    (day, device): (u32, DeviceId),
    receiver: &SealingSecret,
    place: LogPlace,
) -> Result<SealingSecret, Unopened> {
    let info = prekey_info(place, (day, device), &receiver.public());
    let seed = open_bytes(sealed, receiver, (None, &info))?;
    Ok(SealingSecret::from_bytes(*seed))
}

/// A log key sealed to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Who may open it.
    pub device: DeviceId,
    /// Encapsulation and ciphertext, [`LOG_SLOT_BYTES`].
    pub(super) sealed: Vec<u8>,
}

impl SealedKey {
    /// Opens it with the private half it was sealed to; the key must be the one named `id`.
    pub fn open(
        &self,
        id: [u8; 16],
        receiver: &SealingSecret,
        place: LogPlace,
    ) -> Result<LogKey, Unopened> {
        let info = info_of(place, &id, self.device, &receiver.public());
        open_key(&self.sealed, receiver, (None, &info), id)
    }
}

/// Mode PSK with the secret given, otherwise Base; and the info.
type Mode<'a> = (Option<&'a Secret>, &'a [u8]);

/// `enc || ciphertext` of one key.
pub(super) fn seal_key(
    key: &LogKey,
    receiver: &SealingPublicKey,
    mode: Mode<'_>,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    seal_bytes(key.as_bytes(), receiver, mode, rng)
}

fn seal_bytes(
    bytes: &[u8; 32],
    receiver: &SealingPublicKey,
    (psk, info): Mode<'_>,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let receiver = <XWing as Kem>::PublicKey::from_bytes(receiver.0.as_slice()).ok()?;
    let mode = match psk {
        Some(psk) => OpModeS::Psk(bundle(psk)?),
        None => OpModeS::Base,
    };
    let setup = setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>;
    let (encapsulation, mut context) = setup(&mode, &receiver, info, rng).ok()?;
    let ciphertext = context.seal(bytes, b"").ok()?;
    let out = Writer::with_capacity(LOG_SLOT_BYTES)
        .bytes(&encapsulation.to_bytes())
        .bytes(&ciphertext);
    Some(out.finish())
}

/// Opens [`seal_key`]'s bytes. That the key has the name it should have commits to it.
pub(super) fn open_key(
    sealed: &[u8],
    receiver: &SealingSecret,
    mode: Mode<'_>,
    id: [u8; 16],
) -> Result<LogKey, Unopened> {
    let key = LogKey::from_bytes(*open_bytes(sealed, receiver, mode)?);
    if key.id() == id {
        Ok(key)
    } else {
        Err(Unopened)
    }
}

fn open_bytes(
    sealed: &[u8],
    receiver: &SealingSecret,
    (psk, info): Mode<'_>,
) -> Result<Zeroizing<[u8; 32]>, Unopened> {
    let mut reader = Reader::new(sealed);
    let encapsulation = reader.bytes(ENCAPSULATION_BYTES).map_err(|_| Unopened)?;
    let ciphertext = reader.bytes(LOG_SLOT_BYTES - ENCAPSULATION_BYTES);
    let ciphertext = ciphertext.map_err(|_| Unopened)?;
    let mode = match psk {
        Some(psk) => OpModeR::Psk(bundle(psk).ok_or(Unopened)?),
        None => OpModeR::Base,
    };
    let secret = receiver.hpke().map_err(|_| Unopened)?;
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation);
    let encapsulation = encapsulation.map_err(|_| Unopened)?;
    let setup = setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>;
    let mut context = setup(&mode, &secret, &encapsulation, info).map_err(|_| Unopened)?;
    let bytes = Zeroizing::new(context.open(ciphertext, b"").map_err(|_| Unopened)?);
    let bytes = bytes.first_chunk().ok_or(Unopened)?;
    Ok(Zeroizing::new(*bytes))
}

fn bundle(psk: &Secret) -> Option<PskBundle<'_>> {
    PskBundle::new(psk.as_bytes(), b"sotto/1 log welcome").ok()
}

fn info_of(
    place: LogPlace,
    id: &[u8; 16],
    device: DeviceId,
    receiver: &SealingPublicKey,
) -> Vec<u8> {
    let out = Writer::with_capacity(128).bytes(b"sotto/1 log grant");
    place
        .write(out)
        .bytes(id)
        .bytes(&device.0)
        .bytes(&receiver.hash())
        .finish()
}

fn prekey_info(
    place: LogPlace,
    (day, device): (u32, DeviceId),
    receiver: &SealingPublicKey,
) -> Vec<u8> {
    let out = Writer::with_capacity(128).bytes(b"sotto/1 prekey grant");
    place
        .write(out)
        .u32(day)
        .bytes(&device.0)
        .bytes(&receiver.hash())
        .finish()
}
