//! What stands on a page for this person: found by address, opened, put together.

use sotto_protocol::{
    bundle::day_of,
    conversation::{Expected, Slot},
    hash,
    id::Board,
    limits::ENVELOPE_BYTES,
    message::{Flags, Kind, Message, Receipts},
    page::PageHeader,
    seal::Envelope,
    twice,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Stage, State, Tipster, View, outbox::Item};
use crate::{
    bytes::{bytes, list, read_bytes, read_list},
    keep::Unsaved,
    text,
};

/// Names of messages that are remembered at most; beyond, the oldest are forgotten.
const MAX_KNOWN: usize = 4_096;

/// A text that is arriving, part by part.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: u64,
    parts: u8,
    /// Ordered by number.
    got: Vec<(u8, Zeroizing<Vec<u8>>)>,
}

impl Incoming {
    fn new(message: &Message) -> Self {
        Self {
            id: message.id,
            parts: message.parts,
            got: Vec::new(),
        }
    }

    fn add(&mut self, part: u8, body: &[u8]) {
        self.got.push((part, Zeroizing::new(body.to_vec())));
        self.got.sort_by_key(|(part, _)| *part);
    }

    pub(super) fn is_whole(&self) -> bool {
        self.got.len() >= usize::from(self.parts)
    }

    pub(super) fn text(&self) -> String {
        text::join(self.got.iter().map(|(_, body)| body.as_slice()))
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = out.u64(self.id).u8(self.parts);
        list(out, &self.got, |(part, body), out| {
            bytes(out.u8(*part), body)
        })
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            parts: from.u8()?,
            got: read_list(from, |from| Ok((from.u8()?, read_bytes(from)?)))?,
        })
    }
}

impl Tipster {
    /// Opens what is for this person on a page. How many texts or parts of texts were new.
    pub fn read_page(&mut self, view: &View, board: Board, page: &[u8]) -> Unsaved<State, usize> {
        let mut found = 0;
        if let Ok((header, envelopes)) = PageHeader::parse(page)
            && header.board == board
            && view.is_credible(board, header.cycle)
        {
            let slot = Slot::Board(board, header.cycle);
            for thread in 0..self.threads.len() {
                found += self.open_all(thread, slot, envelopes, view.now);
            }
            self.retire();
        }
        self.unsaved(found)
    }

    fn open_all(
        &mut self,
        place: usize,
        slot: Slot,
        envelopes: &[[u8; ENVELOPE_BYTES]],
        now: u64,
    ) -> usize {
        let mut messages = Vec::new();
        let mut expected = self.expected(place, slot);
        for bytes in envelopes {
            let Ok(envelope) = Envelope::parse(bytes.to_vec()) else {
                continue;
            };
            let address = envelope.address();
            let Some(at) = expected.iter().find(|expected| expected.address == address) else {
                continue;
            };
            if at.is_known {
                // It comes again because the desk has not seen the acknowledgement.
                self.must_acknowledge = true;
                continue;
            }
            let Some(thread) = self.threads.get_mut(place) else {
                continue;
            };
            let opened = thread.conversation.open(at.number, &envelope, day_of(now));
            if let Ok(message) = opened {
                messages.push(message);
                // Opening one message brings the next ones into reach.
                expected = self.expected(place, slot);
            }
        }
        // Receipts first: an answer is one to what was opened.
        messages.sort_by_key(|message| message.kind != Kind::Acknowledgement);
        let new = messages.iter().filter(|m| self.take(place, m));
        new.count()
    }

    fn expected(&self, place: usize, slot: Slot) -> Vec<Expected> {
        let thread = self.threads.get(place);
        thread.map_or_else(Vec::new, |thread| thread.conversation.expected(slot))
    }

    /// Whether the message was a new text, or a new part of one.
    fn take(&mut self, place: usize, message: &Message) -> bool {
        let is_newest = place + 1 == self.threads.len();
        if let Some(thread) = self.threads.get_mut(place) {
            thread.has_spoken = true;
        }
        let Some(body) = self.unwrap(place, message) else {
            return false;
        };
        let receipts = match message.kind {
            Kind::Acknowledgement => Receipts::from_bytes(&body).ok(),
            _ => None,
        };
        // Indices of an earlier conversation mean nothing in the newest one.
        let received = message.received.filter(|_| is_newest);
        self.hear(received, receipts.as_ref());
        if !message.kind.is_repeated() {
            return false;
        }
        self.must_acknowledge = true;
        if !self.is_new(message.id, message.part) {
            return false;
        }
        if message.kind == Kind::Wanted {
            self.hear_wanted(&body);
        }
        if message.kind != Kind::Text {
            return false;
        }
        for sent in &mut self.sent {
            if sent.stage == Stage::Opened {
                sent.stage = Stage::Answered;
            }
        }
        let known = self.inbox.iter_mut().find(|text| text.id == message.id);
        if let Some(text) = known {
            text.add(message.part, &body);
        } else {
            let mut text = Incoming::new(message);
            text.add(message.part, &body);
            self.inbox.push(text);
        }
        true
    }

    /// The body as it was meant; what was sealed twice is opened with the code's key, and the proof
    /// inside is sent back.
    fn unwrap(&mut self, place: usize, message: &Message) -> Option<Zeroizing<Vec<u8>>> {
        if message.flags != Flags::Twice {
            return Some(message.body.clone());
        }
        let nonce = *self.threads.get(place)?.conversation.nonce();
        let (proof, body) = twice::open(message, &self.keys.static_key, self.line, &nonce).ok()?;
        let name = hash::digest(&[b"sotto/1 confirmation", proof.as_bytes()]);
        let id = u64::from_le_bytes(*name.first_chunk()?);
        let is_waiting = self.outbox.iter().any(|item| item.id == id);
        if !is_waiting && !self.confirmed.contains(&id) {
            let item = Item::new(Kind::Confirmation, id, (0, 1), proof.as_bytes());
            self.outbox.insert(0, item);
        }
        Some(body)
    }

    fn hear(
        &mut self,
        received: Option<sotto_protocol::message::Received>,
        receipts: Option<&Receipts>,
    ) {
        if let Some(receipts) = receipts {
            self.take_receipts(receipts);
        }
        if let (Some(received), Some(_), false) = (received, receipts, self.keeps_nothing()) {
            // Receipts and fields were made together, so that they differ only where this state was
            // put back from a copy.
            let mut items = self.outbox.iter_mut();
            if let Some(item) = items.find(|item| item.is_usurped(received)) {
                item.give_up();
            }
        }
        if let Some(received) = received {
            let mut items = self.outbox.iter_mut();
            let lost: Vec<u64> = items
                .by_ref()
                .filter_map(|item| item.find_lost(received).then_some(item.id))
                .collect();
            let sent = self.sent.iter_mut();
            sent.filter(|sent| lost.contains(&sent.id))
                .for_each(|sent| sent.was_lost = true);
        }
        self.restage();
    }

    /// What the desk names as opened need not be sent again.
    fn take_receipts(&mut self, receipts: &Receipts) {
        let (opened, left): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.outbox)
            .into_iter()
            .partition(|item| item.is_opened(receipts));
        self.outbox = left;
        let confirmations = opened.iter().filter(|item| item.kind == Kind::Confirmation);
        self.confirmed.extend(confirmations.map(|item| item.id));
        let count = u32::try_from(receipts.as_slice().len()).unwrap_or(u32::MAX);
        self.receipts = self.receipts.max(count);
    }

    /// Whether this part was never seen before; from now on it is known.
    fn is_new(&mut self, id: u64, part: u8) -> bool {
        if self.known.contains(&(id, part)) {
            return false;
        }
        let excess = (self.known.len() + 1).saturating_sub(MAX_KNOWN);
        self.known.drain(..excess);
        self.known.push((id, part));
        true
    }

    /// Earlier conversations end once the newest one is answered.
    fn retire(&mut self) {
        if self.threads.last().is_some_and(|thread| thread.has_spoken) {
            let earlier = self.threads.len().saturating_sub(1);
            self.threads.drain(..earlier);
        }
    }
}
