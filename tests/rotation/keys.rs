//! Desk signing keys and the relay's keys.

use std::os::unix::fs::PermissionsExt as _;

use sotto_core::{
    ceremony::{CeremonyError, DeviceCard, Task},
    date,
    desk::{Identity, Shared as _, SigningKey},
    relay::RelayError,
};
use sotto_protocol::{
    bundle::{BundleParts, Seen},
    id::Board,
    statement::{DeviceRole, Statement as _},
};
use sotto_relay::keys::{KeysError, RelaySecrets};
use sotto_tests::{machines::DeskMachine, world::World};
use zeroize::Zeroizing;

use super::{DAY, begin, drain, line_statement, must_work, signer, verified};

fn renew(world: &mut World, desk: &mut DeskMachine) -> DeviceCard {
    let mut rng = world.seed();
    desk.with(|desk, keeper| Ok(desk.renew_signing_key(&mut rng).save(keeper)?))
        .unwrap()
}

fn standing(desk: &mut DeskMachine) -> SigningKey {
    desk.with(|desk, _| Ok(desk.identity().signing_key()))
        .unwrap()
}

fn asks_for_a_key(world: &World) -> bool {
    let standing = world.line.book.standing(world.clock.read()).unwrap();
    let mut tasks = standing.tasks.iter();
    tasks.any(|task| matches!(task, Task::RenewDeskKey(1, ..)))
}

/// By which of the desk's keys, in the order of the line statement, today's statement is signed.
fn signed_by(world: &World) -> usize {
    let json = world.relay().bundle().unwrap().json;
    let parts: BundleParts = serde_json::from_slice(&json).unwrap();
    let keys = line_statement(world).desks.remove(0).signing_keys;
    let is_by = |key: &sotto_protocol::keys::SigningPublicKey| {
        let statement = &parts.desks[0];
        let kind = sotto_protocol::statement::DeskStatement::TYPE;
        statement
            .verify(kind, core::slice::from_ref(key), 1)
            .is_ok()
    };
    keys.iter().position(is_by).unwrap()
}

#[test]
fn a_desk_signing_key_is_renewed_with_an_overlap() {
    let (mut world, mut desk) = begin(20);
    let begun = world.clock.read();
    let to = |world: &World, day: u64| world.clock.pass(begun + day * DAY - world.clock.read());
    assert_eq!(standing(&mut desk), SigningKey::Until(begun + 90 * DAY));
    to(&world, 59);
    world.publish();
    desk.round(&world).unwrap();
    assert!(!asks_for_a_key(&world));
    let old_card = desk.with(|desk, _| Ok(desk.identity().card())).unwrap();
    to(&world, 60);
    world.clock.pass(1);
    assert!(asks_for_a_key(&world));
    let mut rng = world.seed();
    let (now, roots) = (world.clock.read(), &world.roots);
    world.line.renew_key(roots, now, &mut rng).unwrap();

    let card = renew(&mut world, &mut desk);
    assert!(old_card.desk_key.is_none() && card.desk_key.is_some());
    // Asked again before it is published: the same key.
    let again = renew(&mut world, &mut desk);
    assert_eq!(again.desk_key, card.desk_key);
    assert_eq!(standing(&mut desk), SigningKey::Waiting);
    must_work(&mut world, &mut desk);
    assert_eq!(world.line.renew_desk_key(card.clone()), Ok(1));
    assert_eq!(
        world.line.renew_desk_key(card.clone()),
        Err(CeremonyError::SameKey)
    );
    world.publish();
    assert!(!asks_for_a_key(&world));

    // Both are named. What the old one signed this morning is good until tomorrow's is there.
    assert_eq!(line_statement(&world).desks[0].signing_keys.len(), 2);
    assert_eq!(signed_by(&world), 0);
    let seen = verified(&world, world.pin(), &Seen::default())
        .unwrap()
        .seen;
    must_work(&mut world, &mut desk);
    world.clock.pass(DAY);
    desk.round(&world).unwrap();
    assert_eq!(signed_by(&world), 1);
    verified(&world, world.pin(), &seen).unwrap();
    // It was seen to be named when the drainer asked for the first time after the publication.
    let until = SigningKey::Until(begun + 150 * DAY + 1);
    assert_eq!(standing(&mut desk), until);
    for (day, keys) in [(89, 2), (90, 2), (91, 1)] {
        to(&world, day);
        world.publish();
        assert_eq!(
            line_statement(&world).desks[0].signing_keys.len(),
            keys,
            "day {day}"
        );
        desk.round(&world).unwrap();
        must_work(&mut world, &mut desk);
    }
    assert_eq!(standing(&mut desk), until);
    // The device is still the same one, and its next renewal works as the first.
    let next = renew(&mut world, &mut desk);
    assert_eq!(next.ed25519, old_card.ed25519);
    assert_eq!(world.line.renew_desk_key(next), Ok(1));
    world.clock.pass(1);
    world.publish();
    desk.round(&world).unwrap();
    must_work(&mut world, &mut desk);
}

/// An overlap is counted from the publication that first named the new key.
#[test]
fn an_overlap_takes_thirty_days() {
    let (mut world, mut desk) = begin(21);
    world.clock.pass(DAY);
    let card = renew(&mut world, &mut desk);
    world.line.renew_desk_key(card).unwrap();
    world.clock.pass(5 * DAY);
    world.publish();
    for (seconds, keys) in [(30 * DAY - 1, 2), (1, 1)] {
        world.clock.pass(seconds);
        world.publish();
        assert_eq!(line_statement(&world).desks[0].signing_keys.len(), keys);
    }
    // A drainer that was off through all of it goes on with its new key.
    desk.round(&world).unwrap();
    must_work(&mut world, &mut desk);
}

#[test]
fn only_a_drainer_of_the_line_renews() {
    let (mut world, _) = begin(22);
    let mut rng = world.seed();
    let stranger = Identity::make(world.link(), &mut rng).card();
    assert_eq!(
        world.line.renew_desk_key(stranger.clone()),
        Err(CeremonyError::NoDevice)
    );
    world
        .line
        .add_device(stranger.clone(), 1, DeviceRole::Device)
        .unwrap();
    assert_eq!(
        world.line.renew_desk_key(stranger),
        Err(CeremonyError::Reader)
    );
}

fn bytes(fill: u8) -> Zeroizing<[u8; 64]> {
    Zeroizing::new([fill; 64])
}

#[test]
fn relay_keys_overlap() {
    let (mut world, mut desk) = begin(23);
    let mut rng = world.seed();
    let old = signer(&mut desk, &line_statement(&world));
    world.clock.pass(330 * DAY);
    let now = world.clock.read();
    world.line.renew_key(&world.roots, now, &mut rng).unwrap();
    world.publish();
    let standing = world.line.book.standing(now + 6 * DAY).unwrap();
    assert!(standing.tasks.contains(&Task::RenewRelayKeys(29)));

    // The relay runs with both before anybody has heard of the new ones.
    let renewed = || world.secrets().renew(&bytes(9), now).unwrap();
    let public = renewed().public();
    let secrets = renewed();
    let pin = world.pin();
    let empty = |world: &World| world.relay().page(Board::Old, 60_000).unwrap();
    let before = empty(&world);
    world.restart(secrets, pin);
    assert!(empty(&world) == before, "unwritten pages stay as they are");
    desk.round(&world).unwrap();
    must_work(&mut world, &mut desk);

    world.line.renew_relay(public.clone()).unwrap();
    assert_eq!(
        world.line.renew_relay(public.clone()),
        Err(CeremonyError::SameKey)
    );
    world.clock.pass(1);
    world.publish();
    let line = line_statement(&world);
    assert_eq!(line.relay.x25519, public.x25519);
    assert!(line.relay_before.is_some());
    let new = signer(&mut desk, &line);
    for (seconds, is_old_good) in [(0, true), (30 * DAY - 1, true), (1, false)] {
        world.clock.pass(seconds);
        world.publish();
        drain(&world, &new, &mut rng).unwrap();
        let drained = drain(&world, &old, &mut rng);
        assert_eq!(drained.is_ok(), is_old_good, "after {seconds}");
        desk.round(&world).unwrap();
    }
    assert!(line_statement(&world).relay_before.is_none());
    // The relay may forget them now.
    let secrets = world.secrets().renew(&bytes(9), now).unwrap().forget();
    world.restart(secrets, pin);
    must_work(&mut world, &mut desk);
    assert_eq!(
        drain(&world, &old, &mut rng).unwrap_err(),
        RelayError::Unauthorised
    );
}

#[test]
fn the_key_file_holds_two_pairs_at_most() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("relay.keys");
    let first = RelaySecrets::from_bytes(&bytes(1), 1_000);
    first.write(&path).unwrap();
    assert_eq!(first.write(&path), Err(KeysError::Exists));
    let read = RelaySecrets::read(&path).unwrap();
    assert!(!read.is_overlapping());
    assert_eq!(read.made(), Some(1_000));
    read.renew(&bytes(2), 2_000)
        .unwrap()
        .replace(&path)
        .unwrap();
    let both = RelaySecrets::read(&path).unwrap();
    assert!(both.is_overlapping());
    assert_eq!(both.made(), Some(2_000));
    let second = RelaySecrets::from_bytes(&bytes(2), 0).public();
    assert_eq!(both.public().x25519, second.x25519);
    let twice = both.renew(&bytes(3), 3_000);
    assert_eq!(twice.unwrap_err(), KeysError::Twice);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("before") && text.contains("fill"));
    RelaySecrets::read(&path)
        .unwrap()
        .forget()
        .replace(&path)
        .unwrap();
    let alone = RelaySecrets::read(&path).unwrap();
    assert!(!alone.is_overlapping());
    assert_eq!(alone.public().signing_key, second.signing_key);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("before") && text.contains("fill"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // A file from before there was anything to renew.
    let plain = r#"{"version":1,"x25519":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","ed25519":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#;
    std::fs::write(&path, plain).unwrap();
    let plain = RelaySecrets::read(&path).unwrap();
    assert_eq!(plain.made(), None);
    assert_eq!(plain.public().x25519, first.public().x25519);
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (day, expected) in [
        (0, "1970-01-01"),
        (59, "1970-03-01"),
        (789, "1972-02-29"),
        (10_956, "1999-12-31"),
        (11_016, "2000-02-29"),
        (20_781, "2026-11-24"),
        (47_540, "2100-02-28"),
        (47_541, "2100-03-01"),
    ] {
        assert_eq!(date::of_day(day), expected);
    }
    assert_eq!(date::of(20_781 * DAY + 86_399), "2026-11-24");
    assert_eq!(date::of(20_782 * DAY), "2026-11-25");
}
