//! The log key changes daily and with the roster, and what it opened stays closed.

use std::collections::BTreeSet;

use sotto_protocol::{
    limits::{LOG_HELD, LOG_RECORD_BYTES},
    log::{Body, KeyPart, LogHeader, LogKey, open},
    secret::SealingSecret,
};
use sotto_tests::world::Backend;

use super::{
    office,
    office::{Fate, Member, Office},
};

fn key_id(record: &[u8]) -> [u8; 16] {
    LogHeader::parse(record).unwrap().key_id
}

/// Every log key that may be hidden in a state, at whatever offset.
fn keys_in(state: &[u8]) -> BTreeSet<[u8; 16]> {
    let windows = without_records(state).windows(32);
    windows
        .map(|bytes| LogKey::from_bytes(bytes.try_into().unwrap()).id())
        .collect()
}

/// A state without the sealed records at its end.
fn without_records(state: &[u8]) -> &[u8] {
    &state[..state.len().saturating_sub(LOG_HELD * LOG_RECORD_BYTES)]
}

/// The log key in a state that opens this record.
fn key_of(state: &[u8], record: &[u8]) -> Option<LogKey> {
    let mut keys = without_records(state).windows(32).map(|bytes| {
        let bytes: [u8; 32] = bytes.try_into().unwrap();
        LogKey::from_bytes(bytes)
    });
    keys.find(|key| key.id() == key_id(record))
}

#[test]
fn what_was_replayed_stays_closed_the_day_after() {
    let mut office = office(Backend::Embedded, 60, 2);
    let tap = office.wiretap();
    // Into a day of its own.
    office.world.clock.pass(86_400);
    let evening = office.members[0].disk.log.clone();
    office.run(6);
    office.say(0, "of this day");
    office.run(3);
    let day: Vec<Vec<u8>> = tap.borrow().clone();
    let last = day.last().unwrap().clone();
    let ids: BTreeSet<[u8; 16]> = day.iter().map(|record| key_id(record)).collect();
    let before = office.members[0].disk.log.clone();
    assert!(keys_in(&before).contains(&key_id(&last)));

    office.world.clock.pass(86_400);
    office.run(6);
    for member in &office.members {
        let state = &member.disk.log;
        assert!(keys_in(state).is_disjoint(&ids));
        let newest = tap.borrow().last().unwrap().clone();
        assert!(keys_in(state).contains(&key_id(&newest)));
    }
    // Nor the halves that the day's log key was sealed to, though the key of the day before is known.
    let old = key_of(&evening, &day[0]).unwrap();
    let place = office.members[0].device.place;
    let parts: Vec<KeyPart> = day
        .iter()
        .filter_map(|record| match open(record, place, &old).ok()?.body {
            Body::Key(part) => Some(part),
            _ => None,
        })
        .collect();
    assert_eq!(parts.len(), 1);
    let own = |member: &Member| {
        let mut sealed = parts[0].sealed.iter();
        sealed.find(|sealed| sealed.device == member.id).unwrap()
    };
    let opens = |state: &[u8], member: &Member| {
        let halves = without_records(state).windows(32);
        let mut halves = halves.map(|bytes| SealingSecret::from_bytes(bytes.try_into().unwrap()));
        halves.any(|half| own(member).open(parts[0].key_id, &half, place).is_ok())
    };
    let member = &office.members[0];
    assert!(opens(&before, member), "a half of the day was there");
    assert!(!opens(&member.disk.log, member));
}

impl Office {
    /// The id of the log key that a device's next record would be under.
    fn key_now(&mut self, which: usize) -> [u8; 16] {
        let now = self.world.clock.read();
        let mut rng = self.world.seed();
        self.read(which);
        let member = &mut self.members[which];
        let composed = member.log.compose(None, now, &mut rng).unwrap();
        let record = composed.save(&mut member.disk).unwrap().record.unwrap();
        // It is not sent.
        member.log.conflict();
        key_id(&record)
    }
}

impl Office {
    /// A new day, just before which everybody was heard of.
    fn begin_day(&mut self) {
        let now = self.world.clock.read();
        self.world.clock.pass(86_400 - now % 86_400 - 60);
        self.run(1);
    }
}

#[test]
fn the_lowest_device_rotates_and_the_next_takes_over() {
    let mut office = office(Backend::Embedded, 61, 3);
    let [low, middle, high] = [0, 1, 2].map(|rank| office.ranked(rank));
    office.begin_day();
    let before = office.key_now(high);
    // All are there: the others leave it to the lowest.
    for which in [high, middle, high, middle, low, high, middle] {
        office.tick(which, Fate::Arrives);
        assert_eq!(office.key_now(high), before);
    }
    office.tick(low, Fate::Arrives);
    let after = office.key_now(high);
    assert_ne!(after, before);
    assert_eq!(office.key_now(middle), after);
    // The lowest is off: nobody waits for it, and it finds its way.
    office.world.clock.pass(86_400);
    office.tick(middle, Fate::Arrives);
    office.tick(middle, Fate::Arrives);
    assert_ne!(office.key_now(high), after);
    office.say(low, "back");
    office.run(3);
    assert_eq!(office.seen(high), ["back"]);
    // It is there, and does nothing: the next one waits for two ticks.
    office.begin_day();
    let before = office.key_now(high);
    office.tick(low, Fate::Arrives);
    for (wait, is_done) in [(0, false), (0, false), (119, false), (1, true)] {
        office.world.clock.pass(wait);
        office.tick(middle, Fate::Arrives);
        let member = &office.members[high];
        assert!(member.log.is_inside());
        assert_eq!(office.key_now(high) != before, is_done, "{wait}");
    }
}

#[test]
fn who_is_removed_reads_nothing_more() {
    for seed in 62..65 {
        let mut office = office(Backend::Embedded, seed, 3);
        let tap = office.wiretap();
        office.say(0, "for three");
        office.run(2);
        assert_eq!(office.seen(2), ["for three"]);
        let gone = 2;
        let old = keys_in(&office.members[gone].disk.log);
        office.dismiss(gone);
        tap.borrow_mut().clear();
        for _ in 0..2 {
            for which in [0, 1] {
                office.tick(which, Fate::Arrives);
            }
        }
        let rotated = tap.borrow().len();
        office.say(1, "for two");
        for _ in 0..2 {
            for which in [0, 1] {
                office.tick(which, Fate::Arrives);
            }
        }
        assert_eq!(office.seen(0), ["for three", "for two"]);
        // Handed to it by the relay all the same, it learns that it is out, and reads nothing.
        let records = tap.borrow().clone();
        assert!(!old.contains(&key_id(&records[rotated])));
        let mut page = office.page(0);
        page.records = records;
        let now = office.world.clock.read();
        office.replay(gone, &page);
        assert_eq!(office.seen(gone), ["for three"]);
        let member = &mut office.members[gone];
        assert_eq!(member.told.last(), Some(&sotto_core::log::Event::Excluded));
        let mut rng = office.world.seed();
        let refused = member.log.compose(None, now, &mut rng).unwrap_err();
        assert_eq!(refused, sotto_core::log::ComposeError::Outside);
        let known = keys_in(&member.disk.log);
        let newest = page.records.last().unwrap();
        assert!(!known.contains(&key_id(newest)));
    }
}

/// More devices than one record gives a key to.
#[test]
fn a_large_desk_rotates_in_parts() {
    let mut office = Office::new(Backend::Embedded, 66, 14);
    // Its key of the day, a log key for this roster, and for each newcomer a welcome and a state.
    for _ in 0..2 + 13 * 2 {
        office.tick(0, Fate::Arrives);
        office.world.clock.pass(10);
    }
    office.run(2);
    assert!(office.members.iter().all(|member| member.log.is_inside()));
    let before = office.key_now(0);
    office.world.clock.pass(86_400);
    office.say(3, "from the fourth");
    for _ in 0..3 {
        for which in 0..14 {
            office.tick(which, Fate::Arrives);
        }
        office.world.clock.pass(60);
    }
    let after = office.key_now(0);
    assert_ne!(after, before);
    for which in 0..14 {
        assert_eq!(office.key_now(which), after);
        assert_eq!(office.seen(which), ["from the fourth"]);
        assert!(office.members[which].told.is_empty());
    }
}
