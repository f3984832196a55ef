//! What the relay can tell: that requests look alike whatever a person does, and that nothing but
//! ciphertext reaches it.

use std::sync::Arc;

use sotto_protocol::{
    id::{Board, LineId},
    limits::PAGE_BYTES,
};
use sotto_tests::{
    cluster::RedisCluster,
    hunt::Planted,
    machines::{DeskMachine, Phone, visit},
    world::{Backend, Seen, World},
};

fn begin(backend: Backend, seed: u64) -> (World, DeskMachine) {
    begin_in(World::new(backend, seed))
}

fn begin_in(mut world: World) -> (World, DeskMachine) {
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    world.seen();
    (world, desk)
}

/// A visitor, somebody with nothing to do, somebody who sends a long tip, somebody who finds an
/// answer, somebody whose answer is acknowledged and somebody who keeps nothing: each time the same.
#[test]
fn every_sitting_looks_alike() {
    const SECONDS: u64 = 400;
    let (mut world, mut desk) = begin(Backend::Embedded, 1);
    let mut rng = world.seed();
    let mut sittings: Vec<Vec<Seen>> = Vec::new();

    visit(&world, &mut rng, SECONDS).unwrap();
    sittings.push(world.seen());

    let mut phone = Phone::new(&mut world);
    phone.sit_for(&world, SECONDS).unwrap();
    sittings.push(world.seen());

    phone.write(&"a tip of four envelopes ".repeat(700));
    phone.sit_for(&world, SECONDS).unwrap();
    sittings.push(world.seen());

    desk.round(&world).unwrap();
    desk.reply(&world, 1, "an answer");
    desk.run(&world, 600);
    world.seen();
    assert_eq!(phone.sit_for(&world, SECONDS).unwrap(), ["an answer"]);
    sittings.push(world.seen());

    desk.run(&world, 300);
    world.seen();
    assert!(phone.sit_for(&world, SECONDS).unwrap().is_empty());
    sittings.push(world.seen());

    let mut recalled = Phone::of_somebody_who_keeps_nothing(&mut world, &phone.code);
    recalled.sit_for(&world, SECONDS).unwrap();
    sittings.push(world.seen());

    assert_eq!(sittings[0][0].what, "GET bundle");
    let shapes = |sitting: &'_ [Seen], what: &str| {
        let of = sitting.iter().filter(|seen| seen.what.starts_with(what));
        of.map(Seen::shape).collect::<Vec<_>>()
    };
    for sitting in &sittings {
        // Jitter decides how many fit into the time, never what comes after what.
        for what in ["GET", "POST"] {
            let (ours, first) = (shapes(sitting, what), shapes(&sittings[0], what));
            let both = ours.len().min(first.len());
            assert!(ours.len().abs_diff(first.len()) <= 2);
            assert_eq!(ours[..both], first[..both]);
        }
    }
}

/// A line that does not exist, one that has published nothing and one without mail.
#[test]
fn absent_equals_empty() {
    let world = World::new(Backend::Embedded, 2);
    let stranger = LineId([3; 16]);
    let ours = world.relay();
    let theirs = sotto_core::relay::Relay::new(&world, stranger);
    assert_eq!(ours.bundle().unwrap_err(), theirs.bundle().unwrap_err());
    let envelope = vec![1; 8_128];
    let posts = (
        ours.post(envelope.clone(), None),
        theirs.post(envelope, None),
    );
    assert_eq!(posts.0.unwrap_err(), posts.1.unwrap_err());
    for board in Board::ALL {
        for page in [0, 1, 65_535] {
            let pages = (ours.page(board, page), theirs.page(board, page));
            let (ours, theirs) = (pages.0.unwrap(), pages.1.unwrap());
            assert_eq!((ours.len(), theirs.len()), (PAGE_BYTES, PAGE_BYTES));
            assert_eq!(ours[..16], theirs[..16], "the headers are the same");
            assert_ne!(ours[16..], theirs[16..]);
        }
    }
    let seen = world.seen();
    for pair in seen.chunks(2) {
        assert_eq!(pair[0].shape(), pair[1].shape());
    }
}

/// An unwritten page is the same for everybody and every time.
#[test]
fn an_empty_page_does_not_change() {
    let world = World::new(Backend::Embedded, 3);
    let page = world.relay().page(Board::New, 7).unwrap();
    assert_eq!(world.relay().page(Board::New, 7).unwrap(), page);
    assert_ne!(world.relay().page(Board::New, 8).unwrap()[16..], page[16..]);
    assert_ne!(world.relay().page(Board::Old, 7).unwrap()[16..], page[16..]);
}

/// A phone with a conversation looks at each of its own pages once per cycle, and never again.
#[test]
fn no_page_is_looked_at_twice_on_purpose() {
    let (mut world, mut desk) = begin(Backend::Embedded, 4);
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    phone.sit_for(&world, 200).unwrap();
    let first: Vec<_> = phone.tipster().drawn().collect();
    phone.sit_for(&world, 200).unwrap();
    // Draws of this cycle are remembered: another sitting adds none.
    let again: Vec<_> = phone.tipster().drawn().collect();
    assert_eq!(again, first);
    desk.run(&world, 600);
    phone.sit(&world).unwrap();
    let later: Vec<_> = phone.tipster().drawn().collect();
    assert_ne!(later, first);
}

fn nothing_readable_reaches_the_relay(world: World) {
    let (mut world, mut desk) = begin_in(world);
    let mut phone = Phone::new(&mut world);
    let tip = "河边有人倒废料，负责人是王小明。";
    let answer = "Where exactly is the warehouse?";
    phone.write(tip);
    phone.sit(&world).unwrap();
    let before_drain = world.held();
    desk.round(&world).unwrap();
    desk.reply(&world, 1, answer);
    desk.run(&world, 600);
    assert_eq!(phone.look(&world, &mut desk), [answer]);
    let held = [before_drain, world.held()].concat();
    let words = phone.code.to_words();
    let mut planted = vec![
        Planted::new("the tip", tip.as_bytes()),
        Planted::new("a name in the tip", "王小明".as_bytes()),
        Planted::new("the answer", answer.as_bytes()),
        Planted::new("a word of the answer", b"warehouse"),
        Planted::new("the code", words.as_bytes()),
    ];
    // The words of a code are ordinary words; two in a row are a code's.
    let words: Vec<&str> = words.split(' ').collect();
    for pair in words.windows(2) {
        planted.push(Planted::new("words of the code", pair.join(" ").as_bytes()));
    }
    for secret in planted {
        secret.must_not_be_in("the relay's store", &held);
    }
    // That it can be found at all: the line's name is public, in its statement.
    assert!(Planted::new("the line's name", b"City watch").is_in(&held));
}

#[test]
fn nothing_readable_reaches_the_embedded_store() {
    nothing_readable_reaches_the_relay(World::new(Backend::Embedded, 5));
}

#[test]
fn nothing_readable_reaches_redis() {
    nothing_readable_reaches_the_relay(World::new(Backend::Redis, 5));
}

#[test]
fn nothing_readable_reaches_a_cluster() {
    let cluster = Arc::new(RedisCluster::start(3, false));
    nothing_readable_reaches_the_relay(World::on_cluster(&cluster, 5));
}
