//! The line key and the roots; devices and desks that are removed.

use data_encoding::BASE64;
use sotto_core::{
    ceremony::{CeremonyError, LineKeys, Publication, Roots, Task},
    desk::Identity,
    link::Link,
    relay::RelayError,
};
use sotto_protocol::{
    bundle::{Seen, Untrusted, VerifyError},
    dsse::Dsse,
    statement::{DeviceRole, Roster, Statement as _},
};
use sotto_tests::{
    machines::{DeskMachine, Phone},
    world::World,
};

use super::{DAY, begin, drain, line_statement, must_work, signer, verified};

fn tasks(world: &World) -> Vec<Task> {
    let standing = world.line.book.standing(world.clock.read());
    standing.unwrap().tasks
}

fn statement(publication: &Publication, kind: &str) -> Dsse {
    let mut all = publication.0.iter();
    all.find(|(name, _)| *name == kind).unwrap().1.clone()
}

fn put(world: &World, kind: &str, dsse: &Dsse) -> Result<(), RelayError> {
    world.relay().put_statement(kind, dsse.to_json())
}

/// The administrator's machine as it was, for somebody who stole it.
fn copy(line: &LineKeys) -> LineKeys {
    LineKeys::from_bytes(&line.to_bytes()).unwrap()
}

#[test]
fn a_line_key_lasts_ninety_days() {
    let (mut world, mut desk) = begin(1);
    let made = world.clock.read();
    for (day, expected) in [(0, None), (59, None), (60, Some(30)), (89, Some(1))] {
        world.clock.pass(made + day * DAY - world.clock.read());
        world.publish();
        desk.round(&world).unwrap();
        must_work(&mut world, &mut desk);
        let expected: Vec<Task> = expected.map(Task::RenewLineKey).into_iter().collect();
        let mut found = tasks(&world);
        // The drainer's key began on the same day.
        found.retain(|task| !matches!(task, Task::RenewDeskKey(..)));
        assert_eq!(found, expected, "day {day}");
    }
    let until = world.line.book.standing(0).unwrap().line_key_until;
    // A sitting takes a quarter of a minute.
    world.clock.pass(until - 60 - world.clock.read());
    must_work(&mut world, &mut desk);
    for day in [90, 91] {
        world.clock.pass(made + day * DAY - world.clock.read());
        assert_eq!(world.relay().bundle().unwrap_err(), RelayError::NoLine);
        let now = world.clock.read();
        assert_eq!(world.line.publish(now).unwrap_err(), CeremonyError::Expired);
        assert_eq!(tasks(&world)[0], Task::RenewLineKey(0));
    }
    // Late, but not too late.
    let (now, mut rng) = (world.clock.read(), world.seed());
    world.line.renew_key(&world.roots, now, &mut rng).unwrap();
    world.publish();
    desk.round(&world).unwrap();
    must_work(&mut world, &mut desk);
}

#[test]
fn statements_never_outlive_the_line_key() {
    let (mut world, _) = begin(2);
    let standing = |world: &World| world.line.book.standing(world.clock.read()).unwrap();
    let begun = world.clock.read();
    assert_eq!(standing(&world).published_until, Some(begun + 60 * DAY));
    world.clock.pass(29 * DAY);
    assert_eq!(tasks(&world), []);
    world.clock.pass(2 * DAY);
    assert_eq!(tasks(&world), [Task::Publish(29)]);
    world.publish();
    let standing = standing(&world);
    assert_eq!(standing.published_until, Some(standing.line_key_until));
}

/// After every single statement of a renewal, phones and desks go on.
fn renew_step_by_step(world: &mut World, desk: &mut DeskMachine) {
    let publication = world.line.publish(world.clock.read()).unwrap();
    assert_eq!(tasks(world)[0], Task::PublishRenewal);
    for (kind, dsse) in &publication.0 {
        put(world, kind, dsse).unwrap();
        world.clock.pass(5);
        must_work(world, desk);
    }
    world.line.accepted(&publication).unwrap();
}

#[test]
fn a_renewed_line_key_takes_over_without_a_gap() {
    let (mut world, mut desk) = begin(3);
    world.clock.pass(59 * DAY);
    world.publish();
    desk.round(&world).unwrap();
    let seen = verified(&world, world.pin(), &Seen::default())
        .unwrap()
        .seen;
    let old_bundle = world.relay().bundle().unwrap().json;
    let (now, mut rng) = (world.clock.read(), world.seed());
    let mut stolen = copy(&world.line);
    world.line.renew_key(&world.roots, now, &mut rng).unwrap();
    let both = world.line.to_bytes();
    world.clock.pass(60);
    renew_step_by_step(&mut world, &mut desk);

    // Whoever saw the old key accepts the new one, and then no longer the old one.
    let newer = verified(&world, world.pin(), &seen).unwrap().seen;
    assert!(newer.certificate > seen.certificate && newer.line > seen.line);
    let old = Untrusted::parse(&old_bundle).unwrap();
    let now = world.clock.read();
    old.verify(world.pin(), now, &seen).unwrap();
    assert_eq!(
        old.verify(world.pin(), now, &newer).unwrap_err(),
        VerifyError::RolledBack
    );
    // The old key is gone from the administrator's machine, and good for nothing.
    let kept = world.line.to_bytes();
    assert_eq!(both[33..65], kept[..32], "the new key is in force");
    assert!(!kept.windows(32).any(|window| window == &both[..32]));
    let forged = stolen.publish(now).unwrap();
    assert_eq!(
        put(&world, "certificate", &statement(&forged, "certificate")),
        Err(RelayError::Conflict)
    );
    for kind in ["roster", "line"] {
        let put = put(&world, kind, &statement(&forged, kind));
        assert_eq!(put, Err(RelayError::Refused), "{kind}");
    }
    must_work(&mut world, &mut desk);
    // What gave way is swept away, and nothing else.
    world.sweep();
    must_work(&mut world, &mut desk);
}

#[test]
fn an_interrupted_renewal_goes_on() {
    let (mut world, mut desk) = begin(4);
    world.clock.pass(10);
    let (now, mut rng) = (world.clock.read(), world.seed());
    world.line.renew_key(&world.roots, now, &mut rng).unwrap();
    let first = world.line.publish(now).unwrap();
    let before = world.relay().bundle().unwrap().json;
    put(&world, "root", &statement(&first, "root")).unwrap();
    put(&world, "certificate", &statement(&first, "certificate")).unwrap();
    world.clock.pass(5);
    assert_eq!(world.relay().bundle().unwrap().json, before);
    // The administrator's machine is started again, and a renewal begun twice is one.
    world.line = copy(&world.line);
    assert_eq!(tasks(&world)[0], Task::PublishRenewal);
    let now = world.clock.read();
    world.line.renew_key(&world.roots, now, &mut rng).unwrap();
    renew_step_by_step(&mut world, &mut desk);
    assert_eq!(tasks(&world), []);
}

#[test]
fn roots_are_replaced_and_old_links_go_on_working() {
    let (mut world, mut desk) = begin(5);
    let (first_pin, mut rng) = (world.pin(), world.seed());
    let mut phone = Phone::new(&mut world);
    phone.write("before");
    phone.sit_at_once(&world).unwrap();
    let mut stolen = copy(&world.line);
    let mut pins = vec![first_pin];
    for _ in 0..2 {
        world.clock.pass(DAY);
        desk.round(&world).unwrap();
        let old = Roots::from_bytes(&world.roots.to_bytes()).unwrap();
        let now = world.clock.read();
        world.roots = world.line.renew_roots(&old, now, &mut rng).unwrap();
        assert_eq!(
            world.line.renew_key(&old, now, &mut rng),
            Err(CeremonyError::Roots)
        );
        assert_eq!(world.pin(), pins[pins.len() - 1], "not before it is taken");
        renew_step_by_step(&mut world, &mut desk);
        pins.push(world.pin());
    }
    // Every link that was ever given out works, and names the same line.
    for pin in &pins {
        assert_eq!(pin.line, first_pin.line);
        verified(&world, *pin, &Seen::default()).unwrap();
        let base = world.link().base;
        let link = Link {
            base,
            pin: *pin,
            ohttp: None,
        }
        .to_text();
        assert_eq!(Link::parse(&link).unwrap().pin, *pin);
    }
    let mut fingerprints: Vec<_> = pins.iter().map(|pin| pin.fingerprint.0).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 3);
    // So does a relay set up with any of them, and a conversation from before.
    for pin in pins {
        world.restart(world.secrets(), pin);
        must_work(&mut world, &mut desk);
    }
    phone.write("after");
    phone.sit_at_once(&world).unwrap();
    desk.round(&world).unwrap();
    assert_eq!(desk.texts(1), ["before", "after"]);
    // The first roots certify nobody any more.
    let first = World::new(sotto_tests::world::Backend::Embedded, 5).roots;
    let now = world.clock.read();
    stolen.renew_key(&first, now, &mut rng).unwrap();
    let forged = stolen.publish(now).unwrap();
    assert_eq!(
        put(&world, "certificate", &statement(&forged, "certificate")),
        Err(RelayError::Conflict)
    );
    assert_eq!(
        put(&world, "line", &statement(&forged, "line")),
        Err(RelayError::Refused)
    );
}

#[test]
fn a_removed_device_is_refused_at_once() {
    let (mut world, mut desk) = begin(6);
    let mut rng = world.seed();
    let lost = Identity::make(world.link(), &mut rng);
    let card = lost.card();
    let add = |world: &mut World| {
        let role = DeviceRole::Drainer;
        world.line.add_device(card.clone(), 1, role)
    };
    add(&mut world).unwrap();
    assert_eq!(add(&mut world), Err(CeremonyError::Twice));
    world.clock.pass(1);
    world.publish();
    let line = line_statement(&world);
    assert_eq!(line.desks[0].signing_keys.len(), 2);
    let lost = sotto_core::desk::Desk::begin(lost).signer(&line);
    drain(&world, &lost, &mut rng).unwrap();
    world.line.remove_device(lost.device).unwrap();
    assert_eq!(
        world.line.remove_device(lost.device),
        Err(CeremonyError::NoDevice)
    );
    // Not a second later.
    world.publish();
    assert_eq!(
        drain(&world, &lost, &mut rng),
        Err(RelayError::Unauthorised)
    );
    assert_eq!(line_statement(&world).desks[0].signing_keys.len(), 1);
    must_work(&mut world, &mut desk);
    let kept = signer(&mut desk, &line);
    drain(&world, &kept, &mut rng).unwrap();
    // The roster that still has it is not taken again.
    world.line.remove_device(kept.device).unwrap();
    assert_eq!(tasks(&world), [Task::AddDrainer(1)]);
}

#[test]
fn a_removed_desk_leaves_its_number_behind() {
    let (mut world, mut desk) = begin(7);
    let mut second = DeskMachine::join(&mut world);
    second.round(&world).unwrap();
    assert_eq!(line_statement(&world).desks.len(), 2);
    assert_eq!(world.line.remove_desk(2), Ok(1));
    assert_eq!(world.line.remove_desk(2), Err(CeremonyError::NoDesk(2)));
    world.publish();
    let line = line_statement(&world);
    let mut rng = world.seed();
    let gone = signer(&mut second, &line);
    assert_eq!(
        drain(&world, &gone, &mut rng),
        Err(RelayError::Unauthorised)
    );
    must_work(&mut world, &mut desk);
    let names = [("en".into(), "Another".into())].into();
    assert_eq!(world.line.add_desk(names), Ok(3));
}

#[test]
fn each_roster_names_the_one_before() {
    let (mut world, _) = begin(8);
    let mut before: Option<(u64, String)> = None;
    for turn in 0..4 {
        let publication = world.line.publish(world.clock.read()).unwrap();
        let dsse = statement(&publication, "roster");
        let roster = Roster::peek(&dsse).unwrap();
        if let Some((serial, hash)) = before {
            assert!(roster.serial > serial);
            assert_eq!(roster.previous, Some(hash), "turn {turn}");
        }
        before = Some((roster.serial, BASE64.encode(&dsse.payload_hash())));
        world.line = copy(&world.line);
    }
    let (serial, _) = before.unwrap();
    world.publish();
    assert!(line_statement(&world).serial > serial);
}

/// A relay that shows a drainer an older line statement gets nothing from it.
#[test]
fn a_drainer_is_not_rolled_back() {
    let (mut world, mut desk) = begin(9);
    let old = world.relay().bundle().unwrap();
    world.clock.pass(DAY);
    world.publish();
    desk.round(&world).unwrap();
    world.tamper(move |request, mut response| {
        if request.target.ends_with("/bundle") {
            response.body.clone_from(&old.json);
        }
        response
    });
    world.seen();
    let stop = desk.round(&world).unwrap_err();
    assert!(stop.text.contains("older keys"), "{}", stop.text);
    assert_eq!(world.seen().len(), 1, "nothing but the bundle");
    world.tamper(|_, response| response);
    must_work(&mut world, &mut desk);
}
