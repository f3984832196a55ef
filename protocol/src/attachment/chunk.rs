//! One chunk: its key, its address, its sealing and opening (SPEC 3.8).

use alloc::vec::Vec;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    envelope::{Class, EnvelopeHeader},
    hash,
    id::Address,
    limits::{CHUNK_BYTES, CHUNK_PAYLOAD_BYTES, ENVELOPE_HEADER_BYTES, TAG_BYTES},
    seal::Reject,
    secret::Secret,
    wire::{Reader, Writer},
};

/// The key of one file. Only [`super::Sealer`] seals under it, and only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKey(Secret);

/// Which chunk of how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) index: u16,
    pub(super) count: u16,
}

impl FileKey {
    /// A new random key.
    pub(super) fn make(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::make(rng))
    }

    /// From its 32 bytes, as a manifest carries them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Where chunk `index` is put.
    pub fn address(&self, index: u16) -> Address {
        let index = u32::from(index).to_le_bytes();
        let info: [&[u8]; 2] = [b"sotto/1 chunk address", &index];
        Address(hash::expand(self.as_bytes(), &info))
    }

    /// Whether a chunk is the last one is part of its key: cutting a file short at another power of two
    /// gives a chunk that does not open.
    fn cipher(&self, place: Place) -> ChaCha20Poly1305 {
        let index = u32::from(place.index).to_le_bytes();
        let is_last = [u8::from(place.index.checked_add(1) == Some(place.count))];
        let info: [&[u8]; 3] = [b"sotto/1 chunk", &index, &is_last];
        let key = Zeroizing::new(hash::expand::<32>(self.as_bytes(), &info));
        ChaCha20Poly1305::new(&Key::from(*key))
    }

    /// Seals the bytes of the file that belong into one chunk, zeros behind them.
    pub(super) fn seal(&self, place: Place, day: u32, payload: &[u8]) -> Result<Vec<u8>, Reject> {
        let header = EnvelopeHeader {
            class: Class::Chunk,
            day: day.to_le_bytes()[0],
            address: self.address(place.index),
        }
        .to_bytes();
        let mut chunk = Writer::with_capacity(CHUNK_BYTES)
            .bytes(&header)
            .bytes(payload)
            .pad_to(CHUNK_BYTES - TAG_BYTES)
            .finish();
        let body = chunk.get_mut(ENVELOPE_HEADER_BYTES..).ok_or(Reject)?;
        let cipher = self.cipher(place);
        let tag = cipher.encrypt_inout_detached(&Nonce::from(NONCE), &header, body.into());
        chunk.extend_from_slice(&tag.map_err(|_| Reject)?);
        Ok(chunk)
    }

    /// Opens one chunk: the [`CHUNK_PAYLOAD_BYTES`] in it.
    pub(super) fn open(&self, place: Place, chunk: &[u8]) -> Result<Zeroizing<Vec<u8>>, Reject> {
        let header = EnvelopeHeader::parse(chunk).map_err(|_| Reject)?;
        if header.class != Class::Chunk || header.address != self.address(place.index) {
            return Err(Reject);
        }
        let mut fields = Reader::new(chunk);
        let head = fields.bytes(ENVELOPE_HEADER_BYTES).map_err(|_| Reject)?;
        let sealed = fields.bytes(CHUNK_PAYLOAD_BYTES).map_err(|_| Reject)?;
        let tag: [u8; TAG_BYTES] = fields.array().map_err(|_| Reject)?;
        let mut payload = Zeroizing::new(sealed.to_vec());
        let body = payload.as_mut_slice().into();
        self.cipher(place)
            .decrypt_inout_detached(&Nonce::from(NONCE), head, body, &Tag::from(tag))
            .map_err(|_| Reject)?;
        Ok(payload)
    }
}

/// Every key seals one chunk in its life: it comes from a file key that was drawn for one sealing of
/// one file, the index and whether it is the last. So no (key, nonce) repeats, whatever the nonce.
const NONCE: [u8; 12] = [0; 12];

const _: () = assert!(ENVELOPE_HEADER_BYTES + CHUNK_PAYLOAD_BYTES + TAG_BYTES == CHUNK_BYTES);
