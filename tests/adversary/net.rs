//! The adversary's relay: it drops, doubles, delays, reorders and answers as it likes, and everything
//! that crosses it is written down.

mod log;
mod seen;

use std::collections::{BTreeMap, HashSet};

use sotto_core::timetable::Due;
use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    dsse::Dsse,
    id::{Address, Board},
    limits::DRAIN_MAX,
    page::PageHeader,
    seal::Envelope,
    statement::{Boards, DeskStatement, Statement as _},
};

use self::{log::Log, seen::Witness};
use super::line::{Line, shown};

pub(crate) use self::{log::LogFate, seen::Sender};

/// What becomes of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered and thrown away.
    Dropped,
    /// Shown to the desk twice.
    Doubled,
    /// Answered and withheld.
    Late,
    /// Taken, and not answered.
    Unanswered,
    /// Neither taken nor answered.
    Lost,
}

/// A relay and its wire.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) line: Line,
    pub(crate) fates: Vec<Fate>,
    /// Pages of the next rounds that are answered and thrown away.
    pub(crate) dropped_pages: usize,
    /// Page writes that are taken and not answered.
    pub(crate) unanswered_pages: usize,
    /// Looks into the inbox that are not answered.
    pub(crate) unanswered_drains: usize,
    pub(crate) log: Log,
    inbox: Vec<Drained>,
    withheld: Vec<Vec<u8>>,
    /// How many posts there were.
    pub(crate) posts: usize,
    taken: HashSet<Address>,
    /// How many lives of the store there were.
    incarnation: u64,
    position: u64,
    acknowledged: Vec<u64>,
    desks: Vec<(DeskStatement, Dsse)>,
    pages: BTreeMap<(u8, u64), BTreeMap<u32, Vec<u8>>>,
    served: [u64; 2],
    pub(crate) witness: Witness,
}

/// 409.
#[derive(Debug)]
pub(crate) struct Conflict;

const TEN_MINUTES: u64 = 600;

impl Net {
    /// For a line whose inbox is emptied by so many devices.
    pub(crate) fn new(line: Line, drainers: usize) -> Self {
        Self {
            line,
            fates: Vec::new(),
            dropped_pages: 0,
            unanswered_pages: 0,
            unanswered_drains: 0,
            log: Log::default(),
            inbox: Vec::new(),
            withheld: Vec::new(),
            posts: 0,
            taken: HashSet::new(),
            incarnation: 1,
            position: 0,
            acknowledged: vec![0; drainers],
            desks: Vec::new(),
            pages: BTreeMap::new(),
            served: [0; 2],
            witness: Witness::default(),
        }
    }

    /// Whether the phone gets its 204.
    pub(crate) fn post(&mut self, envelope: &Envelope, sender: Sender, now: u64) -> bool {
        self.posts += 1;
        self.witness.post(envelope, sender);
        let fate = self.fates.pop();
        match fate {
            Some(Fate::Dropped | Fate::Lost) => {}
            Some(Fate::Late) => self.withheld.push(envelope.as_bytes().to_vec()),
            Some(Fate::Doubled) => {
                self.append(envelope.as_bytes(), now);
                self.record(envelope.as_bytes(), now);
            }
            Some(Fate::Unanswered) | None => self.append(envelope.as_bytes(), now),
        }
        !matches!(fate, Some(Fate::Lost | Fate::Unanswered))
    }

    /// The first write wins.
    fn append(&mut self, body: &[u8], now: u64) {
        let address = Envelope::parse(body.to_vec()).unwrap().address();
        if self.taken.insert(address) {
            self.record(body, now);
        }
    }

    fn record(&mut self, body: &[u8], now: u64) {
        self.position += 1;
        self.inbox.push(Drained {
            class: 0,
            position: self.position,
            arrived: now / TEN_MINUTES * TEN_MINUTES,
            body: body.to_vec(),
        });
    }

    /// What was withheld arrives, the last one first.
    pub(crate) fn release(&mut self, now: u64) {
        while let Some(body) = self.withheld.pop() {
            self.append(&body, now);
        }
        self.log.release();
    }

    /// What the desk has yet to see comes in the reverse order.
    pub(crate) fn reorder(&mut self, after: Option<Cursor>) {
        let after = after.map_or(0, |cursor| cursor.position);
        let waiting = self.inbox.iter_mut().filter(|r| r.position > after);
        let mut waiting: Vec<&mut Drained> = waiting.collect();
        let mut bodies: Vec<Vec<u8>> = waiting.iter().map(|r| r.body.clone()).collect();
        for record in &mut waiting {
            record.body = bodies.pop().unwrap();
        }
    }

    /// The store begins a new life.
    pub(crate) fn restart(&mut self) {
        self.incarnation += 1;
    }

    /// What is older than `seconds` is forgotten.
    pub(crate) fn sweep(&mut self, seconds: u64, now: u64) {
        self.inbox.retain(|record| record.arrived + seconds > now);
    }

    /// No fault is waiting any more, and nothing is withheld.
    pub(crate) fn become_well(&mut self, now: u64) {
        self.fates.clear();
        self.dropped_pages = 0;
        self.unanswered_pages = 0;
        self.unanswered_drains = 0;
        self.log.become_well();
        self.release(now);
    }

    pub(crate) fn drain(&self, after: Cursor, max: usize) -> Result<DrainPage, Conflict> {
        if after.position > 0 && after.incarnation != self.incarnation {
            return Err(Conflict);
        }
        let from = after.position;
        let records = self.inbox.iter().filter(|record| record.position > from);
        let records: Vec<Drained> = records.take(max.min(DRAIN_MAX)).cloned().collect();
        let position = records.last().map_or(from, |record| record.position);
        Ok(DrainPage {
            cursor: Cursor {
                shard: 0,
                incarnation: self.incarnation,
                position,
            },
            last_shard: 0,
            records,
        })
    }

    /// What every drainer has acknowledged is deleted.
    pub(crate) fn acknowledge(&mut self, drainer: usize, cursor: Cursor) -> Result<(), Conflict> {
        if cursor.incarnation != self.incarnation {
            return Err(Conflict);
        }
        let own = &mut self.acknowledged[drainer];
        *own = cursor.position.max(*own);
        let floor = self.acknowledged.iter().min().copied().unwrap_or(0);
        self.inbox.retain(|record| record.position > floor);
        Ok(())
    }

    pub(crate) fn put_statement(&mut self, json: &[u8]) -> Result<(), Conflict> {
        let dsse = Dsse::parse(json).unwrap();
        let statement = DeskStatement::peek(&dsse).unwrap();
        let before = self
            .desks
            .iter()
            .find(|(desk, _)| desk.day == statement.day);
        match before {
            Some((before, same)) if before.serial == statement.serial && *same == dsse => Ok(()),
            Some((before, _)) if before.serial >= statement.serial => Err(Conflict),
            _ => {
                self.desks.retain(|(desk, _)| desk.day != statement.day);
                self.desks.push((statement, dsse));
                Ok(())
            }
        }
    }

    /// The bundle as everybody gets it.
    pub(crate) fn bundle(&self, now: u64) -> Vec<u8> {
        self.line.bundle(&self.desks, now)
    }

    /// The desk's statements in it.
    pub(crate) fn desks(&self, now: u64) -> Vec<DeskStatement> {
        let shown = shown(&self.desks, now).into_iter();
        shown.map(|(desk, _)| desk.clone()).collect()
    }

    fn boards(&self) -> Option<&Boards> {
        let newest = self.desks.iter().max_by_key(|(desk, _)| desk.serial);
        newest.and_then(|(desk, _)| desk.boards.as_ref())
    }

    /// A cycle of no known size is refused.
    pub(crate) fn put_page(&mut self, due: Due, body: Vec<u8>) -> Result<(), Conflict> {
        self.witness.page(due, &body);
        let pages = self.boards().and_then(|b| b.pages(due.board, due.cycle));
        let pages = pages.ok_or(Conflict)?;
        if self.dropped_pages > 0 {
            self.dropped_pages -= 1;
            return Ok(());
        }
        let key = (due.board.byte(), due.cycle);
        let served = &mut self.served[usize::from(due.board == Board::Old)];
        if due.cycle <= *served {
            return Ok(());
        }
        let cycle = self.pages.entry(key).or_default();
        cycle.entry(due.page).or_insert(body);
        if cycle.len() == pages as usize {
            *served = due.cycle;
            self.pages
                .retain(|(board, cycle), _| *board != key.0 || *cycle >= key.1);
        }
        Ok(())
    }

    pub(crate) const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) const fn served(&self) -> [u64; 2] {
        self.served
    }

    /// One page of the served cycle.
    pub(crate) fn page(&self, board: Board, page: u32) -> Vec<u8> {
        let cycle = self.served[usize::from(board == Board::Old)];
        let header = PageHeader { board, page, cycle };
        let written = self.pages.get(&(board.byte(), cycle));
        match written.and_then(|pages| pages.get(&page)) {
            Some(body) => header.with_body(body),
            None => header.with_body(&header.fill(&[7; 32], self.line.pin.line)),
        }
    }
}
