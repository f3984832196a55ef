//! What changes the state that a desk's devices share, as it stands in their log (SPEC 5.6.1).

use sotto_protocol::{
    id::DeviceId,
    limits::{
        BODY_BYTES, LOG_BODY_BYTES, LOG_KEYS_MAX, LOG_SLOT_BYTES, MAX_PARTS, PLAINTEXT_BYTES,
    },
    message::{Kind, Message},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::luck::Luck;

/// One change. Applied in the order of the log, on every device, to the same state.
#[derive(Clone)]
pub(super) enum Event {
    /// A message of a tipster, opened by a drainer.
    Arrived(Arrived),
    /// One part of an answer.
    Answer(Answer),
    /// An analyst has seen a conversation.
    Read {
        /// Its number.
        case: u32,
        /// How many texts it had then.
        texts: u32,
    },
    /// The private half of a day's prekey, for every drainer.
    Prekey {
        /// The UTC day.
        day: u32,
        /// For whom, and sealed.
        sealed: Vec<(DeviceId, Vec<u8>)>,
    },
    /// A drainer takes the boards over.
    Keeper {
        /// Who writes them from now on.
        device: DeviceId,
        /// Who did before; otherwise somebody was quicker.
        before: Option<DeviceId>,
        /// Unix seconds.
        at: u64,
    },
    /// The relay showed this bundle.
    Bundle {
        /// Its hash.
        hash: [u8; 32],
        /// The UTC day.
        day: u32,
    },
    /// A drainer found the inbox empty: what is past may be erased.
    Emptied {
        /// Unix seconds.
        at: u64,
    },
}

/// A message of a tipster.
#[derive(Clone)]
pub(super) struct Arrived {
    /// First 16 bytes of its envelope's address, which no other envelope has.
    pub(super) address: [u8; 16],
    /// The nonce of its conversation.
    pub(super) nonce: [u8; 32],
    /// Unix seconds, rounded down to ten minutes.
    pub(super) at: u64,
    /// When it was opened, in unix seconds.
    pub(super) opened: u64,
    /// It was sealed under a bundle this desk has not seen.
    pub(super) is_foreign: bool,
    /// What its effects are drawn from.
    pub(super) luck: Luck,
    /// As it was opened.
    pub(super) message: Message,
}

/// One part of an answer, or a wish for chunks.
#[derive(Clone)]
pub(super) struct Answer {
    /// The number of the conversation.
    pub(super) case: u32,
    /// A text, or what is missing of an attachment.
    pub(super) kind: Kind,
    /// Of the message.
    pub(super) id: u64,
    /// From 0.
    pub(super) part: u8,
    /// How many there are.
    pub(super) parts: u8,
    /// Unix seconds.
    pub(super) at: u64,
    /// What its effects are drawn from.
    pub(super) luck: Luck,
    /// The text.
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event(..)")
    }
}

type Read<T> = Result<T, DecodeError>;

impl Event {
    /// Two events with one key do the same: the second has nothing to add.
    pub(super) fn key(&self) -> (u8, Vec<u8>) {
        let key = match self {
            Self::Arrived(arrived) => arrived.address.to_vec(),
            Self::Answer(answer) => [&answer.id.to_le_bytes()[..], &[answer.part]].concat(),
            Self::Read { case, texts } => [case.to_le_bytes(), texts.to_le_bytes()].concat(),
            Self::Prekey { day, .. } => day.to_le_bytes().to_vec(),
            Self::Bundle { hash, .. } => hash.to_vec(),
            Self::Keeper { device, .. } => device.0.to_vec(),
            Self::Emptied { .. } => Vec::new(),
        };
        (self.kind(), key)
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Arrived(_) => 1,
            Self::Answer(_) => 2,
            Self::Read { .. } => 3,
            Self::Prekey { .. } => 4,
            Self::Keeper { .. } => 5,
            Self::Bundle { .. } => 6,
            Self::Emptied { .. } => 7,
        }
    }

    /// Kind, length, content.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let content = self.content();
        let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
        let out = Writer::with_capacity(3 + content.len());
        let out = out.u8(self.kind()).u16(length).bytes(&content);
        Zeroizing::new(out.finish())
    }

    fn content(&self) -> Zeroizing<Vec<u8>> {
        let out = Writer::with_capacity(PLAINTEXT_BYTES + 256);
        let out = match self {
            Self::Arrived(arrived) => arrived.write(out),
            Self::Answer(answer) => answer.write(out),
            Self::Read { case, texts } => out.u32(*case).u32(*texts),
            Self::Prekey { day, sealed } => {
                let count = u8::try_from(sealed.len()).unwrap_or(u8::MAX);
                let out = out.u32(*day).u8(count);
                sealed
                    .iter()
                    .fold(out, |out, (device, slot)| out.bytes(&device.0).bytes(slot))
            }
            Self::Keeper { device, before, at } => {
                let before = before.unwrap_or(DeviceId([0; 16]));
                out.bytes(&device.0).bytes(&before.0).u64(*at)
            }
            Self::Bundle { hash, day } => out.bytes(hash).u32(*day),
            Self::Emptied { at } => out.u64(*at),
        };
        Zeroizing::new(out.finish())
    }

    /// Reads one of those that [`Self::to_bytes`] wrote one after the other; `None` where it is of
    /// a kind this program does not know.
    pub(super) fn read(from: &mut Reader<'_>) -> Read<Option<Self>> {
        let (kind, length) = (from.u8()?, from.u16()?);
        let mut reader = Reader::new(from.bytes(usize::from(length))?);
        let content = &mut reader;
        let event = match kind {
            1 => Self::Arrived(Arrived::read(content)?),
            2 => Self::Answer(Answer::read(content)?),
            3 => Self::Read {
                case: content.u32()?,
                texts: content.u32()?,
            },
            4 => read_prekey(content)?,
            5 => {
                let (device, before) = (DeviceId(content.array()?), content.array()?);
                Self::Keeper {
                    device,
                    before: (before != [0; 16]).then_some(DeviceId(before)),
                    at: content.u64()?,
                }
            }
            6 => Self::Bundle {
                hash: content.array()?,
                day: content.u32()?,
            },
            7 => Self::Emptied { at: content.u64()? },
            _ => return Ok(None),
        };
        reader.finish()?;
        Ok(Some(event))
    }
}

fn read_prekey(from: &mut Reader<'_>) -> Read<Event> {
    let (day, count) = (from.u32()?, from.u8()?);
    if usize::from(count) > LOG_KEYS_MAX {
        return Err(DecodeError::Field);
    }
    let sealed = (0..count).map(|_| {
        let device = DeviceId(from.array()?);
        Ok((device, from.bytes(LOG_SLOT_BYTES)?.to_vec()))
    });
    let sealed = sealed.collect::<Read<_>>()?;
    Ok(Event::Prekey { day, sealed })
}

/// A message without the zeros at its end.
const MESSAGE_FIXED: usize = PLAINTEXT_BYTES - BODY_BYTES;

impl Arrived {
    fn write(&self, out: Writer) -> Writer {
        // It was read from an envelope, so that it always encodes.
        let message = self.message.to_bytes().unwrap_or_default();
        let length = MESSAGE_FIXED.saturating_add(self.message.body.len());
        out.bytes(&self.address)
            .bytes(&self.nonce)
            .u64(self.at)
            .u64(self.opened)
            .u8(u8::from(self.is_foreign))
            .bytes(self.luck.as_bytes())
            .bytes(message.get(..length).unwrap_or(&message))
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            address: from.array()?,
            nonce: from.array()?,
            at: from.u64()?,
            opened: from.u64()?,
            is_foreign: crate::bytes::flag(from)?,
            luck: Luck::from_bytes(from.array()?),
            message: {
                let mut bytes = Zeroizing::new(vec![0; PLAINTEXT_BYTES]);
                let rest = from.bytes(from.remaining())?;
                let target = bytes.get_mut(..rest.len()).ok_or(DecodeError::Field)?;
                target.copy_from_slice(rest);
                Message::from_bytes(&bytes)?
            },
        })
    }
}

impl Answer {
    fn write(&self, out: Writer) -> Writer {
        out.u32(self.case)
            .u8(self.kind.byte())
            .u64(self.id)
            .u8(self.part)
            .u8(self.parts)
            .u64(self.at)
            .bytes(self.luck.as_bytes())
            .bytes(&self.body)
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        let answer = Self {
            case: from.u32()?,
            kind: Kind::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
            id: from.u64()?,
            part: from.u8()?,
            parts: from.u8()?,
            at: from.u64()?,
            luck: Luck::from_bytes(from.array()?),
            body: from.bytes(from.remaining())?.to_vec().into(),
        };
        let is_said = matches!(answer.kind, Kind::Text | Kind::Wanted);
        let is_sound = is_said && answer.part < answer.parts && answer.parts <= MAX_PARTS;
        if is_sound && answer.body.len() <= BODY_BYTES {
            Ok(answer)
        } else {
            Err(DecodeError::Field)
        }
    }
}

const _: () = assert!(PLAINTEXT_BYTES + 256 <= LOG_BODY_BYTES);
