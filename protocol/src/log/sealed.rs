//! Sealing and opening one record (SPEC 5.6). Every failure is [`Unopened`].

use alloc::vec::Vec;

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{LogEntry, LogHeader, LogKey, LogPlace, Unopened, keys};
use crate::{
    hash,
    keys::SealingPublicKey,
    limits::{
        COMMITMENT_BYTES, LOG_HEADER_BYTES, LOG_PLAINTEXT_BYTES, LOG_RECORD_BYTES, LOG_SALT_BYTES,
        LOG_SLOT_BYTES,
    },
    secret::{SealingSecret, Secret, random},
    wire::{Reader, Writer},
};

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The log.
    pub place: LogPlace,
    /// From 0.
    pub position: u64,
    /// Hash of the record before; zeros for position 0.
    pub previous: [u8; 32],
}

/// Whom a record lets in.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// The newcomer's X-Wing key of the roster.
    pub receiver: &'a SealingPublicKey,
    /// What its X25519 key and the author's agree on.
    pub proof: &'a Secret,
}

/// Seals a record of [`LOG_RECORD_BYTES`].
///
/// Each record has a key of its own, from a random salt: a device whose record lost the race for a
/// position seals another one for the same position under the same log key.
///
/// # Errors
/// [`Unopened`] where the body is too long or the guest's key is none.
pub fn seal(
    spot: Spot,
    key: &LogKey,
    entry: &LogEntry,
    guest: Option<Guest<'_>>,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let header = LogHeader {
        position: spot.position,
        previous: spot.previous,
        key_id: key.id(),
    };
    let header = header.to_bytes();
    let slot = slot(spot.place, &header, key, guest, rng)?;
    let salt: [u8; LOG_SALT_BYTES] = random(rng);
    let (record_key, commitment) = derive(key, spot.place, &header, &salt);
    let mut record = Writer::with_capacity(LOG_RECORD_BYTES)
        .bytes(&header)
        .bytes(&slot)
        .bytes(&salt)
        .bytes(&commitment)
        .finish();
    let plaintext = entry.to_bytes()?;
    let payload = Payload {
        msg: &plaintext,
        aad: &record,
    };
    let sealed = ChaCha20Poly1305::new((&*record_key).into()).encrypt(&Nonce::default(), payload);
    record.extend_from_slice(&sealed.ok()?);
    Some(record)
}

/// Opens a record under the log key it names.
pub fn open(record: &[u8], place: LogPlace, key: &LogKey) -> Result<LogEntry, Unopened> {
    let parts = Parts::read(record).ok_or(Unopened)?;
    let (record_key, commitment) = derive(key, place, parts.header, parts.salt);
    // ChaCha20-Poly1305 alone does not commit to its key: compare before opening.
    if !bool::from(commitment.ct_eq(parts.commitment)) {
        return Err(Unopened);
    }
    let payload = Payload {
        msg: parts.ciphertext,
        aad: parts.additional_data,
    };
    let plaintext =
        ChaCha20Poly1305::new((&*record_key).into()).decrypt(&Nonce::default(), payload);
    let plaintext = Zeroizing::new(plaintext.map_err(|_| Unopened)?);
    LogEntry::from_bytes(&plaintext).map_err(|_| Unopened)
}

/// The log key in a record's slot, if it is meant for `receiver` and comes from who holds `proof`.
pub fn open_slot(
    record: &[u8],
    place: LogPlace,
    receiver: &SealingSecret,
    proof: &Secret,
) -> Result<LogKey, Unopened> {
    let parts = Parts::read(record).ok_or(Unopened)?;
    let header = LogHeader::parse(record).map_err(|_| Unopened)?;
    let info = info(place, parts.header, &receiver.public());
    keys::open_key(parts.slot, receiver, (Some(proof), &info), header.key_id)
}

const AAD_BYTES: usize = LOG_HEADER_BYTES + LOG_SLOT_BYTES + LOG_SALT_BYTES + COMMITMENT_BYTES;
const _: () = assert!(AAD_BYTES + LOG_PLAINTEXT_BYTES + 16 == LOG_RECORD_BYTES);

struct Parts<'a> {
    header: &'a [u8],
    slot: &'a [u8],
    salt: &'a [u8],
    commitment: &'a [u8],
    ciphertext: &'a [u8],
    additional_data: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(record: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        let parts = Self {
            header: reader.bytes(LOG_HEADER_BYTES).ok()?,
            slot: reader.bytes(LOG_SLOT_BYTES).ok()?,
            salt: reader.bytes(LOG_SALT_BYTES).ok()?,
            commitment: reader.bytes(COMMITMENT_BYTES).ok()?,
            ciphertext: reader.bytes(LOG_PLAINTEXT_BYTES + 16).ok()?,
            additional_data: record.get(..AAD_BYTES)?,
        };
        reader.finish().ok()?;
        Some(parts)
    }
}

/// The record's key and its commitment.
fn derive(
    key: &LogKey,
    place: LogPlace,
    header: &[u8],
    salt: &[u8],
) -> (Zeroizing<[u8; 32]>, [u8; COMMITMENT_BYTES]) {
    let log = place.log.to_le_bytes();
    let info: [&[u8]; 5] = [b"sotto/1 log record", &place.line.0, &log, header, salt];
    let both = Zeroizing::new(hash::expand::<64>(key.as_bytes(), &info));
    let (first, second) = both.split_at(32);
    let mut record_key = Zeroizing::new([0; 32]);
    record_key.copy_from_slice(first);
    let mut commitment = [0; COMMITMENT_BYTES];
    commitment.copy_from_slice(second);
    (record_key, commitment)
}

/// Holds the log key for a guest; without one, a random key sealed to a key nobody has: random bytes
/// would be told from an encapsulation.
fn slot(
    place: LogPlace,
    header: &[u8],
    key: &LogKey,
    guest: Option<Guest<'_>>,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    if let Some(Guest { receiver, proof }) = guest {
        let info = info(place, header, receiver);
        return keys::seal_key(key, receiver, (Some(proof), &info), rng);
    }
    let receiver = SealingSecret::make(rng).public();
    let (other, proof) = (LogKey::make(rng), Secret::make(rng));
    let info = info(place, header, &receiver);
    keys::seal_key(&other, &receiver, (Some(&proof), &info), rng)
}

fn info(place: LogPlace, header: &[u8], receiver: &SealingPublicKey) -> Vec<u8> {
    let out = Writer::with_capacity(160).bytes(b"sotto/1 log welcome");
    place
        .write(out)
        .bytes(header)
        .bytes(&receiver.hash())
        .finish()
}
