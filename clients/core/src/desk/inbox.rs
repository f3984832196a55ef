//! What the inbox holds: follow-ups by address, first contacts by prekey, cover and junk dropped.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    drain::{Cursor, DrainPage, Drained},
    envelope::EnvelopeHeader,
    message::{FirstContact, Kind, Message},
    seal::{self, Envelope},
};

use super::{
    Change, Desk, Row,
    event::{Arrived, Event},
    index::mark,
    luck::Luck,
};

/// Envelopes that are for a conversation or epoch this desk has yet to learn of.
#[derive(Debug, Default)]
pub(super) struct Unopened(pub(super) Vec<Held>);

/// One of them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) arrived: u64,
    pub(super) envelope: Envelope,
}

/// How long they are kept.
const HOLD_SECONDS: u64 = 172_800;
/// How many at most; the oldest go first.
const MAX_HELD: usize = 10_000;

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// To acknowledge to the relay, now that everything is saved; none while something of it waits
    /// for its place in the log.
    pub cursors: Vec<Cursor>,
    /// The inbox has no more.
    pub is_last: bool,
    /// Texts and parts of texts that were new.
    pub texts: usize,
}

impl Desk {
    /// Takes answers of the inbox, one of each shard at most, whose records came before all that were
    /// not taken yet: in the order of positions they are in the order of arrival. Where no shard has
    /// more, they are all without records.
    pub fn take(
        &mut self,
        pages: &[DrainPage],
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Change<Batch> {
        let (mut texts, mut has_opened) = (0, false);
        let mut records: Vec<&Drained> = pages.iter().flat_map(|page| &page.records).collect();
        records.sort_by_key(|record| record.position);
        let is_last = records.is_empty();
        for record in records {
            let (new, is_opened) = self.take_record(record, now, rng);
            texts += new;
            has_opened |= is_opened;
        }
        if has_opened {
            texts += self.take_held(now, false, rng);
        }
        if is_last {
            // Everything posted so far has been tried with the prekeys of its days.
            self.erase_past(day_of(now));
            self.submit(Event::Emptied { at: now });
            self.expire_strays(now);
            self.note_drained(now);
        }
        for page in pages {
            if self.shards.advance(page, self.holds_back()) {
                self.changed.insert(Row::Meta);
            }
        }
        let read = pages.iter().filter(|page| !page.records.is_empty());
        let cursors = read.map(|page| page.cursor);
        self.change(Batch {
            cursors: if self.holds_back() {
                Vec::new()
            } else {
                cursors.collect()
            },
            is_last,
            texts,
        })
    }

    /// Where a round begins a shard.
    pub(super) fn resume(&mut self, shard: u16, now: u64) -> Cursor {
        let known = self.shards.resume(shard, now);
        known.unwrap_or_else(|| Cursor::start(shard))
    }

    /// Cursors that could not be acknowledged when they were read, and can be now.
    pub(super) fn owed(&self) -> Vec<Cursor> {
        self.shards.owed().collect()
    }

    /// The relay has taken it.
    pub(super) fn paid(&mut self, cursor: Cursor) -> Change<()> {
        self.shards.paid(cursor);
        self.changed.insert(Row::Meta);
        self.change(())
    }

    /// The relay lives another life: read a shard from the start. What is known already is dropped.
    pub fn rewind(&mut self, shard: u16) -> Change<()> {
        self.shards.rewind(shard);
        self.changed.insert(Row::Meta);
        self.change(())
    }

    /// How many texts or parts of texts were new, and whether anything was opened.
    fn take_record(
        &mut self,
        record: &Drained,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> (usize, bool) {
        if self.take_chunk(&record.body, record.arrived) {
            return (0, false);
        }
        let Ok(envelope) = Envelope::parse(record.body.clone()) else {
            return (0, false);
        };
        let address = mark(&envelope.address());
        if self.recent.contains(&address) {
            return (0, false);
        }
        let at = (record.arrived, now);
        match self.recognise(&envelope, at, true, rng) {
            Found::Arrived(arrived) => return (self.submit(Event::Arrived(*arrived)), true),
            Found::Nothing => {}
            Found::Stranger => self.hold(envelope, record.arrived, now),
        }
        self.recent.insert(address, now);
        (0, false)
    }

    /// What an envelope is, as far as this desk knows by now. Nothing changes. `is_any`: it may be
    /// a first contact, not only the next message of a conversation.
    fn recognise(
        &self,
        envelope: &Envelope,
        at: (u64, u64),
        is_any: bool,
        rng: &mut impl CryptoRng,
    ) -> Found {
        let address = mark(&envelope.address());
        if self.index.is_taken(&address) || self.queue.has_arrived(&address) {
            return Found::Nothing;
        }
        let opened = self.open_follow_up(envelope);
        let opened = match opened {
            None if is_any => self.open_first(envelope, at.1),
            other => other,
        };
        let Some(message) = opened else {
            return Found::Stranger;
        };
        let (nonce, is_foreign) = match message {
            Opened::Nothing => return Found::Nothing,
            Opened::Next(nonce, _) => (nonce, false),
            Opened::First(ref first, _) => (first.nonce, self.is_foreign(&first.bundle)),
        };
        let (Opened::Next(_, message) | Opened::First(_, message)) = message else {
            return Found::Nothing;
        };
        Found::Arrived(Box::new(Arrived {
            address,
            nonce,
            at: at.0,
            opened: at.1,
            is_foreign,
            luck: Luck::make(rng),
            message,
        }))
    }

    fn open_follow_up(&self, envelope: &Envelope) -> Option<Opened> {
        let ((number, place), at) = self.index.at(&envelope.address())?;
        let conversation = &self.cases.get(&number)?.threads.get(place)?.conversation;
        let message = conversation.peek(at, envelope).ok()?;
        Some(Opened::Next(*conversation.nonce(), message))
    }

    fn open_first(&self, envelope: &Envelope, now: u64) -> Option<Opened> {
        let day = EnvelopeHeader::parse(envelope.as_bytes()).ok()?.day;
        let line = self.line();
        let message = self
            .prekeys_of(day, now)
            .iter()
            .find_map(|key| seal::open_with(envelope, key.receiver()?, None, line).ok())?;
        if message.kind == Kind::Cover {
            return Some(Opened::Nothing);
        }
        // Opened, so it was for this desk; what is malformed inside is junk, and dropped.
        let Ok((first, _)) = FirstContact::parse(&message.body) else {
            return Some(Opened::Nothing);
        };
        Some(Opened::First(Box::new(first), message))
    }

    fn hold(&mut self, envelope: Envelope, arrived: u64, now: u64) {
        let held = &mut self.unopened.0;
        if held.iter().any(|held| held.envelope == envelope) {
            return;
        }
        held.push(Held { arrived, envelope });
        held.retain(|held| held.arrived.saturating_add(HOLD_SECONDS) > now);
        let excess = held.len().saturating_sub(MAX_HELD);
        held.drain(..excess);
        self.changed.insert(Row::Unopened);
    }

    /// Looks again at what was held, as long as something of it can be opened. `is_any`: a prekey
    /// is new, so that it may be a first contact too.
    pub(super) fn take_held(&mut self, now: u64, is_any: bool, rng: &mut impl CryptoRng) -> usize {
        let mut texts = 0;
        loop {
            let held = std::mem::take(&mut self.unopened.0);
            let before = held.len();
            for item in held {
                texts += self.take_again(item, now, is_any, rng);
            }
            if self.unopened.0.len() == before {
                return texts;
            }
            self.changed.insert(Row::Unopened);
        }
    }

    fn take_again(
        &mut self,
        item: Held,
        now: u64,
        is_any: bool,
        rng: &mut impl CryptoRng,
    ) -> usize {
        match self.recognise(&item.envelope, (item.arrived, now), is_any, rng) {
            Found::Arrived(arrived) => self.submit(Event::Arrived(*arrived)),
            Found::Nothing => 0,
            Found::Stranger => {
                self.unopened.0.push(item);
                0
            }
        }
    }
}

/// What an envelope turned out to be.
enum Found {
    /// Cover, junk, or what was taken before.
    Nothing,
    /// A message.
    Arrived(Box<Arrived>),
    /// Nobody could open it yet.
    Stranger,
}

/// What was in an envelope.
enum Opened {
    Nothing,
    /// The next message of the conversation with this nonce.
    Next([u8; 32], Message),
    First(Box<FirstContact>, Message),
}
