//! Sealing what is kept on a disk: XChaCha20-Poly1305 under a key from a passphrase or a code.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand_core::CryptoRng;
use sotto_protocol::{
    limits::{ARGON2_KIB, ARGON2_PASSES},
    secret::{Secret, random},
    wire::{Reader, Writer},
};
use zeroize::Zeroizing;

/// Bytes a sealed value is longer than what is inside.
pub const OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The key or passphrase is wrong, or the bytes were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this does not open: the passphrase is wrong or the file is damaged")]
pub struct Locked;

/// Seals `plain` under `key`; `place` must be the same when it is opened.
pub fn seal(
    key: &Secret,
    place: &[u8],
    plain: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Locked> {
    encrypt(key, place, plain, random(rng))
}

/// Opens what [`seal`] made.
pub fn open(key: &Secret, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Locked> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Locked)?;
    let payload = Payload {
        msg: sealed,
        aad: place,
    };
    XChaCha20Poly1305::new(key.as_bytes().into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| Locked)
}

/// Seals a whole file under a passphrase: version, salt, then the sealed bytes.
pub fn seal_file(
    passphrase: &str,
    plain: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Locked> {
    let salt: [u8; SALT_BYTES] = random(rng);
    let key = stretch(passphrase, &salt)?;
    let sealed = seal(&key, FILE, plain, rng)?;
    Ok(Writer::with_capacity(1 + SALT_BYTES + sealed.len())
        .u8(VERSION)
        .bytes(&salt)
        .bytes(&sealed)
        .finish())
}

/// Opens what [`seal_file`] made.
pub fn open_file(passphrase: &str, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, Locked> {
    let mut reader = Reader::new(file);
    reader.version(VERSION).map_err(|_| Locked)?;
    let salt: [u8; SALT_BYTES] = reader.array().map_err(|_| Locked)?;
    let key = stretch(passphrase, &salt)?;
    let rest = reader.bytes(reader.remaining()).map_err(|_| Locked)?;
    open(&key, FILE, rest)
}

fn encrypt(
    key: &Secret,
    place: &[u8],
    plain: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, Locked> {
    let payload = Payload {
        msg: plain,
        aad: place,
    };
    let cipher = XChaCha20Poly1305::new(key.as_bytes().into());
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Locked)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const FILE: &[u8] = b"sotto/1 file";

/// Argon2id, 64 MiB and 3 passes, as for codes.
fn stretch(passphrase: &str, salt: &[u8]) -> Result<Secret, Locked> {
    let params = Params::new(ARGON2_KIB, ARGON2_PASSES, 1, Some(32)).map_err(|_| Locked)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| Locked)?;
    Ok(Secret::from_bytes(*key))
}
