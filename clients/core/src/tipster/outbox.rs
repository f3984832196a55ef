//! What this person sends, until the desk has said that it was opened.

use sotto_protocol::{
    limits::MAX_SENDINGS,
    message::{Kind, Receipts, Received},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::bytes::{bytes, flag, list, read_bytes, read_list};

/// One message on its way: a part of a text, a manifest, a confirmation.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) part: u8,
    pub(super) parts: u8,
    /// Every (epoch, index) it was sealed under in the newest conversation.
    pub(super) numbers: Vec<(u32, u32)>,
    /// How often the relay has taken it in the newest conversation.
    sendings: u32,
    /// The opening of the app from which on it may be sealed again.
    due: u32,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Item {
    pub(super) fn new(kind: Kind, id: u64, (part, parts): (u8, u8), body: &[u8]) -> Self {
        Self {
            kind,
            id,
            part,
            parts,
            numbers: Vec::new(),
            sendings: 0,
            due: 0,
            body: Zeroizing::new(body.to_vec()),
        }
    }

    /// Whether the relay has taken it since the conversation began.
    pub(super) const fn is_held(&self) -> bool {
        self.sendings > 0
    }

    /// How often the relay has taken it.
    pub(super) const fn sendings(&self) -> u32 {
        self.sendings
    }

    /// Whether it takes the next turn at this opening.
    pub(super) const fn is_due(&self, opening: u32) -> bool {
        !self.is_held() || opening >= self.due
    }

    /// Whether it was sent so often that only a new conversation helps.
    pub(super) const fn is_hopeless(&self, opening: u32) -> bool {
        self.sendings >= MAX_SENDINGS && opening >= self.due
    }

    /// The relay has taken it: it is due again 1, 2, 4, .. openings later.
    pub(super) fn sent(&mut self, opening: u32) {
        let wait = 1_u32.checked_shl(self.sendings).unwrap_or(u32::MAX);
        self.sendings = self.sendings.saturating_add(1);
        self.due = opening.saturating_add(wait);
    }

    /// A new conversation begins: everything is to be sent there.
    pub(super) fn restart(&mut self) {
        self.numbers.clear();
        self.sendings = 0;
    }

    /// Whether the desk names it as opened. Its index alone does not count: where this state was put
    /// back from a copy, something else may have been sent under it before.
    pub(super) fn is_opened(&self, receipts: &Receipts) -> bool {
        receipts.covers(self.id, self.part)
    }

    /// Whether the desk has opened something else under one of its indices. What is sent in this
    /// conversation from now on cannot be told from what was sent before the copy.
    pub(super) fn is_usurped(&self, received: Received) -> bool {
        let mut numbers = self.numbers.iter();
        numbers.any(|(epoch, index)| received.covers(*epoch, *index))
    }

    /// Only a new conversation helps.
    pub(super) const fn give_up(&mut self) {
        self.sendings = MAX_SENDINGS;
        self.due = 0;
    }

    /// Whether the desk has opened later ones but not this: then the relay has lost it, and it is
    /// due at once.
    pub(super) fn find_lost(&mut self, received: Received) -> bool {
        let last = self.numbers.last().copied();
        let is_lost = last.is_some_and(|(epoch, index)| {
            epoch == received.epoch
                && received.highest().is_some_and(|highest| index < highest)
                && !received.covers(epoch, index)
        });
        if is_lost {
            self.due = 0;
        }
        is_lost
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = out
            .u8(self.kind.byte())
            .u64(self.id)
            .u8(self.part)
            .u8(self.parts)
            .u32(self.sendings)
            .u32(self.due);
        let out = list(out, &self.numbers, |(epoch, index), out| {
            out.u32(*epoch).u32(*index)
        });
        bytes(out, &self.body)
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind: Kind::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
            id: from.u64()?,
            part: from.u8()?,
            parts: from.u8()?,
            sendings: from.u32()?,
            due: from.u32()?,
            numbers: read_list(from, |from| Ok((from.u32()?, from.u32()?)))?,
            body: read_bytes(from)?,
        })
    }
}

/// Where a text of this person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Still here.
    Waiting,
    /// The relay holds it; the desk is not known to have opened it.
    Held,
    /// The desk has opened it.
    Opened,
    /// The desk has written since.
    Answered,
}

/// What became of one text. The text itself is erased once it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub(super) id: u64,
    /// Where it is.
    pub stage: Stage,
    /// Unix seconds when it was written.
    pub at: u64,
    /// The relay had lost something of it; it was noticed and sent again.
    pub was_lost: bool,
}

impl Sent {
    pub(super) const fn new(id: u64, at: u64) -> Self {
        Self {
            id,
            stage: Stage::Waiting,
            at,
            was_lost: false,
        }
    }

    /// Whole days since it was written, while nobody is known to have opened it.
    pub const fn days_unopened(&self, now: u64) -> Option<u64> {
        match self.stage {
            Stage::Waiting | Stage::Held => {
                Some(now.saturating_sub(self.at) / sotto_protocol::limits::DAY_SECONDS)
            }
            Stage::Opened | Stage::Answered => None,
        }
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let stage = match self.stage {
            Stage::Waiting => 0,
            Stage::Held => 1,
            Stage::Opened => 2,
            Stage::Answered => 3,
        };
        out.u64(self.id)
            .u8(stage)
            .u64(self.at)
            .u8(u8::from(self.was_lost))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: from.u64()?,
            stage: match from.u8()? {
                0 => Stage::Waiting,
                1 => Stage::Held,
                2 => Stage::Opened,
                3 => Stage::Answered,
                _ => return Err(DecodeError::Field),
            },
            at: from.u64()?,
            was_lost: flag(from)?,
        })
    }
}
