//! The desk's state as rows of bytes, which a store seals and writes together. Not on the wire.

use sotto_protocol::{
    id::DeviceId,
    seal::Envelope,
    secret::SealingSecret,
    statement::{BoardSize, Boards},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{
    Case, Desk, Identity, Progress,
    absence::Presence,
    files::{File, read_strays},
    inbox::{Held, Unopened},
    membership::Membership,
    prekeys::Prekeys,
    queue::Queue,
    shards::Shards,
    stood::Stood,
};
use crate::{
    bytes::{bytes, count, list, option, read_bytes, read_list, read_option},
    keep::{KeepError, Keeper},
};

/// Which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Keys, prekeys, cursors and progress.
    Meta,
    /// Envelopes nobody could open yet.
    Unopened,
    /// One conversation.
    Case(u32),
    /// The devices of the desk and this one's end of their log.
    Log,
    /// Events that are not in the log yet.
    Queue,
    /// Where this device wrote its answers last.
    Stood,
    /// Which chunks wait for their manifest, and where.
    Strays,
    /// One attachment, without its chunks.
    File(u32),
    /// One chunk of an attachment.
    Chunk(u32, u16),
    /// A chunk that waits for its manifest, by its slot.
    Stray(u32),
}

/// The kinds of rows that came later, in the upper bits of their numbers.
const STRAYS: u64 = 1 << 40;
const LOG: u64 = STRAYS + 1;
const QUEUE: u64 = STRAYS + 2;
const STOOD: u64 = STRAYS + 3;
const FILE: u64 = 1 << 41;
const CHUNK: u64 = 1 << 60;
const STRAY: u64 = 1 << 61;

impl Row {
    /// Under which number it is kept.
    pub const fn number(self) -> u64 {
        match self {
            Self::Meta => 0,
            Self::Unopened => 1,
            // Conversations count from 1.
            Self::Case(number) => number as u64 + 1,
            Self::Log => LOG,
            Self::Queue => QUEUE,
            Self::Stood => STOOD,
            Self::Strays => STRAYS,
            Self::File(number) => FILE | number as u64,
            Self::Chunk(file, index) => CHUNK | (file as u64) << 16 | index as u64,
            Self::Stray(slot) => STRAY | slot as u64,
        }
    }

    /// Rows from this number on are large and many: [`Desk::from_rows`] does without them, and reads
    /// them back one by one ([`RowKeeper::row`]).
    pub const LOOSE: u64 = CHUNK;

    /// Whether it is one of those.
    pub const fn is_loose(self) -> bool {
        self.number() >= Self::LOOSE
    }

    /// Reads [`Self::number`].
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Meta),
            1 => Some(Self::Unopened),
            LOG => Some(Self::Log),
            QUEUE => Some(Self::Queue),
            STOOD => Some(Self::Stood),
            STRAYS => Some(Self::Strays),
            FILE..CHUNK => u32::try_from(number - FILE).ok().map(Self::File),
            CHUNK..STRAY => {
                let index = u16::try_from(number & 0xffff).ok()?;
                let file = u32::try_from((number - CHUNK) >> 16).ok()?;
                Some(Self::Chunk(file, index))
            }
            STRAY.. => u32::try_from(number - STRAY).ok().map(Self::Stray),
            _ => u32::try_from(number - 1).ok().map(Self::Case),
        }
    }
}

/// Rows that changed together. One without bytes is to be removed.
pub type Rows = Vec<(Row, Zeroizing<Vec<u8>>)>;

/// Keeps a desk's rows, and reads back those that are not held in memory.
pub trait RowKeeper: Keeper<Rows> {
    /// A row as it was saved last; `None` where there is none.
    fn row(&mut self, row: Row) -> Result<Option<Zeroizing<Vec<u8>>>, KeepError>;
}

/// The rows are not a desk's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the desk's store is damaged or written by a newer version; restore it from your copy")]
pub struct RowError;

impl From<DecodeError> for RowError {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

const VERSION: u8 = 4;
const ROOM: usize = 16_384;

impl Desk {
    /// Puts a desk together from its rows; those from [`Row::LOOSE`] on may be left out.
    pub fn from_rows(rows: &Rows) -> Result<Self, RowError> {
        let meta = rows.iter().find(|(row, _)| *row == Row::Meta);
        let (_, meta) = meta.ok_or(RowError)?;
        let mut desk = Self::read_meta(meta)?;
        for (row, bytes) in rows {
            match row {
                Row::Meta | Row::Chunk(..) | Row::Stray(_) => {}
                Row::Strays => desk.files.strays = read_strays(bytes)?,
                Row::File(number) => {
                    desk.files.all.insert(*number, File::from_bytes(bytes)?);
                }
                Row::Unopened => desk.unopened = Unopened::read(bytes)?,
                Row::Log => desk.membership = Membership::read(desk.identity.id(), bytes)?,
                Row::Queue => desk.queue = Queue::read(bytes)?,
                Row::Stood => desk.stood = Stood::read(bytes)?,
                // It gave way to a snapshot in which it was not.
                Row::Case(_) if bytes.is_empty() => {}
                Row::Case(number) => {
                    desk.cases.insert(*number, Case::from_bytes(bytes)?);
                }
            }
        }
        for (number, case) in &desk.cases {
            desk.index.enter(*number, case);
        }
        desk.files.index();
        Ok(desk)
    }

    /// The rows that changed since the last call.
    pub(super) fn rows(&mut self) -> Rows {
        let mut rows = self.files.take_loose();
        let changed = std::mem::take(&mut self.changed).into_iter();
        rows.extend(changed.filter_map(|row| {
            let bytes = match row {
                Row::Meta => self.meta(),
                Row::Unopened => self.unopened.to_bytes(),
                Row::Log => self.membership.to_bytes(),
                Row::Queue => self.queue.to_bytes(),
                Row::Stood => self.stood.to_bytes(),
                Row::Case(number) => {
                    let case = self.cases.get(&number);
                    case.map_or_else(Zeroizing::default, Case::to_bytes)
                }
                Row::Strays => Zeroizing::new(self.files.strays.to_bytes()),
                Row::File(number) => self.files.all.get(&number)?.to_bytes(),
                Row::Chunk(..) | Row::Stray(_) => return None,
            };
            Some((row, bytes))
        }));
        rows
    }

    fn meta(&self) -> Zeroizing<Vec<u8>> {
        let out = Writer::with_capacity(ROOM)
            .u8(VERSION)
            .bytes(&self.identity.to_bytes())
            .u16(self.number);
        let out = self
            .progress
            .iter()
            .fold(out, |out, p| out.u64(p.cycle).u32(p.page));
        let out = self.shards.write(out);
        let prekeys = &self.prekeys;
        let out = out.u64(prekeys.serial).u32(prekeys.published);
        let out = [&prekeys.boards.new, &prekeys.boards.old]
            .into_iter()
            .fold(out, |out, sizes| {
                let out = count(out, sizes.len());
                sizes
                    .iter()
                    .fold(out, |out, size| out.u32(size.pages).u64(size.first_cycle))
            });
        let out = list(out, &self.bundles, |(hash, day), out| {
            out.bytes(hash).u32(*day)
        });
        let out = out.u32(self.expired);
        let out = option(out, self.keeper.as_ref(), |out, (device, at)| {
            out.bytes(&device.0).u64(*at)
        });
        let out = out.u64(self.used);
        let out = count(out, prekeys.secrets.len());
        let secrets = prekeys.secrets.iter();
        let out = secrets.fold(out, |out, (day, key)| {
            out.u32(*day).bytes(key.secret.as_bytes())
        });
        Zeroizing::new(prekeys.presence.write(out).finish())
    }

    fn read_meta(bytes: &[u8]) -> Result<Self, RowError> {
        let mut reader = Reader::new(bytes);
        let from = &mut reader;
        from.version(VERSION)?;
        let mut desk = Self::empty(Identity::read(from)?);
        desk.number = from.u16()?;
        for progress in &mut desk.progress {
            *progress = Progress {
                cycle: from.u64()?,
                page: from.u32()?,
            };
        }
        desk.shards = Shards::read(from)?;
        let (serial, published) = (from.u64()?, from.u32()?);
        let size = |from: &mut Reader<'_>| {
            Ok(BoardSize {
                pages: from.u32()?,
                first_cycle: from.u64()?,
            })
        };
        let boards = Boards {
            new: read_list(from, size)?,
            old: read_list(from, size)?,
        };
        desk.bundles = read_list(from, |from| Ok((from.array()?, from.u32()?)))?;
        desk.expired = from.u32()?;
        desk.keeper = read_option(from, |from| Ok((DeviceId(from.array()?), from.u64()?)))?;
        desk.used = from.u64()?;
        let secrets = read_list(from, |from| {
            Ok((from.u32()?, SealingSecret::from_bytes(from.array()?).into()))
        })?;
        desk.prekeys = Prekeys {
            secrets: secrets.into_iter().collect(),
            serial,
            published,
            boards,
            presence: Presence::read(from)?,
        };
        reader.finish()?;
        Ok(desk)
    }
}

impl Unopened {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out = count(Writer::default().u8(VERSION), self.0.len());
        let out = self.0.iter().fold(out, |out, held| {
            bytes(out.u64(held.arrived), held.envelope.as_bytes())
        });
        Zeroizing::new(out.finish())
    }

    fn read(row: &[u8]) -> Result<Self, RowError> {
        let mut reader = Reader::new(row);
        reader.version(VERSION)?;
        let held = read_list(&mut reader, |from| {
            Ok(Held {
                arrived: from.u64()?,
                envelope: Envelope::parse(read_bytes(from)?.to_vec())
                    .map_err(|_| DecodeError::Field)?,
            })
        })?;
        reader.finish()?;
        Ok(Self(held))
    }
}
