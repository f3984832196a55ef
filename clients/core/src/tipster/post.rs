//! What is posted: what waits, an acknowledgement that is due, or cover.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    conversation::{Content, Conversation, SendError, Slot},
    id::{Address, LineId},
    message::{Contact, Flags, Kind, Message, Receipts},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret, random},
};
use zeroize::Zeroizing;

use super::{State, Tipster, View, thread::Thread};
use crate::keep::Unsaved;

/// Something real that takes the next turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// To be posted, and posted again as it is until the relay answers.
    pub envelope: Envelope,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Item(u64, u8),
    /// If it is lost the desk repeats itself, and that is acknowledged again.
    Acknowledgement,
}

impl Tipster {
    /// What of this person's takes the next turn, if anything does. A conversation that cannot go on
    /// is begun anew first.
    ///
    /// # Errors
    /// [`Reject`] where the bundle has no usable prekey.
    pub fn next_post(
        &mut self,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Unsaved<State, Post>>, Reject> {
        if !self.is_waiting() {
            return Ok(None);
        }
        if self.is_stuck() {
            self.recontact(view, rng);
        }
        let sealed = match self.seal_next(view, rng) {
            Err(SendError::Exhausted) if !self.keeps_nothing() => {
                self.recontact(view, rng);
                self.seal_next(view, rng)
            }
            other => other,
        };
        match sealed {
            Ok(post) => Ok(Some(self.unsaved(post))),
            Err(_) => Err(Reject),
        }
    }

    /// Whether anything waits for a turn.
    pub fn is_waiting(&self) -> bool {
        let mut items = self.outbox.iter();
        self.has_to_tell() || items.any(|item| item.is_due(self.openings))
    }

    /// Whether the desk is to be told what was opened, or that a conversation has begun anew.
    fn has_to_tell(&self) -> bool {
        let is_unknown = |thread: &Thread| !thread.is_announced;
        self.must_acknowledge || self.threads.last().is_some_and(is_unknown)
    }

    /// Whether a text waits that the relay has never taken.
    pub fn has_unsent(&self) -> bool {
        self.outbox.iter().any(|item| !item.is_held())
    }

    /// The relay has taken it.
    pub fn posted(&mut self, post: &Post) -> Unsaved<State, ()> {
        match post.what {
            What::Acknowledgement => {}
            What::Item(id, part) => {
                let mut items = self.outbox.iter_mut();
                if let Some(item) = items.find(|item| (item.id, item.part) == (id, part)) {
                    item.sent(self.openings);
                }
            }
        }
        if let Some(thread) = self.threads.last_mut() {
            thread.is_announced = true;
        }
        self.restage();
        self.unsaved(())
    }

    /// Whether the newest conversation cannot go on.
    fn is_stuck(&self) -> bool {
        let is_overtaken = |thread: &Thread| thread.conversation.is_overtaken();
        let is_hopeless = self
            .outbox
            .iter()
            .any(|item| item.is_hopeless(self.openings));
        !self.keeps_nothing() && (is_hopeless || self.threads.last().is_some_and(is_overtaken))
    }

    /// Begins a new conversation with the same desk and proves who it is.
    fn recontact(&mut self, view: &View, rng: &mut impl CryptoRng) {
        let conversation = Conversation::begin(self.line, day_of(view.now), true, rng);
        // The one before may still be answered; those before it no longer.
        let earlier = self.threads.len().saturating_sub(1);
        self.threads.drain(..earlier);
        self.threads.push(Thread::new(conversation));
        for item in &mut self.outbox {
            item.restart();
        }
        self.restage();
    }

    fn seal_next(&mut self, view: &View, rng: &mut impl CryptoRng) -> Result<Post, SendError> {
        let opening = self.openings;
        let Some(place) = self.outbox.iter().position(|item| item.is_due(opening)) else {
            return self.seal_acknowledgement(view, rng);
        };
        let item = self.outbox.get(place).ok_or(SendError::NotYet)?;
        let what = What::Item(item.id, item.part);
        let body = item.body.clone();
        let content = Content {
            kind: item.kind,
            flags: Flags::None,
            id: item.id,
            part: item.part,
            parts: item.parts,
            body: &body,
        };
        let (number, envelope) = self.seal(content, view, rng)?;
        if let Some(item) = self.outbox.get_mut(place) {
            item.numbers.push(number);
        }
        Ok(Post { envelope, what })
    }

    fn seal_acknowledgement(
        &mut self,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<Post, SendError> {
        let mut receipts = Receipts::default();
        let kept = self.known.iter().filter(|(id, _)| !self.loses(*id));
        for (id, part) in kept {
            receipts.note(*id, *part);
        }
        let body = receipts.to_bytes();
        let content = Content {
            kind: Kind::Acknowledgement,
            flags: Flags::None,
            id: rng.next_u64(),
            part: 0,
            parts: 1,
            body: &body,
        };
        let (_, envelope) = self.seal(content, view, rng)?;
        self.must_acknowledge = false;
        Ok(Post {
            envelope,
            what: What::Acknowledgement,
        })
    }

    /// Whether what was read of a text goes with this sitting, because the rest of it is not there.
    fn loses(&self, id: u64) -> bool {
        let mut inbox = self.inbox.iter();
        self.keeps_nothing() && inbox.any(|text| text.id == id && !text.is_whole())
    }

    /// Seals in the newest conversation.
    fn seal(
        &mut self,
        content: Content<'_>,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<((u32, u32), Envelope), SendError> {
        let day = view.day();
        let contact = Contact {
            bundle: view.bundle.hash,
            keys: &self.keys,
        };
        let thread = self.threads.last_mut().ok_or(SendError::NotYet)?;
        let conversation = &mut thread.conversation;
        if conversation.is_first_contact() {
            let prekey = view.prekey(self.desk).ok_or(SendError::Malformed)?;
            let sealed = conversation.seal_first(content, contact, (&prekey, day), rng)?;
            return Ok(((0, sealed.index), sealed.envelope));
        }
        let fresh = sotto_protocol::conversation::Fresh::make(rng);
        let outgoing = conversation.prepare(content, &fresh)?;
        // Every message but those of epoch 0 carries what was opened before it.
        self.must_acknowledge = false;
        let envelope = outgoing.seal(self.line, day, Slot::Inbox, rng)?;
        Ok((outgoing.number(), envelope))
    }
}

/// An envelope that says nothing, made like a first contact so that nobody can tell.
pub fn seal_cover(
    line: LineId,
    view: &View,
    desk: u16,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let message = Message {
        kind: Kind::Cover,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: rng.next_u64(),
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::make(rng),
        ratchet_key: SealingSecret::make(rng).public(),
        body: Zeroizing::default(),
    };
    let place = Place {
        line,
        day: view.day(),
        address: Address(random(rng)),
    };
    let prekey = view.prekey(desk).ok_or(Reject)?;
    seal::seal(&message, &prekey, None, place, rng)
}
