//! One epoch's chain, for the side that sends in it and the side that receives (SPEC 3.3).

use alloc::vec::Vec;

use crate::{
    hash,
    id::{Address, Board},
    keys::SealingPublicKey,
    limits::MAX_SKIPPED,
    message::{Message, Received},
    secret::Secret,
};

/// `w` of SPEC 3.3: where an envelope stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// In the inbox, towards the desk.
    Inbox,
    /// On a board in one cycle, towards the phone.
    Board(Board, u64),
}

/// An address where a message of the other side may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The address.
    pub address: Address,
    /// Epoch and index of the message.
    pub number: (u32, u32),
    /// It was opened before and cannot be opened again: its sender has not seen the acknowledgement.
    pub is_known: bool,
}

/// This side's own epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) number: u32,
    /// `None` in epoch 0, which has no chain.
    pub(super) chain: Option<Secret>,
    /// `None` in epoch 0, whose addresses are random.
    pub(super) slots: Option<Secret>,
    pub(super) next: u32,
    /// The highest index the other side has said it opened.
    pub(super) acknowledged: Option<u32>,
    pub(super) epoch_secret: Secret,
    pub(super) ratchet_key: SealingPublicKey,
}

impl Sending {
    pub(super) const fn first(epoch_secret: Secret, ratchet_key: SealingPublicKey) -> Self {
        Self {
            number: 0,
            chain: None,
            slots: None,
            next: 0,
            acknowledged: None,
            epoch_secret,
            ratchet_key,
        }
    }

    pub(super) fn derive(
        root: &Secret,
        number: u32,
        epoch_secret: Secret,
        ratchet_key: SealingPublicKey,
    ) -> Self {
        let (chain, slots) = epoch_keys(root, number);
        Self {
            number,
            chain: Some(chain),
            slots: Some(slots),
            next: 0,
            acknowledged: None,
            epoch_secret,
            ratchet_key,
        }
    }

    /// The first index that lies beyond the window.
    pub(super) fn limit(&self, window: u32) -> u32 {
        let first = self
            .acknowledged
            .map_or(0, |highest| highest.saturating_add(1));
        first.saturating_add(window)
    }

    /// The message key of the next index; the chain moves on.
    pub(super) fn step(&mut self) -> Option<Secret> {
        let (key, chain) = step(self.chain.as_ref()?);
        self.next = self.next.checked_add(1)?;
        self.chain = Some(chain);
        Some(key)
    }
}

/// A key of an index that was jumped over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) index: u32,
    /// UTC day on which it was jumped over.
    pub(super) day: u32,
    pub(super) key: Secret,
}

/// An epoch of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receiving {
    pub(super) number: u32,
    /// `None` in epoch 0.
    pub(super) chain: Option<Secret>,
    /// `None` in epoch 0.
    pub(super) slots: Option<Secret>,
    pub(super) next: u32,
    /// Hash of the epoch secret and ratchet key that the first opened message fixed.
    pub(super) fixed: Option<[u8; 32]>,
    /// UTC day on which a later epoch of the same side was opened.
    pub(super) closed: Option<u32>,
    /// Oldest first.
    pub(super) skipped: Vec<Skipped>,
}

impl Receiving {
    pub(super) fn derive(root: &Secret, number: u32) -> Self {
        let (chain, slots) = epoch_keys(root, number);
        Self {
            number,
            chain: Some(chain),
            slots: Some(slots),
            next: 0,
            fixed: None,
            closed: None,
            skipped: Vec::new(),
        }
    }

    pub(super) fn first(message: &Message) -> Self {
        let fixed = Some(fixed_by(message));
        Self {
            number: 0,
            chain: None,
            slots: None,
            next: 0,
            fixed,
            closed: None,
            skipped: Vec::new(),
        }
    }

    /// Whether the message carries what the first one of the epoch fixed.
    pub(super) fn agrees_with(&self, message: &Message) -> bool {
        self.fixed.is_none_or(|fixed| fixed == fixed_by(message))
    }

    pub(super) fn fix(&mut self, message: &Message) {
        self.fixed = Some(fixed_by(message));
    }

    /// Addresses of skipped indices and of the next `reach` ones.
    pub(super) fn expected(&self, slot: Slot, reach: u32) -> Vec<Expected> {
        let ahead = self.next..self.next.saturating_add(reach);
        let skipped = self.skipped.iter().map(|skipped| skipped.index);
        self.places(skipped.chain(ahead), slot, false)
    }

    /// Addresses of indices that were opened.
    pub(super) fn known(&self, slot: Slot, received: Received) -> Vec<Expected> {
        let window = received.base..=received.base.saturating_add(63);
        let opened = window.filter(|index| received.covers(self.number, *index));
        self.places(opened, slot, true)
    }

    fn places(
        &self,
        indices: impl Iterator<Item = u32>,
        slot: Slot,
        is_known: bool,
    ) -> Vec<Expected> {
        let Some(slots) = &self.slots else {
            return Vec::new();
        };
        let place = |index| Expected {
            address: address(slots, index, slot),
            number: (self.number, index),
            is_known,
        };
        indices.map(place).collect()
    }

    /// The message key of an index, and the state once that message is opened on `day`.
    pub(super) fn key_of(&self, index: u32, reach: u32, day: u32) -> Option<(Secret, Self)> {
        let mut after = self.clone();
        if let Some(position) = self.skipped.iter().position(|s| s.index == index) {
            let skipped = after.skipped.remove(position);
            return Some((skipped.key, after));
        }
        if index.checked_sub(self.next)? >= reach {
            return None;
        }
        let mut chain = after.chain.take()?;
        for skipped_index in self.next..index {
            let (key, next) = step(&chain);
            after.skipped.push(Skipped {
                index: skipped_index,
                day,
                key,
            });
            chain = next;
        }
        // What was lost is sent again under another index, so that the oldest can go.
        let kept = MAX_SKIPPED.max(reach as usize);
        let excess = after.skipped.len().saturating_sub(kept);
        after.skipped.drain(..excess);
        let (key, chain) = step(&chain);
        after.chain = Some(chain);
        after.next = index.checked_add(1)?;
        Some((key, after))
    }
}

/// `RK[e]` from `RK[e-1]`.
pub(super) fn root(before: &Secret, epoch_secret: &Secret, key: &SealingPublicKey) -> Secret {
    let ikm: [&[u8]; 2] = [epoch_secret.as_bytes(), &key.hash()];
    Secret::from_bytes(hash::extract(before.as_bytes(), &ikm))
}

/// `address[e,j,w]`.
pub(super) fn address(slots: &Secret, index: u32, slot: Slot) -> Address {
    let (board, cycle) = match slot {
        Slot::Inbox => (0, 0),
        Slot::Board(board, cycle) => (board.byte(), cycle),
    };
    let (index, cycle) = (index.to_le_bytes(), cycle.to_le_bytes());
    let info: [&[u8]; 4] = [b"sotto/1 slot", &index, &[board], &cycle];
    Address(hash::expand(slots.as_bytes(), &info))
}

/// The acknowledgement once (`epoch`, `index`) is opened too.
pub(super) fn with_opened(before: Option<Received>, epoch: u32, index: u32) -> Received {
    let fresh = Received {
        epoch,
        base: index.saturating_sub(63),
        bitmap: 0,
    };
    let mut received = before
        .filter(|received| received.epoch == epoch)
        .unwrap_or(fresh);
    let base = received.base.max(index.saturating_sub(63));
    received.bitmap = received
        .bitmap
        .checked_shr(base.saturating_sub(received.base))
        .unwrap_or(0);
    received.base = base;
    if let Some(bit) = index.checked_sub(base) {
        received.bitmap |= 1_u64.checked_shl(bit).unwrap_or(0);
    }
    received
}

/// `CK[e,0] || AK[e]`.
fn epoch_keys(root: &Secret, number: u32) -> (Secret, Secret) {
    let both: [u8; 64] = hash::expand(root.as_bytes(), &[b"sotto/1 epoch", &number.to_le_bytes()]);
    let both = zeroize::Zeroizing::new(both);
    let (halves, _) = both.as_chunks::<32>();
    let half = |i: usize| Secret::from_bytes(halves.get(i).copied().unwrap_or_default());
    (half(0), half(1))
}

/// `MK[e,j]` and `CK[e,j+1]`.
fn step(chain: &Secret) -> (Secret, Secret) {
    let key = hash::expand(chain.as_bytes(), &[b"sotto/1 message"]);
    let next = hash::expand(chain.as_bytes(), &[b"sotto/1 chain"]);
    (Secret::from_bytes(key), Secret::from_bytes(next))
}

fn fixed_by(message: &Message) -> [u8; 32] {
    hash::digest(&[
        message.epoch_secret.as_bytes(),
        message.ratchet_key.0.as_slice(),
    ])
}
