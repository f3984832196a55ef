//! A disk that fails or is full: refused with 503, never acknowledged for nothing, and gone on with
//! afterwards without a restart.

use sotto_core::transport::{Method, Request, Transport as _};
use sotto_relay::store::{Durability, Embedded, Store, StoreError};
use sotto_tests::{cases, world::World};

use super::{
    LINE, NOW, drain, envelope,
    tape::{Failing, Tape},
};

/// Repeats as a client does; how often that was needed.
async fn post(store: &Embedded, number: u64) -> usize {
    let mut tries = 0;
    loop {
        match store.append(LINE, envelope(number), NOW).await {
            Ok(()) => return tries,
            Err(StoreError::Unavailable) => tries += 1,
            Err(other) => panic!("{other}"),
        }
    }
}

const POSTS: u64 = 5;

/// Posts while the disk fails once, then cuts the power; how many posts had to be repeated, and
/// whether everything is there.
async fn survives(tape: Tape, failing: Failing) -> (usize, bool) {
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    tape.fail(failing);
    let mut repeated = 0;
    for number in 1..POSTS {
        repeated += post(&store, number).await;
    }
    assert!(tape.has_failed(), "it never came to the fault");
    let left = Tape::of(tape.synced(), 1);
    let Ok(store) = Embedded::open_on(left, 8) else {
        return (repeated, false);
    };
    let kept = drain(&store, LINE).await;
    let all: Vec<u64> = kept.keys().copied().collect();
    let all_there = all == (0..POSTS).collect::<Vec<_>>();
    let incarnation = store.read(LINE, None, 1).await.unwrap().cursor.incarnation;
    (repeated, all_there && incarnation == 7)
}

/// Steps of the disk that the posts take.
async fn length() -> usize {
    let tape = Tape::blank(1);
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    let begun = tape.len();
    for number in 1..POSTS {
        post(&store, number).await;
    }
    tape.len() - begun
}

#[tokio::test]
async fn a_write_or_sync_that_fails_is_never_acknowledged() {
    let (length, mut repeated) = (length().await, 0);
    for seed in 0..u64::from(cases::count(2)) {
        for place in 0..length {
            let (tries, kept) = survives(Tape::blank(seed), Failing::Once(place)).await;
            assert!(kept, "seed {seed}, step {place}");
            repeated += tries;
        }
    }
    assert!(repeated >= length / 2, "faults are noticed");
}

/// What redb has in memory after a panic is not to be relied on: the process ends, and a supervisor
/// starts another one.
#[tokio::test]
async fn a_store_that_panics_says_so() {
    let tape = Tape::blank(3);
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    tape.fail(Failing::Panic(3));
    let lost = store.append(LINE, envelope(1), NOW).await;
    assert_eq!(lost, Err(StoreError::Unavailable));
    store.ended().await;
    let store = Embedded::open_on(Tape::of(tape.synced(), 1), 8).unwrap();
    assert!(drain(&store, LINE).await.contains_key(&0));
}

/// That the test above is able to fail, and why the system has to forget the file's pages.
#[tokio::test]
async fn what_the_system_shows_after_a_failed_sync_is_not_what_is_on_disk() {
    let length = length().await;
    for (seed, place) in (0..8).flat_map(|seed| (0..length).map(move |place| (seed, place))) {
        let tape = Tape::blank(seed).remembering();
        if !survives(tape, Failing::Once(place)).await.1 {
            return;
        }
    }
    panic!("a system that remembers what is not on disk went unnoticed");
}

#[tokio::test]
async fn a_disk_that_stays_broken_refuses_until_it_is_mended() {
    let tape = Tape::blank(1);
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    tape.fail(Failing::From(0));
    for number in 1..50 {
        let refused = store.append(LINE, envelope(number), NOW).await;
        assert_eq!(refused, Err(StoreError::Unavailable));
    }
    assert_eq!(store.check().await, Err(StoreError::Unavailable));
    tape.fail(Failing::Never);
    for number in 0..50 {
        post(&store, number).await;
    }
    assert_eq!(store.check().await, Ok(Durability::Synced));
    assert_eq!(drain(&store, LINE).await.len(), 50);
}

/// A relay reads before it writes: reading alone finds a mended disk.
#[tokio::test]
async fn reading_finds_a_mended_disk() {
    let tape = Tape::blank(1);
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    tape.fail(Failing::From(0));
    for _ in 0..2 {
        let refused = store.append(LINE, envelope(1), NOW).await;
        assert_eq!(refused, Err(StoreError::Unavailable));
    }
    assert_eq!(store.statements(LINE).await, Err(StoreError::Unavailable));
    tape.fail(Failing::Never);
    while store.statements(LINE).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        drain(&store, LINE).await.into_keys().collect::<Vec<_>>(),
        [0]
    );
}

/// Who makes room is let in.
#[tokio::test]
async fn without_room_only_what_makes_room_is_taken() {
    let tape = Tape::blank(1);
    let store = Embedded::open_on(tape.clone(), 7).unwrap();
    post(&store, 0).await;
    tape.leave_room(1 << 20);
    let refused = store.append(LINE, envelope(1), NOW).await;
    assert_eq!(refused, Err(StoreError::NoRoom));
    assert_eq!(store.check().await, Err(StoreError::NoRoom));
    let page = store.read(LINE, None, 9).await.unwrap();
    assert_eq!(page.records.len(), 1);
    let device = sotto_protocol::id::DeviceId([1; 16]);
    let drainers = [device];
    let acknowledged = store.acknowledge(LINE, device, page.cursor, &drainers);
    acknowledged.await.unwrap();
    assert!(store.spend(LINE, [1; 32], NOW + 9, NOW).await.unwrap());
    let logged = store.append_log(LINE, 1, 0, "record".into()).await;
    logged.unwrap();
    assert!(drain(&store, LINE).await.is_empty());
    tape.leave_room(u64::MAX);
    assert_eq!(post(&store, 1).await, 0);
}

/// Through the whole relay: 503 with Retry-After (which the world checks), then 204.
#[test]
fn posters_are_told_to_come_back() {
    let tape = Tape::blank(1);
    let medium = tape.clone();
    let mut world = World::on(1, move |_| {
        std::sync::Arc::new(Embedded::open_on(medium, 7).unwrap())
    });
    world.publish();
    let target = format!("/v1/{}/in", world.pin().line.to_text());
    let post = |number| {
        let request = Request {
            method: Method::Post,
            target: target.clone(),
            headers: Vec::new(),
            body: envelope(number).body.to_vec(),
        };
        world.send(&request).unwrap().status
    };
    assert_eq!(post(0), 204);
    tape.leave_room(0);
    assert_eq!(post(1), 503);
    tape.leave_room(u64::MAX);
    assert_eq!(post(1), 204);
    tape.fail(Failing::From(2));
    assert_eq!(post(2), 503);
    assert_eq!(post(3), 503);
    tape.fail(Failing::Never);
    let mut tries = 0;
    while post(2) != 204 {
        tries += 1;
    }
    assert!(tries < 1_000_000);
    assert_eq!(post(3), 204);
    let kept = world.block_on(drain(&*world.store, world.pin().line));
    assert_eq!(kept.into_keys().collect::<Vec<_>>(), [0, 1, 2, 3]);
}
