//! Buying: one price for everybody, and nothing for less.

use sotto_core::{
    relay::RelayError,
    transport::{Method, Request, Transport as _},
};
use sotto_protocol::{
    limits::{TOKEN_BATCH, TOKEN_REQUEST_BYTES, WORK_LIFE_SECONDS, WORK_WINDOW_SECONDS},
    token::{
        batch::{Requested, TokenRequest},
        work::WorkProof,
    },
};
use sotto_relay::admission::{Admission, Price};
use sotto_tests::world::{Backend, World};

use super::{PRICE, asked, begin, begin_at, buy, purchase};

#[test]
fn everybody_is_asked_for_the_same() {
    let (mut world, _desk) = begin(1);
    let rng = &mut world.seed();
    let first = asked(&world);
    assert_eq!((first.tries, first.kib), (PRICE.tries, PRICE.kib));
    let left = WORK_WINDOW_SECONDS - world.clock.read() % WORK_WINDOW_SECONDS;
    for _ in 0..5 {
        assert_eq!(asked(&world), first);
        buy(&world, rng);
    }
    world.clock.pass(left - 1);
    assert_eq!(asked(&world), first);
    world.clock.pass(1);
    let second = asked(&world);
    assert_ne!(second, first);
    assert_eq!(second.begins, first.begins + WORK_WINDOW_SECONDS);
}

#[test]
fn a_proof_is_good_for_one_request_and_for_minutes() {
    let (mut world, _desk) = begin(2);
    let rng = &mut world.seed();
    let (first, second) = (purchase(&world, rng), purchase(&world, rng));
    let proof = first.work(asked(&world), rng).unwrap();
    let issue = |proof: &WorkProof, request: &[u8]| world.relay().issue(proof, request.to_vec());
    let answer = issue(&proof, first.request()).unwrap();
    // Its answer was lost.
    assert_eq!(issue(&proof, first.request()).unwrap(), answer);
    // So easy that it would do for any request: but the store knows what it was for.
    assert_eq!(issue(&proof, second.request()), Err(RelayError::Unpaid));
    assert_eq!(first.finish(&answer).unwrap().len(), TOKEN_BATCH);
    // A challenge that no relay made, and one made for less.
    let mut bent = proof;
    bent.challenge.mac[0] ^= 1;
    assert_eq!(issue(&bent, second.request()), Err(RelayError::Unpaid));
    let mut cheap = proof;
    cheap.challenge.begins += 1;
    assert_eq!(issue(&cheap, second.request()), Err(RelayError::Unpaid));
    let third = purchase(&world, rng);
    let proof = third.work(asked(&world), rng).unwrap();
    world.clock.pass(WORK_LIFE_SECONDS);
    assert_eq!(issue(&proof, third.request()), Err(RelayError::Unpaid));
}

/// A proof whose work falls short is refused, however often it is put.
#[test]
fn work_is_verified() {
    let mut world = World::new(Backend::Embedded, 3);
    let price = Price { tries: 64, ..PRICE };
    let _desk = begin_at(&mut world, Admission::Tokens(price));
    let rng = &mut world.seed();
    let batch = purchase(&world, rng);
    let challenge = asked(&world);
    assert_eq!(challenge.tries, 64);
    let good = batch.work(challenge, rng).unwrap();
    let mut refused = 0;
    for number in 0..64_u128 {
        let proof = WorkProof {
            challenge,
            nonce: number.to_le_bytes(),
        };
        let issued = world.relay().issue(&proof, batch.request().to_vec());
        refused += u32::from(issued == Err(RelayError::Unpaid));
    }
    assert!(refused > 50, "one in 64 is good by luck");
    world
        .relay()
        .issue(&good, batch.request().to_vec())
        .unwrap();
}

#[test]
fn an_answer_is_given_again_only_some_times() {
    let (mut world, _desk) = begin(4);
    let rng = &mut world.seed();
    let batch = purchase(&world, rng);
    let proof = batch.work(asked(&world), rng).unwrap();
    let issued = (0..10).map(|_| world.relay().issue(&proof, batch.request().to_vec()));
    let answered = issued.flatten().count();
    assert_eq!(answered, 4);
    assert_eq!(world.seen().last().unwrap().status, 429);
}

/// What is malformed, or asks for another key, costs the relay nothing and is refused.
#[test]
fn what_is_no_request_is_refused() {
    let (mut world, _desk) = begin(5);
    let rng = &mut world.seed();
    let batch = purchase(&world, rng);
    let proof = batch.work(asked(&world), rng).unwrap();
    let whole = batch.request();
    let requests = Requested::from_bytes(whole).unwrap();
    let one = &requests.requests()[0];
    let other_key = TokenRequest {
        truncated_key_id: one.truncated_key_id ^ 1,
        ..one.clone()
    };
    let too_many = vec![one.clone(); TOKEN_BATCH + 1];
    for bad in [
        Vec::new(),
        whole[1..].to_vec(),
        [whole, &[0]].concat(),
        whole[..2 + TOKEN_REQUEST_BYTES].to_vec(),
        Requested::Batch(too_many).to_bytes(),
        Requested::Batch(Vec::new()).to_bytes(),
        Requested::Batch(vec![other_key]).to_bytes(),
    ] {
        assert_eq!(world.relay().issue(&proof, bad), Err(RelayError::Refused));
    }
    for header in [None, Some("x".to_owned()), Some(proof.to_header() + "AAAA")] {
        let headers = header.map(|value| ("sotto-work", value));
        let answer = world.send(&Request {
            method: Method::Post,
            target: format!("/v1/{}/tokens/issue", world.pin().line.to_text()),
            headers: headers.into_iter().collect(),
            body: whole.to_vec(),
        });
        assert_eq!(answer.unwrap().status, 401);
    }
    world.relay().issue(&proof, whole.to_vec()).unwrap();
}

/// More than the operator allows for doubles the work, quiet minutes take it back.
#[test]
fn work_follows_what_is_bought() {
    let mut world = World::new(Backend::Embedded, 6);
    let price = Price {
        batches: 2,
        ..PRICE
    };
    let _desk = begin_at(&mut world, Admission::Tokens(price));
    let mut rng = world.seed();
    let mut tries = Vec::new();
    for bought in [3, 3, 2, 1, 0, 0] {
        world.clock.pass(WORK_WINDOW_SECONDS);
        tries.push(asked(&world).tries);
        for _ in 0..bought {
            buy(&world, &mut rng);
        }
    }
    assert_eq!(tries, [1, 2, 4, 4, 2, 1]);
    // And after a long time at once.
    for _ in 0..4 {
        for _ in 0..3 {
            buy(&world, &mut rng);
        }
        world.clock.pass(WORK_WINDOW_SECONDS);
    }
    assert_eq!(asked(&world).tries, 16);
    world.clock.pass(10 * WORK_WINDOW_SECONDS);
    assert_eq!(asked(&world).tries, 1);
}

#[test]
fn a_line_without_tokens_sells_none() {
    let mut world = World::new(Backend::Embedded, 7);
    let mut desk = sotto_tests::machines::DeskMachine::join(&mut world);
    desk.round(&world).unwrap();
    world.settle();
    assert_eq!(world.relay().work_challenge(), Err(RelayError::NoLine));
}
