//! What the inbox holds: follow-ups by address, first contacts by prekey, cover and junk dropped.

use rand_core::CryptoRng;
use sotto_protocol::{
    attachment::Manifest,
    bundle::day_of,
    conversation::Conversation,
    drain::{Cursor, DrainPage, Drained},
    envelope::EnvelopeHeader,
    message::{FirstContact, Kind, Message},
    seal::{self, Envelope},
};

use super::{Case, Change, Desk, Row, case::Taken, index::Place, luck::Luck, thread::Thread};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// To acknowledge to the relay, now that everything is saved.
    pub cursor: Cursor,
    /// Texts and parts of texts that were new.
    pub texts: usize,
}

impl Desk {
    /// Takes one answer of the inbox.
    pub fn take(&mut self, page: &DrainPage, now: u64, rng: &mut impl CryptoRng) -> Change<Batch> {
        let (mut texts, mut has_opened) = (0, false);
        for record in &page.records {
            let taken = self.take_record(record, now, rng);
            texts += usize::from(taken == Taken::New);
            has_opened |= taken != Taken::Nothing;
        }
        if has_opened {
            texts += self.take_held(now, rng);
        }
        if page.records.is_empty() {
            // Everything posted so far has been tried with the prekeys of its days.
            self.erase_past(day_of(now));
            self.expire(now);
            self.expire_strays(now);
            self.note_drained(now);
        }
        if self.cursor != Some(page.cursor) {
            self.cursor = Some(page.cursor);
            self.changed.insert(Row::Meta);
        }
        self.change(Batch {
            cursor: page.cursor,
            texts,
        })
    }

    /// The relay lives another life: read it from the start. What is known already is dropped.
    pub fn rewind(&mut self) -> Change<()> {
        self.cursor = None;
        self.changed.insert(Row::Meta);
        self.change(())
    }

    fn take_record(&mut self, record: &Drained, now: u64, rng: &mut impl CryptoRng) -> Taken {
        if self.take_chunk(&record.body, record.arrived) {
            return Taken::Nothing;
        }
        let Ok(envelope) = Envelope::parse(record.body.clone()) else {
            return Taken::Nothing;
        };
        let at = (record.arrived, now);
        if let Some(taken) = self.open_follow_up(&envelope, at, rng) {
            return taken;
        }
        if let Some(taken) = self.open_first(&envelope, at, rng) {
            return taken;
        }
        self.hold(envelope, record.arrived, now);
        Taken::Nothing
    }

    fn open_follow_up(
        &mut self,
        envelope: &Envelope,
        (arrived, now): (u64, u64),
        rng: &mut impl CryptoRng,
    ) -> Option<Taken> {
        let ((number, place), at) = self.index.at(&envelope.address())?;
        let case = self.cases.get_mut(&number)?;
        let conversation = &mut case.threads.get_mut(place)?.conversation;
        let message = conversation.open(at, envelope, day_of(now)).ok()?;
        Some(self.note(
            (number, place),
            (&message, &message.body),
            (arrived, now),
            &Luck::make(rng),
        ))
    }

    fn open_first(
        &mut self,
        envelope: &Envelope,
        (arrived, now): (u64, u64),
        rng: &mut impl CryptoRng,
    ) -> Option<Taken> {
        let day = EnvelopeHeader::parse(envelope.as_bytes()).ok()?.day;
        let line = self.line();
        let message = self
            .prekeys_of(day, now)
            .iter()
            .find_map(|prekey| seal::open(envelope, prekey, None, line).ok())?;
        if message.kind == Kind::Cover {
            return Some(Taken::Nothing);
        }
        // Opened, so it was for this desk; what is malformed inside is junk, and dropped.
        let Ok((first, body)) = FirstContact::parse(&message.body) else {
            return Some(Taken::Nothing);
        };
        let luck = Luck::make(rng);
        let Some(place) = self.join(&message, &first, body, &luck) else {
            return Some(Taken::Nothing);
        };
        self.see_bundle(place.0, &first.bundle);
        Some(self.note(place, (&message, body), (arrived, now), &luck))
    }

    /// The conversation an epoch-0 message belongs to: a known one, one more of a known person, or
    /// the first of somebody new.
    fn join(
        &mut self,
        message: &Message,
        first: &FirstContact,
        body: &[u8],
        luck: &Luck,
    ) -> Option<Place> {
        if let Some((number, place)) = self.index.of_nonce(&first.nonce) {
            let case = self.cases.get_mut(&number)?;
            let conversation = &mut case.threads.get_mut(place)?.conversation;
            return conversation
                .join(message, first)
                .ok()
                .map(|()| (number, place));
        }
        let conversation = Conversation::accept(self.line(), message, first).ok()?;
        let known = self.index.of_handle(&first.handle);
        let case = known.and_then(|number| Some((number, self.cases.get_mut(&number)?)));
        if let Some((number, case)) = case
            && first.is_proven(&case.continuity, message, body)
        {
            let proof = Some(luck.proof(&first.nonce));
            case.add(Thread::new(conversation, first.static_key.clone(), proof));
            return Some((number, case.threads.len().saturating_sub(1)));
        }
        // A receipt of somebody this desk never heard of, or words that belong to nobody.
        if !message.kind.is_repeated() {
            return None;
        }
        let thread = Thread::new(conversation, first.static_key.clone(), None);
        let last = self.cases.keys().next_back().copied().unwrap_or(0);
        let number = last.saturating_add(1);
        self.cases.insert(number, Case::new(first, thread));
        Some((number, 0))
    }

    fn note(
        &mut self,
        (number, place): Place,
        said: (&Message, &[u8]),
        (arrived, now): (u64, u64),
        luck: &Luck,
    ) -> Taken {
        let Some(case) = self.cases.get_mut(&number) else {
            return Taken::Nothing;
        };
        let taken = case.take(place, said, arrived, luck);
        self.index.enter(number, case);
        self.changed.insert(Row::Case(number));
        let (message, body) = said;
        if message.kind == Kind::Manifest
            && taken == Taken::File
            && let Ok(manifest) = Manifest::from_bytes(body)
        {
            self.begin_file(number, message.id, manifest, now);
        }
        taken
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

    /// Looks again at what was held, as long as something of it can be opened.
    fn take_held(&mut self, now: u64, rng: &mut impl CryptoRng) -> usize {
        let mut texts = 0;
        loop {
            let held = std::mem::take(&mut self.unopened.0);
            let before = held.len();
            for item in held {
                match self.open_follow_up(&item.envelope, (item.arrived, now), rng) {
                    Some(taken) => texts += usize::from(taken == Taken::New),
                    None => self.unopened.0.push(item),
                }
            }
            if self.unopened.0.len() == before {
                return texts;
            }
            self.changed.insert(Row::Unopened);
        }
    }

    /// Erases keys and receipts that are past, once everything posted was read.
    fn expire(&mut self, now: u64) {
        let today = day_of(now);
        if self.expired == today {
            return;
        }
        self.expired = today;
        self.changed.insert(Row::Meta);
        for (number, case) in &mut self.cases {
            if case.expire(now) {
                self.index.enter(*number, case);
                self.changed.insert(Row::Case(*number));
            }
        }
    }
}
