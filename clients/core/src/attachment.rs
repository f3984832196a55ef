//! Attachments at both ends (SPEC 3.8): what a phone keeps until a file is there, what a desk keeps
//! until it is whole, and where chunks wait whose manifest has not come yet.
//!
//! None of it reads or writes a file. A program keeps bytes where these types say: on a phone one
//! sealed file per attachment, at a desk one row per chunk. What these types themselves keep is small and
//! goes with the rest of the state, so that a chunk costs one small write and one of its own size.

mod inbound;
mod outbound;
mod strays;

use sotto_protocol::{
    attachment::ChunkSet,
    wire::{DecodeError, Reader, Writer},
};

pub use self::{
    inbound::{Accepted, Inbound},
    outbound::{Asked, Outbound, RECORD_BYTES},
    strays::{STRAY_ROOM_BYTES, Strays},
};

/// How far a file is, in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Posted, or arrived.
    pub done: u16,
    /// All there are.
    pub total: u16,
}

impl Progress {
    const fn of(total: u16, left: u16) -> Self {
        Self {
            done: total.saturating_sub(left),
            total,
        }
    }
}

/// Why an attachment cannot be worked on. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// Too long or empty.
    #[error(transparent)]
    File(#[from] sotto_protocol::attachment::FileError),
    /// What was kept of it does not open any more.
    #[error("the prepared file is damaged; attach the original again")]
    Damaged,
    /// A wish for chunks of something else.
    #[error("this request is about another file; nothing was sent")]
    AnotherFile,
}

fn write_set(out: Writer, set: &ChunkSet) -> Writer {
    out.bytes(set.as_bytes())
}

fn read_set(from: &mut Reader<'_>, count: u16) -> Result<ChunkSet, DecodeError> {
    ChunkSet::from_bytes(from.array()?, count)
}
