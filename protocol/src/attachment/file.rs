//! A whole file, chunk by chunk: sealing gives its manifest, opening checks against it (SPEC 3.8).

use alloc::vec::Vec;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    FileError, FileKey, FileType, Manifest, chunk::Place, chunk_count, manifest::commitment,
};
use crate::{hash, limits::CHUNK_PAYLOAD_BYTES, seal::Reject};

/// Seals one file once, under a key of its own, in order.
pub struct Sealer<'p> {
    /// What is not sealed yet.
    plain: &'p [u8],
    hash: [u8; 32],
    kind: FileType,
    day: u32,
    count: u16,
    length: u32,
    key: FileKey,
    hashes: Vec<[u8; 32]>,
}

impl core::fmt::Debug for Sealer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl<'p> Sealer<'p> {
    /// Begins with a file, on UTC day `day`. Refuses a file that is too long before anything is sealed.
    pub fn begin(
        plain: &'p [u8],
        kind: FileType,
        day: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, FileError> {
        let count = chunk_count(plain.len())?;
        Ok(Self {
            plain,
            hash: hash::digest(&[plain]),
            kind,
            day,
            count,
            length: u32::try_from(plain.len()).map_err(|_| FileError::Long(plain.len()))?,
            key: FileKey::make(rng),
            hashes: Vec::with_capacity(usize::from(count)),
        })
    }

    /// Chunks there will be.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The next chunk, [`crate::limits::CHUNK_BYTES`] long; `None` after the last.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Reject> {
        let index = u16::try_from(self.hashes.len()).map_err(|_| Reject)?;
        if index >= self.count {
            return Ok(None);
        }
        let at = self.plain.len().min(CHUNK_PAYLOAD_BYTES);
        let (payload, rest) = self.plain.split_at_checked(at).ok_or(Reject)?;
        let place = Place {
            index,
            count: self.count,
        };
        let chunk = self.key.seal(place, self.day, payload)?;
        self.hashes.push(hash::digest(&[&chunk]));
        self.plain = rest;
        Ok(Some(chunk))
    }

    /// The manifest.
    ///
    /// # Errors
    /// [`Reject`] before the last chunk was taken.
    pub fn finish(self) -> Result<Manifest, Reject> {
        if self.hashes.len() != usize::from(self.count) {
            return Err(Reject);
        }
        Ok(Manifest {
            kind: self.kind,
            count: self.count,
            length: self.length,
            commitment: commitment(&self.hashes),
            key: self.key,
            hash: self.hash,
        })
    }
}

/// Opens the chunks of one file, in order, and gives nothing away before all of it is checked.
pub struct Opener<'m> {
    manifest: &'m Manifest,
    hashes: Vec<[u8; 32]>,
    plain: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Opener<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opener(..)")
    }
}

impl<'m> Opener<'m> {
    /// Begins with nothing.
    pub fn begin(manifest: &'m Manifest) -> Self {
        // Whole from the start: growing would leave copies of the file behind.
        let room = usize::try_from(manifest.length).unwrap_or_default();
        Self {
            manifest,
            hashes: Vec::with_capacity(usize::from(manifest.count)),
            plain: Zeroizing::new(Vec::with_capacity(room)),
        }
    }

    /// Adds the next chunk. One that does not open changes nothing.
    pub fn add(&mut self, chunk: &[u8]) -> Result<(), Reject> {
        let index = u16::try_from(self.hashes.len()).map_err(|_| Reject)?;
        let payload = self.manifest.open_chunk(index, chunk)?;
        self.hashes.push(hash::digest(&[chunk]));
        self.plain.extend_from_slice(&payload);
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// [`Reject`] where chunks are missing or are not those the manifest commits to.
    pub fn finish(self) -> Result<Zeroizing<Vec<u8>>, Reject> {
        let is_whole = self.hashes.len() == usize::from(self.manifest.count);
        let committed = commitment(&self.hashes).ct_eq(&self.manifest.commitment);
        let hashed = hash::digest(&[&self.plain]).ct_eq(&self.manifest.hash);
        if is_whole && bool::from(committed & hashed) {
            Ok(self.plain)
        } else {
            Err(Reject)
        }
    }
}
