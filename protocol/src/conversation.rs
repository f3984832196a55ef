//! The conversation engine (SPEC 3): epochs, chains, addresses, for either end.
//!
//! Nothing here touches a socket, a clock or a disk. A failed opening changes nothing. Loss and
//! reordering inside an epoch are met by keys of skipped indices; re-contact and the second way of
//! keeping a conversation build on the same state.

mod chain;
mod page_key;
mod state;

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use self::chain::Slot;
use self::{
    chain::{Receiving, Sending, Skipped},
    page_key::PageKey,
};
use crate::{
    hash,
    id::{Address, Board, LineId},
    keys::SealingPublicKey,
    limits::MAX_SKIP,
    message::{FirstContact, Kind, Message, Received},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret},
};

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns even epochs.
    Tipster,
    /// Owns odd epochs.
    Desk,
}

/// One end of one conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Conversation {
    line: LineId,
    role: Role,
    nonce: [u8; 32],
    root: Secret,
    newest: u32,
    sending: Option<Sending>,
    receiving: Vec<Receiving>,
    peer_key: Option<SealingPublicKey>,
    own_keys: Vec<(u32, SealingSecret)>,
    received: Option<Received>,
    page_key: PageKey,
}

impl fmt::Debug for Conversation {
    // Its nonce alone would tie a log to a conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conversation(..)")
    }
}

/// A text or acknowledgement to be sent.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// What it is for.
    pub kind: Kind,
    /// The same in every part and copy.
    pub id: u64,
    /// From 0.
    pub part: u8,
    /// 1 to 4.
    pub parts: u8,
    /// At most [`crate::limits::BODY_BYTES`].
    pub body: &'a [u8],
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(..)")
    }
}

/// A message that has its epoch, index and key, and can be sealed any number of times.
///
/// A phone seals it once. A desk seals it anew in every cycle of its board, at another address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    message: Message,
    key: Secret,
    slots: Secret,
    receiver: SealingPublicKey,
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

    /// Seals it for `slot` on `day` (UTC day number).
    pub fn seal(
        &self,
        line: LineId,
        day: u32,
        slot: Slot,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let address = chain::address(&self.slots, self.message.index, slot);
        let place = Place { line, day, address };
        seal::seal(&self.message, &self.receiver, Some(&self.key), place, rng)
    }
}

impl Conversation {
    /// A phone's end of a new conversation that begins on `day`.
    pub fn begin(line: LineId, day: u32, nonce: [u8; 32], rng: &mut impl CryptoRng) -> Self {
        let (epoch_secret, key) = (Secret::make(rng), SealingSecret::make(rng));
        let root = first_root(&epoch_secret, &nonce);
        let page_key = PageKey::first(&root, day);
        let receiving = alloc::vec![Receiving::derive(&root, 1)];
        let sending = Sending::first(epoch_secret, key.public());
        Self {
            line,
            role: Role::Tipster,
            nonce,
            root,
            newest: 0,
            sending: Some(sending),
            receiving,
            peer_key: None,
            own_keys: alloc::vec![(0, key)],
            received: None,
            page_key,
        }
    }

    /// A desk's end, from the first epoch-0 message it opened.
    pub fn accept(line: LineId, message: &Message, first: &FirstContact) -> Result<Self, Reject> {
        if message.epoch != 0 || message.received.is_some() {
            return Err(Reject);
        }
        let root = first_root(&message.epoch_secret, &first.nonce);
        Ok(Self {
            line,
            role: Role::Desk,
            nonce: first.nonce,
            newest: 0,
            sending: None,
            receiving: alloc::vec![Receiving::first(message)],
            peer_key: Some(message.ratchet_key.clone()),
            own_keys: Vec::new(),
            received: Some(chain::with_opened(None, 0, message.index)),
            page_key: PageKey::first(&root, first.first_day),
            root,
        })
    }

    /// A further epoch-0 message of a conversation this desk knows.
    pub fn join(&mut self, message: &Message, first: &FirstContact) -> Result<(), Reject> {
        let epoch = self
            .receiving
            .iter()
            .find(|epoch| epoch.number == 0)
            .ok_or(Reject)?;
        if first.nonce != self.nonce || !epoch.agrees_with(message) {
            return Err(Reject);
        }
        if self.received.is_some_and(|received| received.epoch == 0) {
            self.received = Some(chain::with_opened(self.received, 0, message.index));
        }
        Ok(())
    }

    /// What names the conversation on both ends.
    pub const fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Which end this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether this phone has opened nothing yet and so must send epoch-0 messages.
    pub fn is_first_contact(&self) -> bool {
        self.role == Role::Tipster && self.received.is_none()
    }

    /// Seals an epoch-0 message to a desk's prekey, at a random address.
    ///
    /// # Errors
    /// [`Reject`] where this is no first contact, the prekey is malformed or the body too long.
    pub fn seal_first(
        &mut self,
        content: Content<'_>,
        prekey: &SealingPublicKey,
        day: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedFirst, Reject> {
        if !self.is_first_contact() {
            return Err(Reject);
        }
        let sending = self.sending.as_ref().ok_or(Reject)?;
        let message = message(content, 0, sending, None);
        let place = Place {
            line: self.line,
            day,
            address: Address(crate::secret::random(rng)),
        };
        let envelope = seal::seal(&message, prekey, None, place, rng)?;
        let mut next = sending.clone();
        next.next = next.next.checked_add(1).ok_or(Reject)?;
        self.sending = Some(next);
        Ok(SealedFirst {
            envelope,
            index: message.index,
        })
    }

    /// Gives a message the next index, opening this side's next epoch if it is due.
    ///
    /// # Errors
    /// [`Reject`] before anything of the other side was opened.
    pub fn prepare(
        &mut self,
        content: Content<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, Reject> {
        let received = self.received.ok_or(Reject)?;
        if self
            .sending
            .as_ref()
            .is_none_or(|sending| sending.number < self.newest)
        {
            self.open_epoch(rng)?;
        }
        let receiver = self.peer_key.clone().ok_or(Reject)?;
        let sending = self.sending.as_mut().ok_or(Reject)?;
        let message = message(content, sending.number, sending, Some(received));
        let key = sending.step().ok_or(Reject)?;
        let slots = sending.slots.clone().ok_or(Reject)?;
        Ok(Outgoing {
            message,
            key,
            slots,
            receiver,
        })
    }

    /// Where messages of the other side may be, with their epoch and index.
    pub fn expected(&self, slot: Slot) -> Vec<(Address, u32, u32)> {
        self.receiving
            .iter()
            .flat_map(|epoch| epoch.expected(slot))
            .collect()
    }

    /// Opens what was found at an address of [`Self::expected`].
    pub fn open(&mut self, number: (u32, u32), envelope: &Envelope) -> Result<Message, Reject> {
        let (epoch, index) = number;
        let position = self
            .receiving
            .iter()
            .position(|r| r.number == epoch)
            .ok_or(Reject)?;
        let before = self.receiving.get(position).ok_or(Reject)?;
        let (key, mut after) = before.key_of(index).ok_or(Reject)?;
        let own = epoch.checked_sub(1).ok_or(Reject)?;
        let (_, secret) = self
            .own_keys
            .iter()
            .find(|(e, _)| *e == own)
            .ok_or(Reject)?;
        let message = seal::open(envelope, secret, Some(&key), self.line)?;
        if (message.epoch, message.index) != number || !after.agrees_with(&message) {
            return Err(Reject);
        }
        // Nothing has changed so far; from here on nothing fails.
        let is_new_epoch = epoch > self.newest;
        after.fix(&message);
        if let Some(slot) = self.receiving.get_mut(position) {
            *slot = after;
        }
        if is_new_epoch {
            self.root = next_root(&self.root, &message);
            self.newest = epoch;
            self.peer_key = Some(message.ratchet_key.clone());
            // A private ratchet key goes when its owner has opened a message of its epoch + 3.
            self.own_keys.retain(|(e, _)| e.saturating_add(3) > epoch);
            self.receiving
                .retain(|r| r.number.saturating_add(4) > epoch);
        }
        if self.received.is_none_or(|received| received.epoch <= epoch) {
            self.received = Some(chain::with_opened(self.received, epoch, index));
        }
        Ok(message)
    }

    /// The page of `board` in `cycle` on which this conversation's answers stand.
    ///
    /// `None` where the page key of that day is erased or there are no pages.
    pub fn own_page(&self, board: Board, cycle: Cycle, choice: u8, pages: u32) -> Option<u32> {
        let key = self.page_key.of_day(cycle.day())?;
        let board = [board.byte()];
        let info: [&[u8]; 4] = [
            b"sotto/1 page",
            &board,
            &cycle.number.to_le_bytes(),
            &[choice],
        ];
        let drawn = u64::from_le_bytes(hash::expand(key.as_bytes(), &info));
        drawn
            .checked_rem(u64::from(pages))
            .and_then(|page| u32::try_from(page).ok())
    }

    /// Erases the page keys of days before `day`.
    pub fn forget_pages_before(&mut self, day: u32) {
        self.page_key.advance_to(day);
    }

    fn open_epoch(&mut self, rng: &mut impl CryptoRng) -> Result<(), Reject> {
        let number = self.newest.checked_add(1).ok_or(Reject)?;
        let following = number.checked_add(1).ok_or(Reject)?;
        let (epoch_secret, key) = (Secret::make(rng), SealingSecret::make(rng));
        let sending = Sending::derive(&self.root, number, epoch_secret, key.public());
        self.root = chain::root(&self.root, &sending.epoch_secret, &sending.ratchet_key);
        self.newest = number;
        self.receiving
            .push(Receiving::derive(&self.root, following));
        self.own_keys.push((number, key));
        self.sending = Some(sending);
        Ok(())
    }
}

/// A cycle of a board, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// `floor(unix / seconds)`.
    pub number: u64,
    /// Length in seconds.
    pub seconds: u64,
}

impl Cycle {
    /// The UTC day in which it begins.
    pub fn day(self) -> u32 {
        crate::bundle::day_of(self.number.saturating_mul(self.seconds))
    }
}

fn message(
    content: Content<'_>,
    epoch: u32,
    sending: &Sending,
    received: Option<Received>,
) -> Message {
    Message {
        kind: content.kind,
        part: content.part,
        parts: content.parts,
        id: content.id,
        epoch,
        index: sending.next,
        received,
        epoch_secret: sending.epoch_secret.clone(),
        ratchet_key: sending.ratchet_key.clone(),
        body: Zeroizing::new(content.body.to_vec()),
    }
}

fn first_root(epoch_secret: &Secret, nonce: &[u8; 32]) -> Secret {
    Secret::from_bytes(hash::extract(
        b"sotto/1 root",
        &[epoch_secret.as_bytes(), nonce],
    ))
}

fn next_root(root: &Secret, message: &Message) -> Secret {
    chain::root(root, &message.epoch_secret, &message.ratchet_key)
}

/// How many keys of skipped indices one epoch may hold.
const MAX_SKIPPED: usize = MAX_SKIP as usize + 1;
