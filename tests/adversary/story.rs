//! One case: a list of what happens, done to both ends, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    desk::{Direction, Status},
    tipster::{State, Tipster},
};
use sotto_protocol::{code::CodeKeys, id::Address, limits::DAY_SECONDS, secret::Secret};

use super::{
    ends::{LINE, Mobile, NEW_SECONDS, Office},
    net::{Fate, Net},
};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// The person writes a text of so many envelopes.
    Write(u8),
    /// The app is opened for so many turns of posts.
    Open(u8),
    /// The app is opened, and the phone stops after so many saves.
    OpenAndStop(u8),
    /// The relay's will with the next post.
    Relay(Fate),
    /// What was withheld arrives.
    Release,
    /// What waits for the desk comes in the reverse order.
    Reorder,
    /// So many page writes of the desk are thrown away.
    LosePages(u8),
    /// The desk goes one round.
    Round,
    /// The desk goes one round and stops after so many saves.
    RoundAndStop(u8),
    /// The relay lives another life: the desk reads everything again.
    Rewind,
    /// The desk answers, in so many envelopes.
    Reply(u8),
    /// Half a cycle passes.
    Wait,
    /// So many days pass.
    Days(u8),
    /// The phone's state is copied.
    Copy,
    /// The copy is put back.
    Restore,
    /// The phone is lost; the person comes back on another one.
    Lose,
    /// The person decides to keep nothing.
    Leave,
}

/// Both ends, the relay between them, and what each person is owed.
pub(crate) struct Story {
    office: Office,
    net: Net,
    phone: Mobile,
    now: u64,
    lives: u32,
    texts: u32,
    copy: Option<(State, BTreeSet<String>)>,
    /// The adversary has gone.
    is_well: bool,
    /// Texts this phone has yet to bring to the desk.
    owed_to_desk: BTreeSet<String>,
    owed_to_tipster: BTreeSet<String>,
    /// How often each text was shown on this phone.
    shown: BTreeMap<String, u32>,
}

const BEGIN: u64 = 1_795_491_000;
/// 1 + 2 + .. + 64 openings until a phone gives a conversation up, and some more for the next one.
const PATIENCE: u32 = 150;
/// Turns of a long sitting.
const MANY: usize = 24;

impl Story {
    pub(crate) fn begin() -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(4);
        let keys = CodeKeys::from_stretched(Secret::make(rng));
        let state = Tipster::begin(LINE, keys.clone(), 0, BEGIN, rng).to_bytes();
        let mut story = Self {
            office: Office::new(5),
            net: Net::default(),
            phone: Mobile::new(keys, state, 0),
            now: BEGIN,
            lives: 0,
            texts: 0,
            copy: None,
            is_well: false,
            owed_to_desk: BTreeSet::new(),
            owed_to_tipster: BTreeSet::new(),
            shown: BTreeMap::new(),
        };
        story.round(None);
        story
    }

    /// Does everything, then leaves the network alone and checks.
    pub(crate) fn tell(ops: &[Op]) {
        let mut story = Self::begin();
        for op in ops {
            story.go(*op);
            story.check();
        }
        story.end();
    }

    pub(crate) fn go(&mut self, op: Op) {
        match op {
            Op::Write(parts) => self.write(parts),
            Op::Open(turns) => self.open(turns.into(), None),
            Op::OpenAndStop(saves) => self.open(MANY, Some(saves)),
            Op::Relay(fate) => self.net.fates.push(fate),
            Op::Release => self.net.release(self.now),
            Op::Reorder => self.net.reorder(self.office.desk().cursor(0)),
            Op::LosePages(count) => self.net.dropped_pages += usize::from(count),
            Op::Round => self.round(None),
            Op::RoundAndStop(saves) => self.round(Some(saves)),
            Op::Rewind => self.office.rewind(),
            Op::Reply(parts) => self.reply(parts),
            Op::Wait => self.now += NEW_SECONDS / 2,
            Op::Days(days) => self.days(days),
            Op::Copy => {
                let state = self.phone.disk.kept.clone();
                self.copy = Some((state, self.owed_to_desk.clone()));
            }
            Op::Restore => self.restore(),
            Op::Lose => self.lose(),
            Op::Leave => self.leave(),
        }
    }

    /// The addresses of the pages of the next cycle, which is not written.
    pub(crate) fn compose(&mut self) -> Vec<Address> {
        self.office.compose(self.now + 2 * NEW_SECONDS)
    }

    fn write(&mut self, parts: u8) {
        let text = self.text("tip", parts);
        if self.phone.keeps_nothing {
            // What does not arrive is gone when the app is closed.
            if self.is_well {
                self.owed_to_desk.insert(text.clone());
            }
            self.phone.draft = Some(text);
            return;
        }
        let mut tipster = self.phone.tipster();
        let written = tipster.write(&text, self.now, &mut self.phone.rng);
        written.unwrap().save(&mut self.phone.disk).unwrap();
        self.owed_to_desk.insert(text);
    }

    fn text(&mut self, what: &str, parts: u8) -> String {
        self.texts += 1;
        let filler = "x".repeat(4_300 * usize::from(parts.clamp(1, 3) - 1));
        format!("{what} {} {filler}", self.texts).trim().to_owned()
    }

    fn open(&mut self, turns: usize, left: Option<u8>) {
        let ends = (&self.office, &mut self.net);
        for text in self.phone.open(ends, self.now, (turns, left)) {
            assert!(text.starts_with("reply "), "nobody wrote this");
            self.owed_to_tipster.remove(&text);
            *self.shown.entry(text).or_default() += 1;
        }
        self.wipe();
    }

    /// Somebody who keeps nothing wipes once the desk has been told.
    fn wipe(&mut self) {
        let tipster = self.phone.tipster();
        if tipster.keeps_nothing() && !tipster.is_waiting() && !self.phone.keeps_nothing {
            self.phone.keeps_nothing = true;
            self.forgo();
        }
    }

    fn round(&mut self, left: Option<u8>) {
        self.office.round(&mut self.net, self.now, left);
    }

    fn reply(&mut self, parts: u8) {
        let newest = self.office.desk().cases().keys().next_back().copied();
        if let Some(number) = newest {
            let text = self.text("reply", parts);
            self.office.reply(number, &text, self.now);
            self.owed_to_tipster.insert(text);
        }
    }

    fn days(&mut self, days: u8) {
        for _ in 0..days {
            self.now += DAY_SECONDS;
            self.net.sweep(14 * DAY_SECONDS, self.now);
        }
    }

    fn restore(&mut self) {
        let Some((state, owed)) = self.copy.clone() else {
            return;
        };
        self.forgo();
        self.phone.keeps_nothing = false;
        self.phone.disk.kept = state;
        self.owed_to_desk = owed;
        self.live_again();
        self.net.restored.insert(self.lives);
    }

    fn lose(&mut self) {
        self.forgo();
        let keys = self.phone.keys.clone();
        let state = Tipster::come_back(LINE, keys.clone(), 0, self.now, &mut self.phone.rng);
        self.phone = Mobile::new(keys, state.to_bytes(), self.lives + 1);
        self.copy = None;
        self.live_again();
    }

    fn live_again(&mut self) {
        self.lives += 1;
        self.phone.sender.life = self.lives;
        self.shown.clear();
    }

    /// What was acknowledged and not shown is lost with the phone, and what was not sent.
    fn forgo(&mut self) {
        self.owed_to_desk.clear();
        if !self.phone.keeps_nothing {
            for (_, text) in self.phone.tipster().unread() {
                self.owed_to_tipster.remove(&text);
            }
        }
    }

    fn leave(&mut self) {
        if !self.phone.keeps_nothing {
            let mut tipster = self.phone.tipster();
            tipster.leave().save(&mut self.phone.disk).unwrap();
        }
    }

    /// What holds at any time.
    fn check(&self) {
        // A conversation that is not kept is read again and again until it is acknowledged.
        let may_repeat = self.phone.tipster().keeps_nothing();
        for (text, times) in &self.shown {
            assert!(
                may_repeat || *times == 1,
                "{text:.9} was shown {times} times"
            );
        }
        let desk = self.office.desk();
        assert!(desk.cases().len() <= 1, "one person became two cases");
        for case in desk.cases().values() {
            assert!(!case.is_foreign());
            let mut seen = BTreeSet::new();
            for entry in case.entries() {
                assert!(seen.insert(entry.text()), "the desk shows a text twice");
            }
        }
    }

    fn arrived(&self) -> BTreeSet<String> {
        let desk = self.office.desk();
        let cases = desk.cases().values();
        let entries = cases.flat_map(|case| {
            let incoming = case.entries().iter();
            incoming.filter(|entry| {
                entry.direction == Direction::In && case.status(entry) != Status::Arriving
            })
        });
        entries.map(sotto_core::desk::Entry::text).collect()
    }

    fn is_settled(&self) -> bool {
        let arrived = self.arrived();
        self.owed_to_desk.iter().all(|text| arrived.contains(text))
            && self.owed_to_tipster.is_empty()
    }

    /// The network is well again: everything owed arrives within a bounded number of openings.
    fn end(&mut self) {
        self.net.fates.clear();
        self.net.dropped_pages = 0;
        self.net.release(self.now);
        self.is_well = true;
        for _ in 0..PATIENCE {
            if self.is_settled() {
                return self.say_goodbye();
            }
            self.step();
        }
        self.give_up();
    }

    /// Nothing moves any more.
    fn give_up(&self) -> ! {
        let name = |text: &String| text.chars().take(9).collect::<String>();
        let arrived = self.arrived();
        let lacks: Vec<_> = self.owed_to_desk.difference(&arrived).map(name).collect();
        let misses: Vec<_> = self.owed_to_tipster.iter().map(name).collect();
        panic!("no progress: the desk lacks {lacks:?}, the tipster {misses:?}");
    }

    fn step(&mut self) {
        self.open(MANY, None);
        self.round(None);
        self.now += NEW_SECONDS;
        self.round(None);
        self.check();
    }

    /// One more text each way, whatever happened before.
    fn say_goodbye(&mut self) {
        self.write(1);
        for _ in 0..PATIENCE {
            if self.is_settled() {
                break;
            }
            self.step();
        }
        self.reply(2);
        for _ in 0..PATIENCE {
            if self.is_settled() {
                return self.fall_silent();
            }
            self.step();
        }
        self.give_up();
    }

    /// Where everything is said, a phone sends nothing but cover.
    fn fall_silent(&mut self) {
        for _ in 0..PATIENCE {
            let before = self.net.posts;
            self.step();
            if self.net.posts == before || self.phone.keeps_nothing {
                return;
            }
        }
        panic!("the phone never falls silent");
    }
}
