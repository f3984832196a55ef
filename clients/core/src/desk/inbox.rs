//! What the inbox holds: follow-ups by address, first contacts by prekey, cover and junk dropped.

use sotto_protocol::{
    bundle::day_of,
    conversation::{Conversation, Slot},
    drain::{Cursor, DrainPage, Drained},
    envelope::EnvelopeHeader,
    id::Address,
    message::{FirstContact, Kind, Message},
    seal::{self, Envelope},
};

use super::{Case, Change, Desk, Row};

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
    /// Texts or parts of texts that were new.
    pub texts: usize,
}

impl Desk {
    /// Takes one answer of the inbox.
    pub fn take(&mut self, page: &DrainPage, now: u64) -> Change<Batch> {
        let mut texts = 0;
        for record in &page.records {
            texts += usize::from(self.take_record(record, now));
        }
        if texts > 0 {
            texts += self.take_held();
        }
        if page.records.is_empty() {
            // Everything posted so far has been tried with the prekeys of its days.
            self.erase_past(day_of(now));
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

    /// Whether it was a text, or a part of one, for a person.
    fn take_record(&mut self, record: &Drained, now: u64) -> bool {
        // Chunks have no reader yet: they belong to attachments.
        let Ok(envelope) = Envelope::parse(record.body.clone()) else {
            return false;
        };
        if let Some(is_text) = self.open_follow_up(&envelope, record.arrived) {
            return is_text;
        }
        if let Some(is_text) = self.open_first(&envelope, record.arrived, now) {
            return is_text;
        }
        self.hold(envelope, record.arrived, now);
        false
    }

    fn open_follow_up(&mut self, envelope: &Envelope, at: u64) -> Option<bool> {
        let (number, epoch, index) = *self.expected.get(&envelope.address())?;
        let case = self.cases.get_mut(&number)?;
        let message = case.conversation.open((epoch, index), envelope).ok()?;
        case.take(&message, &message.body, at);
        self.changed.insert(Row::Case(number));
        self.expect(number);
        Some(message.kind == Kind::Text)
    }

    fn open_first(&mut self, envelope: &Envelope, at: u64, now: u64) -> Option<bool> {
        let day = EnvelopeHeader::parse(envelope.as_bytes()).ok()?.day;
        let line = self.line();
        let message = self
            .prekeys_of(day, now)
            .iter()
            .find_map(|prekey| seal::open(envelope, prekey, None, line).ok())?;
        if message.kind == Kind::Cover {
            return Some(false);
        }
        // Opened, so it was for this desk; what is malformed inside is junk, and dropped.
        let Ok((first, text)) = FirstContact::parse(&message.body) else {
            return Some(false);
        };
        Some(self.join(&message, &first, text, at))
    }

    fn join(&mut self, message: &Message, first: &FirstContact, text: &[u8], at: u64) -> bool {
        let mut cases = self.cases.iter_mut();
        let known = cases.find(|(_, case)| *case.conversation.nonce() == first.nonce);
        let number = if let Some((number, case)) = known {
            if case.conversation.join(message, first).is_err() {
                return false;
            }
            case.take(message, text, at);
            *number
        } else {
            let Ok(conversation) = Conversation::accept(self.line(), message, first) else {
                return false;
            };
            let mut case = Case::new(conversation);
            case.take(message, text, at);
            let last = self.cases.keys().next_back().copied().unwrap_or(0);
            let number = last.saturating_add(1);
            self.cases.insert(number, case);
            number
        };
        self.changed.insert(Row::Case(number));
        self.expect(number);
        true
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
    fn take_held(&mut self) -> usize {
        let mut texts = 0;
        loop {
            let held = std::mem::take(&mut self.unopened.0);
            let before = held.len();
            for item in held {
                match self.open_follow_up(&item.envelope, item.arrived) {
                    Some(is_text) => texts += usize::from(is_text),
                    None => self.unopened.0.push(item),
                }
            }
            if self.unopened.0.len() == before {
                return texts;
            }
            self.changed.insert(Row::Unopened);
        }
    }

    /// Brings the table of addresses up to date with one conversation.
    pub(super) fn expect(&mut self, number: u32) {
        let Some(case) = self.cases.get(&number) else {
            return;
        };
        let expected: Vec<(Address, u32, u32)> = case.conversation.expected(Slot::Inbox);
        self.expected.retain(|_, (of, ..)| *of != number);
        let entries = expected.into_iter();
        self.expected
            .extend(entries.map(|(at, epoch, index)| (at, (number, epoch, index))));
    }
}
