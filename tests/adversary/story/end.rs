//! What must hold at any time, and in the end.

use std::collections::BTreeSet;

use sotto_core::desk::{Case, Desk, Direction, Entry, Status};

use super::{MANY, NEW_SECONDS, Story};

/// 1 + 2 + .. + 64 openings until a phone gives a conversation up, and some more for the next one.
const PATIENCE: u32 = 150;

impl Story {
    /// What holds at any time.
    pub(super) fn check(&self) {
        // A conversation that is not kept is read again and again until it is acknowledged.
        let may_repeat = self.phone.tipster().keeps_nothing();
        for (text, times) in &self.shown {
            assert!(
                may_repeat || *times == 1,
                "{text:.9} was shown {times} times"
            );
        }
        for desk in self.office.desks() {
            assert!(desk.cases().len() <= 1, "one person became two cases");
            let is_alarmed = desk.cases().values().any(Case::is_foreign);
            assert!(!is_alarmed, "an alarm about keys everybody was shown");
            let entries = desk.cases().values().flat_map(Case::entries);
            let mut seen = BTreeSet::new();
            for entry in entries {
                assert!(seen.insert(entry.text()), "the desk shows a text twice");
            }
        }
    }

    /// What every device shows of the tipster's.
    fn arrived(&self) -> BTreeSet<String> {
        let mut devices = self.office.desks().map(|desk| texts(&desk, Direction::In));
        let first = devices.next().unwrap_or_default();
        devices.fold(first, |all, other| &all & &other)
    }

    /// Everybody has what is owed, and the devices agree.
    fn is_settled(&self) -> bool {
        let arrived = self.arrived();
        self.owed_to_desk.iter().all(|text| arrived.contains(text))
            && self.owed_to_tipster.is_empty()
            && self.office.agrees()
    }

    /// The network is well again: everything owed arrives within a bounded number of openings.
    pub(super) fn end(&mut self) {
        self.net.become_well(self.now);
        self.is_well = true;
        for number in 0..PATIENCE {
            if self.is_settled() {
                return self.say_goodbye();
            }
            self.step(number);
        }
        self.give_up();
    }

    /// Nothing moves any more.
    fn give_up(&self) -> ! {
        let name = |text: &String| text.chars().take(9).collect::<String>();
        let arrived = self.arrived();
        let lacks: Vec<_> = self.owed_to_desk.difference(&arrived).map(name).collect();
        let misses: Vec<_> = self.owed_to_tipster.iter().map(name).collect();
        let agree = self.office.agrees();
        panic!("no progress: the desk lacks {lacks:?}, the tipster {misses:?}, agreed: {agree}");
    }

    /// One opening, and what the desk does until the next one: as good as nothing where nothing
    /// was posted, but for some cycle now and then.
    fn step(&mut self, number: u32) {
        let before = self.net.posts;
        self.open(MANY, None);
        if self.net.posts > before || number.is_multiple_of(4) {
            self.rounds();
            self.now += NEW_SECONDS;
            self.turn();
        }
        self.check();
    }

    /// One more text each way, whatever happened before.
    fn say_goodbye(&mut self) {
        let mut is_written = false;
        for number in 0..PATIENCE {
            // What is written may have to wait for receipts of what came before.
            is_written = is_written || self.write(1);
            if is_written && self.is_settled() {
                break;
            }
            self.step(number);
        }
        assert!(is_written, "the phone takes no text any more");
        self.reply(self.office.machines.len() - 1, 2);
        for number in 0..PATIENCE {
            if self.is_settled() {
                return self.fall_silent();
            }
            self.step(number);
        }
        self.give_up();
    }

    /// Where everything is said, a phone sends nothing but cover.
    fn fall_silent(&mut self) {
        for number in 0..PATIENCE {
            let before = self.net.posts;
            self.step(number);
            if self.net.posts == before || self.phone.keeps_nothing {
                return;
            }
        }
        panic!("the phone never falls silent");
    }
}

/// The whole texts of one direction that a device shows.
fn texts(desk: &Desk, direction: Direction) -> BTreeSet<String> {
    let entries = desk.cases().values().flat_map(|case| {
        let entries = case.entries().iter();
        entries.filter(move |entry| {
            entry.direction == direction && case.status(entry) != Status::Arriving
        })
    });
    entries.map(Entry::text).collect()
}
