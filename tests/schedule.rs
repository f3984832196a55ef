//! When a phone asks, and for whose page (SPEC 5.7): the same for everybody, whatever happens.

mod draws;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use sotto_core::schedule::{Ask, Schedule, Turn};
use sotto_protocol::{
    id::Board,
    statement::{LineStatement, ScheduleTimings, Statement as _},
};
use sotto_tests::cases::runner;

const NEW: Ask = Ask::Page(Board::New);
const OLD: Ask = Ask::Page(Board::Old);

fn schedule(timings: ScheduleTimings, seed: u64) -> Schedule<ChaCha20Rng> {
    Schedule::new(timings, ChaCha20Rng::seed_from_u64(seed))
}

fn turns(seed: u64, until: u64) -> Vec<Turn> {
    schedule(ScheduleTimings::default(), seed)
        .take_while(|turn| turn.moment < until)
        .collect()
}

fn is_post(turn: &Turn) -> bool {
    turn.ask == Ask::Post
}

/// Seconds, and the interval that leads there.
fn is_near(turn: &Turn, nominal: u64, interval: u64) -> bool {
    // A moment that falls on the one before it comes a millisecond later.
    turn.moment.abs_diff(nominal * 1000) <= interval * 200 + 1
}

#[test]
fn the_first_minutes_by_default() {
    for seed in 0..64 {
        let all = turns(seed, 800_000);
        let opening: Vec<(u64, Ask)> = all[..3].iter().map(|t| (t.moment, t.ask)).collect();
        assert_eq!(opening, [(0, Ask::Bundle), (1, NEW), (2, OLD)]);
        let (posts, draws): (Vec<Turn>, Vec<Turn>) = all[3..].iter().copied().partition(is_post);
        let expected = [
            (45, NEW),
            (90, NEW),
            (135, OLD),
            (180, NEW),
            (300, OLD),
            (420, NEW),
            (540, OLD),
            (660, NEW),
        ];
        for (turn, (nominal, ask)) in draws.iter().zip(expected) {
            let interval = if nominal > 180 { 120 } else { 45 };
            assert_eq!(turn.ask, ask);
            assert!(is_near(turn, nominal, interval), "{turn:?}, {nominal} s");
        }
        assert!(draws.len() >= expected.len());
        let early = (1..=12).map(|i| (i * 15, 15));
        let later = (1..=9).map(|i| (180 + i * 60, 60));
        assert!(posts.len() >= 21);
        for (turn, (nominal, interval)) in posts.iter().zip(early.chain(later)) {
            assert!(is_near(turn, nominal, interval), "{turn:?}, {nominal} s");
        }
    }
}

/// Ten minutes and a half, so that no moment lies within its jitter of the end.
#[test]
fn the_numbers_of_requests_do_not_depend_on_chance() {
    let seeds = any::<u64>();
    let outcome = runner(256).run(&seeds, |seed| {
        let all = turns(seed, 630_000);
        let count = |ask| all.iter().filter(|turn| turn.ask == ask).count();
        prop_assert_eq!([Ask::Bundle, NEW, OLD, Ask::Post].map(count), [1, 5, 4, 19]);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn equal_randomness_gives_equal_turns_and_other_other() {
    assert_eq!(turns(1, 3_600_000), turns(1, 3_600_000));
    assert_ne!(turns(1, 3_600_000), turns(2, 3_600_000));
}

/// Early moments in milliseconds, each with its interval, straight from the specification.
fn nominal(early: u64, later: u64, until: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut moment = 0;
    std::iter::repeat_with(move || {
        let interval = if moment + early <= until {
            early
        } else {
            later
        };
        moment += interval;
        (moment, interval)
    })
}

fn timings() -> impl Strategy<Value = ScheduleTimings> {
    let interval = || prop_oneof![1_u64..20, 1_u64..=3600];
    let pair = || (interval(), interval()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    (interval(), pair(), pair()).prop_map(|(early_seconds, draw, post)| ScheduleTimings {
        early_seconds,
        draw_seconds: draw.0,
        later_draw_seconds: draw.1,
        post_seconds: post.0,
        later_post_seconds: post.1,
    })
}

#[test]
fn order_and_jitter_hold_for_every_policy() {
    let cases = (timings(), any::<u64>());
    let outcome = runner(256).run(&cases, |(timings, seed)| {
        let all: Vec<Turn> = schedule(timings, seed).take(400).collect();
        prop_assert!(all.windows(2).all(|two| two[0].moment < two[1].moment));
        let until = timings.early_seconds * 1000;
        let (posts, draws): (Vec<Turn>, Vec<Turn>) = all[3..].iter().copied().partition(is_post);
        let series = [
            (&draws, timings.draw_seconds, timings.later_draw_seconds),
            (&posts, timings.post_seconds, timings.later_post_seconds),
        ];
        for (turns, early, later) in series {
            let nominal = nominal(early * 1000, later * 1000, until);
            for (turn, (moment, interval)) in turns.iter().zip(nominal) {
                prop_assert!(turn.moment.abs_diff(moment) <= interval / 5 + 1);
            }
        }
        let early = nominal(
            timings.draw_seconds * 1000,
            timings.later_draw_seconds * 1000,
            until,
        )
        .take_while(|(moment, _)| *moment <= until)
        .count();
        let cycle = [NEW, NEW, OLD, NEW].into_iter().cycle().take(early);
        let expected = cycle.chain([OLD, NEW].into_iter().cycle());
        for (turn, ask) in draws.iter().zip(expected) {
            prop_assert_eq!(turn.ask, ask);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// Twenty bins over the whole range of one interval, 10,000 moments: chi-square with 19 degrees of
/// freedom. And whether two neighbours are early or late: four bins, of equal numbers only where neither
/// follows from the other.
#[test]
fn jitter_is_uniform_and_independent() {
    let mut bins = [0_u32; 20];
    let mut signs = [0_u32; 4];
    for seed in 0..10_000 {
        let all = turns(seed, 110_000);
        let jitter = |turn: &Turn, nominal| turn.moment + 9_000 - nominal;
        let draws: Vec<&Turn> = all[3..].iter().filter(|turn| !is_post(turn)).collect();
        let [first, second] = [jitter(draws[0], 45_000), jitter(draws[1], 90_000)];
        bins[usize::try_from(first / 901).unwrap()] += 1;
        signs[usize::from(first > 9_000) * 2 + usize::from(second > 9_000)] += 1;
    }
    assert!(chi_square(&bins) < 50.0, "{bins:?}");
    assert!(chi_square(&signs) < 20.0, "{signs:?}");
}

fn chi_square(bins: &[u32]) -> f64 {
    let count = |bins: &[u32]| f64::from(bins.iter().sum::<u32>());
    let expected = count(bins) / f64::from(u32::try_from(bins.len()).unwrap());
    bins.iter()
        .map(|seen| (f64::from(*seen) - expected).powi(2) / expected)
        .sum()
}

#[test]
fn the_screen_says_when_both_boards_will_have_been_looked_at() {
    let mut schedule = schedule(ScheduleTimings::default(), 5);
    assert_eq!(schedule.looks_complete([0, 0]), 0);
    assert_eq!(schedule.looks_complete([1, 1]), 0, "the opening sees to it");
    assert_eq!(schedule.looks_complete([2, 1]), 45_000);
    assert_eq!(schedule.looks_complete([2, 2]), 135_000);
    assert_eq!(schedule.looks_complete([4, 2]), 180_000);
    assert_eq!(schedule.looks_complete([1, 3]), 300_000);
    let opening: Vec<Turn> = schedule.by_ref().take(3).collect();
    assert_eq!(schedule.looks_complete([0, 0]), opening[2].moment);
    assert_eq!(schedule.looks_complete([1, 0]), 45_000);
    assert_eq!(schedule.looks_complete([1, 1]), 135_000);
    let third = schedule.by_ref().find(|turn| turn.ask == OLD).unwrap();
    assert_eq!(schedule.looks_complete([0, 0]), third.moment);
    assert_eq!(schedule.looks_complete([1, 0]), 180_000);
    assert_eq!(schedule.looks_complete([0, 1]), 300_000);
    // Four conversations of which nothing was drawn yet.
    assert_eq!(schedule.looks_complete([8, 8]), (300 + 14 * 120) * 1000);
}

/// A line statement whose schedule is this, or absent.
fn statement(schedule: Option<Value>) -> Option<LineStatement> {
    let mut json: Value = serde_json::from_slice(include_bytes!("fuzz/seeds/json/line")).unwrap();
    let policy = json["policy"].as_object_mut().unwrap();
    policy.remove("schedule");
    if let Some(schedule) = schedule {
        policy.insert("schedule".into(), schedule);
    }
    LineStatement::read(json.to_string().as_bytes()).ok()
}

fn read(schedule: Value) -> Option<ScheduleTimings> {
    Some(statement(Some(schedule))?.policy.schedule)
}

#[test]
fn a_policy_may_leave_the_schedule_out() {
    let all = ScheduleTimings::default();
    assert_eq!(statement(None).unwrap().policy.schedule, all);
    assert_eq!(read(json!({})), Some(all));
    let slower = ScheduleTimings {
        post_seconds: 30,
        later_post_seconds: 120,
        ..all
    };
    let json = json!({"post_seconds": 30, "later_post_seconds": 120, "of_later_years": "x"});
    assert_eq!(read(json), Some(slower));
    let written = serde_json::to_value(slower).unwrap();
    assert_eq!(read(written), Some(slower));
}

#[test]
fn timings_out_of_range_are_refused() {
    let names = [
        "early_seconds",
        "draw_seconds",
        "later_draw_seconds",
        "post_seconds",
        "later_post_seconds",
    ];
    for name in names {
        for value in [json!(0), json!(3601), json!(-1), json!("45"), json!(null)] {
            assert_eq!(read(json!({ name: value })), None, "{name}");
        }
    }
    let most: Value = names.map(|name| (name, json!(3600))).into_iter().collect();
    assert!(read(most).is_some());
    let least: Value = names.map(|name| (name, json!(1))).into_iter().collect();
    assert!(read(least).is_some());
    // The schedule does not become denser.
    assert_eq!(read(json!({"draw_seconds": 121})), None);
    assert_eq!(read(json!({"post_seconds": 61})), None);
    assert!(read(json!({"draw_seconds": 120, "post_seconds": 60})).is_some());
}
