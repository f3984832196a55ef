//! The body of an acknowledgement: which messages were opened, by their ids (SPEC 3.5).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::{
    limits::{MAX_PARTS, MAX_RECEIPTS, RECEIPT_BYTES},
    wire::{DecodeError, Reader, Writer},
};

/// One message of which something was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its message id.
    pub id: u64,
    /// Bit p: part p was opened.
    pub parts: u8,
}

/// The newest messages that were opened, oldest first, at most [`MAX_RECEIPTS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts(Vec<Receipt>);

impl Receipts {
    /// Notes one part of a message; it becomes the newest. The oldest is dropped when there are too
    /// many. Whether the part was not noted before.
    pub fn note(&mut self, id: u64, part: u8) -> bool {
        let bit = 1_u8.checked_shl(u32::from(part)).unwrap_or(0);
        let place = self.0.iter().position(|receipt| receipt.id == id);
        let before = place.map_or(0, |place| self.0.remove(place).parts);
        let parts = before | bit;
        self.0.push(Receipt { id, parts });
        let excess = self.0.len().saturating_sub(MAX_RECEIPTS);
        self.0.drain(..excess);
        before & bit == 0
    }

    /// Whether this part of this message was opened.
    pub fn covers(&self, id: u64, part: u8) -> bool {
        let bit = 1_u8.checked_shl(u32::from(part)).unwrap_or(0);
        let mut receipts = self.0.iter();
        receipts.any(|receipt| receipt.id == id && receipt.parts & bit != 0)
    }

    /// Oldest first.
    pub fn as_slice(&self) -> &[Receipt] {
        &self.0
    }

    /// The body of kind 2.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let room = self.0.len().saturating_mul(RECEIPT_BYTES);
        let count = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        let out = Writer::with_capacity(room.saturating_add(2)).u16(count);
        let all = self.0.iter();
        let out = all.fold(out, |out, receipt| out.u64(receipt.id).u8(receipt.parts));
        Zeroizing::new(out.finish())
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let count = usize::from(reader.u16()?);
        if count > MAX_RECEIPTS {
            return Err(DecodeError::Field);
        }
        let mut all: Vec<Receipt> = Vec::with_capacity(count);
        for _ in 0..count {
            let receipt = Receipt {
                id: reader.u64()?,
                parts: reader.u8()?,
            };
            let is_known = all.iter().any(|known| known.id == receipt.id);
            let is_part = receipt.parts != 0 && receipt.parts < 1 << MAX_PARTS;
            if is_known || !is_part {
                return Err(DecodeError::Field);
            }
            all.push(receipt);
        }
        reader.finish()?;
        Ok(Self(all))
    }
}
