//! The conversation engine (SPEC 3): epochs, chains, addresses, for either end.
//!
//! Nothing here touches a socket, a clock or a disk. A failed opening changes nothing. Both ways of
//! keeping a conversation run through the same code: a phone that keeps nothing makes the beginning
//! from its code and never leaves epoch 0.

mod chain;
mod outgoing;
mod page_key;
mod state;

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;

pub use self::{
    chain::{Expected, Slot},
    outgoing::{Content, Fresh, Outgoing, SealedFirst, SendError},
};
use self::{
    chain::{Receiving, Sending},
    page_key::PageKey,
};
use crate::{
    code::LeaveKeys,
    hash,
    id::{Board, LineId},
    keys::SealingPublicKey,
    limits::{DESK_WINDOW, LEAVE_NOTHING_WINDOW, PHONE_WINDOW, SKIPPED_DAYS},
    message::{FirstContact, Flags, Message, Received},
    seal::{self, Envelope, Reject},
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
    /// What every epoch-0 message of it says.
    beginning: Flags,
    nonce: [u8; 32],
    first_day: u32,
    root: Secret,
    newest: u32,
    /// `None` once the other side's next epoch is open: then this side's next one is due.
    sending: Option<Sending>,
    receiving: Vec<Receiving>,
    peer_key: Option<SealingPublicKey>,
    own_keys: Vec<(u32, SealingSecret)>,
    received: Option<Received>,
    page_key: PageKey,
    is_overtaken: bool,
}

impl fmt::Debug for Conversation {
    // Its nonce alone would tie a log to a conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conversation(..)")
    }
}

impl Conversation {
    /// A phone's end of a new conversation that begins on `day` (UTC day number).
    ///
    /// `is_recontact` where the person has written before, under the same code.
    pub fn begin(line: LineId, day: u32, is_recontact: bool, rng: &mut impl CryptoRng) -> Self {
        let (epoch_secret, key) = (Secret::make(rng), SealingSecret::make(rng));
        let beginning = if is_recontact {
            Flags::Recontact
        } else {
            Flags::None
        };
        let nonce = crate::secret::random(rng);
        let root = first_root(&epoch_secret, &nonce);
        let page_key = PageKey::chain(&root, day);
        let parts = (beginning, nonce, day, page_key);
        Self::of_phone(line, parts, epoch_secret, key)
    }

    /// The end of a phone that keeps nothing: the same whenever it is made from the same code.
    pub fn leave_nothing(line: LineId, keys: &LeaveKeys) -> Self {
        let epoch_secret = keys.epoch_secret.clone();
        let page_key = PageKey::fixed(&first_root(&epoch_secret, &keys.nonce));
        let parts = (Flags::LeaveNothing, keys.nonce, 0, page_key);
        Self::of_phone(line, parts, epoch_secret, keys.ratchet.clone())
    }

    fn of_phone(
        line: LineId,
        (beginning, nonce, first_day, page_key): (Flags, [u8; 32], u32, PageKey),
        epoch_secret: Secret,
        key: SealingSecret,
    ) -> Self {
        let root = first_root(&epoch_secret, &nonce);
        Self {
            line,
            role: Role::Tipster,
            beginning,
            nonce,
            first_day,
            newest: 0,
            receiving: alloc::vec![Receiving::derive(&root, 1)],
            sending: Some(Sending::first(epoch_secret, key.public())),
            root,
            peer_key: None,
            own_keys: alloc::vec![(0, key)],
            received: None,
            page_key,
            is_overtaken: false,
        }
    }

    /// A desk's end, from the first epoch-0 message it opened.
    pub fn accept(line: LineId, message: &Message, first: &FirstContact) -> Result<Self, Reject> {
        let is_sound = first.is_sound(message.flags) && first.static_key.is_valid();
        if message.epoch != 0 || message.received.is_some() || !is_sound {
            return Err(Reject);
        }
        let root = first_root(&message.epoch_secret, &first.nonce);
        let page_key = match message.flags {
            Flags::LeaveNothing => PageKey::fixed(&root),
            _ => PageKey::chain(&root, first.first_day),
        };
        Ok(Self {
            line,
            role: Role::Desk,
            beginning: message.flags,
            nonce: first.nonce,
            first_day: first.first_day,
            newest: 0,
            sending: None,
            receiving: alloc::vec![Receiving::first(message)],
            peer_key: Some(message.ratchet_key.clone()),
            own_keys: Vec::new(),
            received: Some(chain::with_opened(None, 0, message.index)),
            page_key,
            root,
            is_overtaken: false,
        })
    }

    /// A further epoch-0 message of a conversation this desk knows.
    pub fn join(&mut self, message: &Message, first: &FirstContact) -> Result<(), Reject> {
        let mut epochs = self.receiving.iter();
        let epoch = epochs.find(|epoch| epoch.number == 0).ok_or(Reject)?;
        let is_same = first.nonce == self.nonce && message.flags == self.beginning;
        if !is_same || message.epoch != 0 || !epoch.agrees_with(message) {
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

    /// The line both ends belong to.
    pub const fn line(&self) -> LineId {
        self.line
    }

    /// Which end this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How it began.
    pub const fn beginning(&self) -> Flags {
        self.beginning
    }

    /// What this side has opened of the other's latest epoch.
    pub const fn received(&self) -> Option<Received> {
        self.received
    }

    /// Whether this phone must send epoch-0 messages: it has opened nothing yet, or keeps nothing.
    pub fn is_first_contact(&self) -> bool {
        let keeps_nothing = self.beginning == Flags::LeaveNothing;
        self.role == Role::Tipster && (keeps_nothing || self.received.is_none())
    }

    /// Whether the other side has acknowledged what this side does not know of: this state was
    /// restored from a copy, and sending on would use an address twice.
    pub const fn is_overtaken(&self) -> bool {
        self.is_overtaken
    }

    /// Whether the next message opens an epoch of this side: then what was prepared in an earlier
    /// one and is not acknowledged is to be prepared anew.
    pub fn is_epoch_due(&self) -> bool {
        let sending = self.sending.as_ref();
        self.received.is_some() && sending.is_none_or(|sending| sending.number < self.newest)
    }

    /// Where messages of the other side may be: those that can be opened first, then, for a phone,
    /// those it has opened already, which come again until they are known to be acknowledged.
    pub fn expected(&self, slot: Slot) -> Vec<Expected> {
        let reach = self.reach();
        let mut all: Vec<Expected> = self
            .receiving
            .iter()
            .flat_map(|epoch| epoch.expected(slot, reach))
            .collect();
        if let (Role::Tipster, Some(received)) = (self.role, self.received) {
            let mut epochs = self.receiving.iter();
            let epoch = epochs.find(|epoch| epoch.number == received.epoch);
            all.extend(
                epoch
                    .into_iter()
                    .flat_map(|epoch| epoch.known(slot, received)),
            );
        }
        all
    }

    /// Opens what was found at an address of [`Self::expected`], on `day` (UTC day number).
    pub fn open(
        &mut self,
        number: (u32, u32),
        envelope: &Envelope,
        day: u32,
    ) -> Result<Message, Reject> {
        let message = self.peek(number, envelope)?;
        self.advance(&message, day)?;
        Ok(message)
    }

    /// What [`Self::open`] would open; nothing changes.
    pub fn peek(&self, number: (u32, u32), envelope: &Envelope) -> Result<Message, Reject> {
        let (epoch, index) = number;
        let mut epochs = self.receiving.iter();
        let epoch = epochs.find(|r| r.number == epoch).ok_or(Reject)?;
        let (key, _) = epoch.key_of(index, self.reach(), 0).ok_or(Reject)?;
        let own = epoch.number.checked_sub(1).ok_or(Reject)?;
        let mut own_keys = self.own_keys.iter();
        let (_, secret) = own_keys.find(|(e, _)| *e == own).ok_or(Reject)?;
        let message = seal::open(envelope, secret, Some(&key), self.line)?;
        if (message.epoch, message.index) == number && epoch.agrees_with(&message) {
            Ok(message)
        } else {
            Err(Reject)
        }
    }

    /// Goes on after a message that this or another device of the same side has opened.
    pub fn advance(&mut self, message: &Message, day: u32) -> Result<(), Reject> {
        let (epoch, index) = (message.epoch, message.index);
        let reach = self.reach();
        let mut epochs = self.receiving.iter_mut();
        let slot = epochs.find(|r| r.number == epoch).ok_or(Reject)?;
        let (_, mut after) = slot.key_of(index, reach, day).ok_or(Reject)?;
        if !after.agrees_with(message) {
            return Err(Reject);
        }
        // Nothing has changed so far; from here on nothing fails.
        after.fix(message);
        *slot = after;
        self.note(message.received);
        if epoch > self.newest {
            self.enter(epoch, message, day);
        }
        if self.received.is_none_or(|received| received.epoch <= epoch) {
            self.received = Some(chain::with_opened(self.received, epoch, index));
        }
        Ok(())
    }

    /// The first message of the other side's next epoch was opened: what is past is erased.
    fn enter(&mut self, epoch: u32, message: &Message, day: u32) {
        self.root = chain::root(&self.root, &message.epoch_secret, &message.ratchet_key);
        self.newest = epoch;
        self.peer_key = Some(message.ratchet_key.clone());
        // A phone that keeps nothing stays in epoch 0.
        if self.beginning != Flags::LeaveNothing {
            self.sending = None;
        }
        // A private ratchet key goes when its owner has opened a message of its epoch + 3.
        self.own_keys.retain(|(e, _)| e.saturating_add(3) > epoch);
        self.receiving
            .retain(|r| r.number.saturating_add(4) > epoch);
        for past in self.receiving.iter_mut().filter(|r| r.number < epoch) {
            past.closed.get_or_insert(day);
        }
    }

    /// What the other side says it has opened of this side's.
    fn note(&mut self, received: Option<Received>) {
        let Some(received) = received else { return };
        let is_own = (received.epoch % 2 == 1) == (self.role == Role::Desk);
        // A phone that keeps nothing counts nothing; it is acknowledged by message ids.
        if !is_own || self.beginning == Flags::LeaveNothing {
            return;
        }
        self.is_overtaken |= received.epoch > self.newest;
        if let Some(sending) = &mut self.sending
            && sending.number == received.epoch
            && let Some(highest) = received.highest()
        {
            self.is_overtaken |= highest >= sending.next;
            sending.acknowledged = sending.acknowledged.max(Some(highest));
        }
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

    /// Erases the page keys of days before `day`. Whether there were any.
    pub fn forget_pages_before(&mut self, day: u32) -> bool {
        self.page_key.advance_to(day)
    }

    /// Erases, at a desk, keys of skipped indices and of past epochs older than [`SKIPPED_DAYS`].
    /// Whether there were any.
    pub fn expire(&mut self, today: u32) -> bool {
        let is_past = |day: u32| day.saturating_add(SKIPPED_DAYS) <= today;
        let before = self.receiving.len();
        self.receiving
            .retain(|epoch| !epoch.closed.is_some_and(is_past));
        let mut has_changed = self.receiving.len() < before;
        for epoch in &mut self.receiving {
            let before = epoch.skipped.len();
            epoch.skipped.retain(|skipped| !is_past(skipped.day));
            has_changed |= epoch.skipped.len() < before;
        }
        has_changed
    }

    /// How far this side may send beyond what is acknowledged.
    const fn window(&self) -> u32 {
        match (self.role, self.beginning) {
            (Role::Tipster, _) => PHONE_WINDOW,
            (Role::Desk, Flags::LeaveNothing) => LEAVE_NOTHING_WINDOW,
            (Role::Desk, _) => DESK_WINDOW,
        }
    }

    /// How far the other side may.
    const fn reach(&self) -> u32 {
        match (self.role, self.beginning) {
            (Role::Desk, _) => PHONE_WINDOW,
            (Role::Tipster, Flags::LeaveNothing) => LEAVE_NOTHING_WINDOW,
            (Role::Tipster, _) => DESK_WINDOW,
        }
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

fn first_root(epoch_secret: &Secret, nonce: &[u8; 32]) -> Secret {
    Secret::from_bytes(hash::extract(
        b"sotto/1 root",
        &[epoch_secret.as_bytes(), nonce],
    ))
}
