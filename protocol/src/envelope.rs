//! The outside of an envelope: what a relay may look at (SPEC 2.1).

use crate::{
    id::Address,
    limits::{CHUNK_BYTES, ENVELOPE_BYTES, ENVELOPE_HEADER_BYTES},
    wire::{DecodeError, Reader, Writer},
};

/// The only version.
pub const VERSION: u8 = 1;
/// X-Wing, HKDF-SHA-256, ChaCha20-Poly1305.
pub const SUITE: u8 = 1;

/// What a posted body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One envelope, 8,128 bytes.
    Envelope,
    /// One attachment chunk, 65,472 bytes.
    Chunk,
}

impl Class {
    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Envelope => 0,
            Self::Chunk => 1,
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Envelope => ENVELOPE_BYTES,
            Self::Chunk => CHUNK_BYTES,
        }
    }
}

/// The first 36 bytes of envelopes and chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// Envelope or chunk.
    pub class: Class,
    /// UTC day of sealing, mod 256.
    pub day: u8,
    /// Where it is put.
    pub address: Address,
}

impl EnvelopeHeader {
    /// Reads the header of a whole body; the size must fit the class.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        reader.version(VERSION)?;
        reader.version(SUITE)?;
        let class = match reader.u8()? {
            0 => Class::Envelope,
            1 => Class::Chunk,
            _ => return Err(DecodeError::Field),
        };
        let header = Self {
            class,
            day: reader.u8()?,
            address: Address(reader.array()?),
        };
        match body.len().cmp(&class.bytes()) {
            core::cmp::Ordering::Less => Err(DecodeError::Short),
            core::cmp::Ordering::Equal => Ok(header),
            core::cmp::Ordering::Greater => Err(DecodeError::Long),
        }
    }

    /// The 36 bytes.
    pub fn to_bytes(self) -> [u8; ENVELOPE_HEADER_BYTES] {
        let bytes = Writer::with_capacity(ENVELOPE_HEADER_BYTES)
            .bytes(&[VERSION, SUITE, self.class.byte(), self.day])
            .bytes(&self.address.0)
            .finish();
        // 4 + 32 bytes.
        bytes.try_into().unwrap_or([0; ENVELOPE_HEADER_BYTES])
    }
}
