//! One text of a case.

use sotto_protocol::wire::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

use crate::{
    bytes::{bytes, flag, list, read_bytes, read_list},
    text,
};

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The tipster.
    In,
    /// This desk.
    Out,
}

/// Where a text is.
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

/// One text.
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
        }
    }

    /// The whole text, or what has arrived of it.
    pub fn text(&self) -> String {
        text::join(self.got.iter().map(|(_, body)| body.as_slice()))
    }

    pub(super) fn is_whole(&self) -> bool {
        self.got.len() >= usize::from(self.parts)
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
        list(out, &self.got, |(part, body), out| {
            bytes(out.u8(*part), body)
        })
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
        })
    }
}
