//! Cursors, drained records and acknowledgements (SPEC 5.5).

use alloc::{format, string::String, vec::Vec};

use crate::{
    limits::{CHUNK_BYTES, DRAIN_MAX, ENVELOPE_BYTES, SHARDS_MAX},
    wire::{DecodeError, Reader, Writer},
};

/// How far a drainer has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Which part of the inbox, from 0.
    pub shard: u16,
    /// Of the relay's store; another one is read from its start.
    pub incarnation: u64,
    /// Of the last record read; 0 before the first.
    pub position: u64,
}

impl Cursor {
    /// Before the first record of a shard, whatever the incarnation.
    pub const fn start(shard: u16) -> Self {
        Self {
            shard,
            incarnation: 0,
            position: 0,
        }
    }

    /// `SHARD.INCARNATION.POSITION` in hex.
    pub fn to_text(self) -> String {
        format!(
            "{:x}.{:x}.{:x}",
            self.shard, self.incarnation, self.position
        )
    }

    /// Reads what [`Self::to_text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let cursor = Self {
            shard: u16::from_str_radix(parts.next()?, 16).ok()?,
            incarnation: u64::from_str_radix(parts.next()?, 16).ok()?,
            position: u64::from_str_radix(parts.next()?, 16).ok()?,
        };
        // One spelling only, so that a cursor in a signed request has no second form.
        (parts.next().is_none() && cursor.to_text() == text).then_some(cursor)
    }

    /// The body of an acknowledgement.
    pub fn to_bytes(self) -> Vec<u8> {
        Writer::with_capacity(24)
            .u16(self.shard)
            .pad_to(8)
            .u64(self.incarnation)
            .u64(self.position)
            .finish()
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let shard = reader.u16()?;
        reader.zeros(6)?;
        let cursor = Self {
            shard,
            incarnation: reader.u64()?,
            position: reader.u64()?,
        };
        reader.finish()?;
        Ok(cursor)
    }
}

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// 0 an envelope, 1 a chunk.
    pub class: u8,
    /// In the inbox, from 1.
    pub position: u64,
    /// Unix seconds, rounded down to ten minutes.
    pub arrived: u64,
    /// As it was posted.
    pub body: Vec<u8>,
}

/// An answer to a drainer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainPage {
    /// Where the next request goes on.
    pub cursor: Cursor,
    /// The highest shard of the inbox, below [`SHARDS_MAX`]: 0 where there is one.
    pub last_shard: u16,
    /// At most [`DRAIN_MAX`].
    pub records: Vec<Drained>,
}

impl DrainPage {
    /// The answer's body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let body: usize = self
            .records
            .iter()
            .map(|record| record.body.len() + 24)
            .sum();
        let mut out = Writer::with_capacity(32 + body)
            .u8(1)
            .u8(0)
            .u16(self.cursor.shard)
            .u32(count)
            .u64(self.cursor.incarnation)
            .u64(self.cursor.position)
            .u16(self.last_shard)
            .pad_to(32);
        for record in &self.records {
            out = out
                .u8(record.class)
                .bytes(&[0; 7])
                .u64(record.position)
                .u64(record.arrived)
                .bytes(&record.body);
        }
        out.finish()
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(1)?;
        reader.zeros(1)?;
        let shard = reader.u16()?;
        let count = reader.u32()? as usize;
        let cursor = Cursor {
            shard,
            incarnation: reader.u64()?,
            position: reader.u64()?,
        };
        let last_shard = reader.u16()?;
        reader.zeros(6)?;
        if count > DRAIN_MAX || shard > last_shard || last_shard >= SHARDS_MAX {
            return Err(DecodeError::Field);
        }
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(Drained::read(&mut reader)?);
        }
        reader.finish()?;
        Ok(Self {
            cursor,
            last_shard,
            records,
        })
    }
}

impl Drained {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let class = reader.u8()?;
        reader.zeros(7)?;
        let (position, arrived) = (reader.u64()?, reader.u64()?);
        let length = body_bytes(class).ok_or(DecodeError::Field)?;
        Ok(Self {
            class,
            position,
            arrived,
            body: reader.bytes(length)?.into(),
        })
    }
}

/// Bytes of a posted body by its class.
pub const fn body_bytes(class: u8) -> Option<usize> {
    match class {
        0 => Some(ENVELOPE_BYTES),
        1 => Some(CHUNK_BYTES),
        _ => None,
    }
}
