//! Which chunks of a file are meant, and the message by which a desk asks for them (SPEC 3.8).

use alloc::vec::Vec;

use crate::{
    limits::{MAX_CHUNKS, WANTED_BYTES},
    wire::{DecodeError, Reader, Writer},
};

/// A set of chunk numbers below [`MAX_CHUNKS`]: 32 bytes, bit i of byte i / 8 is chunk i.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChunkSet([u8; 32]);

impl ChunkSet {
    /// The first `count` chunks.
    pub fn first(count: u16) -> Self {
        let mut set = Self::default();
        (0..count.min(MAX_CHUNKS)).for_each(|index| {
            set.insert(index);
        });
        set
    }

    /// Whether the chunk is in it.
    pub fn contains(&self, index: u16) -> bool {
        let (byte, bit) = place(index);
        self.0.get(byte).is_some_and(|byte| byte & bit != 0)
    }

    /// Adds a chunk; whether it was not there. Numbers out of range are never there.
    pub fn insert(&mut self, index: u16) -> bool {
        let is_new = index < MAX_CHUNKS && !self.contains(index);
        let (byte, bit) = place(index);
        if let Some(byte) = self.0.get_mut(byte) {
            *byte |= bit;
        }
        is_new
    }

    /// Takes a chunk out; whether it was there.
    pub fn remove(&mut self, index: u16) -> bool {
        let was_there = self.contains(index);
        let (byte, bit) = place(index);
        if let Some(byte) = self.0.get_mut(byte) {
            *byte &= !bit;
        }
        was_there
    }

    /// Adds all chunks of another set.
    pub fn extend(&mut self, other: &Self) {
        let bytes = self.0.iter_mut().zip(other.0);
        bytes.for_each(|(byte, more)| *byte |= more);
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..MAX_CHUNKS).filter(|index| self.contains(*index))
    }

    /// How many there are, at most 256.
    pub fn len(&self) -> u16 {
        let ones = self.0.iter().map(|byte| byte.count_ones()).sum::<u32>();
        u16::try_from(ones).unwrap_or(MAX_CHUNKS)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 32]
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads [`Self::as_bytes`] for a file of `count` chunks.
    pub fn from_bytes(bytes: [u8; 32], count: u16) -> Result<Self, DecodeError> {
        let set = Self(bytes);
        if set.iter().any(|index| index >= count) {
            return Err(DecodeError::Reserved);
        }
        Ok(set)
    }
}

fn place(index: u16) -> (usize, u8) {
    (usize::from(index / 8), 1 << (index % 8))
}

/// Body of a message of kind 4: what a desk has not got of a file. Nothing missing means that the
/// whole file is there and opened, and that the phone may forget it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Id of the message that carried the manifest.
    pub manifest: u64,
    /// Chunks of the file, a power of two.
    pub count: u16,
    /// Those that are missing.
    pub missing: ChunkSet,
}

impl Wanted {
    /// The [`WANTED_BYTES`].
    pub fn to_bytes(self) -> Vec<u8> {
        Writer::with_capacity(WANTED_BYTES)
            .u64(self.manifest)
            .u16(self.count)
            .bytes(self.missing.as_bytes())
            .finish()
    }

    /// Reads exactly [`WANTED_BYTES`].
    ///
    /// # Errors
    /// A count that no file has, or a chunk beyond it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let manifest = reader.u64()?;
        let count = reader.u16()?;
        if !is_count(count) {
            return Err(DecodeError::Field);
        }
        let missing = ChunkSet::from_bytes(reader.array()?, count)?;
        reader.finish()?;
        Ok(Self {
            manifest,
            count,
            missing,
        })
    }
}

/// Whether a file can have so many chunks.
const fn is_count(count: u16) -> bool {
    count.is_power_of_two() && count <= MAX_CHUNKS
}
