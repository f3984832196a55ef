//! One sealed value: `2 | kind | class | 0 | epoch (u32) | nonce (24) | ciphertext | tag`, 48 bytes more
//! than what is inside, so that an envelope with its header in Redis stays within 8 KiB.

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use sotto_protocol::{
    id::LineId,
    wire::{Reader, Writer},
};

use super::super::{PageSlot, StoreError};
use crate::epochs::{EpochKey, random};

/// Where a value stands. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In the inbox, with its class. Its address is inside.
    Inbox(u8),
    /// On a board.
    Page(PageSlot),
    /// At a position of a log.
    Log(u16, u64),
}

impl Place {
    const fn kind(self) -> u8 {
        match self {
            Self::Inbox(_) => 1,
            Self::Page(_) => 2,
            Self::Log(..) => 3,
        }
    }

    const fn class(self) -> u8 {
        match self {
            Self::Inbox(class) => class,
            _ => 0,
        }
    }

    fn header(self, epoch: u32) -> Writer {
        Writer::with_capacity(ROOM)
            .bytes(&[FORM, self.kind(), self.class(), 0])
            .u32(epoch)
    }

    /// What is authenticated beside the value.
    fn bind(self, epoch: u32, line: LineId) -> Vec<u8> {
        let out = self.header(epoch).bytes(&line.0);
        match self {
            Self::Inbox(_) => out,
            Self::Page(slot) => out.u8(slot.board.byte()).u64(slot.cycle).u32(slot.page),
            Self::Log(log, position) => out.u16(log).u64(position),
        }
        .finish()
    }

    /// Random: the same value is sealed again when somebody asks again, in any process. Of a log's
    /// the first 8 bytes are the position, which a reader has to know.
    fn nonce(self) -> Result<[u8; NONCE_BYTES], StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        if let (Self::Log(_, position), Some(first)) = (self, nonce.first_chunk_mut()) {
            *first = position.to_le_bytes();
        }
        Ok(nonce)
    }
}

/// A value as it is stored.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    pub(super) epoch: u32,
    header: &'a [u8; HEADER_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    sealed: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Kept<'a> {
    /// Takes it apart.
    pub(super) fn parse(stored: &'a [u8]) -> Option<Self> {
        let (header, rest) = stored.split_first_chunk::<HEADER_BYTES>()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (sealed, tag) = rest.split_last_chunk()?;
        let mut reader = Reader::new(header);
        reader.version(FORM).ok()?;
        reader.bytes(3).ok()?;
        let epoch = reader.u32().ok()?;
        Some(Self {
            epoch,
            header,
            nonce,
            sealed,
            tag,
        })
    }

    /// The position that a log record claims.
    pub(super) fn position(&self) -> u64 {
        let first = self.nonce.first_chunk();
        first.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(super) fn open(
        &self,
        key: &EpochKey,
        (line, place): (LineId, Place),
    ) -> Result<Vec<u8>, StoreError> {
        let bound = place.bind(self.epoch, line);
        if !bound.starts_with(self.header) {
            return Err(StoreError::Corrupt);
        }
        let mut plain = self.sealed.to_vec();
        let nonce = XNonce::from(*self.nonce);
        XChaCha20Poly1305::new(key.bytes().into())
            .decrypt_inout_detached(
                &nonce,
                &bound,
                plain.as_mut_slice().into(),
                &Tag::from(*self.tag),
            )
            .map_err(|_| StoreError::Corrupt)?;
        Ok(plain)
    }
}

/// Seals a value for one place.
pub(super) fn seal(
    key: &EpochKey,
    epoch: u32,
    (line, place): (LineId, Place),
    plain: &[u8],
) -> Result<Bytes, StoreError> {
    let nonce = place.nonce()?;
    let bound = place.bind(epoch, line);
    let mut stored = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
    stored.extend_from_slice(bound.get(..HEADER_BYTES).unwrap_or_default());
    stored.extend_from_slice(&nonce);
    stored.extend_from_slice(plain);
    let body = stored
        .get_mut(HEADER_BYTES + NONCE_BYTES..)
        .unwrap_or_default();
    let tag = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt_inout_detached(&XNonce::from(nonce), &bound, body.into())
        .map_err(|_| StoreError::Full)?;
    stored.extend_from_slice(&tag);
    Ok(Bytes::from(stored))
}

/// A value in clear begins with 1, the version of envelopes and of log records.
const FORM: u8 = 2;
const HEADER_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const OVERHEAD_BYTES: usize = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
/// For everything that is bound.
const ROOM: usize = 40;
