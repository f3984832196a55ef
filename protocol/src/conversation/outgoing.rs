//! What this side sends: epoch-0 messages, and messages that have an epoch, an index and a key.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Conversation,
    chain::{self, Receiving, Sending, Slot},
};
use crate::{
    id::{Address, LineId},
    keys::SealingPublicKey,
    limits::{BODY_BYTES, PHONE_WINDOW},
    message::{Contact, FirstContact, Flags, Kind, Message, Received},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret, random},
};

/// The body of a message and what it is for.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// What it is for.
    pub kind: Kind,
    /// What is special about it; in epoch 0 the conversation's own beginning is written instead.
    pub flags: Flags,
    /// The same in every part and copy.
    pub id: u64,
    /// From 0.
    pub part: u8,
    /// 1 to 4.
    pub parts: u8,
    /// At most [`BODY_BYTES`], in epoch 0 at most [`crate::limits::FIRST_TEXT_BYTES`].
    pub body: &'a [u8],
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(..)")
    }
}

/// Why nothing can be sent in this conversation now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing of the other side was opened: only epoch 0 is possible, or, at a desk, nothing.
    #[error("nothing of the other side has been opened yet")]
    NotYet,
    /// The other side would not look so far ahead of what it has acknowledged.
    #[error("too much is on its way already and nothing of it is acknowledged")]
    Exhausted,
    /// The body is too long or the receiver's key is none.
    #[error("this cannot be sealed")]
    Malformed,
}

impl From<Reject> for SendError {
    fn from(_: Reject) -> Self {
        Self::Malformed
    }
}

/// A message that has its epoch, index and key, and can be sealed any number of times.
///
/// A phone seals it once. A desk seals it anew in every cycle of its board, at another address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub(super) message: Message,
    pub(super) key: Secret,
    pub(super) slots: Secret,
    pub(super) receiver: SealingPublicKey,
}

/// What a new epoch of this side is made from. At a desk it stands in its log, so that every device
/// makes the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Fresh {
    /// `es` of the epoch.
    pub epoch_secret: Secret,
    /// Its ratchet pair.
    pub ratchet: SealingSecret,
}

impl Fresh {
    /// New random ones.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self {
            epoch_secret: Secret::make(rng),
            ratchet: SealingSecret::make(rng),
        }
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(..)")
    }
}

/// An epoch-0 message and the index by which it will be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFirst {
    /// To be posted.
    pub envelope: Envelope,
    /// In epoch 0.
    pub index: u32,
}

impl Outgoing {
    /// The message's epoch and index, as acknowledgements name it.
    pub const fn number(&self) -> (u32, u32) {
        (self.message.epoch, self.message.index)
    }

    /// What it says.
    pub fn content(&self) -> Content<'_> {
        Content {
            kind: self.message.kind,
            flags: self.message.flags,
            id: self.message.id,
            part: self.message.part,
            parts: self.message.parts,
            body: &self.message.body,
        }
    }

    /// Says something else at the same epoch and index: a newer receipt in place of an older one.
    /// The message key only goes into a fresh encapsulation, so that this is safe.
    pub fn replace(&mut self, content: Content<'_>) {
        self.message = Message {
            kind: content.kind,
            flags: content.flags,
            part: content.part,
            parts: content.parts,
            id: content.id,
            body: Zeroizing::new(content.body.to_vec()),
            ..self.message.clone()
        };
    }

    /// Acknowledges what has been opened since it was prepared.
    pub const fn acknowledge(&mut self, received: Option<Received>) {
        if received.is_some() {
            self.message.received = received;
        }
    }

    /// Where it stands in `slot`.
    pub fn address(&self, slot: Slot) -> Address {
        chain::address(&self.slots, self.message.index, slot)
    }

    /// Seals it for `slot` on `day` (UTC day number).
    pub fn seal(
        &self,
        line: LineId,
        day: u32,
        slot: Slot,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let address = self.address(slot);
        let place = Place { line, day, address };
        seal::seal(&self.message, &self.receiver, Some(&self.key), place, rng)
    }
}

impl Conversation {
    /// Seals an epoch-0 message to a desk's prekey, at a random address, on `day` (UTC day number).
    ///
    /// # Errors
    /// [`SendError::NotYet`] where this is no first contact any more, [`SendError::Exhausted`] after
    /// [`PHONE_WINDOW`] of them.
    pub fn seal_first(
        &mut self,
        content: Content<'_>,
        contact: Contact<'_>,
        (prekey, day): (&SealingPublicKey, u32),
        rng: &mut impl CryptoRng,
    ) -> Result<SealedFirst, SendError> {
        if !self.is_first_contact() {
            return Err(SendError::NotYet);
        }
        let sending = self.sending.as_mut().ok_or(SendError::NotYet)?;
        if sending.next >= PHONE_WINDOW {
            return Err(SendError::Exhausted);
        }
        let content = Content {
            flags: self.beginning,
            ..content
        };
        let mut message = message(content, sending, None);
        let mut first = FirstContact::new(contact, self.nonce, self.first_day);
        if self.beginning.is_recontact() {
            first.mac = first.proof(&contact.keys.continuity, &message, content.body);
        }
        message.body = first.with_body(content.body);
        let place = Place {
            line: self.line,
            day,
            address: Address(random(rng)),
        };
        let envelope = seal::seal(&message, prekey, None, place, rng)?;
        if self.beginning != Flags::LeaveNothing {
            sending.next = sending.next.saturating_add(1);
        }
        Ok(SealedFirst {
            envelope,
            index: message.index,
        })
    }

    /// Gives a message the next index, opening this side's next epoch from `fresh` if it is due.
    pub fn prepare(&mut self, content: Content<'_>, fresh: &Fresh) -> Result<Outgoing, SendError> {
        let received = self.received.ok_or(SendError::NotYet)?;
        if self.is_first_contact() {
            return Err(SendError::NotYet);
        }
        if content.body.len() > BODY_BYTES {
            return Err(SendError::Malformed);
        }
        if self.is_epoch_due() {
            self.open_epoch(fresh)?;
        }
        let window = self.window();
        let receiver = self.peer_key.clone().ok_or(SendError::NotYet)?;
        let sending = self.sending.as_mut().ok_or(SendError::NotYet)?;
        if sending.next >= sending.limit(window) {
            return Err(SendError::Exhausted);
        }
        let message = message(content, sending, Some(received));
        let slots = sending.slots.clone().ok_or(SendError::NotYet)?;
        let key = sending.step().ok_or(SendError::Exhausted)?;
        Ok(Outgoing {
            message,
            key,
            slots,
            receiver,
        })
    }

    /// How many messages may still be prepared before one is acknowledged.
    pub fn room(&self) -> u32 {
        match &self.sending {
            Some(sending) if !self.is_epoch_due() => {
                sending.limit(self.window()).saturating_sub(sending.next)
            }
            _ => self.window(),
        }
    }

    fn open_epoch(&mut self, fresh: &Fresh) -> Result<(), SendError> {
        let number = self.newest.checked_add(1).ok_or(SendError::Exhausted)?;
        let following = number.checked_add(1).ok_or(SendError::Exhausted)?;
        let (epoch_secret, key) = (fresh.epoch_secret.clone(), fresh.ratchet.clone());
        let sending = Sending::derive(&self.root, number, epoch_secret, key.public());
        self.root = chain::root(&self.root, &sending.epoch_secret, &sending.ratchet_key);
        self.newest = number;
        // A phone that keeps nothing stays in epoch 0 and never answers in the next one.
        if self.beginning != Flags::LeaveNothing {
            let next = Receiving::derive(&self.root, following);
            self.receiving.push(next);
        }
        self.own_keys.push((number, key));
        self.sending = Some(sending);
        Ok(())
    }
}

fn message(content: Content<'_>, sending: &Sending, received: Option<Received>) -> Message {
    Message {
        kind: content.kind,
        flags: content.flags,
        part: content.part,
        parts: content.parts,
        id: content.id,
        epoch: sending.number,
        index: sending.next,
        received,
        epoch_secret: sending.epoch_secret.clone(),
        ratchet_key: sending.ratchet_key.clone(),
        body: Zeroizing::new(content.body.to_vec()),
    }
}
