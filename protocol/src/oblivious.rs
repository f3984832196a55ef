//! Oblivious HTTP (RFC 9458): a request sealed to the relay, which somebody else passes on without
//! seeing what it says; the answer is sealed back to whoever asked (SPEC 6.2).
//!
//! Only bytes are sealed here. What they say is binary HTTP (RFC 9292), made and read by others.

mod answer;
#[cfg(feature = "seal")]
mod client;
#[cfg(feature = "gateway")]
mod gateway;
mod week;

use alloc::vec::Vec;

use hpke::kem::X25519HkdfSha256;

pub use self::week::{week_of, weeks_around};
#[cfg(feature = "gateway")]
pub use self::{
    answer::Asker,
    gateway::{GatewaySecret, key_list},
};
#[cfg(feature = "seal")]
pub use self::{answer::Waiting, client::GatewayKey};
use crate::limits::{OBLIVIOUS_ASK_BYTES, OBLIVIOUS_CHUNK_BYTES, OBLIVIOUS_POST_BYTES};

/// Why something sealed cannot be opened, or nothing sealed to a key. Says nothing about where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObliviousError {
    /// Not sealed to this key, changed on the way, cut short, or of a suite that is not known.
    #[error("this cannot be opened with the keys at hand")]
    Closed,
    /// A list of keys without one of a known kind.
    #[error(
        "the relay offers no key that requests can be sealed to, and the line is not to be asked openly; nothing was sent, try again later"
    )]
    NoKey,
}

/// The KEM of every key: DHKEM(X25519, HKDF-SHA256), 0x0020.
type X25519 = X25519HkdfSha256;

const KEM: u16 = 0x0020;
const KDF: u16 = 0x0001;
/// Public key and encapsulation of [`KEM`].
const KEY_BYTES: usize = 32;
/// Key, KEM, KDF, AEAD (RFC 9458 section 4.3).
const HEADER_BYTES: usize = 7;
const INFO: &[u8] = b"message/bhttp request";
const EXPORT: &[u8] = b"message/bhttp response";

/// How the bytes are sealed once a key is agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suite {
    /// What phones use.
    ChaCha20Poly1305,
    /// What other programs often ask for.
    #[cfg(feature = "gateway")]
    Aes128Gcm,
}

impl Suite {
    const fn aead(self) -> u16 {
        match self {
            Self::ChaCha20Poly1305 => 0x0003,
            #[cfg(feature = "gateway")]
            Self::Aes128Gcm => 0x0001,
        }
    }

    /// The larger of key and nonce: what is exported, and the length of an answer's nonce.
    const fn entropy(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 32,
            #[cfg(feature = "gateway")]
            Self::Aes128Gcm => 16,
        }
    }
}

/// The header of a request to the key `id`.
fn header(id: u8, suite: Suite) -> [u8; HEADER_BYTES] {
    let [kem, kdf, aead] = [KEM, KDF, suite.aead()].map(u16::to_be_bytes);
    [id, kem[0], kem[1], kdf[0], kdf[1], aead[0], aead[1]]
}

fn info(header: [u8; HEADER_BYTES]) -> Vec<u8> {
    [INFO, &[0], &header].concat()
}

/// The length that a request of `length` bytes is padded to before it is sealed. `None` for more than
/// the longest.
pub fn request_bytes(length: usize) -> Option<usize> {
    REQUESTS.into_iter().find(|bytes| length <= *bytes)
}

/// Whatever asks without sending, an envelope or tokens, a chunk.
const REQUESTS: [usize; 3] = [
    OBLIVIOUS_ASK_BYTES,
    OBLIVIOUS_POST_BYTES,
    OBLIVIOUS_CHUNK_BYTES,
];
