//! Phones buy and spend, and it tells nothing about who is there.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    pace::Pace as _,
    sitting::{Person, Sitting},
};
use sotto_protocol::{attachment::FileType, bundle::Seen as Serials, limits::TOKEN_BATCH};
use sotto_relay::admission::Admission;
use sotto_tests::{machines::Phone, shelf::MemoryShelf, world::World};

use super::{TOKENS, begin, begin_at};

sotto_tests::on_every_backend!(a_conversation_is_paid_for(1));

fn a_conversation_is_paid_for(world: &mut World) {
    let mut desk = begin_at(world, TOKENS);
    let mut phone = Phone::new(world);
    phone.write("a tip");
    phone.sit(world).unwrap();
    desk.run(world, 600);
    assert_eq!(desk.texts(1), ["a tip"]);
    desk.reply(world, 1, "an answer");
    desk.run(world, 600);
    assert_eq!(phone.look(world, &mut desk), ["an answer"]);
    let long = "a long text ".repeat(1_000);
    phone.write(&long);
    phone.sit(world).unwrap();
    desk.run(world, 60);
    assert_eq!(desk.texts(1)[2].len(), long.trim().len());
}

/// The requests of ten minutes: milliseconds since the opening, what, sizes, status.
fn sitting(world: &World, phone: Option<&mut Phone>) -> Vec<(u64, String, (usize, usize), u16)> {
    world.seen();
    let opened = world.clock.now();
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut sitting = Sitting {
        relay: world.relay(),
        pin: world.pin(),
        pace: &world.clock,
        rng: &mut rng,
    };
    let times = ChaCha20Rng::seed_from_u64(8);
    let is_over = |progress: &sotto_core::sitting::Progress| progress.elapsed > 900_000;
    let sat = match phone {
        None => sitting.sit(&mut [], &Serials::default(), times, is_over),
        Some(phone) => {
            let mut tipster = phone.tipster();
            let person = Person {
                tipster: &mut tipster,
                keeper: &mut phone.memory,
            };
            sitting.sit(&mut [person], &Serials::default(), times, is_over)
        }
    };
    sat.unwrap();
    let all = world.seen().into_iter();
    all.map(|seen| (seen.at - opened, seen.what, seen.sizes, seen.status))
        .collect()
}

/// The same world twice: once nobody is there, once somebody writes four envelopes and more.
fn compared(seed: u64, prepare: impl Fn(&World)) -> Vec<(u64, String, (usize, usize), u16)> {
    let (world, _desk) = begin(seed);
    prepare(&world);
    let nobody = sitting(&world, None);
    let (mut world, _desk) = begin(seed);
    prepare(&world);
    let mut phone = Phone::new(&mut world);
    phone.write(&"a long text ".repeat(1_000));
    phone.write("and another one");
    let somebody = sitting(&world, Some(&mut phone));
    assert_eq!(nobody, somebody);
    nobody
}

#[test]
fn buying_and_spending_are_the_same_whoever_is_there() {
    let all = compared(2, |_| {});
    let what: Vec<&str> = all.iter().map(|(_, what, ..)| what.as_str()).collect();
    assert_eq!(
        what[..4],
        [
            "GET bundle",
            "GET out/new",
            "GET out/old",
            "POST tokens/challenge"
        ]
    );
    let count = |kind: &str| what.iter().filter(|what| **what == kind).count();
    let posts = count("POST in");
    assert!(posts > TOKEN_BATCH, "{posts} posts");
    let batches = posts.div_ceil(TOKEN_BATCH);
    assert_eq!(count("POST tokens/issue"), batches);
    assert!(all.iter().all(|(.., status)| [200, 204].contains(status)));
    // Each batch is paid for at the moment of the post it is needed for.
    for place in (0..what.len()).filter(|place| what[*place] == "POST tokens/issue") {
        assert_eq!(what[place + 1], "POST in");
        assert_eq!(all[place].0, all[place + 1].0);
    }
}

/// Where a relay sells nothing, or takes nothing, nobody posts, and that is the same for everybody too.
#[test]
fn a_relay_that_refuses_to_sell_learns_nothing() {
    let refuses = |path: &'static str, status| {
        move |world: &World| {
            world.intercept(move |request| request.target.ends_with(path).then_some(status));
        }
    };
    for (path, status) in [("/tokens/challenge", 404), ("/tokens/issue", 503)] {
        let all = compared(3, refuses(path, status));
        assert!(all.iter().all(|(_, what, ..)| what != "POST in"));
    }
    let all = compared(3, refuses("/in", 401));
    assert!(all.iter().any(|(_, what, ..)| what == "POST in"));
}

/// What was not sent for want of tokens is sent once there are some.
#[test]
fn what_could_not_be_paid_for_waits() {
    let (mut world, mut desk) = begin(4);
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    world.intercept(|request| request.target.ends_with("/tokens/issue").then_some(429));
    phone.sit(&world).unwrap();
    assert!(phone.tipster().has_unsent());
    world.leave_alone();
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    assert_eq!(desk.texts(1), ["a tip"]);
}

/// A file of 20 chunks takes two tokens, and one of 3 a third.
#[test]
fn attachments_are_paid_for_by_the_run() {
    let (mut world, mut desk) = begin(5);
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    phone.sit(&world).unwrap();
    let mut shelf = MemoryShelf::default();
    let large = vec![5; 65_420 * 20];
    let file = (large.as_slice(), FileType::Pdf);
    phone.attach(&world, &mut shelf, file).unwrap();
    world.seen();
    phone.upload(&world, &shelf, |_| true).unwrap();
    let seen = world.seen();
    let count = |kind: &str| seen.iter().filter(|seen| seen.what == kind).count();
    assert_eq!(count("POST in"), 32, "padded to a power of two");
    assert_eq!(count("POST tokens/issue"), 1);
    assert!(seen.iter().all(|seen| [200, 204].contains(&seen.status)));
    phone.sit(&world).unwrap();
    desk.run(&world, 600);
    assert_eq!(desk.file(1, 1).unwrap(), large);
}

/// A line that no longer asks is posted to without tokens once its desk has seen that.
#[test]
fn nothing_is_bought_where_nothing_is_asked_for() {
    let (mut world, mut desk) = begin(6);
    let asked: Vec<_> = sitting(&world, None);
    assert!(asked.iter().any(|(_, what, ..)| what.contains("tokens")));
    world.admit(Admission::Open);
    // Whoever still sees the statement before can still buy.
    let between: Vec<_> = sitting(&world, None);
    assert!(between.iter().any(|(_, what, ..)| what.contains("tokens")));
    assert!(
        between
            .iter()
            .all(|(.., status)| [200, 204].contains(status))
    );
    desk.round(&world).unwrap();
    world.settle();
    let after: Vec<_> = sitting(&world, None);
    assert!(after.iter().all(|(_, what, ..)| !what.contains("tokens")));
    assert!(after.iter().any(|(_, what, ..)| what == "POST in"));
}
