//! What comes back from Redis.

use bytes::Bytes;
use sotto_protocol::{drain::Drained, hash};

use super::{
    super::{StoreError, Stored, class_of},
    examine::field,
};

/// One entry of the index.
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) arrived: u64,
    pub(super) address: Vec<u8>,
}

impl Row {
    pub(super) fn parse(id: &str, fields: Vec<Vec<u8>>) -> Option<Self> {
        let (position, arrived) = id.split_once('-')?;
        Some(Self {
            position: position.parse().ok()?,
            arrived: arrived.parse().ok()?,
            address: fields.into_iter().nth(1)?,
        })
    }

    pub(super) fn drained(&self, body: Vec<u8>) -> Result<Drained, StoreError> {
        Ok(Drained {
            class: class_of(&body)?,
            position: self.position,
            arrived: self.arrived,
            body,
        })
    }
}

/// A number for this life of a slot under this master.
///
/// A restart or a failover may have lost what was written last, whose positions are then given out
/// again: the replication id in the hash, new in each of these cases, makes drainers read from the
/// start and drop what they know. A slot that moves to another master has another one too.
pub(super) fn incarnation(seed: &str, info: &str) -> Result<u64, StoreError> {
    let id = field(info, "master_replid").ok_or(StoreError::Corrupt)?;
    let hash = hash::digest(&[seed.as_bytes(), id.as_bytes()]);
    Ok(hash
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

/// A statement as it is kept: its serial as 16 hex digits, then its JSON.
pub(super) fn stored(name: String, value: &[u8]) -> Option<Stored> {
    let (serial, json) = value.split_first_chunk::<16>()?;
    Some(Stored {
        name,
        serial: u64::from_str_radix(core::str::from_utf8(serial).ok()?, 16).ok()?,
        json: Bytes::copy_from_slice(json),
    })
}

/// What a script that may refuse answers.
pub(super) fn accepted((state,): (i64,)) -> Result<(), StoreError> {
    if state == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}
