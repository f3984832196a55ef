//! How a conversation is kept: the bytes inside a vault or a desk's store. Not on the wire.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{
    Conversation, Outgoing, PageKey, Role,
    chain::{Receiving, Sending, Skipped},
};
use crate::{
    id::LineId,
    keys::SealingPublicKey,
    limits::PLAINTEXT_BYTES,
    limits::RATCHET_KEY_BYTES,
    message::{Flags, Message, Received},
    secret::{SealingSecret, Secret},
    wire::{DecodeError, Reader, Writer},
};

const VERSION: u8 = 1;
/// Room for a conversation with a few epochs, so that the buffer does not grow and leave copies.
const USUAL_BYTES: usize = 16_384;
/// Most entries of a list that is read back: keys of indices towards a phone that keeps nothing.
const MAX_ENTRIES: u16 = 1_024;

impl Conversation {
    /// Everything needed to go on after a restart.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(USUAL_BYTES)
            .u8(VERSION)
            .u8(u8::from(self.role == Role::Desk))
            .u8(self.beginning.byte())
            .u8(u8::from(self.is_overtaken))
            .bytes(&self.line.0)
            .bytes(&self.nonce)
            .u32(self.first_day)
            .bytes(self.root.as_bytes())
            .u32(self.newest);
        out = self.page_key.write(out);
        out = option(out, self.peer_key.as_ref(), |out, key| {
            out.bytes(key.0.as_slice())
        });
        out = option(out, self.received.as_ref(), |out, received| {
            out.u32(received.epoch)
                .u32(received.base)
                .u64(received.bitmap)
        });
        out = option(out, self.sending.as_ref(), Sending::write);
        out = list(out, &self.receiving, Receiving::write);
        out = list(out, &self.own_keys, |out, (epoch, key)| {
            out.u32(*epoch).bytes(key.as_bytes())
        });
        Zeroizing::new(out.finish())
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let from = &mut reader;
        from.version(VERSION)?;
        let role = match from.u8()? {
            0 => Role::Tipster,
            1 => Role::Desk,
            _ => return Err(DecodeError::Field),
        };
        let beginning = Flags::from_byte(from.u8()?).ok_or(DecodeError::Field)?;
        let is_overtaken = flag(from)?;
        let conversation = Self {
            role,
            beginning,
            is_overtaken,
            line: LineId(from.array()?),
            nonce: from.array()?,
            first_day: from.u32()?,
            root: secret(from)?,
            newest: from.u32()?,
            page_key: PageKey::read(from)?,
            peer_key: read_option(from, public)?,
            received: read_option(from, |from| {
                Ok(Received {
                    epoch: from.u32()?,
                    base: from.u32()?,
                    bitmap: from.u64()?,
                })
            })?,
            sending: read_option(from, Sending::read)?,
            receiving: read_list(from, Receiving::read)?,
            own_keys: read_list(from, |from| {
                Ok((from.u32()?, SealingSecret::from_bytes(from.array()?)))
            })?,
        };
        reader.finish()?;
        Ok(conversation)
    }
}

impl Outgoing {
    /// What a desk keeps to seal an answer anew until it is acknowledged.
    ///
    /// `None` where the body is longer than a message may be, which only [`Outgoing::replace`] lets
    /// through and sealing refuses.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let out = Writer::with_capacity(USUAL_BYTES)
            .u8(VERSION)
            .bytes(self.key.as_bytes())
            .bytes(self.slots.as_bytes())
            .bytes(self.receiver.0.as_slice())
            .bytes(&self.message.to_bytes()?);
        Some(Zeroizing::new(out.finish()))
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let (key, slots) = (secret(&mut reader)?, secret(&mut reader)?);
        let receiver = public(&mut reader)?;
        let message = Message::from_bytes(reader.bytes(PLAINTEXT_BYTES)?)?;
        reader.finish()?;
        Ok(Self {
            message,
            key,
            slots,
            receiver,
        })
    }
}

impl PageKey {
    fn write(&self, out: Writer) -> Writer {
        match self {
            Self::Chain { day, key } => out.u8(0).u32(*day).bytes(key.as_bytes()),
            Self::Fixed(key) => out.u8(1).bytes(key.as_bytes()),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(if flag(from)? {
            Self::Fixed(secret(from)?)
        } else {
            Self::Chain {
                day: from.u32()?,
                key: secret(from)?,
            }
        })
    }
}

impl Sending {
    fn write(out: Writer, sending: &Self) -> Writer {
        let out = out.u32(sending.number).u32(sending.next);
        let out = option(out, sending.chain.as_ref(), write_secret);
        let out = option(out, sending.slots.as_ref(), write_secret);
        let out = option(out, sending.acknowledged.as_ref(), |out, index| {
            out.u32(*index)
        });
        out.bytes(sending.epoch_secret.as_bytes())
            .bytes(sending.ratchet_key.0.as_slice())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: from.u32()?,
            next: from.u32()?,
            chain: read_option(from, secret)?,
            slots: read_option(from, secret)?,
            acknowledged: read_option(from, number)?,
            epoch_secret: secret(from)?,
            ratchet_key: public(from)?,
        })
    }
}

impl Receiving {
    fn write(out: Writer, epoch: &Self) -> Writer {
        let out = out.u32(epoch.number).u32(epoch.next);
        let out = option(out, epoch.chain.as_ref(), write_secret);
        let out = option(out, epoch.slots.as_ref(), write_secret);
        let out = option(out, epoch.fixed.as_ref(), |out, fixed| out.bytes(fixed));
        let out = option(out, epoch.closed.as_ref(), |out, day| out.u32(*day));
        list(out, &epoch.skipped, |out, s| {
            out.u32(s.index).u32(s.day).bytes(s.key.as_bytes())
        })
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: from.u32()?,
            next: from.u32()?,
            chain: read_option(from, secret)?,
            slots: read_option(from, secret)?,
            fixed: read_option(from, hash)?,
            closed: read_option(from, number)?,
            skipped: read_list(from, |from| {
                Ok(Skipped {
                    index: from.u32()?,
                    day: from.u32()?,
                    key: secret(from)?,
                })
            })?,
        })
    }
}

fn write_secret(out: Writer, secret: &Secret) -> Writer {
    out.bytes(secret.as_bytes())
}

fn secret(from: &mut Reader<'_>) -> Result<Secret, DecodeError> {
    from.array().map(Secret::from_bytes)
}

fn hash(from: &mut Reader<'_>) -> Result<[u8; 32], DecodeError> {
    from.array()
}

fn public(from: &mut Reader<'_>) -> Result<SealingPublicKey, DecodeError> {
    SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?).ok_or(DecodeError::Short)
}

fn option<T>(out: Writer, value: Option<&T>, write: impl Fn(Writer, &T) -> Writer) -> Writer {
    match value {
        None => out.u8(0),
        Some(value) => write(out.u8(1), value),
    }
}

fn list<T>(out: Writer, values: &[T], write: impl Fn(Writer, &T) -> Writer) -> Writer {
    let count = u16::try_from(values.len()).unwrap_or(u16::MAX);
    values
        .iter()
        .take(usize::from(count))
        .fold(out.u16(count), write)
}

fn number(from: &mut Reader<'_>) -> Result<u32, DecodeError> {
    from.u32()
}

fn flag(from: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Field),
    }
}

fn read_option<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match from.u8()? {
        0 => Ok(None),
        1 => read(from).map(Some),
        _ => Err(DecodeError::Field),
    }
}

fn read_list<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = from.u16()?;
    if count > MAX_ENTRIES {
        return Err(DecodeError::Field);
    }
    (0..count).map(|_| read(from)).collect()
}
