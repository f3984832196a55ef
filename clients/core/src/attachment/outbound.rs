//! A phone's side: one file, sealed once, posted chunk by chunk, kept until the desk has it.

use std::ops::Range;

use rand_core::CryptoRng;
use sotto_protocol::{
    attachment::{ChunkSet, FileType, Manifest, Sealer, Wanted},
    limits::{CHUNK_BYTES, MANIFEST_BYTES},
    secret::Secret,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{AttachmentError, Progress, read_set, write_set};
use crate::sealed::{self, OVERHEAD};

/// Bytes of one record of the sealed file: a chunk, sealed once more under a key that only the vault
/// has, so that a seized phone shows no address that a relay may have seen.
pub const RECORD_BYTES: usize = CHUNK_BYTES + OVERHEAD;

/// An attachment on its way.
///
/// The order of its life: [`Outbound::make`]; write the sealed file; save the state; post what
/// [`Outbound::next_chunk`] names and save what [`Outbound::posted`] changed; when
/// [`Outbound::is_posted`], send [`Outbound::manifest`] as a message with [`Outbound::id`]; post again
/// what [`Outbound::wanted`] adds, until that says [`Asked::Nothing`]: then forget both. A chunk that
/// is posted twice, because its posting was not saved, is the same bytes and does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    id: u64,
    manifest: Manifest,
    /// Opens the sealed file.
    rest: Secret,
    /// Chunks that are still to be posted.
    left: ChunkSet,
}

/// What a desk asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It has the whole file; the sealed file and this state can be erased.
    Nothing,
    /// So many chunks, at least one.
    Chunks(u16),
}

impl Outbound {
    /// Bytes of [`Self::write`].
    pub const STATE_BYTES: usize = 1 + 8 + MANIFEST_BYTES + 32 + 32;

    /// Seals a file on UTC day `day`; gives the state and the sealed file, [`RECORD_BYTES`] per chunk.
    ///
    /// # Errors
    /// [`AttachmentError::File`], before anything is sealed.
    pub fn make(
        plain: &[u8],
        kind: FileType,
        day: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<u8>), AttachmentError> {
        let mut sealer = Sealer::begin(plain, kind, day, rng)?;
        let count = sealer.count();
        let rest = Secret::make(rng);
        let mut file = Vec::with_capacity(usize::from(count) * RECORD_BYTES);
        let mut index = 0;
        // The cipher refuses lengths that no chunk has; nothing else can fail here.
        while let Some(chunk) = sealer.next_chunk().map_err(|_| AttachmentError::Damaged)? {
            let record = sealed::seal(&rest, &place(index), &chunk, rng);
            file.extend(record.map_err(|_| AttachmentError::Damaged)?);
            index += 1;
        }
        let outbound = Self {
            id: rng.next_u64(),
            manifest: sealer.finish().map_err(|_| AttachmentError::Damaged)?,
            rest,
            left: ChunkSet::first(count),
        };
        Ok((outbound, file))
    }

    /// Message id of the manifest.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Describes the file.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Body of the message of kind 3, to be sent once [`Self::is_posted`].
    pub fn body(&self) -> Zeroizing<Vec<u8>> {
        self.manifest.to_bytes()
    }

    /// The chunk to post next.
    pub fn next_chunk(&self) -> Option<u16> {
        self.left.iter().next()
    }

    /// Where in the sealed file the record of a chunk is.
    pub fn record(index: u16) -> Range<usize> {
        let start = usize::from(index) * RECORD_BYTES;
        start..start + RECORD_BYTES
    }

    /// The chunk to post, from its record.
    ///
    /// # Errors
    /// [`AttachmentError::Damaged`] for a record that was changed, or of another chunk or file.
    pub fn chunk(&self, index: u16, record: &[u8]) -> Result<Vec<u8>, AttachmentError> {
        sealed::open(&self.rest, &place(index), record)
            .map(|chunk| chunk.to_vec())
            .map_err(|_| AttachmentError::Damaged)
    }

    /// The relay holds the chunk. Again does no harm.
    pub fn posted(&mut self, index: u16) {
        self.left.remove(index);
    }

    /// Whether nothing is left to be posted.
    pub fn is_posted(&self) -> bool {
        self.left.is_empty()
    }

    /// How much is posted.
    pub fn progress(&self) -> Progress {
        Progress::of(self.manifest.count(), self.left.len())
    }

    /// Takes what a desk asks for; those chunks come up again in [`Self::next_chunk`].
    ///
    /// # Errors
    /// [`AttachmentError::AnotherFile`]; nothing has changed then.
    pub fn wanted(&mut self, wanted: &Wanted) -> Result<Asked, AttachmentError> {
        if wanted.manifest != self.id || wanted.count != self.manifest.count() {
            return Err(AttachmentError::AnotherFile);
        }
        self.left.extend(&wanted.missing);
        Ok(match wanted.missing.len() {
            0 => Asked::Nothing,
            count => Asked::Chunks(count),
        })
    }

    /// Appends the state: [`Self::STATE_BYTES`], constant.
    pub fn write(&self, out: Writer) -> Writer {
        let out = out
            .u8(VERSION)
            .u64(self.id)
            .bytes(&self.manifest.to_bytes())
            .bytes(self.rest.as_bytes());
        write_set(out, &self.left)
    }

    /// Reads [`Self::write`].
    pub fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.version(VERSION)?;
        let id = from.u64()?;
        let manifest = Manifest::from_bytes(from.bytes(MANIFEST_BYTES)?)?;
        Ok(Self {
            id,
            rest: Secret::from_bytes(from.array()?),
            left: read_set(from, manifest.count())?,
            manifest,
        })
    }
}

const VERSION: u8 = 1;

/// A record opens only where it was.
fn place(index: u16) -> Vec<u8> {
    Writer::with_capacity(32)
        .bytes(b"sotto/1 outbound")
        .u16(index)
        .finish()
}
