//! Desk log records as the relay sees them (SPEC 5.6); what is inside is behind the feature `seal`.

#[cfg(feature = "seal")]
mod entry;
#[cfg(feature = "seal")]
mod keys;
#[cfg(feature = "seal")]
mod sealed;

use alloc::vec::Vec;

#[cfg(feature = "seal")]
pub use self::{
    entry::{Body, DeviceKey, KeyPart, LogEntry, Period, SnapshotPart, Welcome},
    keys::{LogKey, LogPlace, SealedKey, Unopened, open_prekey, seal_prekey},
    sealed::{Guest, Spot, open, open_slot, seal},
};

use crate::{
    hash,
    limits::{LOG_HEADER_BYTES, LOG_MAX, LOG_RECORD_BYTES},
    wire::{DecodeError, Reader, Writer},
};

/// What the relay may read of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// From 0.
    pub position: u64,
    /// Hash of the record before; zeros for position 0.
    pub previous: [u8; 32],
    /// Which log key seals it.
    pub key_id: [u8; 16],
}

impl LogHeader {
    /// Reads the header of one whole record.
    pub fn parse(record: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record);
        reader.version(1)?;
        reader.zeros(3)?;
        let header = Self {
            position: reader.u64()?,
            previous: reader.array()?,
            key_id: reader.array()?,
        };
        reader.zeros(4)?;
        reader.bytes(LOG_RECORD_BYTES - LOG_HEADER_BYTES)?;
        reader.finish()?;
        Ok(header)
    }

    /// The 64 header bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        Writer::with_capacity(LOG_HEADER_BYTES)
            .u8(1)
            .pad_to(4)
            .u64(self.position)
            .bytes(&self.previous)
            .bytes(&self.key_id)
            .pad_to(LOG_HEADER_BYTES)
            .finish()
    }
}

/// The hash the next record names.
pub fn record_hash(record: &[u8]) -> [u8; 32] {
    hash::digest(&[record])
}

/// An answer to a log reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// 0 the line's log, otherwise a desk's.
    pub log: u16,
    /// Of the relay's store.
    pub incarnation: u64,
    /// Where the next append goes.
    pub next: u64,
    /// At most [`LOG_MAX`], each of [`LOG_RECORD_BYTES`].
    pub records: Vec<Vec<u8>>,
}

impl LogPage {
    /// The answer's body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let out = Writer::with_capacity(32 + self.records.len() * LOG_RECORD_BYTES)
            .u8(1)
            .u8(0)
            .u16(self.log)
            .u32(count)
            .u64(self.incarnation)
            .u64(self.next)
            .u64(0);
        self.records
            .iter()
            .fold(out, |out, record| out.bytes(record))
            .finish()
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(1)?;
        reader.zeros(1)?;
        let log = reader.u16()?;
        let count = reader.u32()? as usize;
        let (incarnation, next) = (reader.u64()?, reader.u64()?);
        reader.zeros(8)?;
        if count > LOG_MAX {
            return Err(DecodeError::Field);
        }
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(reader.bytes(LOG_RECORD_BYTES)?.into());
        }
        reader.finish()?;
        Ok(Self {
            log,
            incarnation,
            next,
            records,
        })
    }
}
