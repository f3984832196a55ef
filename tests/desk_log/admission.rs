//! How a device comes in: with the state, and without the past.

use sotto_core::log::{Alarm, ComposeError, DeskLog, Event, ReplayError};
use sotto_protocol::log::LogHeader;
use sotto_tests::world::Backend;

use super::{
    office,
    office::{Fate, Office},
};

#[test]
fn a_newcomer_gets_the_state_and_not_the_past() {
    for backend in super::BOTH {
        let mut office = office(backend, 80, 2);
        let tap = office.wiretap();
        office.say(0, "before");
        office.say(1, "before too");
        office.run(2);
        let past: Vec<[u8; 16]> = tap
            .borrow()
            .iter()
            .map(|record| LogHeader::parse(record).unwrap().key_id)
            .collect();
        office.hire();
        office.say(0, "meanwhile");
        office.say(2, "from the new one");
        office.run(6);
        assert!(office.members[2].log.is_inside());
        let seen = office.seen(0);
        assert_eq!(seen.len(), 4);
        assert_eq!(office.seen(1), seen);
        assert_eq!(office.seen(2), seen);
        // The key that sealed the past was never given to it.
        let now = tap.borrow().last().cloned().unwrap();
        assert!(!past.contains(&LogHeader::parse(&now).unwrap().key_id));
    }
}

/// A state of many records, others at work all the while, and the device that sends it dies.
#[test]
fn a_large_state_comes_in_parts() {
    for crash in [None, Some(2), Some(4)] {
        let mut office = office(Backend::Embedded, 81, 2);
        for n in 0..5 {
            office.say(0, &format!("{n} {}", "long ".repeat(2_500)));
        }
        office.run(6);
        office.hire();
        for n in 0..9 {
            office.say(0, &format!("zero {n}"));
            office.say(1, &format!("one {n}"));
            if crash == Some(n) {
                let old = &mut office.members[..2];
                old.iter_mut().for_each(super::office::Member::restart);
            }
            office.run(1);
        }
        office.say(2, "two");
        office.run(14);
        assert!(office.members[2].log.is_inside(), "{crash:?}");
        let seen = office.seen(0);
        assert_eq!(seen.len(), 5 + 18 + 1);
        assert_eq!(office.seen(1), seen);
        assert_eq!(office.seen(2), seen, "{crash:?}");
    }
}

#[test]
fn another_device_goes_on_where_the_first_one_is_switched_off() {
    let mut office = office(Backend::Embedded, 82, 3);
    for n in 0..4 {
        office.say(0, &format!("{n} {}", "long ".repeat(2_500)));
    }
    office.run(5);
    office.hire();
    let (first, newcomer) = (office.ranked(0), 3);
    let first = if first == newcomer {
        office.ranked(1)
    } else {
        first
    };
    // Rotation, welcome, the first part: then silence.
    for _ in 0..3 {
        office.tick(first, Fate::Arrives);
    }
    let others: Vec<usize> = (0..3).filter(|which| *which != first).collect();
    let (mut round, back) = (0, 4);
    while !office.members[newcomer].log.is_inside() && round < 24 {
        for which in others.iter().copied().chain([newcomer]) {
            office.tick(which, Fate::Arrives);
        }
        // It comes back, and the two do not begin anew in turn for ever.
        if round >= back {
            office.tick(first, Fate::Arrives);
        }
        office.world.clock.pass(60);
        round += 1;
    }
    assert!(round > back);
    assert!(office.members[newcomer].log.is_inside());
    assert_eq!(office.seen(newcomer), office.seen(others[0]));
    assert_eq!(office.seen(newcomer).len(), 4);
}

#[test]
fn a_state_on_its_way_holds_nothing_up() {
    let mut office = office(Backend::Embedded, 91, 2);
    for n in 0..4 {
        office.say(0, &format!("{n} {}", "long ".repeat(2_500)));
    }
    office.run(5);
    office.tick(0, Fate::Arrives);
    office.hire();
    office.world.clock.pass(130);
    // Rotation, welcome, the first part.
    for _ in 0..3 {
        assert!(!office.tick(0, Fate::Arrives));
    }
    for is_carried in [true, false, true, false] {
        office.say(0, "meanwhile");
        assert_eq!(office.tick(0, Fate::Arrives), is_carried);
    }
}

#[test]
fn a_newcomer_needs_a_roster_and_a_welcome() {
    let mut office = Office::new(Backend::Embedded, 83, 2);
    let now = office.world.clock.read();
    let mut rng = office.world.seed();
    let page = office.page(1);
    let newcomer = &mut office.members[1];
    let refused = newcomer.log.replay(&page, now).unwrap_err();
    assert_eq!(refused, ReplayError::NoRoster);
    let refused = newcomer.log.compose(None, now, &mut rng).unwrap_err();
    assert_eq!(refused, ComposeError::Outside);
    let mut other = page;
    other.log = 0;
    let refused = newcomer.log.replay(&other, now).unwrap_err();
    assert_eq!(refused, ReplayError::OtherLog);
}

#[test]
fn of_two_that_begin_one_is_let_in() {
    let mut office = Office::new(Backend::Embedded, 84, 2);
    let mut rng = office.world.seed();
    let second = &mut office.members[1];
    second.log = DeskLog::found(second.device.clone(), &mut rng);
    office.read(0);
    office.read(1);
    assert!(!office.append(0, Fate::Arrives));
    assert!(!office.append(1, Fate::Arrives));
    office.say(1, "late");
    office.run(8);
    assert!(matches!(office.members[1].told[..], [Event::Excluded]));
    assert!(office.members[1].log.is_inside());
    assert_eq!(office.seen(0), ["late"]);
    assert_eq!(office.seen(1), ["late"]);
}

#[test]
fn who_comes_back_after_weeks_catches_up() {
    let mut office = office(Backend::Embedded, 85, 3);
    for day in 0..20 {
        office.say(day % 2, &format!("{day}"));
        for _ in 0..3 {
            for which in [0, 1] {
                office.tick(which, Fate::Arrives);
            }
            office.world.clock.pass(120);
        }
        office.world.clock.pass(86_400 - 360);
    }
    // The roster is signed for sixty days.
    office.say(2, "back");
    office.run(5);
    assert!(office.members[2].log.is_inside());
    assert_eq!(office.seen(2).len(), 21);
    assert_eq!(office.seen(2), office.seen(0));
}

#[test]
fn who_was_removed_may_come_back() {
    let mut office = office(Backend::Embedded, 86, 3);
    office.say(2, "before");
    office.run(2);
    office.dismiss(2);
    let mut gone = office.members.pop().unwrap();
    office.say(0, "without it");
    office.run(10);
    // What it has not read is deleted meanwhile.
    let (roster, hash) = office.roster();
    let now = office.world.clock.read();
    gone.log.set_members(&roster, hash).unwrap();
    let line = office.world.pin().line;
    let page = office.world.store.read_log(line, office.desk, 0, 16);
    let page = office.world.block_on(page).unwrap();
    let refused = gone.log.replay(&page, now).unwrap_err();
    assert_eq!(refused, ReplayError::Missing);
    gone.log.give_up();
    assert!(!gone.log.is_inside());
    office.members.push(gone);
    office.rehire(2);
    office.run(6);
    office.say(2, "after");
    office.run(3);
    assert!(office.members[2].log.is_inside());
    assert_eq!(office.seen(2), ["before", "without it", "after"]);
    assert_eq!(office.seen(0), office.seen(2));
}

#[test]
fn who_stopped_does_not_give_up_either() {
    let mut office = office(Backend::Embedded, 87, 2);
    let (roster, _) = office.roster();
    let member = &mut office.members[0];
    let alarm = member.log.set_members(&roster, [9; 32]).unwrap_err();
    assert_eq!(alarm, Alarm::Rosters);
    member.log.give_up();
    assert_eq!(member.log.alarm(), Some(alarm));
}

/// A device that has not heard of a removal must not let the removed one back in.
#[test]
fn an_old_roster_lets_nobody_in() {
    for seed in 88..91 {
        let mut office = office(Backend::Embedded, seed, 3);
        let tap = office.wiretap();
        office.dismiss(2);
        for _ in 0..4 {
            office.tick(0, Fate::Arrives);
            office.world.clock.pass(130);
        }
        for _ in 0..6 {
            office.read(1);
            office.append(1, Fate::Arrives);
            office.world.clock.pass(130);
        }
        let roster = Event::Roster {
            serial: office.roster().0.serial,
        };
        assert_eq!(
            office.members[1].told,
            [roster],
            "it is told of a newer one"
        );
        let mut page = office.page(0);
        page.records = tap.borrow().clone();
        office.replay(2, &page);
        assert_eq!(office.members[2].told.last(), Some(&Event::Excluded));
        let now = office.world.clock.read();
        let mut rng = office.world.seed();
        let refused = office.members[2].log.compose(None, now, &mut rng);
        assert_eq!(refused.unwrap_err(), ComposeError::Outside);
    }
}
