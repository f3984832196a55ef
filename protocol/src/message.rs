//! The plaintext of an envelope (SPEC 2.3).

mod first_contact;
mod receipts;

use alloc::vec::Vec;

use zeroize::Zeroizing;

pub use self::{
    first_contact::{Contact, FirstContact},
    receipts::{Receipt, Receipts},
};
use crate::{
    keys::SealingPublicKey,
    limits::{BODY_BYTES, MAX_PARTS, PLAINTEXT_BYTES, RATCHET_KEY_BYTES},
    secret::Secret,
    wire::{DecodeError, Reader, Writer},
};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says nothing; dropped by whoever opens it.
    Cover,
    /// Text for a person.
    Text,
    /// Names what was opened; itself neither acknowledged nor repeated.
    Acknowledgement,
    /// Tells about an attachment (SPEC 3.8).
    Manifest,
    /// Names chunks of an attachment that are missing (SPEC 3.8).
    Wanted,
    /// Brings back the proof of an answer that was sealed twice (SPEC 3.6).
    Confirmation,
}

impl Kind {
    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Cover => 0,
            Self::Text => 1,
            Self::Acknowledgement => 2,
            Self::Manifest => 3,
            Self::Wanted => 4,
            Self::Confirmation => 5,
        }
    }

    /// Reads [`Self::byte`].
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Cover,
            1 => Self::Text,
            2 => Self::Acknowledgement,
            3 => Self::Manifest,
            4 => Self::Wanted,
            5 => Self::Confirmation,
            _ => return None,
        })
    }

    /// Whether its arrival is acknowledged and it is sent again until it is.
    pub const fn is_repeated(self) -> bool {
        !matches!(self, Self::Cover | Self::Acknowledgement)
    }
}

/// What is special about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flags {
    /// Nothing.
    #[default]
    None,
    /// Epoch 0: proves by a MAC that it comes from the holder of an earlier conversation's code.
    Recontact,
    /// A re-contact of a phone that keeps nothing: everything of it derives from the code.
    LeaveNothing,
    /// From a desk: the body is sealed once more, to the code's static key.
    Twice,
}

impl Flags {
    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Recontact => 1,
            Self::LeaveNothing => 3,
            Self::Twice => 4,
        }
    }

    /// Reads [`Self::byte`].
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::None,
            1 => Self::Recontact,
            3 => Self::LeaveNothing,
            4 => Self::Twice,
            _ => return None,
        })
    }

    /// Whether epoch 0 may carry it, or a later epoch.
    const fn fits(self, epoch: u32) -> bool {
        match self {
            Self::None => true,
            Self::Recontact | Self::LeaveNothing => epoch == 0,
            Self::Twice => epoch % 2 == 1,
        }
    }

    /// Whether a MAC under the continuity key goes with it.
    pub const fn is_recontact(self) -> bool {
        matches!(self, Self::Recontact | Self::LeaveNothing)
    }
}

/// What the sender has opened of the other side's latest epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The epoch.
    pub epoch: u32,
    /// Highest opened index less 63, at least 0.
    pub base: u32,
    /// Bit i: index base + i was opened.
    pub bitmap: u64,
}

impl Received {
    /// The highest index it covers.
    pub const fn highest(&self) -> Option<u32> {
        match self.bitmap.checked_ilog2() {
            Some(bit) => self.base.checked_add(bit),
            None => None,
        }
    }

    /// Whether it covers message (`epoch`, `index`).
    pub const fn covers(&self, epoch: u32, index: u32) -> bool {
        let bit = index.wrapping_sub(self.base);
        self.epoch == epoch && index >= self.base && bit < 64 && self.bitmap >> bit & 1 == 1
    }
}

/// One opened plaintext.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// What is special about it.
    pub flags: Flags,
    /// From 0.
    pub part: u8,
    /// 1 to 4.
    pub parts: u8,
    /// The same in every part and copy.
    pub id: u64,
    /// Epoch of the sender.
    pub epoch: u32,
    /// Index within it.
    pub index: u32,
    /// What the sender has opened; `None` before anything.
    pub received: Option<Received>,
    /// The sender's epoch secret.
    pub epoch_secret: Secret,
    /// The sender's ratchet key of this epoch.
    pub ratchet_key: SealingPublicKey,
    /// At most [`BODY_BYTES`].
    pub body: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Message(..)")
    }
}

impl Message {
    /// The 6,924 bytes; `None` where the body is too long.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let length = u16::try_from(self.body.len())
            .ok()
            .filter(|l| usize::from(*l) <= BODY_BYTES)?;
        let received = self.received.unwrap_or(Received {
            epoch: u32::MAX,
            base: 0,
            bitmap: 0,
        });
        let bytes = Writer::with_capacity(PLAINTEXT_BYTES)
            .u8(self.kind.byte())
            .u8(self.flags.byte())
            .u16(length)
            .u8(self.part)
            .u8(self.parts)
            .u16(0)
            .u64(self.id)
            .u32(self.epoch)
            .u32(self.index)
            .u32(received.epoch)
            .u32(received.base)
            .u64(received.bitmap)
            .bytes(self.epoch_secret.as_bytes())
            .bytes(self.ratchet_key.0.as_slice())
            .bytes(&self.body)
            .pad_to(PLAINTEXT_BYTES);
        Some(Zeroizing::new(bytes.finish()))
    }

    /// Reads exactly 6,924 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let kind = Kind::from_byte(reader.u8()?).ok_or(DecodeError::Field)?;
        let flags = Flags::from_byte(reader.u8()?).ok_or(DecodeError::Field)?;
        let length = usize::from(reader.u16()?);
        let (part, parts) = (reader.u8()?, reader.u8()?);
        if length > BODY_BYTES || parts == 0 || parts > MAX_PARTS || part >= parts {
            return Err(DecodeError::Field);
        }
        reader.zeros(2)?;
        let (id, epoch, index) = (reader.u64()?, reader.u32()?, reader.u32()?);
        if !flags.fits(epoch) {
            return Err(DecodeError::Field);
        }
        let received = Received {
            epoch: reader.u32()?,
            base: reader.u32()?,
            bitmap: reader.u64()?,
        };
        let is_none = received.epoch == u32::MAX;
        if is_none && (received.base != 0 || received.bitmap != 0) {
            return Err(DecodeError::Reserved);
        }
        let epoch_secret = Secret::from_bytes(reader.array()?);
        let ratchet_key = SealingPublicKey::from_slice(reader.bytes(RATCHET_KEY_BYTES)?);
        let body = Zeroizing::new(reader.bytes(length)?.to_vec());
        reader.zeros(BODY_BYTES.saturating_sub(length))?;
        reader.finish()?;
        Ok(Self {
            kind,
            flags,
            part,
            parts,
            id,
            epoch,
            index,
            received: (!is_none).then_some(received),
            epoch_secret,
            ratchet_key: ratchet_key.ok_or(DecodeError::Short)?,
            body,
        })
    }
}
