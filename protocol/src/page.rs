//! Board pages: their header, their own-page draw's range, and what the relay shows for a page
//! nobody wrote (SPEC 5.4).

use alloc::vec::Vec;

use crate::{
    hash,
    id::{Board, LineId},
    limits::{ENVELOPE_BYTES, PAGE_BODY_BYTES, PAGE_BYTES, PAGE_ENVELOPES},
    wire::{DecodeError, Reader, Writer},
};

/// Which page this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageHeader {
    /// The board.
    pub board: Board,
    /// From 0.
    pub page: u32,
    /// The served cycle.
    pub cycle: u64,
}

impl PageHeader {
    /// The page as served: header and 8 envelopes.
    pub fn with_body(self, body: &[u8]) -> Vec<u8> {
        Writer::with_capacity(PAGE_BYTES)
            .u8(1)
            .u8(self.board.byte())
            .u16(0)
            .u32(self.page)
            .u64(self.cycle)
            .bytes(body)
            .finish()
    }

    /// Splits a served page into its header and its envelopes.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[[u8; ENVELOPE_BYTES]]), DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(1)?;
        let board = Board::from_byte(reader.u8()?).ok_or(DecodeError::Field)?;
        reader.zeros(2)?;
        let (page, cycle) = (reader.u32()?, reader.u64()?);
        let body = reader.bytes(PAGE_BODY_BYTES)?;
        reader.finish()?;
        let (envelopes, _) = body.as_chunks();
        Ok((Self { board, page, cycle }, envelopes))
    }

    /// What stands on a page nobody wrote: a PRF under a secret of the relay.
    pub fn fill(self, secret: &[u8; 32], line: LineId) -> Vec<u8> {
        let mut body = alloc::vec![0; PAGE_BODY_BYTES];
        let (board, cycle, page) = (
            [self.board.byte()],
            self.cycle.to_le_bytes(),
            self.page.to_le_bytes(),
        );
        for (i, envelope) in (0_u8..).zip(body.chunks_exact_mut(ENVELOPE_BYTES)) {
            let info: [&[u8]; 6] = [b"sotto/1 fill", &line.0, &board, &cycle, &page, &[i]];
            hash::expand_into(secret, &info, envelope);
        }
        body
    }
}

const _: () = assert!(PAGE_ENVELOPES * ENVELOPE_BYTES == PAGE_BODY_BYTES);
