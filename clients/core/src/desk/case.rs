//! One conversation as a desk sees it.

use rand_core::CryptoRng;
use sotto_protocol::{
    conversation::{Content, Conversation, Outgoing},
    message::{Kind, Message, Received},
    seal::Reject,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::rows::{bytes, count, list, read_bytes};
use crate::text;

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
    /// An answer that stands on the board.
    Posted,
    /// An answer the tipster's phone has opened.
    Opened,
    /// Parts of it are missing.
    Arriving,
}

/// One text of a conversation.
#[derive(Debug)]
pub struct Entry {
    id: u64,
    /// Who wrote it.
    pub direction: Direction,
    /// Unix seconds; of arrival rounded down to ten minutes.
    pub at: u64,
    parts: u8,
    is_read: bool,
    got: Vec<(u8, Zeroizing<Vec<u8>>)>,
}

/// An answer that is sealed anew in every cycle until it is acknowledged.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) since: u64,
    pub(super) outgoing: Outgoing,
}

/// One conversation.
#[derive(Debug)]
pub struct Case {
    pub(super) conversation: Conversation,
    /// In order of arrival.
    entries: Vec<Entry>,
    pub(super) pending: Vec<Pending>,
}

impl Entry {
    /// The whole text, or what has arrived of it.
    pub fn text(&self) -> String {
        text::join(self.got.iter().map(|(_, body)| body.as_slice()))
    }

    fn is_whole(&self) -> bool {
        self.got.len() >= usize::from(self.parts)
    }

    fn write(&self, out: Writer) -> Writer {
        let out = out
            .u64(self.id)
            .u8(u8::from(self.direction == Direction::Out))
            .u64(self.at)
            .u8(self.parts)
            .u8(u8::from(self.is_read));
        let out = count(out, self.got.len());
        let got = self.got.iter();
        got.fold(out, |out, (part, body)| bytes(out.u8(*part), body))
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            direction: match from.u8()? {
                0 => Direction::In,
                _ => Direction::Out,
            },
            at: from.u64()?,
            parts: from.u8()?,
            is_read: from.u8()? == 1,
            got: list(from, |from| Ok((from.u8()?, read_bytes(from)?)))?,
        })
    }
}

impl Pending {
    fn write(&self, out: Writer) -> Writer {
        // Bodies were bounded when they were split, so that they always encode.
        let outgoing = self.outgoing.to_bytes().unwrap_or_default();
        bytes(out.u64(self.id).u64(self.since), &outgoing)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            since: from.u64()?,
            outgoing: Outgoing::from_bytes(&read_bytes(from)?)?,
        })
    }
}

impl Case {
    pub(super) const fn new(conversation: Conversation) -> Self {
        Self {
            conversation,
            entries: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Texts in order of arrival.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where one of its texts is.
    pub fn status(&self, entry: &Entry) -> Status {
        match entry.direction {
            Direction::In if !entry.is_whole() => Status::Arriving,
            Direction::In if entry.is_read => Status::Read,
            Direction::In => Status::New,
            Direction::Out if self.pending.iter().any(|p| p.id == entry.id) => Status::Posted,
            Direction::Out => Status::Opened,
        }
    }

    /// Texts nobody has looked at yet.
    pub fn unread(&self) -> usize {
        let texts = self.entries.iter();
        texts
            .filter(|entry| self.status(entry) == Status::New)
            .count()
    }

    pub(super) fn mark_read(&mut self) {
        for entry in &mut self.entries {
            entry.is_read |= entry.is_whole();
        }
    }

    /// Takes one opened message; a part that is known already changes nothing.
    pub(super) fn take(&mut self, message: &Message, text: &[u8], at: u64) {
        if let Some(received) = message.received {
            self.acknowledge(received);
        }
        if message.kind != Kind::Text {
            return;
        }
        let part = (message.part, Zeroizing::new(text.to_vec()));
        let mut entries = self.entries.iter_mut();
        let known =
            entries.find(|entry| entry.id == message.id && entry.direction == Direction::In);
        match known {
            None => self.entries.push(Entry {
                id: message.id,
                direction: Direction::In,
                at,
                parts: message.parts,
                is_read: false,
                got: vec![part],
            }),
            Some(entry) if entry.got.iter().all(|(number, _)| *number != part.0) => {
                entry.got.push(part);
                entry.got.sort_by_key(|(number, _)| *number);
            }
            Some(_) => {}
        }
    }

    pub(super) fn answer(
        &mut self,
        content: Content<'_>,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Reject> {
        let outgoing = self.conversation.prepare(content, rng)?;
        self.pending.push(Pending {
            id: content.id,
            since: now,
            outgoing,
        });
        let part = (content.part, Zeroizing::new(content.body.to_vec()));
        let mut entries = self.entries.iter_mut();
        let known =
            entries.find(|entry| entry.id == content.id && entry.direction == Direction::Out);
        match known {
            Some(entry) => entry.got.push(part),
            None => self.entries.push(Entry {
                id: content.id,
                direction: Direction::Out,
                at: now,
                parts: content.parts,
                is_read: true,
                got: vec![part],
            }),
        }
        Ok(())
    }

    fn acknowledge(&mut self, received: Received) {
        self.pending.retain(|pending| {
            let (epoch, index) = pending.outgoing.number();
            !received.covers(epoch, index)
        });
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out = bytes(
            Writer::with_capacity(ROOM).u8(VERSION),
            &self.conversation.to_bytes(),
        );
        let out = count(out, self.entries.len());
        let out = self.entries.iter().fold(out, |out, entry| entry.write(out));
        let out = count(out, self.pending.len());
        let out = self.pending.iter().fold(out, |out, item| item.write(out));
        Zeroizing::new(out.finish())
    }

    pub(super) fn from_bytes(row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        let from = &mut reader;
        from.version(VERSION)?;
        let case = Self {
            conversation: Conversation::from_bytes(&read_bytes(from)?)?,
            entries: list(from, Entry::read)?,
            pending: list(from, Pending::read)?,
        };
        reader.finish()?;
        Ok(case)
    }
}

const VERSION: u8 = 1;
/// Room for a usual case, so that the buffer does not grow and leave copies.
const ROOM: usize = 65_536;
