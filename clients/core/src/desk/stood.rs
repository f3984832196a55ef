//! What this device wrote on which page last. Its own, not its desk's: only one device writes the
//! boards.

use std::collections::BTreeMap;

use sotto_protocol::{
    id::{Address, Board},
    limits::PAGE_ENVELOPES,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::{
    bytes::{list, option, read_list, read_option},
    timetable::Due,
};

/// An answer's address of a cycle depends on these alone: nonce of its conversation, epoch and index.
pub(super) type Answer = ([u8; 32], (u32, u32));

/// Cycles after which a page is not written any more.
const PAST_CYCLES: u64 = 8;

/// One envelope of a page: its address, and the answer in it, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) address: Address,
    pub(super) answer: Option<Answer>,
}

/// What was composed.
#[derive(Debug, Default)]
pub(super) struct Stood {
    /// The last page of each answer on each board.
    answers: BTreeMap<(Board, Answer), (u64, u32)>,
    /// Pages that were composed and that the relay has not answered for: it may have them.
    unanswered: BTreeMap<Due, Vec<Spot>>,
}

impl Stood {
    /// The page it stands on in this cycle already: on another one its address would show that the
    /// two belong together.
    pub(super) fn page(&self, answer: &Answer, due: Due) -> Option<u32> {
        let (cycle, page) = self.answers.get(&(due.board, *answer))?;
        (*cycle == due.cycle).then_some(*page)
    }

    /// What a page that may have been written already shows.
    pub(super) fn unanswered(&self, due: Due) -> Option<&Vec<Spot>> {
        self.unanswered.get(&due)
    }

    /// This page is about to be written.
    pub(super) fn note(&mut self, spots: Vec<Spot>, due: Due) {
        let past = |cycle: u64| cycle.saturating_add(PAST_CYCLES) < due.cycle;
        self.answers
            .retain(|(board, _), (cycle, _)| *board != due.board || !past(*cycle));
        self.unanswered
            .retain(|other, _| other.board != due.board || !past(other.cycle));
        for answer in spots.iter().filter_map(|spot| spot.answer) {
            self.answers
                .insert((due.board, answer), (due.cycle, due.page));
        }
        self.unanswered.insert(due, spots);
    }

    /// The relay has this page.
    pub(super) fn written(&mut self, due: Due) {
        self.unanswered.remove(&due);
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let entries: Vec<_> = self.answers.iter().collect();
        let out = Writer::default().u8(VERSION);
        let out = list(out, &entries, |((board, (nonce, number)), at), out| {
            let out = out.u8(board.byte()).bytes(nonce);
            out.u32(number.0).u32(number.1).u64(at.0).u32(at.1)
        });
        let pages: Vec<_> = self.unanswered.iter().collect();
        let out = list(out, &pages, |(due, spots), out| {
            let out = out.u8(due.board.byte()).u64(due.cycle).u32(due.page);
            spots.iter().fold(out, |out, spot| spot.write(out))
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
        let pages = read_list(&mut reader, |from| {
            let due = Due {
                board: Board::from_byte(from.u8()?).ok_or(DecodeError::Field)?,
                cycle: from.u64()?,
                page: from.u32()?,
            };
            let spots = (0..PAGE_ENVELOPES).map(|_| Spot::read(from));
            Ok((due, spots.collect::<Result<_, _>>()?))
        })?;
        reader.finish()?;
        Ok(Self {
            answers: entries.into_iter().collect(),
            unanswered: pages.into_iter().collect(),
        })
    }
}

impl Spot {
    fn write(&self, out: Writer) -> Writer {
        option(
            out.bytes(&self.address.0),
            self.answer.as_ref(),
            |out, (nonce, number)| out.bytes(nonce).u32(number.0).u32(number.1),
        )
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            address: Address(from.array()?),
            answer: read_option(from, |from| Ok((from.array()?, (from.u32()?, from.u32()?))))?,
        })
    }
}

const VERSION: u8 = 2;
