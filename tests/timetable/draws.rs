//! Which pages are asked for: uniform for everybody, alone and over ten openings linked together.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::transport::{Method, Request};
use sotto_tests::{
    machines::{DeskMachine, Phone, visit},
    world::World,
};
use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use super::begin;

const PEOPLE: usize = 24;
const OPENINGS: usize = 10;
/// Of the board in this test: enough answers wait for it to have grown.
const PAGES: usize = 16;
const SECONDS: u64 = 100;

/// Pages of *new* that one person asked for, opening by opening.
type Linked = Vec<Vec<usize>>;

fn opening(world: &World, sit: impl FnOnce()) -> Vec<usize> {
    world.seen();
    sit();
    let seen = world.seen().into_iter();
    let of_new = seen.filter(|seen| seen.what.contains("out/new"));
    of_new.map(|seen| seen.page.unwrap() as usize).collect()
}

fn p_value(statistic: f64, freedom: usize) -> f64 {
    let law = ChiSquared::new(u32::try_from(freedom).unwrap().into()).unwrap();
    1.0 - law.cdf(statistic)
}

fn counted(values: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut counts = vec![0.0; PAGES];
    for value in values {
        counts[value] += 1.0;
    }
    counts
}

/// Whether counts are those of a uniform law.
fn uniformity(counts: &[f64]) -> f64 {
    let pages = u32::try_from(counts.len()).unwrap();
    let expected = counts.iter().sum::<f64>() / f64::from(pages);
    assert!(expected >= 5.0, "too few for the law to hold");
    let terms = counts
        .iter()
        .map(|count| (count - expected).powi(2) / expected);
    p_value(terms.sum(), PAGES - 1)
}

/// Whether two counts are of the same law.
fn likeness(one: &[f64], other: &[f64]) -> f64 {
    let (first, second) = (one.iter().sum::<f64>(), other.iter().sum::<f64>());
    let (there, back) = ((second / first).sqrt(), (first / second).sqrt());
    let pairs = one.iter().zip(other);
    let terms = pairs.map(|(a, b)| (there * a - back * b).powi(2) / (a + b));
    p_value(terms.sum(), PAGES - 1)
}

fn alone(people: &[Linked]) -> Vec<f64> {
    counted(people.iter().flatten().flatten().copied())
}

/// How far the first draw of an opening lies from each draw of the one before: what would show
/// somebody who comes back to a page, or keeps away from it.
fn linked(people: &[Linked]) -> Vec<f64> {
    counted(people.iter().flat_map(|openings| {
        openings.windows(2).flat_map(|pair| {
            let first = pair[1][0];
            pair[0]
                .iter()
                .map(move |page| (first + PAGES - page) % PAGES)
        })
    }))
}

/// How far the two own draws of one opening lie apart.
fn within(people: &[Linked]) -> Vec<f64> {
    let openings = people.iter().flatten();
    counted(openings.map(|pages| (pages[1] + PAGES - pages[0]) % PAGES))
}

fn all(people: &[Linked]) -> [Vec<f64>; 3] {
    [alone(people), linked(people), within(people)]
}

/// Half of the openings begin where the one before began.
fn returning(rng: &mut ChaCha20Rng) -> Vec<Linked> {
    let mut draw = || rng.next_u32() as usize % PAGES;
    let mut person = || {
        let mut openings: Linked = Vec::new();
        for number in 0..OPENINGS {
            let mut pages = vec![draw(), draw(), draw()];
            if let (1, Some(last)) = (number % 2, openings.last()) {
                pages[0] = last[0];
            }
            openings.push(pages);
        }
        openings
    };
    (0..PEOPLE).map(|_| person()).collect()
}

/// One opening in four is at the lower half for sure.
fn leaning(rng: &mut ChaCha20Rng) -> Vec<Linked> {
    let mut draw = |half| rng.next_u32() as usize % (PAGES / half);
    let mut person = || -> Linked {
        let pages = |number| (0..3).map(|_| usize::from(number % 4 == 0) + 1).collect();
        let openings = (0..OPENINGS).map(pages);
        openings
            .map(|halves: Vec<usize>| halves.into_iter().map(&mut draw).collect())
            .collect()
    };
    (0..PEOPLE).map(|_| person()).collect()
}

fn open_all(
    world: &World,
    desk: &mut DeskMachine,
    phones: &mut [Vec<Phone>; 2],
) -> [Vec<Linked>; 3] {
    let mut groups = [(); 3].map(|()| vec![Linked::new(); PEOPLE]);
    let rng = &mut ChaCha20Rng::seed_from_u64(77);
    for _ in 0..OPENINGS {
        for person in 0..PEOPLE {
            let sat = opening(world, || drop(visit(world, rng, SECONDS).unwrap()));
            groups[0][person].push(sat);
            for (group, phones) in phones.iter_mut().enumerate() {
                let phone = &mut phones[person];
                let sat = opening(world, || drop(phone.sit_for(world, SECONDS).unwrap()));
                groups[group + 1][person].push(sat);
            }
        }
        // Everybody opens the app once in a cycle, at the same point of it.
        desk.run(world, 600);
    }
    groups
}

#[test]
fn which_pages_are_asked_for_tells_nothing() {
    let (mut world, mut desk) = begin(2);
    let mut readers: Vec<Phone> = (0..PEOPLE).map(|_| Phone::new(&mut world)).collect();
    for phone in &mut readers {
        phone.write("a tip");
        phone.sit_for(&world, 20).unwrap();
    }
    desk.round(&world).unwrap();
    assert_eq!(desk.count(), PEOPLE);
    for number in 1..=u32::try_from(PEOPLE).unwrap() {
        desk.reply(&world, number, "an answer");
    }
    desk.run(&world, 1_800);
    let waiting = (0..PEOPLE).map(|_| Phone::new(&mut world)).collect();
    // What they say is swallowed, so that their answers wait all the time.
    world.intercept(|request: &Request| {
        let is_post = request.method == Method::Post && request.target.ends_with("/in");
        is_post.then_some(204)
    });
    let mut phones = [waiting, readers];
    let groups = open_all(&world, &mut desk, &mut phones);
    let read = |phone: &Phone| {
        phone
            .tipster()
            .sent()
            .iter()
            .all(|s| s.stage >= sotto_core::tipster::Stage::Opened)
    };
    assert!(phones[1].iter().all(read), "every reader had mail");
    let names = ["lookers", "without mail", "with mail"];
    let counts = groups.each_ref().map(|people| all(people));
    for (name, tests) in names.iter().zip(&counts) {
        for counts in tests {
            let p = uniformity(counts);
            assert!(p > 0.01, "{name}: {p}, {counts:?}");
        }
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        for (one, other) in counts[one].iter().zip(&counts[other]) {
            let p = likeness(one, other);
            assert!(p > 0.01, "{p}: {one:?}, {other:?}");
        }
    }
    // These tests would notice.
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    let (returning, leaning) = (all(&returning(rng)), all(&leaning(rng)));
    assert!(uniformity(&returning[1]) < 0.001);
    assert!(uniformity(&leaning[0]) < 0.001);
    assert!(likeness(&leaning[0], &counts[0][0]) < 0.01);
}
