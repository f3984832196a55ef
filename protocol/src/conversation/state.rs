//! How a conversation is kept: the bytes inside a vault or a desk's store. Not on the wire.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Conversation, Outgoing, PageKey, Receiving, Role, Sending, Skipped};
use crate::{
    id::LineId,
    keys::SealingPublicKey,
    limits::PLAINTEXT_BYTES,
    limits::RATCHET_KEY_BYTES,
    message::{Message, Received},
    secret::{SealingSecret, Secret},
    wire::{DecodeError, Reader, Writer},
};

const VERSION: u8 = 1;
/// Room for a conversation with a few epochs, so that the buffer does not grow and leave copies.
const USUAL_BYTES: usize = 16_384;
/// Most entries of a list that is read back.
const MAX_ENTRIES: u8 = 128;

impl Conversation {
    /// Everything needed to go on after a restart.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(USUAL_BYTES)
            .u8(VERSION)
            .u8(u8::from(self.role == Role::Desk))
            .bytes(&self.line.0)
            .bytes(&self.nonce)
            .bytes(self.root.as_bytes())
            .u32(self.newest)
            .u32(self.page_key.day)
            .bytes(self.page_key.key.as_bytes());
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
        let conversation = Self {
            role,
            line: LineId(from.array()?),
            nonce: from.array()?,
            root: secret(from)?,
            newest: from.u32()?,
            page_key: PageKey {
                day: from.u32()?,
                key: secret(from)?,
            },
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
    /// `None` where the body is longer than a message may be, which [`Conversation::prepare`] lets
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

impl Sending {
    fn write(out: Writer, sending: &Self) -> Writer {
        let out = out.u32(sending.number).u32(sending.next);
        let out = option(out, sending.chain.as_ref(), write_secret);
        let out = option(out, sending.slots.as_ref(), write_secret);
        out.bytes(sending.epoch_secret.as_bytes())
            .bytes(sending.ratchet_key.0.as_slice())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: from.u32()?,
            next: from.u32()?,
            chain: read_option(from, secret)?,
            slots: read_option(from, secret)?,
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
        list(out, &epoch.skipped, |out, s| {
            out.u32(s.index).bytes(s.key.as_bytes())
        })
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: from.u32()?,
            next: from.u32()?,
            chain: read_option(from, secret)?,
            slots: read_option(from, secret)?,
            fixed: read_option(from, hash)?,
            skipped: read_list(from, |from| {
                Ok(Skipped {
                    index: from.u32()?,
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
    let count = u8::try_from(values.len()).unwrap_or(u8::MAX);
    values
        .iter()
        .take(usize::from(count))
        .fold(out.u8(count), write)
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
    let count = from.u8()?;
    if count > MAX_ENTRIES {
        return Err(DecodeError::Field);
    }
    (0..count).map(|_| read(from)).collect()
}
