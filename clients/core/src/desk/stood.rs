//! On which page this device wrote each answer last. Its own, not its desk's: only one device writes
//! the boards.

use std::collections::BTreeMap;

use sotto_protocol::{
    id::Board,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::{
    bytes::{list, read_list},
    timetable::Due,
};

/// An answer's address of a cycle depends on these alone: nonce of its conversation, epoch and index.
pub(super) type Answer = ([u8; 32], (u32, u32));

/// Cycles after which a page is not written any more.
const PAST_CYCLES: u64 = 8;

/// The last page of each answer on each board.
#[derive(Debug, Default)]
pub(super) struct Stood(BTreeMap<(Board, Answer), (u64, u32)>);

impl Stood {
    /// Whether it stands on another page of this cycle already: its address would show that the two
    /// pages belong together.
    pub(super) fn is_elsewhere(&self, answer: &Answer, due: Due) -> bool {
        let at = self.0.get(&(due.board, *answer));
        at.is_some_and(|(cycle, page)| *cycle == due.cycle && *page != due.page)
    }

    /// These are written on this page.
    pub(super) fn note(&mut self, answers: Vec<Answer>, due: Due) {
        let past = |cycle: u64| cycle.saturating_add(PAST_CYCLES) < due.cycle;
        self.0
            .retain(|(board, _), (cycle, _)| *board != due.board || !past(*cycle));
        for answer in answers {
            self.0.insert((due.board, answer), (due.cycle, due.page));
        }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let entries: Vec<_> = self.0.iter().collect();
        let out = Writer::default().u8(VERSION);
        let out = list(out, &entries, |((board, (nonce, number)), at), out| {
            let out = out.u8(board.byte()).bytes(nonce);
            out.u32(number.0).u32(number.1).u64(at.0).u32(at.1)
        });
        Zeroizing::new(out.finish())
    }

    pub(super) fn read(row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        reader.version(VERSION)?;
        let entries = read_list(&mut reader, |from| {
            let board = Board::from_byte(from.u8()?).ok_or(DecodeError::Field)?;
            let answer = (from.array()?, (from.u32()?, from.u32()?));
            Ok(((board, answer), (from.u64()?, from.u32()?)))
        })?;
        reader.finish()?;
        Ok(Self(entries.into_iter().collect()))
    }
}

const VERSION: u8 = 1;
