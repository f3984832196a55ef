//! One conversation of a case: what it owes the tipster, and what the tipster has said of that.

use sotto_protocol::{
    conversation::{Content, Conversation},
    keys::SealingPublicKey,
    limits::{DAY_SECONDS, RATCHET_KEY_BYTES, RECEIPT_DAYS},
    message::{Receipts, Received},
    secret::Secret,
    twice::Twice,
    wire::{DecodeError, Reader, Writer},
};

use super::{luck::Luck, pending::Pending};
use crate::bytes::{bytes, flag, list, option, read_bytes, read_list, read_option};

/// A conversation and what stands on its boards.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) conversation: Conversation,
    static_key: SealingPublicKey,
    /// What a confirmation has to bring back; `None` where nothing is in doubt.
    proof: Option<Secret>,
    /// What of the tipster's was opened here.
    receipts: Receipts,
    /// Oldest first.
    pub(super) pending: Vec<Pending>,
    pub(super) receipt: Option<Pending>,
    /// A later conversation of the same person has taken its place.
    pub(super) is_retired: bool,
}

impl Thread {
    /// `proof` where it claims to come from a person this desk has talked to before.
    pub(super) fn new(
        conversation: Conversation,
        static_key: SealingPublicKey,
        proof: Option<Secret>,
    ) -> Self {
        Self {
            conversation,
            static_key,
            proof,
            receipts: Receipts::default(),
            pending: Vec::new(),
            receipt: None,
            is_retired: false,
        }
    }

    /// Whether it has yet to prove that it holds the code.
    pub(super) const fn is_unconfirmed(&self) -> bool {
        self.proof.is_some()
    }

    /// What its bodies are sealed to besides, as long as that is so.
    pub(super) fn twice(&self) -> Option<Twice> {
        let proof = self.proof.clone()?;
        Some(Twice {
            line: self.conversation.line(),
            nonce: *self.conversation.nonce(),
            static_key: self.static_key.clone(),
            proof,
        })
    }

    /// Whether `body` is the proof that was waited for. From then on nothing is in doubt.
    pub(super) fn confirm(&mut self, body: &[u8]) -> bool {
        let is_right = self.proof.as_ref().is_some_and(|proof| proof.matches(body));
        if is_right {
            self.proof = None;
        }
        is_right
    }

    /// Takes what a message says of this side's messages: `received` if it was one of this
    /// conversation, receipts of whichever conversation of this person.
    pub(super) fn hear(&mut self, received: Option<Received>, receipts: Option<&Receipts>) {
        let is_done = |pending: &mut Pending| pending.is_acknowledged(received, receipts);
        self.pending.retain_mut(|pending| !is_done(pending));
        self.receipt.take_if(is_done);
    }

    /// Acknowledges a message of the tipster, also one that is known already: then the receipt was
    /// lost or is yet to be found.
    pub(super) fn acknowledge(&mut self, id: u64, part: u8, now: u64) {
        self.receipts.note(id, part);
        match &mut self.receipt {
            Some(receipt) => receipt.renew(&self.receipts, now),
            None => self.receipt = Some(Pending::receipt(&self.receipts, now)),
        }
    }

    /// Lets a phone that has come back hear that it was heard.
    pub(super) fn greet(&mut self, now: u64) {
        let receipts = &self.receipts;
        self.receipt
            .get_or_insert_with(|| Pending::receipt(receipts, now));
    }

    /// Queues a message to the tipster.
    pub(super) fn queue(&mut self, content: Content<'_>, now: u64) {
        let is_there = |p: &Pending| (p.id, p.part) == (content.id, content.part);
        if !self.pending.iter().any(is_there) {
            self.pending.push(Pending::new(content, now));
        }
    }

    /// Gives everything that waits its index; into the next epoch if that is due.
    pub(super) fn settle(&mut self, luck: &Luck) {
        let fresh = luck.fresh(self.conversation.nonce());
        let is_due = self.conversation.is_epoch_due();
        for pending in self.receipt.iter_mut().chain(&mut self.pending) {
            if is_due {
                pending.move_on();
            }
            // Without room for one there is none for the rest either.
            if !pending.settle(&mut self.conversation, &fresh) && !is_due {
                break;
            }
        }
    }

    /// Leaves the boards to a later conversation.
    pub(super) fn retire(&mut self) {
        self.is_retired = true;
        self.pending.clear();
        self.receipt = None;
    }

    /// Erases what is past. Whether anything was.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        let today = sotto_protocol::bundle::day_of(now);
        let lasts = RECEIPT_DAYS.saturating_mul(DAY_SECONDS);
        let is_old = |receipt: &mut Pending| receipt.since.saturating_add(lasts) <= now;
        let has_dropped = self.receipt.take_if(is_old).is_some();
        // No cycle that is still written began earlier, as a cycle lasts a day at most.
        let has_forgotten = self
            .conversation
            .forget_pages_before(today.saturating_sub(2));
        self.conversation.expire(today) || has_dropped || has_forgotten
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = bytes(out, &self.conversation.to_bytes());
        let out = out.bytes(self.static_key.0.as_slice());
        let out = option(out, self.proof.as_ref(), |out, proof| {
            out.bytes(proof.as_bytes())
        });
        let out = bytes(out, &self.receipts.to_bytes());
        let out = list(out, &self.pending, Pending::write);
        let out = option(out, self.receipt.as_ref(), |out, receipt| {
            receipt.write(out)
        });
        out.u8(u8::from(self.is_retired))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            conversation: Conversation::from_bytes(&read_bytes(from)?)?,
            static_key: SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?)
                .ok_or(DecodeError::Short)?,
            proof: read_option(from, |from| from.array().map(Secret::from_bytes))?,
            receipts: Receipts::from_bytes(&read_bytes(from)?)?,
            pending: read_list(from, Pending::read)?,
            receipt: read_option(from, Pending::read)?,
            is_retired: flag(from)?,
        })
    }
}
