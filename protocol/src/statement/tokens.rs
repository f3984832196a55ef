//! Token keys as the relay's statement names them (SPEC 5.1, 6.3).

use alloc::{string::String, vec::Vec};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::RelayStatement;
use crate::{
    hash,
    limits::{TOKEN_KEY_BYTES, TOKEN_KEYS_MAX},
};

/// A key that admission tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// RSA-2048 as RFC 9578 section 6.5 encodes it, base64.
    pub key: String,
    /// First second at which it signs and its tokens are taken.
    pub from: u64,
    /// First second at which its tokens are no longer taken.
    pub until: u64,
}

impl TokenKey {
    /// The key as it was encoded, [`TOKEN_KEY_BYTES`] long.
    pub fn spki(&self) -> Option<Vec<u8>> {
        let spki = BASE64.decode(self.key.as_bytes()).ok()?;
        (spki.len() == TOKEN_KEY_BYTES).then_some(spki)
    }

    /// What a token names its key by.
    pub fn id(&self) -> Option<[u8; 32]> {
        Some(hash::digest(&[&self.spki()?]))
    }
}

pub(super) fn are_sound(keys: &[TokenKey]) -> bool {
    keys.len() <= TOKEN_KEYS_MAX
        && keys.is_sorted_by(|a, b| a.from < b.from)
        && keys
            .iter()
            .all(|key| key.from < key.until && key.spki().is_some())
}

impl RelayStatement {
    /// The key to buy with at `now` (unix seconds): the latest that has begun.
    pub fn token_key(&self, now: u64) -> Option<&TokenKey> {
        let mut begun = self.tokens.iter().rev().filter(|key| key.from <= now);
        begun.next().filter(|key| now < key.until)
    }

    /// Whether it may follow `before`: a key for a time that `before` names one for is that one.
    /// Otherwise people could be told apart by which of the two they were shown.
    pub fn follows(&self, before: &Self) -> bool {
        self.serial > before.serial
            && self.tokens.iter().all(|key| {
                let mut same = before.tokens.iter().filter(|other| other.from == key.from);
                same.all(|other| other == key)
            })
    }
}
