//! A drainer that is off: what is kept, what is lost, and that both are said.

use sotto_core::{
    desk::{Missed, Reach, Shared as _, missed, reach},
    sitting::SittingError,
};
use sotto_protocol::bundle::{VerifyError, day_of};
use sotto_tests::{
    machines::{DeskMachine, Phone, visit},
    world::World,
};

use super::{DAY, begin};

/// Somebody new writes on each of some days, from the day the drainer was switched off on.
struct Away {
    world: World,
    desk: DeskMachine,
    first_day: u32,
    /// Days on which nobody could write.
    refused: Vec<u64>,
    waiting: Vec<Phone>,
}

fn away(seed: u64, days: u64, written: impl Fn(u64) -> bool) -> Away {
    let (world, mut desk) = begin(seed);
    desk.run(&world, 600);
    let first_day = day_of(world.clock.read());
    let mut away = Away {
        world,
        desk,
        first_day,
        refused: Vec::new(),
        waiting: Vec::new(),
    };
    for day in 0..=days {
        if day > 0 {
            away.world.clock.pass(DAY);
        }
        away.world.sweep();
        if written(day) {
            away.write(day);
        }
    }
    away.desk.round(&away.world).unwrap();
    away
}

impl Away {
    fn write(&mut self, day: u64) {
        let mut phone = Phone::new(&mut self.world);
        phone.write(&format!("day {day}"));
        match phone.sit_at_once(&self.world) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, SittingError::Bundle(VerifyError::NoPrekey));
                self.refused.push(day);
                self.waiting.push(phone);
            }
        }
    }

    /// Which days' tips were read.
    fn read(&mut self) -> Vec<String> {
        let numbers = 1..=u32::try_from(self.desk.count()).unwrap();
        numbers.flat_map(|number| self.desk.texts(number)).collect()
    }

    /// That nobody was shown keys the desk does not know.
    fn assert_no_alarm(&mut self) {
        for number in 1..=u32::try_from(self.desk.count()).unwrap() {
            assert!(!self.desk.case(number, sotto_core::desk::Case::is_foreign));
        }
    }

    fn missed(&mut self) -> Vec<Missed> {
        self.desk
            .with(|desk, _| Ok(desk.missed().to_vec()))
            .unwrap()
    }
}

fn days(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|day| format!("day {day}")).collect()
}

#[test]
fn a_weekend_costs_nothing() {
    let mut away = away(40, 2, |_| true);
    assert_eq!(away.read(), days(0..=2));
    away.assert_no_alarm();
    assert_eq!(away.missed(), []);
}

#[test]
fn thirteen_days_cost_nothing() {
    let mut away = away(41, 13, |_| true);
    assert_eq!(away.read(), days(0..=13));
    away.assert_no_alarm();
    assert_eq!(away.missed(), []);
}

#[test]
fn fifteen_days_cost_the_first() {
    let mut away = away(42, 15, |_| true);
    assert_eq!(away.read(), days(1..=15));
    away.assert_no_alarm();
    let (first, missed) = (away.first_day, away.missed());
    assert_eq!(missed.len(), 1);
    assert_eq!(
        (missed[0].from, missed[0].to, missed[0].closed_from),
        (first, first + 1, None)
    );
    // Said once, and remembered.
    for seconds in [3_600, DAY] {
        away.world.clock.pass(seconds);
        away.desk.round(&away.world).unwrap();
        assert_eq!(away.missed(), missed);
    }
}

#[test]
fn forty_days_close_the_line() {
    let mut away = away(43, 40, |day| {
        (24..=30).contains(&day) || [0, 12, 40].contains(&day)
    });
    // The last prekey is of day 14 and outlives it by 14 days; the relay keeps 14 days.
    assert_eq!(away.refused, [29, 30, 40]);
    assert_eq!(away.read(), days(26..=28));
    let (first, missed) = (away.first_day, away.missed());
    assert_eq!(missed.len(), 1);
    assert_eq!(
        (missed[0].from, missed[0].to, missed[0].closed_from),
        (first, first + 26, Some(first + 29))
    );
    // What could not be sealed was kept, and goes out now.
    for phone in &mut away.waiting {
        assert!(phone.tipster().is_waiting());
        phone.sit_at_once(&away.world).unwrap();
    }
    away.desk.round(&away.world).unwrap();
    assert_eq!(away.read(), [days(26..=30), days(40..=40)].concat());
}

#[test]
fn it_is_said_beforehand() {
    let (world, mut desk) = begin(44);
    let now = world.clock.read();
    let said = desk.with(|desk, _| Ok(desk.reach())).unwrap().unwrap();
    let expected = Reach {
        read_by: now + 14 * DAY,
        open_until: (u64::from(day_of(now)) + 29) * DAY,
    };
    assert_eq!(said, expected);
    // And to the tipster: when the desk last signed anything.
    let mut rng = world_rng(44);
    world.clock.pass(4 * DAY);
    let (view, _) = visit(&world, &mut rng, 0).unwrap();
    assert_eq!(view.bundle.last_signed(1), Some(now));
    assert_eq!(view.bundle.last_signed(2), None);
    desk.round(&world).unwrap();
    let (view, _) = visit(&world, &mut rng, 0).unwrap();
    assert_eq!(view.bundle.last_signed(1), Some(now + 4 * DAY));
}

fn world_rng(seed: u64) -> rand_chacha::ChaCha20Rng {
    rand_core::SeedableRng::seed_from_u64(seed)
}

#[test]
fn the_edge_of_retention() {
    let drained = 20_781 * DAY + 100;
    for (days, kept) in [(14, 14), (7, 7), (0, 1), (99, 14)] {
        let until = drained + kept * DAY;
        assert_eq!(reach(drained, 20_781, days).read_by, until);
        assert_eq!(missed(drained, 20_781, days, until), None);
        let found = missed(drained, 20_781, days, until + 1).unwrap();
        assert_eq!((found.from, found.to), (20_781, 20_781));
    }
    let closed = (20_781 + 29) * DAY;
    let found = |now| missed(drained, 20_781, 14, now).unwrap().closed_from;
    assert_eq!(found(closed - 1), None);
    assert_eq!(found(closed), Some(20_781 + 29));
}

#[test]
fn keys_are_renewed_daily_and_fourteen_days_ahead() {
    let (world, mut desk) = begin(45);
    let names = |world: &World| {
        let line = world.pin().line;
        let stored = world.block_on(world.store.statements(line)).unwrap();
        let stored = stored.into_iter().map(|stored| stored.name);
        let mut names: Vec<String> = stored.filter(|name| name.starts_with("desk.")).collect();
        names.sort();
        names
    };
    let today = day_of(world.clock.read());
    for day in 0..3 {
        let last = format!("desk.00001.{:010}", today + day + 14);
        assert_eq!(names(&world).last(), Some(&last));
        assert_eq!(desk.round(&world).unwrap().statements, 0, "once a day");
        world.clock.pass(DAY);
        assert_eq!(desk.round(&world).unwrap().statements, 15);
    }
}

/// An envelope sealed today that nobody has posted yet.
fn sealed(world: &mut World) -> Vec<u8> {
    let mut phone = Phone::new(world);
    phone.write("late");
    let (view, _) = visit(world, &mut phone.rng, 0).unwrap();
    let mut tipster = phone.tipster();
    let post = tipster.next_post(&view, &mut phone.rng).unwrap().unwrap();
    let post = post.save(&mut phone.memory).unwrap();
    post.envelope.into_bytes()
}

/// The private half of a day goes 48 hours after it, once the inbox was found empty since.
#[test]
fn a_prekey_is_erased_after_its_day() {
    for (day, opens) in [(2, true), (3, false)] {
        let (mut world, mut desk) = begin(46);
        let envelope = sealed(&mut world);
        world.clock.pass(day * DAY);
        desk.round(&world).unwrap();
        world.relay().post(envelope, None).unwrap();
        desk.round(&world).unwrap();
        assert_eq!(desk.count() == 1, opens, "day {day}");
    }
}

/// Where the inbox was not read in between it is kept until the relay can hold nothing of its day,
/// and then goes whatever the inbox holds.
#[test]
fn a_prekey_is_erased_at_the_latest_with_retention() {
    for (day, opens) in [(16, true), (17, false)] {
        let (mut world, mut desk) = begin(47);
        let envelope = sealed(&mut world);
        world.clock.pass(day * DAY);
        world.relay().post(envelope, None).unwrap();
        desk.round(&world).unwrap();
        assert_eq!(desk.count() == 1, opens, "day {day}");
    }
}
