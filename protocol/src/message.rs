//! The plaintext of an envelope (SPEC 2.3) and what epoch 0 carries besides (SPEC 3.2).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::{
    keys::SealingPublicKey,
    limits::{BODY_BYTES, FIRST_CONTACT_BYTES, MAX_PARTS, PLAINTEXT_BYTES, RATCHET_KEY_BYTES},
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
    /// Only its acknowledgement fields count.
    Acknowledgement,
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
            .u8(match self.kind {
                Kind::Cover => 0,
                Kind::Text => 1,
                Kind::Acknowledgement => 2,
            })
            .u8(0)
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
        let kind = match reader.u8()? {
            0 => Kind::Cover,
            1 => Kind::Text,
            2 => Kind::Acknowledgement,
            _ => return Err(DecodeError::Field),
        };
        reader.zeros(1)?;
        let length = usize::from(reader.u16()?);
        let (part, parts) = (reader.u8()?, reader.u8()?);
        if length > BODY_BYTES || parts == 0 || parts > MAX_PARTS || part >= parts {
            return Err(DecodeError::Field);
        }
        reader.zeros(2)?;
        let (id, epoch, index) = (reader.u64()?, reader.u32()?, reader.u32()?);
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

/// What an epoch-0 body carries before its text.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstContact {
    /// Names the conversation.
    pub nonce: [u8; 32],
    /// First UTC day of the conversation.
    pub first_day: u32,
    /// Hash of the bundle the phone sealed under.
    pub bundle: [u8; 32],
    /// From the code: how a later phone names the conversation.
    pub handle: [u8; 32],
    /// From the code: how it proves to be the same person.
    pub continuity: Secret,
    /// From the code: what answers to that phone are sealed to.
    pub static_key: SealingPublicKey,
}

impl core::fmt::Debug for FirstContact {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FirstContact(..)")
    }
}

impl FirstContact {
    /// The body of an epoch-0 message.
    pub fn with_text(&self, text: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(
            Writer::with_capacity(BODY_BYTES)
                .bytes(&self.nonce)
                .u32(self.first_day)
                .bytes(&self.bundle)
                .bytes(&self.handle)
                .bytes(self.continuity.as_bytes())
                .bytes(self.static_key.0.as_slice())
                .bytes(text)
                .finish(),
        )
    }

    /// Splits the body of an epoch-0 message into this and its text.
    pub fn parse(body: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader::new(body);
        let first = Self {
            nonce: reader.array()?,
            first_day: reader.u32()?,
            bundle: reader.array()?,
            handle: reader.array()?,
            continuity: Secret::from_bytes(reader.array()?),
            static_key: SealingPublicKey::from_slice(reader.bytes(RATCHET_KEY_BYTES)?)
                .ok_or(DecodeError::Short)?,
        };
        Ok((first, reader.bytes(reader.remaining())?))
    }
}

const _: () = assert!(FIRST_CONTACT_BYTES == 32 + 4 + 32 + 32 + 32 + RATCHET_KEY_BYTES);
