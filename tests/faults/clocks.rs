//! The relay's clock jumps by an hour and by a day, both ways, and is put right.

use sotto_core::{
    relay::RelayError,
    transport::{Method, Request, Transport as _},
};
use sotto_protocol::limits::DAY_SECONDS;
use sotto_tests::{
    machines::{DeskMachine, Phone},
    on_every_backend,
    world::{Backend, World},
};

use super::{drain, envelope};

on_every_backend!(nothing_goes_early_or_stays_long(31));

const JUMPS: [i64; 4] = [3_600, -3_600, 86_400, -86_400];
const RETENTION: u64 = 14 * DAY_SECONDS;

fn jump(world: &World, by: i64) {
    match u64::try_from(by) {
        Ok(ahead) => world.clock.pass(ahead),
        Err(_) => world.clock.back(by.unsigned_abs()),
    }
}

fn post(world: &World, number: u64) {
    let request = Request {
        method: Method::Post,
        target: format!("/v1/{}/in", world.pin().line.to_text()),
        headers: Vec::new(),
        body: envelope(number).body.to_vec(),
    };
    assert_eq!(world.send(&request).unwrap().status, 204);
}

fn held(world: &World) -> Vec<u64> {
    let line = world.pin().line;
    world
        .block_on(drain(&*world.store, line))
        .into_keys()
        .collect()
}

/// Retention is kept to within the jump, and marks hold: a repeat is never a second envelope.
fn nothing_goes_early_or_stays_long(world: &mut World) {
    world.publish();
    // A relay whose clock is before the line began knows no such line.
    world.clock.pass(2 * DAY_SECONDS);
    let mut posted = 0;
    for by in JUMPS {
        let before = posted;
        post(world, posted);
        jump(world, by);
        post(world, posted + 1);
        world.sweep();
        jump(world, -by);
        post(world, posted + 2);
        world.sweep();
        for number in 0..posted + 3 {
            post(world, number);
        }
        posted += 3;
        assert_eq!(
            held(world),
            (0..posted).collect::<Vec<_>>(),
            "from {before}"
        );
    }
    // Two days before its time nothing has gone, though the clock was a day behind when something
    // came, and is a day ahead when it is looked at.
    world.clock.pass(RETENTION - 2 * DAY_SECONDS - 1_200);
    jump(world, 86_400);
    world.sweep();
    jump(world, -86_400);
    assert_eq!(held(world), (0..posted).collect::<Vec<_>>());
    // And a day after its time everything has.
    world.clock.pass(3 * DAY_SECONDS + 2_400);
    world.sweep();
    assert!(held(world).is_empty());
}

#[test]
fn boards_and_answers_survive_a_jump() {
    let world = &mut World::new(Backend::Embedded, 32);
    let mut desk = DeskMachine::join(world);
    world.clock.pass(2 * DAY_SECONDS);
    desk.run(world, 600);
    let mut phone = Phone::new(world);
    phone.write("A tip before the jump.");
    phone.sit(world).unwrap();
    for by in JUMPS {
        // The relay alone is wrong: phone and desk come back when it is right again, and meanwhile
        // nothing they ask for moves a board backwards.
        let line = world.pin().line;
        let served = world.block_on(world.store.served(line)).unwrap();
        jump(world, by);
        let asked = world.relay().bundle();
        assert!(asked.is_ok() || matches!(asked, Err(RelayError::Unreachable(_))));
        world.sweep();
        jump(world, -by);
        let after = world.block_on(world.store.served(line)).unwrap();
        assert_eq!(served, after);
        desk.run(world, 600);
        let later = world.block_on(world.store.served(line)).unwrap();
        assert!(later[0] > served[0], "boards go on");
    }
    assert_eq!(desk.texts(1), ["A tip before the jump."]);
    desk.reply(world, 1, "An answer after it.");
    desk.run(world, 600);
    assert_eq!(phone.sit(world).unwrap(), ["An answer after it."]);
}
