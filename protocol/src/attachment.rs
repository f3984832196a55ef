//! Attachments: files cut into chunks of one size, and what names and describes them (SPEC 3.8).
//!
//! A relay build has the types without secrets only; keys, manifests and everything that opens a
//! chunk sit behind the feature `seal`.

#[cfg(feature = "seal")]
mod chunk;
#[cfg(feature = "seal")]
mod file;
#[cfg(feature = "seal")]
mod manifest;
mod wanted;

use crate::limits::{CHUNK_PAYLOAD_BYTES, MAX_CHUNKS, MAX_FILE_BYTES};

pub use self::wanted::{ChunkSet, Wanted};
#[cfg(feature = "seal")]
pub use self::{
    chunk::FileKey,
    file::{Opener, Sealer},
    manifest::Manifest,
};

/// What a file is: the whole list, so that no name and no free text travels with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// Anything else.
    Other,
    /// JPEG picture.
    Jpeg,
    /// PNG picture.
    Png,
    /// WebP picture.
    WebP,
    /// HEIC picture.
    Heic,
    /// MP4 video.
    Mp4,
    /// Apple's older kind of video.
    Mov,
    /// MPEG-4 sound.
    M4a,
    /// PDF document.
    Pdf,
    /// UTF-8 text.
    Text,
}

impl FileType {
    /// All of them, ordered by their byte.
    pub const ALL: [Self; 10] = [
        Self::Other,
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Heic,
        Self::Mp4,
        Self::Mov,
        Self::M4a,
        Self::Pdf,
        Self::Text,
    ];

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Other => 0,
            Self::Jpeg => 1,
            Self::Png => 2,
            Self::WebP => 3,
            Self::Heic => 4,
            Self::Mp4 => 5,
            Self::Mov => 6,
            Self::M4a => 7,
            Self::Pdf => 8,
            Self::Text => 9,
        }
    }

    /// Reads [`Self::byte`].
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// Why a file cannot be an attachment. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No bytes at all.
    #[error("the file is empty; choose another one")]
    Empty,
    /// More than 256 chunks.
    #[error(
        "the file has {0} bytes; the most is {MAX_FILE_BYTES}. Choose a smaller size of the picture, or cut the recording into pieces"
    )]
    Long(usize),
}

/// How many chunks a file of `length` bytes becomes: a power of two, so that the number tells little
/// about the size.
pub fn chunk_count(length: usize) -> Result<u16, FileError> {
    if length == 0 {
        return Err(FileError::Empty);
    }
    u16::try_from(length.div_ceil(CHUNK_PAYLOAD_BYTES))
        .ok()
        .and_then(u16::checked_next_power_of_two)
        .filter(|count| *count <= MAX_CHUNKS)
        .ok_or(FileError::Long(length))
}

const _: () = assert!(MAX_CHUNKS as usize * CHUNK_PAYLOAD_BYTES == MAX_FILE_BYTES as usize);
