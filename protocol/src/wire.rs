//! Bounded reading and writing of fixed-layout objects (SPEC 1.1, 1.3).

use alloc::vec::Vec;
use core::fmt;

/// Why bytes are not the object they should be. Carries nothing of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the layout needs.
    #[error("too short")]
    Short,
    /// Bytes left over after the object.
    #[error("too long")]
    Long,
    /// A version this program does not know.
    #[error("unknown version")]
    Version,
    /// A field holds a value the layout forbids.
    #[error("a field is out of range")]
    Field,
    /// A reserved byte or padding is not zero.
    #[error("reserved bytes are not zero")]
    Reserved,
}

/// Takes fixed-width fields off the front of a slice.
pub struct Reader<'a>(&'a [u8]);

impl fmt::Debug for Reader<'_> {
    // Plaintexts and keys pass through here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader(..)")
    }
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A version byte that must be `known`.
    pub fn version(&mut self, known: u8) -> Result<(), DecodeError> {
        if self.u8()? == known {
            Ok(())
        } else {
            Err(DecodeError::Version)
        }
    }

    /// `count` bytes that must all be zero.
    pub fn zeros(&mut self, count: usize) -> Result<(), DecodeError> {
        // Every byte is looked at, so that the time does not depend on where padding went wrong.
        let or = self.bytes(count)?.iter().fold(0, |or, byte| or | byte);
        if or == 0 {
            Ok(())
        } else {
            Err(DecodeError::Reserved)
        }
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.0.len()
    }

    /// Refuses bytes left over.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Long)
        }
    }
}

/// Appends fixed-width fields to a buffer.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(..)")
    }
}

impl Writer {
    /// An empty buffer with room for `capacity` bytes, so that secrets are not left behind by growth.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends one byte.
    #[must_use]
    pub fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    /// Appends two bytes.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends four bytes.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends eight bytes.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends zeros until the buffer holds `length` bytes; longer buffers stay as they are.
    #[must_use]
    pub fn pad_to(mut self, length: usize) -> Self {
        if self.0.len() < length {
            self.0.resize(length, 0);
        }
        self
    }

    /// The buffer.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}
