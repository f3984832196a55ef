//! The adversary's relay: it drops, doubles, delays, reorders and answers as it likes, and everything
//! that crosses it is written down.

use std::collections::{BTreeMap, HashMap, HashSet};

use sotto_core::timetable::Due;
use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    id::{Address, Board, LineId},
    limits::{DRAIN_MAX, PAGE_BODY_BYTES},
    page::PageHeader,
    seal::Envelope,
};

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

/// Who posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    /// A new number for every phone and for every state put back from a copy.
    pub(crate) life: u32,
    /// Which opening of the app.
    pub(crate) sitting: u32,
}

/// A relay and its wire.
#[derive(Default)]
pub(crate) struct Net {
    pub(crate) fates: Vec<Fate>,
    /// Pages of the next rounds that are answered and thrown away.
    pub(crate) dropped_pages: usize,
    inbox: Vec<Drained>,
    withheld: Vec<Vec<u8>>,
    /// How many posts there were.
    pub(crate) posts: usize,
    taken: HashSet<Address>,
    position: u64,
    pages: BTreeMap<(u8, u64), BTreeMap<u32, Vec<u8>>>,
    served: [u64; 2],
    /// Every envelope a phone ever posted, by address.
    posted: HashMap<Address, (Vec<u8>, Sender)>,
    /// Every encapsulation that was ever seen, and in which envelope.
    encapsulations: HashMap<Vec<u8>, Vec<u8>>,
    /// Where each address of a board has stood.
    stood: HashMap<Address, Due>,
    /// Lives that began with an older state: they may go on where that stood.
    pub(crate) restored: HashSet<u32>,
}

const TEN_MINUTES: u64 = 600;

impl Net {
    /// Whether the phone gets its 204.
    pub(crate) fn post(&mut self, envelope: &Envelope, sender: Sender, now: u64) -> bool {
        self.posts += 1;
        self.record_post(envelope, sender);
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

    /// What is older than `seconds` is forgotten.
    pub(crate) fn sweep(&mut self, seconds: u64, now: u64) {
        self.inbox.retain(|record| record.arrived + seconds > now);
    }

    pub(crate) fn drain(&self, after: Option<Cursor>) -> DrainPage {
        let from = after.map_or(0, |cursor| cursor.position);
        let records = self.inbox.iter().filter(|record| record.position > from);
        let records: Vec<Drained> = records.take(DRAIN_MAX).cloned().collect();
        let position = records.last().map_or(from, |record| record.position);
        DrainPage {
            cursor: Cursor {
                shard: 0,
                incarnation: 1,
                position,
            },
            last_shard: 0,
            records,
        }
    }

    pub(crate) fn put_page(&mut self, due: Due, body: Vec<u8>, pages: u32) {
        for envelope in body.as_chunks().0 {
            self.record_board(due, envelope);
        }
        if self.dropped_pages > 0 {
            self.dropped_pages -= 1;
            return;
        }
        let key = (due.board.byte(), due.cycle);
        let cycle = self.pages.entry(key).or_default();
        cycle.entry(due.page).or_insert(body);
        let served = &mut self.served[usize::from(due.board == Board::Old)];
        if cycle.len() == pages as usize && due.cycle > *served {
            *served = due.cycle;
            self.pages
                .retain(|(board, cycle), _| *board != key.0 || *cycle >= key.1);
        }
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
            None => header.with_body(&header.fill(&[7; 32], LineId([0; 16]))),
        }
    }

    /// No address is used twice by a phone, but for the same envelope within one sitting; and no
    /// encapsulation is, so that no key of HPKE ever seals two texts under its first nonce.
    fn record_post(&mut self, envelope: &Envelope, sender: Sender) {
        let bytes = envelope.as_bytes().to_vec();
        self.record_encapsulation(&bytes);
        let before = self
            .posted
            .insert(envelope.address(), (bytes.clone(), sender));
        if let Some((other, who)) = before {
            let is_retry = other == bytes && who == sender;
            let is_copy = self.restored.contains(&sender.life) && who.life != sender.life;
            assert!(
                is_retry || is_copy,
                "an address was used twice: {who:?}, {sender:?}"
            );
        }
    }

    fn record_board(&mut self, due: Due, envelope: &[u8; 8_128]) {
        self.record_encapsulation(envelope);
        let address = Envelope::parse(envelope.to_vec()).unwrap().address();
        let before = self.stood.insert(address, due);
        assert!(
            before.is_none_or(|before| before == due),
            "an address stood in two places"
        );
    }

    fn record_encapsulation(&mut self, envelope: &[u8]) {
        let key = envelope[36..36 + 1_120].to_vec();
        let before = self.encapsulations.insert(key, envelope.to_vec());
        assert!(
            before.is_none_or(|before| before == envelope),
            "an encapsulation sealed two texts"
        );
    }
}

const _: () = assert!(PAGE_BODY_BYTES.is_multiple_of(8_128));
