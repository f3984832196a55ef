//! What is inside a record (SPEC 5.6): one kind of body, its author, and padding that is checked.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::SealedKey;
use crate::{
    id::DeviceId,
    keys::SealingPublicKey,
    limits::{
        LOG_BODY_BYTES, LOG_KEYS_MAX, LOG_PART_BYTES, LOG_PARTS_MAX, LOG_PLAINTEXT_BYTES,
        LOG_SLOT_BYTES, RATCHET_KEY_BYTES,
    },
    wire::{DecodeError, Reader, Writer},
};

/// The plaintext of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Who says it wrote the record. Everybody who holds the log key could.
    pub author: DeviceId,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing; as long as any other.
    Empty,
    /// Up to [`LOG_BODY_BYTES`] that mean nothing here.
    Payload(Zeroizing<Vec<u8>>),
    /// The log key of the next period, for some devices.
    Key(KeyPart),
    /// The author's log key of a day.
    DeviceKey(DeviceKey),
    /// The record's slot holds the log key for a newcomer.
    Welcome(Welcome),
    /// A part of the state a newcomer begins with.
    Snapshot(SnapshotPart),
}

/// For whom, and from which day on, a log key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// UTC day in which the key was drawn.
    pub day: u32,
    /// Serial of the roster it was drawn for.
    pub serial: u64,
    /// `H(payload)` of that roster.
    pub roster: [u8; 32],
    /// `H("sotto/1 log members" || ids of the log's devices in it, ascending)`.
    pub members: [u8; 32],
}

/// One of the records that give a new log key away; the last of them begins its period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart {
    /// Name of the new key.
    pub key_id: [u8; 16],
    /// For whom it was drawn.
    pub period: Period,
    /// From 0.
    pub part: u8,
    /// How many there are, at least 1.
    pub parts: u8,
    /// At most [`LOG_KEYS_MAX`].
    pub sealed: Vec<SealedKey>,
}

/// What log keys are sealed to from now on, for the author of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// UTC day.
    pub day: u32,
    /// X-Wing public key.
    pub key: SealingPublicKey,
}

/// Lets a newcomer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The newcomer.
    pub device: DeviceId,
    /// What the log key in use was drawn for.
    pub period: Period,
}

/// A part of a snapshot.
#[derive(Clone, PartialEq, Eq)]
pub struct SnapshotPart {
    /// Whom it is for.
    pub device: DeviceId,
    /// The first position whose payload is not in the snapshot.
    pub upto: u64,
    /// From 0.
    pub part: u16,
    /// How many there are, 1 to [`LOG_PARTS_MAX`].
    pub parts: u16,
    /// 1 to [`LOG_PART_BYTES`].
    pub bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Payload(_) => "Payload(..)",
            Self::Key(_) => "Key(..)",
            Self::DeviceKey(_) => "DeviceKey(..)",
            Self::Welcome(_) => "Welcome(..)",
            Self::Snapshot(_) => "Snapshot(..)",
        })
    }
}

impl fmt::Debug for SnapshotPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotPart(..)")
    }
}

impl LogEntry {
    /// The [`LOG_PLAINTEXT_BYTES`]; `None` where the body is longer than a record holds.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (kind, body) = self.body.to_bytes();
        if body.len() > LOG_BODY_BYTES {
            return None;
        }
        let out = Writer::with_capacity(LOG_PLAINTEXT_BYTES)
            .u8(kind)
            .u8(0)
            .u16(u16::try_from(body.len()).ok()?)
            .bytes(&self.author.0)
            .bytes(&body)
            .pad_to(LOG_PLAINTEXT_BYTES);
        Some(Zeroizing::new(out.finish()))
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        reader.zeros(1)?;
        let length = usize::from(reader.u16()?);
        let author = DeviceId(reader.array()?);
        let rest = LOG_BODY_BYTES
            .checked_sub(length)
            .ok_or(DecodeError::Field)?;
        let body = reader.bytes(length)?;
        reader.zeros(rest)?;
        reader.finish()?;
        Ok(Self {
            author,
            body: Body::read(kind, body)?,
        })
    }
}

impl Body {
    fn to_bytes(&self) -> (u8, Zeroizing<Vec<u8>>) {
        let out = Writer::with_capacity(LOG_BODY_BYTES);
        let (kind, out) = match self {
            Self::Empty => (0, out),
            Self::Payload(bytes) => (1, out.bytes(bytes)),
            Self::Key(part) => (2, part.write(out)),
            Self::DeviceKey(key) => (3, out.u32(key.day).bytes(key.key.0.as_slice())),
            Self::Welcome(welcome) => (4, welcome.period.write(out.bytes(&welcome.device.0))),
            Self::Snapshot(part) => (5, part.write(out)),
        };
        (kind, Zeroizing::new(out.finish()))
    }

    fn read(kind: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let from = &mut reader;
        let read = match kind {
            0 => Self::Empty,
            1 => Self::Payload(from.bytes(from.remaining())?.to_vec().into()),
            2 => Self::Key(KeyPart::read(from)?),
            3 => Self::DeviceKey(DeviceKey {
                day: from.u32()?,
                key: SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?)
                    .ok_or(DecodeError::Short)?,
            }),
            4 => Self::Welcome(Welcome {
                device: DeviceId(from.array()?),
                period: Period::read(from)?,
            }),
            5 => Self::Snapshot(SnapshotPart::read(from)?),
            _ => return Err(DecodeError::Field),
        };
        reader.finish()?;
        Ok(read)
    }
}

impl Period {
    /// Appends the 76 bytes.
    #[must_use]
    pub fn write(&self, out: Writer) -> Writer {
        out.u32(self.day)
            .u64(self.serial)
            .bytes(&self.roster)
            .bytes(&self.members)
    }

    /// Reads [`Self::write`].
    pub fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            day: from.u32()?,
            serial: from.u64()?,
            roster: from.array()?,
            members: from.array()?,
        })
    }
}

impl KeyPart {
    fn write(&self, out: Writer) -> Writer {
        let count = u8::try_from(self.sealed.len()).unwrap_or(u8::MAX);
        let out = self.period.write(out.bytes(&self.key_id));
        let out = out.bytes(&[self.part, self.parts, count, 0]);
        self.sealed.iter().fold(out, |out, sealed| {
            out.bytes(&sealed.device.0).bytes(&sealed.sealed)
        })
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (key_id, period) = (from.array()?, Period::read(from)?);
        let (part, parts, count) = (from.u8()?, from.u8()?, usize::from(from.u8()?));
        from.zeros(1)?;
        if part >= parts || count > LOG_KEYS_MAX {
            return Err(DecodeError::Field);
        }
        let sealed = (0..count).map(|_| {
            Ok(SealedKey {
                device: DeviceId(from.array()?),
                sealed: from.bytes(LOG_SLOT_BYTES)?.into(),
            })
        });
        Ok(Self {
            sealed: sealed.collect::<Result<_, DecodeError>>()?,
            key_id,
            period,
            part,
            parts,
        })
    }
}

impl SnapshotPart {
    fn write(&self, out: Writer) -> Writer {
        out.bytes(&self.device.0)
            .u64(self.upto)
            .u16(self.part)
            .u16(self.parts)
            .bytes(&self.bytes)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let part = Self {
            device: DeviceId(from.array()?),
            upto: from.u64()?,
            part: from.u16()?,
            parts: from.u16()?,
            bytes: from.bytes(from.remaining())?.to_vec().into(),
        };
        let length = 1..=LOG_PART_BYTES;
        if part.part >= part.parts
            || part.parts > LOG_PARTS_MAX
            || !length.contains(&part.bytes.len())
        {
            return Err(DecodeError::Field);
        }
        Ok(part)
    }
}
