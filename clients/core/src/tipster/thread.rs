//! One conversation of a person, and which of its own pages were looked at.

use sotto_protocol::{
    conversation::Conversation,
    wire::{DecodeError, Reader, Writer},
};

use crate::{
    bytes::{bytes, flag, read_bytes},
    draws::Drawn,
};

/// A conversation as a phone keeps it.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) conversation: Conversation,
    /// Own pages that were looked at.
    pub(super) drawn: Drawn,
    /// Something of it was opened.
    pub(super) has_spoken: bool,
    /// The desk need not be told that it is there, or was.
    pub(super) is_announced: bool,
}

impl Thread {
    pub(super) fn new(conversation: Conversation) -> Self {
        Self {
            is_announced: !conversation.beginning().is_recontact(),
            conversation,
            drawn: Drawn::default(),
            has_spoken: false,
        }
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = bytes(out, &self.conversation.to_bytes());
        let out = self.drawn.write(out);
        out.u8(u8::from(self.has_spoken))
            .u8(u8::from(self.is_announced))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            conversation: Conversation::from_bytes(&read_bytes(from)?)?,
            drawn: Drawn::read(from)?,
            has_spoken: flag(from)?,
            is_announced: flag(from)?,
        })
    }
}
