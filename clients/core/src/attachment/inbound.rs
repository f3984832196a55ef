//! A desk's side: one file of which the manifest is there, and its chunks as they come.

use sotto_protocol::{
    attachment::{ChunkSet, Manifest, Opener, Wanted},
    envelope::EnvelopeHeader,
    id::Address,
    limits::MANIFEST_BYTES,
    seal::Reject,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Progress, read_set, write_set};

/// An attachment that is arriving.
///
/// Chunks are kept by the program as they came, sealed, one row each: [`Inbound::accept`] says under
/// which number, and only chunks that open are accepted. [`Inbound::finish`] asks for them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    id: u64,
    manifest: Manifest,
    missing: ChunkSet,
    /// Of every chunk, so that a look does not derive them anew.
    addresses: Vec<Address>,
}

/// A chunk that opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Chunk of that number, to be kept.
    New(u16),
    /// One that is there already.
    Again(u16),
}

impl Inbound {
    /// Begins with a manifest; `id` is that of the message that carried it.
    pub fn new(id: u64, manifest: Manifest) -> Self {
        Self::with_missing(id, ChunkSet::first(manifest.count()), manifest)
    }

    /// Begins with the body of a message of kind 3.
    pub fn parse(id: u64, body: &[u8]) -> Result<Self, DecodeError> {
        Manifest::from_bytes(body).map(|manifest| Self::new(id, manifest))
    }

    fn with_missing(id: u64, missing: ChunkSet, manifest: Manifest) -> Self {
        let addresses = (0..manifest.count()).filter_map(|index| manifest.address(index));
        Self {
            id,
            addresses: addresses.collect(),
            missing,
            manifest,
        }
    }

    /// Message id of the manifest.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Describes the file.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where its chunks are put, in order: what to look for among strays and in what is drained.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Which chunk has this address.
    pub fn index_of(&self, address: Address) -> Option<u16> {
        let index = self.addresses.iter().position(|own| *own == address)?;
        u16::try_from(index).ok()
    }

    /// Takes a chunk as it was posted, in any order.
    ///
    /// # Errors
    /// [`Reject`] for anything that is no chunk of this file; nothing has changed then.
    pub fn accept(&mut self, chunk: &[u8]) -> Result<Accepted, Reject> {
        let header = EnvelopeHeader::parse(chunk).map_err(|_| Reject)?;
        let index = self.index_of(header.address).ok_or(Reject)?;
        self.manifest.open_chunk(index, chunk)?;
        Ok(if self.missing.remove(index) {
            Accepted::New(index)
        } else {
            Accepted::Again(index)
        })
    }

    /// Whether the chunk of an address was accepted.
    pub fn has(&self, address: Address) -> bool {
        let index = self.index_of(address);
        index.is_some_and(|index| !self.missing.contains(index))
    }

    /// A chunk that was accepted is not there any more, as after damage of a store.
    pub fn lost(&mut self, index: u16) {
        if index < self.manifest.count() {
            self.missing.insert(index);
        }
    }

    /// Whether all chunks are there.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// How much is there.
    pub fn progress(&self) -> Progress {
        Progress::of(self.manifest.count(), self.missing.len())
    }

    /// What to ask the phone for, as the body of a message of kind 4. Of a whole file it asks for
    /// nothing, which tells the phone that it may forget the file: send it after [`Self::finish`].
    pub const fn wanted(&self) -> Wanted {
        Wanted {
            manifest: self.id,
            count: self.manifest.count(),
            missing: self.missing,
        }
    }

    /// The file, from its kept chunks; `chunk` is asked for each number in ascending order.
    ///
    /// # Errors
    /// [`Reject`] where a chunk is missing or was changed, or where the manifest does not fit what was
    /// posted. If every kept chunk is still what was accepted, the sender made it so, and no chunk that
    /// comes later can mend it.
    pub fn finish(
        &self,
        mut chunk: impl FnMut(u16) -> Option<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, Reject> {
        let mut opener = Opener::begin(&self.manifest);
        for index in 0..self.manifest.count() {
            opener.add(&chunk(index).ok_or(Reject)?)?;
        }
        opener.finish()
    }

    /// The state: everything but the chunks. [`Self::STATE_BYTES`], constant.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(
            self.write(Writer::with_capacity(Self::STATE_BYTES))
                .finish(),
        )
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let inbound = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(inbound)
    }

    /// Bytes of [`Self::write`].
    pub const STATE_BYTES: usize = 1 + 8 + MANIFEST_BYTES + 32;

    /// Appends the state.
    pub fn write(&self, out: Writer) -> Writer {
        let out = out
            .u8(VERSION)
            .u64(self.id)
            .bytes(&self.manifest.to_bytes());
        write_set(out, &self.missing)
    }

    /// Reads [`Self::write`].
    pub fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.version(VERSION)?;
        let id = from.u64()?;
        let manifest = Manifest::from_bytes(from.bytes(MANIFEST_BYTES)?)?;
        let missing = read_set(from, manifest.count())?;
        Ok(Self::with_missing(id, missing, manifest))
    }
}

const VERSION: u8 = 1;
