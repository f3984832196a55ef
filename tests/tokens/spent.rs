//! Spending: one token, one post.

use std::cell::Cell;

use sotto_core::{
    relay::RelayError,
    transport::{Method, Request, Transport as _, Unreachable},
};
use sotto_protocol::{
    id::LineId,
    limits::{CHUNK_BYTES, TOKEN_CHUNKS, TOKEN_KEY_DAYS, TOKEN_OVERLAP_DAYS},
    token::{Token, TokenChallenge, purchase::Purchase},
};
use sotto_tests::world::World;

use super::{DAY, TOKENS, asked, begin, begin_at, buy, envelope, key};

fn post(world: &World, body: Vec<u8>, token: &Token) -> Result<(), RelayError> {
    world.relay().post(body, Some(token))
}

fn waiting(world: &World) -> u64 {
    let waiting = world.store.waiting(world.pin().line);
    world.block_on(waiting).unwrap().records
}

sotto_tests::on_every_backend!(a_token_is_good_for_one_post(1));
sotto_tests::on_a_cluster!(a_token_is_good_for_one_post(1));

fn a_token_is_good_for_one_post(world: &mut World) {
    let _desk = begin_at(world, TOKENS);
    let rng = &mut world.seed();
    let before = waiting(world);
    assert_eq!(
        world.relay().post(envelope(1), None),
        Err(RelayError::Unpaid)
    );
    let tokens = buy(world, rng);
    post(world, envelope(1), &tokens[0]).unwrap();
    post(world, envelope(1), &tokens[0]).unwrap();
    assert_eq!(
        post(world, envelope(2), &tokens[0]),
        Err(RelayError::Unpaid)
    );
    let mut changed = envelope(1);
    changed[500] ^= 1;
    assert_eq!(post(world, changed, &tokens[0]), Err(RelayError::Unpaid));
    post(world, envelope(2), &tokens[1]).unwrap();
    assert_eq!(waiting(world), before + 2);
}

/// The answer, or what comes between spending and storing, is lost: the same post under the same token
/// is let through again, and stands once.
#[test]
fn whoever_got_no_answer_asks_again() {
    let (mut world, _desk) = begin(2);
    let rng = &mut world.seed();
    let before = waiting(&world);
    let token = &buy(&world, rng)[0];
    let lost = Cell::new(3);
    world.tamper(move |_, mut answer| {
        if lost.get() > 0 {
            lost.set(lost.get() - 1);
            answer.status = 0;
        }
        answer
    });
    for _ in 0..3 {
        let unknown = RelayError::Unreachable(Unreachable::NoAnswer);
        assert_eq!(post(&world, envelope(1), token), Err(unknown));
    }
    post(&world, envelope(1), token).unwrap();
    assert_eq!(post(&world, envelope(2), token), Err(RelayError::Unpaid));
    assert_eq!(waiting(&world), before + 1);
}

#[test]
fn what_is_no_token_of_this_line_is_refused() {
    let (mut world, _desk) = begin(3);
    let rng = &mut world.seed();
    let good = buy(&world, rng).remove(0);
    for place in [2, 40, 70, 100, 353] {
        let mut bent = *good.as_bytes();
        bent[place] ^= 1;
        let bent = Token::from_bytes(&bent).unwrap();
        assert_eq!(post(&world, envelope(1), &bent), Err(RelayError::Unpaid));
    }
    // Bought here, for another line.
    let of = TokenChallenge::of(LineId([9; 16]));
    let spki = key(&world).spki().unwrap();
    let purchase = Purchase::begin(&of, &spki, 1, rng).unwrap();
    let proof = purchase.work(asked(&world), rng).unwrap();
    let request = purchase.request().to_vec();
    let answer = world.relay().issue(&proof, request).unwrap();
    let other = purchase.finish(&answer).unwrap().remove(0);
    assert_eq!(post(&world, envelope(1), &other), Err(RelayError::Unpaid));
    // Headers of other shapes; with the good one the answer would be 204.
    for value in [
        "",
        "Bearer x",
        "PrivateToken",
        "PrivateToken token=",
        "PrivateToken token=x",
    ] {
        let answer = world.send(&Request {
            method: Method::Post,
            target: format!("/v1/{}/in", world.pin().line.to_text()),
            headers: vec![("authorization", value.to_owned())],
            body: envelope(1),
        });
        assert_eq!(answer.unwrap().status, 401, "{value}");
    }
    post(&world, envelope(1), &good).unwrap();
}

#[test]
fn a_token_pays_for_sixteen_chunks() {
    let (mut world, _desk) = begin(4);
    let rng = &mut world.seed();
    let tokens = buy(&world, rng);
    let chunk = |number: u8| {
        let mut chunk = vec![number; CHUNK_BYTES];
        chunk[..4].copy_from_slice(&[1, 1, 1, 0]);
        chunk
    };
    for number in 0..TOKEN_CHUNKS {
        post(&world, chunk(number), &tokens[0]).unwrap();
        post(&world, chunk(number), &tokens[0]).unwrap();
    }
    let more = chunk(TOKEN_CHUNKS);
    assert_eq!(
        post(&world, more.clone(), &tokens[0]),
        Err(RelayError::Unpaid)
    );
    assert_eq!(
        post(&world, envelope(1), &tokens[0]),
        Err(RelayError::Unpaid)
    );
    post(&world, envelope(1), &tokens[1]).unwrap();
    assert_eq!(post(&world, more, &tokens[1]), Err(RelayError::Unpaid));
}

/// A token is good for its week and a day, whatever the relay has swept meanwhile.
#[test]
fn a_token_is_good_for_a_week_and_a_day() {
    let (mut world, mut desk) = begin(5);
    let rng = &mut world.seed();
    let tokens = buy(&world, rng);
    let key = key(&world);
    assert_eq!(
        key.until - key.from,
        (TOKEN_KEY_DAYS + TOKEN_OVERLAP_DAYS) * DAY
    );
    post(&world, envelope(1), &tokens[0]).unwrap();
    for step in [key.until - DAY, key.until - 1] {
        world.clock.pass(step - world.clock.read() - 5);
        world.announce();
        desk.round(&world).unwrap();
        world.sweep();
        assert_eq!(
            post(&world, envelope(3), &tokens[0]),
            Err(RelayError::Unpaid)
        );
    }
    assert_eq!(world.clock.read(), key.until - 1);
    post(&world, envelope(2), &tokens[1]).unwrap();
    world.clock.pass(1);
    assert_eq!(
        post(&world, envelope(3), &tokens[2]),
        Err(RelayError::Unpaid)
    );
    let fresh = buy(&world, rng);
    post(&world, envelope(3), &fresh[0]).unwrap();
}
