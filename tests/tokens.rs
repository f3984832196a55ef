//! Admission tokens: whose keys they are, how they are bought and spent, and that nobody spends twice.

mod announced;
mod bought;
mod order;
mod phones;
mod spent;

use rand_chacha::ChaCha20Rng;
use sotto_protocol::{
    bundle::{Bundle, Seen, Untrusted},
    limits::{ENVELOPE_BYTES, TOKEN_BATCH},
    statement::TokenKey,
    token::{Token, TokenChallenge, purchase::Purchase, work::WorkChallenge},
};
use sotto_relay::admission::{Admission, Price};
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World},
};

/// So cheap that a test does not feel it.
const PRICE: Price = Price {
    tries: 1,
    kib: 8,
    batches: 600,
};
const TOKENS: Admission = Admission::Tokens(PRICE);
const DAY: u64 = 86_400;

/// A line whose relay asks for tokens, as its desk has seen.
fn begin_at(world: &mut World, admission: Admission) -> DeskMachine {
    let mut desk = DeskMachine::join(world);
    desk.round(world).unwrap();
    world.admit(admission);
    desk.round(world).unwrap();
    world.settle();
    world.seen();
    desk
}

fn begin(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    let desk = begin_at(&mut world, TOKENS);
    (world, desk)
}

fn bundle(world: &World) -> Bundle {
    let json = world.relay().bundle().unwrap().json;
    let bundle = Untrusted::parse(&json).unwrap();
    let bundle = bundle.verify(world.pin(), world.clock.read(), &Seen::default());
    bundle.unwrap()
}

fn key(world: &World) -> TokenKey {
    let relay = bundle(world).relay.unwrap();
    relay.token_key(world.clock.read()).unwrap().clone()
}

fn asked(world: &World) -> WorkChallenge {
    WorkChallenge::from_bytes(&world.relay().work_challenge().unwrap()).unwrap()
}

fn purchase(world: &World, rng: &mut ChaCha20Rng) -> Purchase {
    let spki = key(world).spki().unwrap();
    let of = TokenChallenge::of(world.pin().line);
    Purchase::begin(&of, &spki, TOKEN_BATCH, rng).unwrap()
}

/// A batch.
fn buy(world: &World, rng: &mut ChaCha20Rng) -> Vec<Token> {
    let purchase = purchase(world, rng);
    let proof = purchase.work(asked(world), rng).unwrap();
    let request = purchase.request().to_vec();
    let answer = world.relay().issue(&proof, request).unwrap();
    let tokens = purchase.finish(&answer).unwrap();
    assert_eq!(tokens.len(), TOKEN_BATCH);
    tokens
}

/// Something of the right shape at an address of its own.
fn envelope(address: u8) -> Vec<u8> {
    let mut envelope = vec![7; ENVELOPE_BYTES];
    envelope[..4].copy_from_slice(&[1, 1, 0, 0]);
    envelope[4..36].fill(address);
    envelope
}
