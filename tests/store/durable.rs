//! What is left after an end, and what a store says about itself.

use std::sync::Arc;

use redis::cmd;
use sotto_protocol::id::Board;
use sotto_relay::store::{Durability, Embedded, PageSlot, Redis, Store, StoreError, Stored};
use sotto_tests::redis::AppendFsync;

use super::{Fixture, LINE, NOW, OTHER, envelope};

async fn fill(store: &dyn Store) {
    for address in 0..20 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let slot = PageSlot {
        board: Board::New,
        cycle: 3,
        page: 0,
    };
    store
        .write_page(LINE, slot, 1, "page".into())
        .await
        .unwrap();
    let statement = Stored {
        name: "line".into(),
        serial: 2,
        json: "{}".into(),
    };
    store.put_statement(LINE, statement).await.unwrap();
    store.append_log(LINE, 1, 0, "record".into()).await.unwrap();
    assert!(store.spend(LINE, [1; 32], NOW + 60, NOW).await.unwrap());
}

async fn check(store: &dyn Store) {
    assert_eq!(store.read(LINE, None, 64).await.unwrap().records.len(), 20);
    assert_eq!(store.served(LINE).await.unwrap(), [3, 0]);
    assert_eq!(store.statements(LINE).await.unwrap().len(), 1);
    assert_eq!(store.read_log(LINE, 1, 0, 9).await.unwrap().next, 1);
    assert!(!store.spend(LINE, [1; 32], NOW + 60, NOW).await.unwrap());
    store.append(LINE, envelope(3), NOW).await.unwrap();
    store.append(LINE, envelope(99), NOW).await.unwrap();
    let last = store.read(LINE, None, 64).await.unwrap().records.pop();
    assert_eq!(last.unwrap().position, 21);
}

#[tokio::test]
async fn a_file_opened_again_has_everything() {
    let mut fixture = Fixture::embedded();
    fill(&*fixture.store).await;
    let before = fixture.store.read(LINE, None, 1).await.unwrap().cursor;
    let path = fixture.dir.path().join("store");
    assert_eq!(
        Embedded::open(&path, 8).unwrap_err(),
        StoreError::Unavailable,
        "one relay at a time"
    );
    // The last handle ends the writing thread, which closes the file a moment later.
    fixture.store = Arc::new(Embedded::open(&fixture.dir.path().join("unused"), 1).unwrap());
    let mut opened = Embedded::open(&path, 8);
    while opened.is_err() {
        tokio::task::yield_now().await;
        opened = Embedded::open(&path, 8);
    }
    let store = opened.unwrap();
    check(&store).await;
    store.read(LINE, Some(before), 1).await.unwrap();
}

#[tokio::test]
async fn redis_killed_and_started_again_has_everything_under_a_new_incarnation() {
    for mut fixture in [
        Fixture::redis(AppendFsync::Always).await,
        Fixture::sealed_redis(AppendFsync::Always).await,
    ] {
        has_everything_under_a_new_incarnation(&mut fixture).await;
    }
}

async fn has_everything_under_a_new_incarnation(fixture: &mut Fixture) {
    fill(&*fixture.store).await;
    let before = fixture.store.read(LINE, None, 1).await.unwrap().cursor;
    fixture.redis.as_mut().unwrap().restart();
    // The same store finds its way back by itself.
    while fixture.store.served(LINE).await.is_err() {}
    check(&*fixture.store).await;
    let refused = fixture.store.read(LINE, Some(before), 1).await.unwrap_err();
    assert_eq!(
        refused,
        StoreError::Incarnation,
        "it may have lost its last second"
    );
}

#[tokio::test]
async fn a_store_says_how_durable_it_is() {
    assert_eq!(
        Fixture::embedded().store.check().await,
        Ok(Durability::Synced)
    );
    for (fsync, durability) in [
        (AppendFsync::Always, Durability::Synced),
        (AppendFsync::EverySecond, Durability::EverySecond),
        (AppendFsync::Off, Durability::Volatile),
    ] {
        let fixture = Fixture::redis(fsync).await;
        let url = fixture.redis.as_ref().unwrap().operator_url();
        let store = Redis::connect(&url, 1, 1).await.unwrap();
        assert_eq!(store.check().await, Ok(durability));
        // The user that operators are to use may not look into Redis's settings.
        let seen = match durability {
            Durability::Volatile => Durability::Volatile,
            _ => Durability::Unknown,
        };
        assert_eq!(fixture.store.check().await, Ok(seen));
    }
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused() {
    let fixture = Fixture::redis(AppendFsync::EverySecond).await;
    let mut connection = fixture.redis.as_ref().unwrap().connection();
    let mut set = |name: &str, value: &str| {
        let set = cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query(&mut connection);
        let () = set.unwrap();
    };
    set("maxmemory", "100mb");
    assert_eq!(fixture.store.check().await, Ok(Durability::Unknown));
    set("maxmemory-policy", "allkeys-lru");
    assert_eq!(fixture.store.check().await, Err(StoreError::Evicts));
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_unavailable() {
    let gone = Redis::connect("redis+unix:///nowhere/socket", 1, 1).await;
    assert_eq!(gone.unwrap_err(), StoreError::Unavailable);
    assert_eq!(
        Redis::connect("nonsense", 1, 1).await.unwrap_err(),
        StoreError::Address
    );
}

/// So that a Cluster has a slot for each, and the user of the relay may touch nothing else.
#[tokio::test]
async fn every_key_names_its_line_in_its_hash_tag() {
    let fixture = Fixture::redis(AppendFsync::EverySecond).await;
    fill(&*fixture.store).await;
    fixture.store.append(OTHER, envelope(1), NOW).await.unwrap();
    let tags = [LINE, OTHER].map(|line| format!("s1:{{{}", line.to_text()).into_bytes());
    let dump = fixture.redis.as_ref().unwrap().dump();
    assert!(dump.len() > 25);
    for (key, _) in dump {
        assert!(tags.iter().any(|tag| key.starts_with(tag)));
        assert!(key.windows(2).any(|end| end == b"}:"));
    }
}
