//! Keys are renewed with an overlap and nobody notices; what is removed is refused at once; what an
//! absence costs is said.

mod absence;
mod keys;
mod line;
mod programs;

use rand_chacha::ChaCha20Rng;
use sotto_core::{
    desk::Shared as _,
    relay::{RelayError, Signer},
};
use sotto_protocol::{
    bundle::{Bundle, Pin, Seen, Untrusted, VerifyError},
    drain::Cursor,
    statement::LineStatement,
};
use sotto_tests::{
    machines::{DeskMachine, Phone},
    world::{Backend, World},
};

const DAY: u64 = 86_400;

fn begin(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    let mut desk = DeskMachine::join(&mut world);
    desk.round(&world).unwrap();
    (world, desk)
}

/// What the relay serves now, as somebody with `pin` who saw `seen` before believes it.
fn verified(world: &World, pin: Pin, seen: &Seen) -> Result<Bundle, VerifyError> {
    let json = world.relay().bundle().unwrap().json;
    Untrusted::parse(&json)?.verify(pin, world.clock.read(), seen)
}

fn line_statement(world: &World) -> LineStatement {
    let json = world.relay().bundle().unwrap().json;
    let bundle = Untrusted::parse(&json).unwrap();
    let now = world.clock.read();
    bundle.verify_line(world.pin(), now).unwrap().line
}

fn signer(desk: &mut DeskMachine, line: &LineStatement) -> Signer {
    desk.with(|desk, _| Ok(desk.signer(line))).unwrap()
}

fn drain(world: &World, signer: &Signer, rng: &mut ChaCha20Rng) -> Result<(), RelayError> {
    let stamp = signer.stamp(world.clock.read(), rng);
    world.relay().drain(&stamp, Cursor::default()).map(drop)
}

/// A tip of somebody new goes through and is read.
fn must_work(world: &mut World, desk: &mut DeskMachine) {
    let before = desk.count();
    let mut phone = Phone::new(world);
    phone.write("a tip");
    phone.sit_at_once(world).unwrap();
    desk.round(world).unwrap();
    assert_eq!(desk.count(), before + 1);
}
