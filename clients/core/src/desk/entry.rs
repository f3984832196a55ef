//! One text or attachment of a case.

use sotto_protocol::{
    attachment::{FileType, Manifest},
    conversation::Content,
    message::{Flags, Kind},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::files::FileState;
use crate::{
    attachment::Progress,
    bytes::{bytes, flag, list, option, read_bytes, read_list, read_option},
    text,
};

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The tipster.
    In,
    /// This desk.
    Out,
}

/// Where a text or attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody has looked at it yet.
    New,
    /// An analyst has seen it.
    Read,
    /// An answer that has no place in the desk's log yet, so that other devices do not see it.
    Draft,
    /// An answer that waits for room: the tipster has not acknowledged the ones before.
    Queued,
    /// An answer that stands on the board.
    Posted,
    /// An answer the tipster's phone has opened.
    Opened,
    /// Parts of it are missing.
    Arriving,
}

/// A part by its number.
pub(super) type Part = (u8, Zeroizing<Vec<u8>>);

/// What is known of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// What it is, as its sender says.
    pub kind: FileType,
    /// Bytes.
    pub length: u32,
    /// Whether it can be saved.
    pub state: FileState,
    /// Chunks that are here.
    pub progress: Progress,
}

/// One text, or one attachment.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: u64,
    /// Who wrote it.
    pub direction: Direction,
    /// Unix seconds; of arrival rounded down to ten minutes.
    pub at: u64,
    parts: u8,
    pub(super) is_read: bool,
    /// Ordered by number.
    got: Vec<Part>,
    file: Option<Attachment>,
}

impl Entry {
    pub(super) fn new(id: u64, direction: Direction, (at, parts): (u64, u8), part: Part) -> Self {
        Self {
            id,
            direction,
            at,
            parts,
            is_read: false,
            got: vec![part],
            file: None,
        }
    }

    /// An attachment of which nothing has arrived.
    pub(super) const fn of_file(id: u64, at: u64, manifest: &Manifest) -> Self {
        Self {
            id,
            direction: Direction::In,
            at,
            parts: 0,
            is_read: false,
            got: Vec::new(),
            file: Some(Attachment {
                kind: manifest.kind(),
                length: manifest.length(),
                state: FileState::Arriving,
                progress: Progress {
                    done: 0,
                    total: manifest.count(),
                },
            }),
        }
    }

    /// The attachment, where it is one.
    pub const fn attachment(&self) -> Option<&Attachment> {
        self.file.as_ref()
    }

    /// Whether it is the attachment with this message id.
    pub(super) const fn is_of(&self, id: u64) -> bool {
        self.file.is_some() && self.id == id
    }

    /// How far the attachment is.
    pub(super) const fn show(&mut self, state: FileState, progress: Progress) {
        if let Some(file) = &mut self.file {
            file.state = state;
            file.progress = progress;
        }
    }

    /// The whole text, or what has arrived of it; empty for an attachment.
    pub fn text(&self) -> String {
        text::join(self.got.iter().map(|(_, body)| body.as_slice()))
    }

    /// Its parts, to be sent.
    pub(super) fn contents(&self) -> impl Iterator<Item = Content<'_>> {
        self.got.iter().map(|(part, body)| Content {
            kind: Kind::Text,
            flags: Flags::None,
            id: self.id,
            part: *part,
            parts: self.parts,
            body,
        })
    }

    pub(super) fn is_whole(&self) -> bool {
        let is_arriving = |file: &Attachment| file.state == FileState::Arriving;
        !self.file.as_ref().is_some_and(is_arriving) && self.got.len() >= usize::from(self.parts)
    }

    pub(super) fn is_missing(&self, number: u8) -> bool {
        number < self.parts && self.got.iter().all(|(got, _)| *got != number)
    }

    pub(super) fn add(&mut self, part: Part) {
        self.got.push(part);
        self.got.sort_by_key(|(number, _)| *number);
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = out
            .u64(self.id)
            .u8(u8::from(self.direction == Direction::Out))
            .u64(self.at)
            .u8(self.parts)
            .u8(u8::from(self.is_read));
        let out = list(out, &self.got, |(part, body), out| {
            bytes(out.u8(*part), body)
        });
        option(out, self.file.as_ref(), |out, file| file.write(out))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            direction: if flag(from)? {
                Direction::Out
            } else {
                Direction::In
            },
            at: from.u64()?,
            parts: from.u8()?,
            is_read: flag(from)?,
            got: read_list(from, |from| Ok((from.u8()?, read_bytes(from)?)))?,
            file: read_option(from, Attachment::read)?,
        })
    }
}

impl Attachment {
    fn write(&self, out: Writer) -> Writer {
        out.u8(self.kind.byte())
            .u32(self.length)
            .u8(self.state.byte())
            .u16(self.progress.done)
            .u16(self.progress.total)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind: FileType::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
            length: from.u32()?,
            state: FileState::from_byte(from.u8()?)?,
            progress: Progress {
                done: from.u16()?,
                total: from.u16()?,
            },
        })
    }
}
