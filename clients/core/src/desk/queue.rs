//! Events of this device that are not in the log yet, oldest first.

use sotto_protocol::{
    limits::LOG_BODY_BYTES,
    wire::{DecodeError, Reader},
};
use zeroize::Zeroizing;

use super::{
    Desk, Row,
    entry::{Direction, Entry},
    event::{Answer, Event},
};
use crate::bytes::{bytes, list, read_bytes, read_list};

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue(Vec<Event>);

impl Queue {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it was not there yet.
    pub(super) fn push(&mut self, event: Event) -> bool {
        let key = event.key();
        let is_new = self.0.iter().all(|other| other.key() != key);
        if is_new {
            self.0.push(event);
        }
        is_new
    }

    pub(super) fn has_arrived(&self, address: &[u8; 16]) -> bool {
        let mut waiting = self.0.iter();
        waiting.any(|event| matches!(event, Event::Arrived(a) if a.address == *address))
    }

    pub(super) fn has_bundle(&self, hash: &[u8; 32]) -> bool {
        let mut waiting = self.0.iter();
        waiting.any(|event| matches!(event, Event::Bundle { hash: known, .. } if known == hash))
    }

    fn is_awaited(&self) -> bool {
        let mut waiting = self.0.iter();
        waiting.any(|event| matches!(event, Event::Arrived(_)))
    }

    fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.0.iter().filter_map(|event| match event {
            Event::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    /// As many of the oldest as one record holds, in order.
    pub(super) fn payload(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut payload = Zeroizing::new(Vec::with_capacity(LOG_BODY_BYTES));
        for event in &self.0 {
            let event = event.to_bytes();
            if payload.len().saturating_add(event.len()) > LOG_BODY_BYTES {
                break;
            }
            payload.extend_from_slice(&event);
        }
        (!payload.is_empty()).then_some(payload)
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let all = list(
            sotto_protocol::wire::Writer::default(),
            &self.0,
            |e, out| bytes(out, &e.to_bytes()),
        );
        Zeroizing::new(all.finish())
    }

    pub(super) fn read(row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        let events = read_list(&mut reader, |from| {
            let event = read_bytes(from)?;
            Event::read(&mut Reader::new(&event))?.ok_or(DecodeError::Field)
        })?;
        reader.finish()?;
        Ok(Self(events))
    }
}

impl Desk {
    /// Applies what one record of the log carried, and lets go of what waited for it. How many
    /// texts or parts of texts were new.
    pub(super) fn replay(&mut self, payload: &[u8]) -> usize {
        let mut reader = Reader::new(payload);
        let mut texts = 0;
        let mut done = Vec::new();
        // What is malformed is so for every device: all of them end here.
        while reader.remaining() > 0 {
            match Event::read(&mut reader) {
                Ok(Some(event)) => {
                    texts += self.apply(&event);
                    done.push(event.key());
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
        self.drop_done(&done);
        texts
    }

    /// Drops waiting events that were replayed or have no effect any more.
    fn drop_done(&mut self, done: &[(u8, Vec<u8>)]) {
        let mut waiting = std::mem::take(&mut self.queue.0);
        let before = waiting.len();
        waiting.retain(|event| !done.contains(&event.key()) && self.has_effect(event));
        if waiting.len() < before {
            self.changed.insert(Row::Queue);
        }
        self.queue.0 = waiting;
    }

    /// Whether opened messages wait for their place in the log: until then the relay keeps them.
    pub(super) fn holds_back(&self) -> bool {
        self.queue.is_awaited()
    }

    /// Answers to a conversation that have no place in the log yet.
    pub fn drafts(&self, number: u32) -> Vec<Entry> {
        let mut drafts: Vec<Entry> = Vec::new();
        for answer in self.queue.answers().filter(|a| a.case == number) {
            let part = (answer.part, answer.body.clone());
            if let Some(draft) = drafts.iter_mut().find(|draft| draft.id == answer.id) {
                draft.add(part);
            } else {
                let when = (answer.at, answer.parts);
                drafts.push(Entry::new(answer.id, Direction::Out, when, part));
            }
        }
        drafts
    }
}
