//! The tipster's state as bytes for the vault. Not on the wire.

use sotto_protocol::{
    bundle::Seen,
    code::CodeKeys,
    conversation::Conversation,
    id::{Board, LineId},
    message::Message,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{State, Tipster};
use crate::{text, vault::VAULT_ROOM};

const VERSION: u8 = 1;

/// An own page that was looked at: asking for it twice would tie two sittings together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) board: Board,
    pub(super) cycle: u64,
    pub(super) choice: u8,
}

impl Drawn {
    fn write(self, out: Writer) -> Writer {
        out.u8(self.board.byte()).u64(self.cycle).u8(self.choice)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            board: Board::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
            cycle: from.u64()?,
            choice: from.u8()?,
        })
    }
}

/// One part of a text on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) part: u8,
    pub(super) parts: u8,
    /// Whether the relay has said that it holds it.
    pub(super) is_held: bool,
    /// Every (epoch, index) it was sealed under.
    pub(super) numbers: Vec<(u32, u32)>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Waiting {
    pub(super) fn new(id: u64, (part, parts): (u8, u8), body: Vec<u8>) -> Self {
        Self {
            id,
            part,
            parts,
            is_held: false,
            numbers: Vec::new(),
            body: Zeroizing::new(body),
        }
    }

    fn write(&self, out: Writer) -> Writer {
        let out = out
            .u64(self.id)
            .u8(self.part)
            .u8(self.parts)
            .u8(u8::from(self.is_held));
        let out = count(out, self.numbers.len());
        let out = self
            .numbers
            .iter()
            .fold(out, |out, (epoch, index)| out.u32(*epoch).u32(*index));
        bytes(out, &self.body)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            part: from.u8()?,
            parts: from.u8()?,
            is_held: from.u8()? == 1,
            numbers: list(from, |from| Ok((from.u32()?, from.u32()?)))?,
            body: read_bytes(from)?,
        })
    }
}

/// A text that is arriving, part by part.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: u64,
    parts: u8,
    /// Ordered by number.
    got: Vec<(u8, Zeroizing<Vec<u8>>)>,
}

impl Incoming {
    pub(super) fn new(message: &Message) -> Self {
        let mut text = Self {
            id: message.id,
            parts: message.parts,
            got: Vec::new(),
        };
        text.add(message);
        text
    }

    pub(super) fn add(&mut self, message: &Message) {
        self.got.push((message.part, message.body.clone()));
        self.got.sort_by_key(|(part, _)| *part);
    }

    pub(super) fn is_whole(&self) -> bool {
        self.got.len() >= usize::from(self.parts)
    }

    pub(super) fn text(&self) -> String {
        text::join(self.got.iter().map(|(_, body)| body.as_slice()))
    }

    fn write(&self, out: Writer) -> Writer {
        let out = count(out.u64(self.id).u8(self.parts), self.got.len());
        self.got
            .iter()
            .fold(out, |out, (part, body)| bytes(out.u8(*part), body))
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            parts: from.u8()?,
            got: list(from, |from| Ok((from.u8()?, read_bytes(from)?)))?,
        })
    }
}

impl Tipster {
    /// Everything that must survive, for [`crate::vault::Vault::put`].
    pub fn to_bytes(&self) -> State {
        let [new, old] = self.cycles;
        let out = Writer::with_capacity(VAULT_ROOM)
            .u8(VERSION)
            .bytes(&self.line.0)
            .u32(self.first_day)
            .u16(self.desk)
            .u64(new)
            .u64(old)
            .u8(u8::from(self.must_acknowledge))
            .u32(self.opened);
        let out = write_seen(out, &self.seen);
        let out = bytes(out, &self.conversation.to_bytes());
        let out = count(out, self.drawn.len());
        let out = self.drawn.iter().fold(out, |out, draw| draw.write(out));
        let out = count(out, self.outbox.len());
        let out = self.outbox.iter().fold(out, |out, item| item.write(out));
        let out = count(out, self.inbox.len());
        let out = self.inbox.iter().fold(out, |out, text| text.write(out));
        let out = count(out, self.known.len());
        let known = self.known.iter();
        let out = known.fold(out, |out, (id, part)| out.u64(*id).u8(*part));
        Zeroizing::new(out.finish())
    }

    /// Reads [`Self::to_bytes`]; `keys` are those of the code that opened the vault.
    pub fn from_bytes(state: &[u8], keys: CodeKeys) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(state);
        let from = &mut reader;
        from.version(VERSION)?;
        let line = LineId(from.array()?);
        let (first_day, desk) = (from.u32()?, from.u16()?);
        let cycles = [from.u64()?, from.u64()?];
        let must_acknowledge = from.u8()? == 1;
        let opened = from.u32()?;
        let seen = read_seen(from)?;
        let conversation = Conversation::from_bytes(&read_bytes(from)?)?;
        let tipster = Self {
            line,
            keys,
            conversation,
            first_day,
            desk,
            seen,
            cycles,
            must_acknowledge,
            opened,
            drawn: list(from, Drawn::read)?,
            outbox: list(from, Waiting::read)?,
            inbox: list(from, Incoming::read)?,
            known: list(from, |from| Ok((from.u64()?, from.u8()?)))?,
        };
        reader.finish()?;
        Ok(tipster)
    }
}

fn write_seen(out: Writer, seen: &Seen) -> Writer {
    let out = out.u64(seen.root).u64(seen.certificate).u64(seen.line);
    let out = count(out, seen.desks.len());
    let desks = seen.desks.iter();
    desks.fold(out, |out, (desk, serial)| out.u16(*desk).u64(*serial))
}

fn read_seen(from: &mut Reader<'_>) -> Result<Seen, DecodeError> {
    Ok(Seen {
        root: from.u64()?,
        certificate: from.u64()?,
        line: from.u64()?,
        desks: list(from, |from| Ok((from.u16()?, from.u64()?)))?,
    })
}

fn count(out: Writer, count: usize) -> Writer {
    out.u32(u32::try_from(count).unwrap_or(u32::MAX))
}

fn bytes(out: Writer, bytes: &[u8]) -> Writer {
    count(out, bytes.len()).bytes(bytes)
}

fn read_bytes(from: &mut Reader<'_>) -> Result<Zeroizing<Vec<u8>>, DecodeError> {
    let length = usize::try_from(from.u32()?).map_err(|_| DecodeError::Field)?;
    Ok(Zeroizing::new(from.bytes(length)?.to_vec()))
}

fn list<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = from.u32()?;
    // Every entry takes at least one byte, so a wrong count ends with the bytes.
    (0..count).map(|_| read(from)).collect()
}
