//! The relay's statement: renewed in time, shown once every desk repeats it, and never in a bundle that
//! phones refuse.

use sotto_protocol::{
    bundle::{Bundle, BundleParts, Seen, Untrusted},
    dsse::Dsse,
    limits::{TOKEN_KEY_DAYS, TOKEN_OVERLAP_DAYS},
    statement::{RelayStatement, Statement as _},
};
use sotto_relay::admission::Admission;
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World},
};

use super::{DAY, TOKENS};

const WEEK: u64 = TOKEN_KEY_DAYS * DAY;

/// A person's phone that looks at the bundle again and again.
struct Person(Seen);

impl Person {
    /// Fails where a phone would refuse the bundle.
    fn looks(&mut self, world: &World) -> Bundle {
        let json = world.relay().bundle().unwrap().json;
        let bundle = Untrusted::parse(&json).unwrap();
        let bundle = bundle.verify(world.pin(), world.clock.read(), &self.0);
        let bundle = bundle.expect("what the relay shows is accepted at every moment");
        self.0 = bundle.seen.clone();
        bundle
    }

    fn relay(&mut self, world: &World) -> Option<RelayStatement> {
        self.looks(world).relay
    }
}

fn parts(world: &World) -> BundleParts {
    serde_json::from_slice(&world.relay().bundle().unwrap().json).unwrap()
}

fn next(world: &World) -> Option<RelayStatement> {
    let next: Option<Dsse> = parts(world).relay_next;
    next.map(|dsse| RelayStatement::peek(&dsse).unwrap())
}

/// A line with two desks; the relay asks for tokens and has said so.
fn begin(seed: u64) -> (World, [DeskMachine; 2], Person) {
    let mut world = World::new(Backend::Embedded, seed);
    let mut first = DeskMachine::join(&mut world);
    first.round(&world).unwrap();
    let mut second = DeskMachine::join(&mut world);
    second.round(&world).unwrap();
    first.round(&world).unwrap();
    world.settle();
    let mut person = Person(Seen::default());
    assert!(person.relay(&world).is_none());
    world.admit(TOKENS);
    (world, [first, second], person)
}

#[test]
fn a_statement_is_shown_once_every_desk_repeats_it() {
    let (world, [mut first, mut second], mut person) = begin(1);
    let announced = next(&world).expect("desks see it");
    assert!(person.relay(&world).is_none(), "no desk repeats it yet");
    first.round(&world).unwrap();
    world.settle();
    assert!(person.relay(&world).is_none(), "one does not");
    second.round(&world).unwrap();
    world.settle();
    let shown = person.relay(&world).unwrap();
    assert_eq!(shown.serial, announced.serial);
    assert!(next(&world).is_none());
    let now = world.clock.read();
    let key = shown.token_key(now).unwrap();
    assert_eq!(
        (key.from % WEEK, key.until - key.from),
        (0, WEEK + TOKEN_OVERLAP_DAYS * DAY)
    );
    // Nothing is due until the week is nearly over.
    world.announce();
    assert!(next(&world).is_none());
}

/// Over two renewals one drainer is off for more than a day at a time; whatever happens between, the
/// bundle is accepted and names the key of the week.
#[test]
fn weeks_follow_one_another_with_a_drainer_off_for_a_day() {
    let (world, [mut first, mut second], mut person) = begin(2);
    let mut shown = Vec::new();
    for day in 0..16 {
        world.announce();
        person.looks(&world);
        first.round(&world).unwrap();
        person.looks(&world);
        if day % 2 == 0 {
            second.round(&world).unwrap();
        }
        world.settle();
        let relay = person.relay(&world);
        let relay = relay.expect("once shown, there always is one");
        assert!(relay.token_key(world.clock.read()).is_some(), "{day}");
        if shown.last() != Some(&relay.serial) {
            shown.push(relay.serial);
        }
        world.sweep();
        world.clock.pass(DAY);
    }
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown.is_sorted());
    let line = world.pin().line;
    let stored = world.block_on(world.store.statements(line)).unwrap();
    let kept = stored.iter().filter(|s| s.name.starts_with("relay."));
    assert_eq!(kept.count(), 1, "what was followed is deleted");
}

/// Two processes, and one that was started anew, make the same bytes; a restart loses nothing.
#[test]
fn every_process_makes_the_same_statement() {
    let (mut world, [mut first, mut second], mut person) = begin(3);
    let before = parts(&world).relay_next.unwrap();
    world.restart(world.secrets(), world.pin());
    world.announce();
    assert_eq!(parts(&world).relay_next, Some(before.clone()));
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    assert_eq!(parts(&world).relay, Some(before.clone()));
    let (other, _, _) = begin(3);
    assert_eq!(parts(&other).relay_next, Some(before.clone()));
    world.restart(world.secrets(), world.pin());
    world.announce();
    assert_eq!(parts(&world).relay, Some(before));
    assert!(next(&world).is_none());
    person.looks(&world);
}

#[test]
fn tokens_that_are_no_longer_asked_for_are_taken_back_likewise() {
    let (mut world, [mut first, mut second], mut person) = begin(4);
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    assert!(!person.relay(&world).unwrap().tokens.is_empty());
    world.admit(Admission::Open);
    assert!(!person.relay(&world).unwrap().tokens.is_empty(), "not yet");
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    assert!(person.relay(&world).unwrap().tokens.is_empty());
    world.admit(TOKENS);
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    assert!(!person.relay(&world).unwrap().tokens.is_empty());
}

/// A drainer repeats nothing that would let a relay tell people apart by their key.
#[test]
fn a_key_that_was_named_is_not_replaced() {
    let (world, [mut first, mut second], mut person) = begin(5);
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    let shown = person.relay(&world).unwrap();
    let mut other = shown.clone();
    other.serial += 1;
    assert!(other.follows(&shown));
    let later = other.tokens.last().unwrap().key.clone();
    other.tokens[0].key = later;
    assert!(!other.follows(&shown));
    // The relay itself signs and shows it.
    let state = world.secrets();
    let line = sotto_protocol::bundle::Untrusted::parse(&world.relay().bundle().unwrap().json);
    let line = line
        .unwrap()
        .verify_line(world.pin(), world.clock.read())
        .unwrap()
        .line;
    let signed = state.sign(other.to_dsse(), &line).unwrap();
    world
        .relay()
        .put_statement("relay", signed.to_json())
        .unwrap();
    world.settle();
    assert!(next(&world).is_some());
    world.clock.pass(DAY);
    first.round(&world).unwrap();
    second.round(&world).unwrap();
    world.settle();
    assert_eq!(person.relay(&world).unwrap().serial, shown.serial);
}

/// The keys follow from the relay's secret alone: another version of what makes them would sell tokens
/// that nobody takes.
#[test]
fn the_key_of_a_secret_and_a_week_is_always_the_same() {
    let (world, _, _) = begin(6);
    let keys = next(&world).unwrap().tokens;
    assert_eq!(keys.len(), 3);
    let ids: Vec<[u8; 32]> = keys.iter().map(|key| key.id().unwrap()).collect();
    let first = data_encoding::HEXLOWER.encode(&ids[0]);
    assert_eq!(
        first,
        "d54472fd27e8175fa6ff58ce8fec0803c32c3e7837af484b7cb2d13b6d5d9128"
    );
}
