//! One case: a list of what happens, done to both ends, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    text::TextError,
    tipster::{State, Tipster},
};
use sotto_protocol::{code::CodeKeys, id::Address, limits::DAY_SECONDS, secret::Secret};

use super::{
    line::{NEW_SECONDS, link},
    mobile::Mobile,
    net::{Fate, LogFate, Net},
    office::{Crew, Office},
};

mod end;

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
    /// So many page writes of the desk are taken and not answered.
    HidePages(u8),
    /// So many looks of the desk into the inbox are not answered.
    HideInbox(u8),
    /// The relay's will with the next record of the log.
    Log(LogFate),
    /// So many requests of a device find the log out of service.
    NoLog(u8, u8),
    /// All devices go rounds in turn, until what the one has to say the others have heard.
    Rounds,
    /// A device goes one round.
    Round(u8),
    /// A device goes one round and stops after so many saves and requests.
    RoundAndStop(u8, u8),
    /// For so many half cycles one device is off, and the others go rounds.
    Off(u8, u8),
    /// The relay lives another life: the desk reads everything again.
    Rewind,
    /// A device answers, in so many envelopes.
    Reply(u8, u8),
    /// All devices answer before any has heard of it.
    ReplyAll(u8),
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
#[derive(Clone)]
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
/// Seconds between two rounds: each has a tick of the log.
const TICK: u64 = 61;
/// Turns of a long sitting.
const MANY: usize = 24;

impl Story {
    /// A desk that has published and written, and a phone that has just been given the link.
    pub(crate) fn begin(crew: Crew) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(4);
        let keys = CodeKeys::from_stretched(Secret::make(rng));
        let line = link().pin.line;
        let state = Tipster::begin(line, keys.clone(), 0, BEGIN, rng).to_bytes();
        let (office, net) = Office::new(crew, 5);
        let mut story = Self {
            office,
            net,
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
        while !story.office.is_complete() || story.net.served()[0] == 0 {
            assert!(
                story.now < BEGIN + DAY_SECONDS,
                "the devices do not find together"
            );
            story.rounds();
            story.now += NEW_SECONDS / 24;
        }
        story
    }

    /// Does everything, then leaves the network alone and checks.
    pub(crate) fn tell(mut self, ops: &[Op]) {
        for op in ops {
            self.go(*op);
            self.check();
        }
        self.end();
    }

    pub(crate) fn go(&mut self, op: Op) {
        match op {
            Op::Write(parts) => {
                self.write(parts);
            }
            Op::Open(turns) => self.open(turns.into(), None),
            Op::OpenAndStop(saves) => self.open(MANY, Some(saves)),
            Op::Relay(fate) => self.net.fates.push(fate),
            Op::Release => self.net.release(self.now),
            Op::Reorder => self.net.reorder(self.office.desk(0).cursor(0)),
            Op::LosePages(count) => self.net.dropped_pages += usize::from(count),
            Op::HidePages(count) => self.net.unanswered_pages += usize::from(count),
            Op::HideInbox(count) => self.net.unanswered_drains += usize::from(count),
            Op::Log(fate) => self.net.log.fates.push(fate),
            Op::NoLog(device, count) => {
                let device = self.office.place(device);
                self.net.log.away[device] += usize::from(count);
            }
            Op::Rounds => self.rounds(),
            Op::Round(device) => self.round(device, None),
            Op::RoundAndStop(device, steps) => self.round(device, Some(steps.into())),
            Op::Off(device, halves) => self.off(device, halves),
            Op::Rewind => self.net.restart(),
            Op::Reply(device, parts) => self.reply(self.office.place(device), parts),
            Op::ReplyAll(parts) => {
                for place in 0..self.office.machines.len() {
                    self.reply(place, parts);
                }
            }
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
        self.office.compose(&self.net, self.now + 2 * NEW_SECONDS)
    }

    /// Whether it was taken: a phone refuses where too much waits, and says so.
    fn write(&mut self, parts: u8) -> bool {
        let text = self.text("tip", parts);
        if self.phone.keeps_nothing {
            // What does not arrive is gone when the app is closed.
            if self.is_well {
                self.owed_to_desk.insert(text.clone());
            }
            self.phone.draft = Some(text);
            return true;
        }
        let mut tipster = self.phone.tipster();
        let written = tipster.write(&text, self.now, &mut self.phone.rng);
        if matches!(written, Err(TextError::Backlog)) {
            return false;
        }
        written.unwrap().save(&mut self.phone.disk).unwrap();
        self.owed_to_desk.insert(text);
        true
    }

    fn text(&mut self, what: &str, parts: u8) -> String {
        self.texts += 1;
        let filler = "x".repeat(4_300 * usize::from(parts.clamp(1, 3) - 1));
        format!("{what} {} {filler}", self.texts).trim().to_owned()
    }

    fn open(&mut self, turns: usize, left: Option<u8>) {
        let shown = self.phone.open(&mut self.net, self.now, (turns, left));
        for text in shown {
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

    /// Devices append one record a minute.
    fn round(&mut self, device: u8, steps: Option<u32>) {
        self.now += TICK;
        self.office.round(device, &mut self.net, self.now, steps);
    }

    /// What one has to say in the first turn, all have heard after the second.
    fn rounds(&mut self) {
        self.turn();
        self.turn();
    }

    fn turn(&mut self) {
        for device in (0..).take(self.office.machines.len()) {
            self.round(device, None);
        }
    }

    fn off(&mut self, device: u8, halves: u8) {
        let off = self.office.place(device);
        for _ in 0..halves {
            self.now += NEW_SECONDS / 2;
            let others = (0..).take(self.office.machines.len());
            for device in others.filter(|other| usize::from(*other) != off) {
                self.round(device, None);
            }
        }
    }

    fn reply(&mut self, place: usize, parts: u8) {
        let desk = self.office.machines[place].shown();
        if let Some(number) = desk.cases().keys().next_back().copied() {
            let text = self.text("reply", parts);
            self.office.reply(place, number, &text, self.now);
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
        self.net.witness.restored.insert(self.lives);
    }

    fn lose(&mut self) {
        self.forgo();
        let keys = self.phone.keys.clone();
        let state = Tipster::come_back(
            self.net.line.pin.line,
            keys.clone(),
            0,
            self.now,
            &mut self.phone.rng,
        );
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
}
