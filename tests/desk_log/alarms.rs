//! A relay that lies, forgets or is restored.

use sotto_core::log::{Alarm, ComposeError, ReplayError};
use sotto_protocol::{
    limits::{LOG_HELD, LOG_QUIET_SECONDS},
    log::LogPage,
};
use sotto_tests::world::Backend;

use super::{
    office,
    office::{Fate, Office},
    records::header_at,
};

impl Office {
    /// What a device says to a page that shows these records.
    fn show(&mut self, which: usize, records: Vec<Vec<u8>>) -> Result<Option<Alarm>, ReplayError> {
        let page = LogPage {
            records,
            ..self.page(which)
        };
        let now = self.world.clock.read();
        let member = &mut self.members[which];
        let replayed = member.log.replay(&page, now)?;
        member.disk.log = member.log.to_bytes().to_vec();
        Ok(replayed.alarm)
    }

    /// That a device has stopped for good, also after a restart.
    fn has_stopped(&mut self, which: usize, alarm: Alarm) {
        let now = self.world.clock.read();
        let mut rng = self.world.seed();
        for _ in 0..2 {
            let member = &mut self.members[which];
            assert_eq!(member.log.alarm(), Some(alarm));
            let refused = member.log.compose(None, now + 86_400, &mut rng);
            assert_eq!(refused.unwrap_err(), ComposeError::Stopped(alarm));
            member.restart();
        }
        let page = self.page(which);
        let refused = self.members[which].log.replay(&page, now).unwrap_err();
        assert_eq!(refused, ReplayError::Stopped(alarm));
    }
}

#[test]
fn two_records_for_one_position() {
    let mut office = office(Backend::Embedded, 40, 3);
    for which in 0..3 {
        office.read(which);
    }
    // Two devices append at one position, and the relay accepts both.
    let tap = office.wiretap();
    office.say(0, "one");
    office.append(0, Fate::Arrives);
    let one = tap.borrow()[0].clone();
    office.say(1, "other");
    office.append(1, Fate::Lost);
    let other = office.members[1].disk.log.clone();
    let at = other.windows(64).position(|bytes| bytes == &one[..64]);
    let other = other[at.unwrap()..][..one.len()].to_vec();
    assert_ne!(one, other);
    // Whoever sees both stops.
    office.read(2);
    assert_eq!(office.show(2, vec![one.clone()]), Ok(None));
    assert_eq!(office.show(2, vec![other.clone()]), Ok(Some(Alarm::Forked)));
    office.has_stopped(2, Alarm::Forked);
    // And whoever was told that its own stands and is shown what follows the other.
    assert_eq!(office.show(1, vec![other]), Ok(None));
    office.say(0, "next");
    office.append(0, Fate::Arrives);
    let next = tap.borrow()[1].clone();
    assert_eq!(office.show(1, vec![next]), Ok(Some(Alarm::Forked)));
    office.has_stopped(1, Alarm::Forked);
    assert_eq!(office.seen(0), ["one", "next"]);
}

#[test]
fn a_record_that_nobody_made() {
    let mut office = office(Backend::Embedded, 41, 2);
    office.read(0);
    office.read(1);
    let tap = office.wiretap();
    office.say(1, "genuine");
    office.append(1, Fate::Arrives);
    let genuine = tap.borrow()[0].clone();
    for byte in [44, 64, 1_184, 1_232, 1_264, 1_296, 16_319] {
        let mut bent = genuine.clone();
        bent[byte] ^= 1;
        let good = office.members[0].disk.log.clone();
        let said = office.show(0, vec![bent]);
        assert_eq!(said, Ok(Some(Alarm::Unreadable)), "{byte}");
        office.has_stopped(0, Alarm::Unreadable);
        office.members[0].disk.log = good;
        office.members[0].restart();
    }
    assert_eq!(
        office.show(0, vec![header_at(99)]),
        Err(ReplayError::Missing)
    );
    assert_eq!(office.show(0, vec![genuine]), Ok(None));
}

#[test]
fn another_roster_of_the_same_number() {
    let mut office = office(Backend::Embedded, 42, 2);
    let (roster, hash) = office.roster();
    let member = &mut office.members[0];
    member.log.set_members(&roster, hash).unwrap();
    let refused = member.log.set_members(&roster, [9; 32]).unwrap_err();
    assert_eq!(refused, Alarm::Rosters);
    member.disk.log = member.log.to_bytes().to_vec();
    office.has_stopped(0, Alarm::Rosters);
    // Also if it is another device that was shown it.
    let mut office = super::office(Backend::Embedded, 43, 2);
    office.world.clock.pass(86_400);
    let lowest = office.ranked(0);
    office.world.publish();
    let (roster, _) = office.roster();
    let other = office.ranked(1);
    office.members[other]
        .log
        .set_members(&roster, [9; 32])
        .unwrap();
    office.tick(lowest, Fate::Arrives);
    office.tick(lowest, Fate::Arrives);
    let page = office.page(other);
    assert_eq!(office.show(other, page.records), Ok(Some(Alarm::Rosters)));
    office.has_stopped(other, Alarm::Rosters);
}

/// A page of a store that has begun a new life with the first `next` records.
fn reborn(office: &mut Office, which: usize, next: u64) -> LogPage {
    let page = office.page(which);
    LogPage {
        incarnation: page.incarnation + 1,
        next,
        records: Vec::new(),
        ..page
    }
}

#[test]
fn after_a_failover_only_what_is_held_is_appended() {
    let mut office = office(Backend::Embedded, 44, 2);
    let tap = office.wiretap();
    office.run(4);
    office.read(0);
    let records = tap.borrow().clone();
    let next = office.members[0].log.from();
    let now = office.world.clock.read();
    let mut rng = office.world.seed();
    let page = reborn(&mut office, 0, next - 2);
    let member = &mut office.members[0];
    assert!(member.log.replay(&page, now).unwrap().alarm.is_none());
    // What it has learnt has to survive a restart.
    member.disk.log = member.log.to_bytes().to_vec();
    let mut compose = |now| {
        let composed = member.log.compose(Some(b"later"), now, &mut rng).unwrap();
        let composed = composed.save(&mut member.disk).unwrap();
        let _ = member.log.appended(now);
        composed
    };
    let last = records.len() - 1;
    for expected in [last - 1, last, last, last] {
        let composed = compose(now + 1);
        assert!(!composed.is_carried);
        assert_eq!(composed.record.as_ref(), Some(&records[expected]));
    }
    assert!(compose(now + LOG_QUIET_SECONDS).is_carried);
}

#[test]
fn what_nobody_holds_any_more_stops_a_device() {
    let mut office = office(Backend::Embedded, 45, 2);
    office.run(LOG_HELD);
    office.read(0);
    let next = office.members[0].log.from();
    let held = LOG_HELD as u64;
    let now = office.world.clock.read();
    let mut rng = office.world.seed();
    for (lost, is_held) in [(held, true), (held + 1, false)] {
        let page = reborn(&mut office, 0, next - lost);
        let member = &mut office.members[0];
        member.restart();
        assert!(member.log.replay(&page, now).unwrap().alarm.is_none());
        // Another device may hold it.
        let waits = member.log.compose(None, now, &mut rng).unwrap();
        assert!(
            waits
                .save(&mut member.disk.clone())
                .unwrap()
                .record
                .is_some()
        );
        let later = now + LOG_QUIET_SECONDS;
        let composed = member.log.compose(None, later, &mut rng);
        assert_eq!(composed.is_ok(), is_held);
    }
    let member = &mut office.members[0];
    member.disk.log = member.log.to_bytes().to_vec();
    office.has_stopped(0, Alarm::Lost);
}
