//! What stands on the boards until it is acknowledged.

use sotto_protocol::{
    conversation::{Content, Conversation, Fresh, Outgoing},
    limits::MAX_PARTS,
    message::{Flags, Kind, Receipts, Received},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::bytes::{bytes, flag, option, read_bytes, read_option};

/// One message to the tipster, sealed anew in every cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) part: u8,
    parts: u8,
    body: Zeroizing<Vec<u8>>,
    /// Unix seconds from which its age counts.
    pub(super) since: u64,
    /// `None` until the conversation has room for it.
    pub(super) outgoing: Option<Outgoing>,
    /// It says more than what was first sealed under its index, which the tipster may have opened.
    is_newer: bool,
}

impl Pending {
    pub(super) fn new(content: Content<'_>, since: u64) -> Self {
        Self {
            kind: content.kind,
            id: content.id,
            part: content.part,
            parts: content.parts,
            body: Zeroizing::new(content.body.to_vec()),
            since,
            outgoing: None,
            is_newer: false,
        }
    }

    /// The receipt of a conversation.
    pub(super) fn receipt(receipts: &Receipts, now: u64) -> Self {
        let body = receipts.to_bytes();
        let content = Content {
            kind: Kind::Acknowledgement,
            flags: Flags::None,
            id: 0,
            part: 0,
            parts: 1,
            body: &body,
        };
        Self::new(content, now)
    }

    pub(super) fn content(&self) -> Content<'_> {
        Content {
            kind: self.kind,
            flags: Flags::None,
            id: self.id,
            part: self.part,
            parts: self.parts,
            body: &self.body,
        }
    }

    /// A newer receipt in the place of the last one, under the same index.
    pub(super) fn renew(&mut self, receipts: &Receipts, now: u64) {
        let newer = Self::receipt(receipts, now);
        self.since = now;
        self.body = newer.body;
        let content = Content {
            kind: self.kind,
            flags: Flags::None,
            id: self.id,
            part: self.part,
            parts: self.parts,
            body: &self.body,
        };
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.replace(content);
            self.is_newer = true;
        }
    }

    /// Takes the next index of the conversation, if there is room. Whether it has one now.
    pub(super) fn settle(&mut self, conversation: &mut Conversation, fresh: &Fresh) -> bool {
        if self.outgoing.is_none() {
            self.outgoing = conversation.prepare(self.content(), fresh).ok();
        }
        self.outgoing.is_some()
    }

    /// Gives its index up, because the conversation opens its next epoch.
    pub(super) fn move_on(&mut self) {
        self.outgoing = None;
        self.is_newer = false;
    }

    /// Whether it is done with, now that the tipster has said what was opened.
    pub(super) fn is_acknowledged(
        &mut self,
        received: Option<Received>,
        receipts: Option<&Receipts>,
    ) -> bool {
        let number = self.outgoing.as_ref().map(Outgoing::number);
        let covers = |received: Received| number.is_some_and(|(e, j)| received.covers(e, j));
        let is_opened = received.is_some_and(covers)
            || receipts.is_some_and(|receipts| receipts.covers(self.id, self.part));
        if is_opened && self.is_newer {
            // What was opened said less: it goes on under the next index.
            self.move_on();
            return false;
        }
        is_opened
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = out
            .u8(self.kind.byte())
            .u64(self.id)
            .u8(self.part)
            .u8(self.parts)
            .u64(self.since)
            .u8(u8::from(self.is_newer));
        let out = bytes(out, &self.body);
        // Bodies were bounded when they were split, so that they always encode.
        let outgoing = self.outgoing.as_ref().and_then(Outgoing::to_bytes);
        option(out, outgoing.as_ref(), |out, outgoing| bytes(out, outgoing))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let pending = Self {
            kind: Kind::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
            id: from.u64()?,
            part: from.u8()?,
            parts: from.u8()?,
            since: from.u64()?,
            is_newer: flag(from)?,
            body: read_bytes(from)?,
            outgoing: read_option(from, |from| Outgoing::from_bytes(&read_bytes(from)?))?,
        };
        if pending.part >= pending.parts || pending.parts > MAX_PARTS {
            return Err(DecodeError::Field);
        }
        Ok(pending)
    }
}
