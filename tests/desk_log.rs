//! The desk log: whoever appends whatever, every device replays the same payloads in the same order.

mod admission;
mod alarms;
mod granted;
mod office;
mod order;
mod records;
mod restored;
mod rotation;

use sotto_core::log::{Pace, Ticks};
use sotto_protocol::{id::DeviceId, limits::LOG_RECORD_BYTES};
use sotto_tests::world::{Backend, Shape};

use self::office::{Fate, Office};

const BOTH: [Backend; 2] = [Backend::Embedded, Backend::Redis];

/// Devices that have let each other in; rounds that take is as many as there are duties.
fn office(backend: Backend, seed: u64, count: usize) -> Office {
    let mut office = Office::new(backend, seed, count);
    office.run(8);
    for member in &office.members {
        assert!(member.log.is_inside());
    }
    office.world.seen();
    office
}

#[test]
fn everybody_replays_the_same() {
    for backend in BOTH {
        let mut office = office(backend, 1, 3);
        for n in 0..4 {
            office.say(n % 3, &format!("{n}"));
            office.say((n + 1) % 3, &format!("{n} too"));
            office.run(2);
        }
        office.run(1);
        let seen = office.seen(0);
        assert_eq!(seen.len(), 8);
        assert_eq!(office.seen(1), seen);
        assert_eq!(office.seen(2), seen);
    }
}

#[test]
fn ticks_look_alike() {
    let mut office = office(Backend::Embedded, 2, 2);
    let mut ticks: Vec<Vec<Shape>> = Vec::new();
    office.tick(0, Fate::Arrives);
    office.world.seen();
    office.say(0, "a payload");
    office.say(0, &"a longer one".repeat(1_000));
    for is_carried in [true, true, false, false] {
        office.world.clock.pass(60);
        assert_eq!(office.tick(0, Fate::Arrives), is_carried);
        ticks.push(office.world.shapes());
    }
    let what: Vec<&str> = ticks[0].iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(what, ["GET log", "POST log"]);
    assert_eq!(ticks[0][0].1, (0, 32));
    assert_eq!(ticks[0][1].1, (LOG_RECORD_BYTES, 0));
    assert!(ticks.iter().all(|tick| *tick == ticks[0]), "{ticks:?}");
}

#[test]
fn a_duty_looks_like_nothing_to_do() {
    let mut office = office(Backend::Embedded, 3, 2);
    office.tick(0, Fate::Arrives);
    office.world.seen();
    office.tick(0, Fate::Arrives);
    let idle = office.world.shapes();
    office.world.clock.pass(86_400);
    // The announcement of the day's key, the new log key, and a device that lets another one in.
    for _ in 0..2 {
        office.tick(0, Fate::Arrives);
        assert_eq!(office.world.shapes(), idle);
    }
    office.hire();
    office.world.seen();
    for _ in 0..3 {
        office.tick(0, Fate::Arrives);
        assert_eq!(office.world.shapes(), idle);
    }
    office.tick(2, Fate::Arrives);
    assert!(office.members[2].log.is_inside());
}

#[test]
fn a_device_ticks_once_per_tick() {
    for first in [0, 1, 59, 60, 255] {
        let ticks = Ticks::of(DeviceId([first; 16]));
        for (pace, seconds) in [(Pace::Idle, 60), (Pace::Busy, 10)] {
            let begin = 1_795_491_000;
            let mut last = begin;
            let mut step = |now| {
                let is_due = ticks.is_due(last, now, pace);
                assert_eq!(is_due, ticks.next(last, pace) == now);
                last = [last, now][usize::from(is_due)];
                is_due
            };
            let due = (begin + 1..=begin + 600).filter(|now| step(*now)).count();
            assert_eq!(due, usize::try_from(600 / seconds).unwrap());
            // Hours asleep are not made up for.
            let now = last + 36_000;
            assert!(ticks.is_due(last, now, pace));
            assert!(!ticks.is_due(now, now, pace));
            let number = ticks.number(last, pace) + 36_000 / seconds;
            assert_eq!(ticks.number(now, pace), number);
        }
    }
}

#[test]
fn the_relay_deletes_what_all_devices_hold() {
    for backend in BOTH {
        let mut office = office(backend, 4, 2);
        let line = office.world.pin().line;
        let held = |office: &Office| {
            let page = office.world.store.read_log(line, office.desk, 0, 1_000);
            let page = office.world.block_on(page).unwrap();
            (page.next, page.records.len())
        };
        office.run(20);
        let (next, count) = held(&office);
        assert!(count <= 4, "{count} of {next}");
        // One that is off is waited for, one that is gone is not.
        for _ in 0..10 {
            office.tick(0, Fate::Arrives);
            office.world.clock.pass(60);
        }
        assert!(held(&office).1 >= 10);
        office.dismiss(1);
        office.members.truncate(1);
        office.run(4);
        assert!(held(&office).1 <= 2);
    }
}
