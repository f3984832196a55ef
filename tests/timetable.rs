//! What the relay can tell from when and what phones and desks ask for: nothing, whatever they do.

mod draws;
mod likeness;

use std::cell::Cell;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    cover::{LONGEST, MEAN_LENGTH, Visits},
    link::Link,
    pace::Pace,
    sitting::Sitting,
};
use sotto_protocol::bundle::Seen as Serials;
use sotto_tests::{
    machines::{DeskMachine, Phone},
    programs::Programs,
    world::{Backend, Seen, World},
};

/// Milliseconds of one day.
const DAY: u64 = 86_400_000;

/// A clock that nobody else moves.
struct Alone(Cell<u64>);

impl Pace for Alone {
    fn now(&self) -> u64 {
        self.0.get()
    }

    fn wait_until(&self, moment: u64) {
        self.0.set(self.0.get().max(moment));
    }
}

fn begin(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    world.seen();
    (world, desk)
}

/// What a desk writes while somebody's answers wait, or do not.
fn written(has_answers: bool) -> Vec<Seen> {
    let (mut world, mut desk) = begin(3);
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    if has_answers {
        for text in ["one answer", "another", &"a long one ".repeat(900)] {
            desk.reply(&world, 1, text);
        }
    }
    world.seen();
    desk.run(&world, 3_600);
    let all = world.seen().into_iter();
    all.filter(|seen| seen.what.starts_with("PUT")).collect()
}

#[test]
fn boards_are_written_alike_with_and_without_answers() {
    let (with, without) = (written(true), written(false));
    assert!(with.len() > 40, "{} writes", with.len());
    assert_eq!(with, without);
}

#[test]
fn cover_visits_are_as_many_as_asked_for_and_as_long_as_peoples() {
    const DAYS: u64 = 400;
    let begins = 1_795_491_000_000;
    let visits = Visits::new(24, begins, ChaCha20Rng::seed_from_u64(1));
    let visits = visits.take_while(|visit| visit.begins < begins + DAYS * DAY);
    let (mut count, mut length, mut before) = (0_u64, 0, begins);
    let (mut short, mut empty) = (0_u64, 0_u64);
    for visit in visits {
        assert!(visit.begins >= before && visit.lasts <= LONGEST);
        // An exponential law lies below its mean with probability 0.632.
        short += u64::from(visit.lasts < MEAN_LENGTH);
        empty += u64::from(visit.begins - before < DAY / 24);
        (count, length, before) = (count + 1, length + visit.lasts, visit.begins);
    }
    // Poisson: the standard deviation of the count is 98.
    assert!(count.abs_diff(24 * DAYS) < 300, "{count}");
    assert!((length / count).abs_diff(MEAN_LENGTH) < 8_000);
    for below in [short, empty] {
        assert!((below * 1_000 / count).abs_diff(632) < 20, "{below}");
    }
}

#[test]
fn a_cover_visit_is_what_somebody_asks_for_who_writes_nothing() {
    let (world, _desk) = begin(4);
    let mut visits = Visits::new(500, Pace::now(&world.clock), ChaCha20Rng::seed_from_u64(5));
    let mut covers = Vec::new();
    for seed in 0..12 {
        let visit = visits.next().unwrap();
        world.clock.wait_until(visit.begins);
        let opened = Pace::now(&world.clock);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut sitting = Sitting {
            relay: world.relay(),
            pin: world.pin(),
            pace: &world.clock,
            rng: &mut rng,
        };
        let times = ChaCha20Rng::seed_from_u64(seed);
        let seen = Serials::default();
        let (_, progress) = sitting.visit(&seen, times.clone(), visit.lasts).unwrap();
        assert_eq!(progress.posts, progress.tries);
        assert_eq!(Pace::now(&world.clock), opened + visit.lasts);
        let cover = timed(&world.seen(), opened);
        // A person who stays longer has asked for the same until then.
        let opened = Pace::now(&world.clock);
        let longer = |progress: &sotto_core::sitting::Progress| progress.elapsed > visit.lasts;
        sitting.sit(&mut [], &seen, times, longer).unwrap();
        let person = timed(&world.seen(), opened);
        assert_eq!(cover, person[..cover.len()]);
        assert!(
            person
                .iter()
                .skip(cover.len())
                .all(|(at, ..)| *at > visit.lasts)
        );
        covers.push(cover.len());
    }
    covers.sort_unstable();
    assert!(covers[0] < covers[11], "some are longer than others");
}

type Timed = (u64, String, (usize, usize), u16);

/// Requests by milliseconds since the opening.
fn timed(seen: &[Seen], opened: u64) -> Vec<Timed> {
    let one = |seen: &Seen| (seen.at - opened, seen.what.clone(), seen.sizes, seen.status);
    seen.iter().map(one).collect()
}

/// 2 where link or number are none, 3 where nobody answers.
#[test]
fn cover_says_why_it_ends() {
    let programs = Programs::new();
    let link = |port: u16| {
        let pin = begin(6).0.pin();
        let base = format!("http://127.0.0.1:{port}");
        Link {
            base,
            pin,
            ohttp: None,
        }
        .to_text()
    };
    let link = link(programs.port());
    let cases: [(&str, &str, i32); 4] = [
        ("not a link", "20", 2),
        (&link, "0", 2),
        (&link, "100001", 2),
        (&link, "20", 3),
    ];
    for (link, number, code) in cases {
        let arguments = [
            "cover",
            link,
            "--visits-per-day",
            number,
            "--once",
            "--json",
        ];
        let output = programs.run("sotto", &arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        if code == 3 {
            let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(said["exit"], code);
        }
    }
}
