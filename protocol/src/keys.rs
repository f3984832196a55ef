//! Public keys with the role they play, so that the wrong key does not fit.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{hash, limits::RATCHET_KEY_BYTES};

/// Ed25519 public key of a root, line, desk, relay or device.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningPublicKey(pub [u8; 32]);

/// X25519 public key, for device requests (SPEC 6.1).
#[derive(Clone, PartialEq, Eq)]
pub struct AgreementPublicKey(pub [u8; 32]);

/// X-Wing public key: a prekey, a ratchet key, a device's log key or a code's static key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingPublicKey(pub Box<[u8; RATCHET_KEY_BYTES]>);

impl SigningPublicKey {
    /// Strict verification (RFC 8032, no small-order keys).
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
    }

    /// The hint written beside a signature: 16 hex characters.
    pub fn keyid(&self) -> String {
        HEXLOWER.encode(
            hash::digest(&[&self.0])
                .first_chunk::<8>()
                .unwrap_or(&[0; 8]),
        )
    }
}

impl SealingPublicKey {
    /// `H(receiver public key)` of SPEC 2.2.
    pub fn hash(&self) -> [u8; 32] {
        hash::digest(&[self.0.as_slice()])
    }

    /// Whether something can be sealed to it: FIPS 203 section 7.2, "modulus check" of the ML-KEM half.
    /// The X25519 half may be any 32 bytes. Sealing checks it too, at a hundred times the cost.
    pub fn is_valid(&self) -> bool {
        let encoded = self.0.get(..ML_KEM_VECTOR_BYTES).unwrap_or_default();
        let (pairs, _) = encoded.as_chunks::<3>();
        pairs.iter().all(|[low, middle, high]| {
            let first = u16::from(*low) | (u16::from(*middle) & 0xf) << 8;
            let second = u16::from(*middle) >> 4 | u16::from(*high) << 4;
            first < ML_KEM_MODULUS && second < ML_KEM_MODULUS
        })
    }

    /// Copies 1,216 bytes; whether they are a valid key, [`Self::is_valid`] says.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let array: Box<[u8]> = bytes.into();
        array.try_into().ok().map(Self)
    }
}

/// Three polynomials of 256 coefficients of 12 bits.
const ML_KEM_VECTOR_BYTES: usize = 1_152;
/// q of FIPS 203.
const ML_KEM_MODULUS: u16 = 3_329;

macro_rules! text_key {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&BASE64.encode(self.0.as_slice()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = base64(deserializer)?;
                bytes
                    .try_into()
                    .map(Self)
                    .map_err(|_| de::Error::custom("key has a wrong length"))
            }
        }
    };
}

text_key!(SigningPublicKey);
text_key!(AgreementPublicKey);
text_key!(SealingPublicKey);

/// Base64 text of any length, for serde.
pub(crate) fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64
        .decode(text.as_bytes())
        .map_err(|_| de::Error::custom("not base64"))
}
