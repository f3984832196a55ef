//! How far each shard of the inbox was read (SPEC 5.5).

use sotto_protocol::{
    drain::{Cursor, DrainPage},
    limits::{REREAD_EVERY_SECONDS, REREAD_SECONDS},
    wire::{DecodeError, Reader, Writer},
};

use crate::bytes::{flag, list, option, read_list, read_option};

/// Every shard by its number; one at least.
#[derive(Debug)]
pub(super) struct Shards(Vec<Shard>);

#[derive(Debug, Default, Clone)]
struct Shard {
    /// Of the last record; `None` before the first answer of an incarnation.
    cursor: Option<Cursor>,
    /// What was read up to the cursor has yet to be acknowledged.
    is_owed: bool,
    /// Of the latest times of arrival, each with the position before its first record.
    trail: Vec<(u64, u64)>,
    /// When it was read again last, in unix seconds. Not kept.
    again: u64,
}

/// Steps of ten minutes that a trail holds: more than [`REREAD_SECONDS`] has.
const TRAIL: usize = 4;

impl Default for Shards {
    fn default() -> Self {
        Self(vec![Shard::default()])
    }
}

impl Shards {
    fn of(&self, shard: u16) -> Option<&Shard> {
        self.0.get(usize::from(shard))
    }

    pub(super) fn cursor(&self, shard: u16) -> Option<Cursor> {
        self.of(shard)?.cursor
    }

    pub(super) fn owed(&self) -> impl Iterator<Item = Cursor> {
        let owed = self.0.iter().filter(|shard| shard.is_owed);
        owed.filter_map(|shard| shard.cursor)
    }

    pub(super) fn paid(&mut self, cursor: Cursor) {
        if let Some(shard) = self.0.get_mut(usize::from(cursor.shard)) {
            shard.is_owed = false;
        }
    }

    pub(super) fn rewind(&mut self, shard: u16) {
        if let Some(shard) = self.0.get_mut(usize::from(shard)) {
            *shard = Shard {
                again: shard.again,
                ..Shard::default()
            };
        }
    }

    /// Where a round begins: at the cursor, or, when it is time, before what arrived lately.
    pub(super) fn resume(&mut self, number: u16, now: u64) -> Option<Cursor> {
        let shard = self.0.get_mut(usize::from(number))?;
        let Some(cursor) = shard.cursor else {
            return Some(Cursor::start(number));
        };
        if now.abs_diff(shard.again) < REREAD_EVERY_SECONDS {
            return Some(cursor);
        }
        shard.again = now;
        let since = now.saturating_sub(REREAD_SECONDS);
        let mut trail = shard.trail.iter();
        // The step in which `since` lies counts whole.
        let first = trail.find(|(arrived, _)| arrived.saturating_add(STEP_SECONDS) > since);
        let position = first.map_or(cursor.position, |(_, before)| *before);
        Some(Cursor {
            position: position.min(cursor.position),
            ..cursor
        })
    }

    /// Notes an answer; whether anything changed. `is_waiting`: something of it is not safe yet.
    pub(super) fn advance(&mut self, page: &DrainPage, is_waiting: bool) -> bool {
        let count = usize::from(page.last_shard) + 1;
        let mut has_changed = self.0.len() != count;
        self.0.resize(count, Shard::default());
        let Some(shard) = self.0.get_mut(usize::from(page.cursor.shard)) else {
            return has_changed;
        };
        has_changed |= shard.move_to(page.cursor);
        has_changed |= shard.follow(page);
        if is_waiting && !page.records.is_empty() && !shard.is_owed {
            shard.is_owed = true;
            has_changed = true;
        }
        has_changed
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        list(out, &self.0, |shard, out| {
            let out = option(out, shard.cursor.as_ref(), |out, cursor| {
                out.bytes(&cursor.to_bytes())
            });
            let out = out.u8(u8::from(shard.is_owed));
            list(out, &shard.trail, |(arrived, before), out| {
                out.u64(*arrived).u64(*before)
            })
        })
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let all = read_list(from, |from| {
            Ok(Shard {
                cursor: read_option(from, |from| Cursor::from_bytes(from.bytes(24)?))?,
                is_owed: flag(from)?,
                trail: read_list(from, |from| Ok((from.u64()?, from.u64()?)))?,
                again: 0,
            })
        })?;
        if all.is_empty() {
            return Err(DecodeError::Field);
        }
        Ok(Self(all))
    }
}

/// Arrival times come in steps of so many seconds (SPEC 5.5).
const STEP_SECONDS: u64 = 600;

impl Shard {
    /// Never back within an incarnation: what is read again has been read.
    fn move_to(&mut self, cursor: Cursor) -> bool {
        let known = self.cursor.filter(|c| c.incarnation == cursor.incarnation);
        if known.is_none() {
            self.trail.clear();
        }
        let moved = known.is_none_or(|known| known.position < cursor.position);
        if moved {
            self.cursor = Some(cursor);
        }
        moved
    }

    fn follow(&mut self, page: &DrainPage) -> bool {
        let mut has_changed = false;
        for record in &page.records {
            let last = self.trail.last().map_or(0, |(arrived, _)| *arrived);
            if record.arrived > last {
                let before = record.position.saturating_sub(1);
                self.trail.push((record.arrived, before));
                has_changed = true;
            }
        }
        let excess = self.trail.len().saturating_sub(TRAIL);
        self.trail.drain(..excess);
        has_changed
    }
}
