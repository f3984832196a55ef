//! DSSE envelopes (SPEC 5.1): a typed payload and the signatures over it.

use alloc::{format, string::String, vec::Vec};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{hash, keys::SigningPublicKey, limits::STATEMENT_BYTES};

/// A signed statement before anybody looked at its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dsse {
    #[serde(rename = "payloadType")]
    payload_type: String,
    #[serde(with = "base64_text")]
    payload: Vec<u8>,
    signatures: Vec<SignatureEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SignatureEntry {
    #[serde(default)]
    keyid: String,
    #[serde(with = "base64_text")]
    sig: Vec<u8>,
}

/// Why a statement cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// Not a DSSE envelope in JSON, or larger than a statement may be.
    #[error("not a signed statement")]
    Malformed,
    /// The payload is of another kind.
    #[error("a statement of another kind")]
    Kind,
    /// Not enough valid signatures of those who must sign.
    #[error("the signature is not by whom it should be")]
    Signature,
}

impl Dsse {
    /// An envelope without signatures yet.
    pub const fn unsigned(payload_type: String, payload: Vec<u8>) -> Self {
        Self {
            payload_type,
            payload,
            signatures: Vec::new(),
        }
    }

    /// Adds one signature, made over [`Self::signed_bytes`].
    #[must_use]
    pub fn with_signature(mut self, key: &SigningPublicKey, signature: [u8; 64]) -> Self {
        self.signatures.push(SignatureEntry {
            keyid: key.keyid(),
            sig: signature.into(),
        });
        self
    }

    /// Reads JSON of at most [`STATEMENT_BYTES`].
    pub fn parse(json: &[u8]) -> Result<Self, DsseError> {
        if json.len() > STATEMENT_BYTES {
            return Err(DsseError::Malformed);
        }
        serde_json::from_slice(json).map_err(|_| DsseError::Malformed)
    }

    /// JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and byte arrays always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The pre-authentication encoding that is signed (DSSE v1, `PAE`).
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The payload, once at least `threshold` different keys of `keys` have signed it.
    pub fn verify(
        &self,
        payload_type: &str,
        keys: &[SigningPublicKey],
        threshold: usize,
    ) -> Result<&[u8], DsseError> {
        if self.payload_type != payload_type {
            return Err(DsseError::Kind);
        }
        let message = self.signed_bytes();
        // More signatures than keys that could have made them are noise; bound the work.
        let valid = keys
            .iter()
            .filter(|key| {
                self.signatures.iter().take(8).any(|entry| {
                    entry
                        .sig
                        .as_slice()
                        .try_into()
                        .is_ok_and(|sig| key.verify(&message, sig))
                })
            })
            .count();
        if valid >= threshold {
            Ok(&self.payload)
        } else {
            Err(DsseError::Signature)
        }
    }

    /// The payload without looking at signatures, to find out which keys should have signed.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// `H(payload)`, by which other statements name this one.
    pub fn payload_hash(&self) -> [u8; 32] {
        hash::digest(&[&self.payload])
    }
}

pub(crate) mod base64_text {
    use super::{BASE64, Vec};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        crate::keys::base64(from)
    }
}
