//! What a desk needs to find, open and check a file: the body of a message of kind 3 (SPEC 3.8).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{FileKey, FileType, chunk::Place, chunk_count};
use crate::{
    hash,
    id::Address,
    limits::{CHUNK_PAYLOAD_BYTES, FIRST_TEXT_BYTES, MANIFEST_BYTES},
    seal::Reject,
    wire::{DecodeError, Reader, Writer},
};

/// One file. Holds its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    pub(super) kind: FileType,
    pub(super) count: u16,
    pub(super) length: u32,
    pub(super) key: FileKey,
    pub(super) commitment: [u8; 32],
    pub(super) hash: [u8; 32],
}

impl core::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Manifest(..)")
    }
}

impl Manifest {
    /// What the file is, as its sender says.
    pub const fn kind(&self) -> FileType {
        self.kind
    }

    /// Chunks, a power of two up to 256.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Bytes of the file.
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// SHA-256 of the file.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Where chunk `index` is put; `None` where the file has no such chunk.
    pub fn address(&self, index: u16) -> Option<Address> {
        (index < self.count).then(|| self.key.address(index))
    }

    /// Opens chunk `index`: the bytes of the file in it, none in a chunk that is padding alone.
    ///
    /// That all chunks together are the file the sender meant, only [`super::Opener`] tells.
    pub fn open_chunk(&self, index: u16, chunk: &[u8]) -> Result<Zeroizing<Vec<u8>>, Reject> {
        let place = Place {
            index,
            count: self.count,
        };
        if index >= self.count {
            return Err(Reject);
        }
        let mut payload = self.key.open(place, chunk)?;
        let before = usize::from(index).saturating_mul(CHUNK_PAYLOAD_BYTES);
        let length = usize::try_from(self.length).map_err(|_| Reject)?;
        let real = length.saturating_sub(before).min(CHUNK_PAYLOAD_BYTES);
        let mut padding = Reader::new(&payload);
        padding.bytes(real).map_err(|_| Reject)?;
        padding
            .zeros(CHUNK_PAYLOAD_BYTES.saturating_sub(real))
            .map_err(|_| Reject)?;
        payload.truncate(real);
        Ok(payload)
    }

    /// The [`MANIFEST_BYTES`].
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes = Writer::with_capacity(MANIFEST_BYTES)
            .u8(VERSION)
            .u8(self.kind.byte())
            .u16(self.count)
            .u32(self.length)
            .bytes(self.key.as_bytes())
            .bytes(&self.commitment)
            .bytes(&self.hash);
        Zeroizing::new(bytes.finish())
    }

    /// Reads exactly [`MANIFEST_BYTES`].
    ///
    /// # Errors
    /// A type that is not in the list, or a count that is not that of the length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let manifest = Self {
            kind: FileType::from_byte(reader.u8()?).ok_or(DecodeError::Field)?,
            count: reader.u16()?,
            length: reader.u32()?,
            key: FileKey::from_bytes(reader.array()?),
            commitment: reader.array()?,
            hash: reader.array()?,
        };
        reader.finish()?;
        let length = usize::try_from(manifest.length).map_err(|_| DecodeError::Field)?;
        if chunk_count(length) != Ok(manifest.count) {
            return Err(DecodeError::Field);
        }
        Ok(manifest)
    }
}

const VERSION: u8 = 1;
const _: () = assert!(MANIFEST_BYTES <= FIRST_TEXT_BYTES);

/// What a manifest says of all sealed chunks together. ChaCha20-Poly1305 does not commit to its key;
/// this does, so that two desks cannot be shown two files under one manifest.
pub(super) fn commitment(hashes: &[[u8; 32]]) -> [u8; 32] {
    hash::digest(&[b"sotto/1 file", hashes.as_flattened()])
}
