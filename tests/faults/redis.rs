//! A Redis that is full, cannot write its log, is slow, silent, cut off or killed.

use std::{sync::Arc, time::Duration};

use redis::{Connection, cmd};
use sotto_core::transport::{Method, Request, Transport as _};
use sotto_protocol::id::DeviceId;
use sotto_relay::store::{Durability, Redis, Store, StoreError};
use sotto_tests::{
    cases,
    proxy::{Proxy, Weather},
    redis::{AppendFsync, RedisServer},
    world::World,
};
use tokio::task::JoinSet;

use super::{LINE, NOW, drain, envelope};

fn set(connection: &mut Connection, name: &str, value: &str) {
    let mut set = cmd("CONFIG");
    set.arg("SET").arg(name).arg(value);
    let () = set.query(connection).unwrap();
}

async fn through(proxy: &Proxy) -> Redis {
    Redis::connect(&proxy.url(), 2, 7).await.unwrap()
}

/// Repeats as a client does; how often that was needed.
async fn post(store: &dyn Store, number: u64) -> usize {
    let mut tries = 0;
    while store.append(LINE, envelope(number), NOW).await.is_err() {
        tries += 1;
        tokio::task::yield_now().await;
    }
    tries
}

async fn post_all(store: Arc<Redis>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        post(&*store, number).await;
    }
}

async fn numbers(store: &dyn Store) -> Vec<u64> {
    drain(store, LINE).await.into_keys().collect()
}

#[tokio::test]
async fn maxmemory_refuses_and_goes_on_when_there_is_room() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    post(&store, 0).await;
    let mut connection = server.connection();
    set(&mut connection, "maxmemory", "1");
    let refused = store.append(LINE, envelope(1), NOW).await;
    assert_eq!(refused, Err(StoreError::NoRoom));
    assert_eq!(store.check().await, Err(StoreError::NoRoom));
    // Who drains makes room meanwhile: signs, reads, puts what is real on the log, acknowledges.
    assert!(store.spend(LINE, [1; 32], NOW + 9, NOW).await.unwrap());
    let page = store.read(LINE, None, 9).await.unwrap();
    assert_eq!(page.records.len(), 1);
    let logged = store.append_log(LINE, 1, 0, "record".into()).await;
    logged.unwrap();
    let drainers = [DeviceId([1; 16])];
    let acknowledged = store.acknowledge(LINE, drainers[0], page.cursor, &drainers);
    acknowledged.await.unwrap();
    let held = store.acknowledge_log(LINE, 1, (drainers[0], 1), &drainers);
    held.await.unwrap();
    store.sweep(LINE, NOW - 1_000, NOW).await.unwrap();
    assert!(numbers(&store).await.is_empty());
    set(&mut connection, "maxmemory", "0");
    assert_eq!(post(&store, 1).await, 0);
    assert_eq!(store.check().await, Ok(Durability::Unknown));
    assert_eq!(numbers(&store).await, [1]);
}

/// Through the whole relay: 503 with Retry-After (which the world checks), then 204.
#[test]
fn posters_are_told_to_come_back() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let url = server.url();
    let mut world = World::on(2, |(runtime, seed)| {
        Arc::new(runtime.block_on(Redis::connect(&url, 2, seed)).unwrap())
    });
    world.publish();
    let post = |number| {
        let request = Request {
            method: Method::Post,
            target: format!("/v1/{}/in", world.pin().line.to_text()),
            headers: Vec::new(),
            body: envelope(number).body.to_vec(),
        };
        world.send(&request).unwrap().status
    };
    let mut connection = server.connection();
    assert_eq!(post(0), 204);
    set(&mut connection, "maxmemory", "1");
    assert_eq!(post(1), 503);
    set(&mut connection, "maxmemory", "0");
    set(&mut connection, "min-replicas-to-write", "1");
    assert_eq!(post(2), 503, "a write that Redis refuses");
    set(&mut connection, "min-replicas-to-write", "0");
    assert_eq!((post(1), post(2)), (204, 204));
    let kept = world.block_on(drain(&*world.store, world.pin().line));
    assert_eq!(kept.into_keys().collect::<Vec<_>>(), [0, 1, 2]);
}

/// Its snapshots fail, as on a full disk, and it was told to stop writing then: MISCONF.
#[tokio::test]
async fn a_redis_that_cannot_save_refuses_and_goes_on_afterwards() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    post(&store, 0).await;
    assert_eq!(numbers(&store).await, [0]);
    let mut connection = server.connection();
    set(&mut connection, "stop-writes-on-bgsave-error", "yes");
    set(&mut connection, "save", "3600 1");
    // A folder stands where the snapshot has to go.
    let snapshot = server.data_dir().join("dump.rdb");
    std::fs::create_dir(&snapshot).unwrap();
    let status = |connection: &mut Connection| {
        let info: String = cmd("INFO").arg("persistence").query(connection).unwrap();
        info.contains("rdb_last_bgsave_status:err")
    };
    let () = cmd("BGSAVE").query(&mut connection).unwrap();
    while !status(&mut connection) {
        tokio::task::yield_now().await;
    }
    let refused = store.append(LINE, envelope(1), NOW).await;
    assert_eq!(refused, Err(StoreError::Full));
    assert_eq!(numbers(&store).await, [0]);
    std::fs::remove_dir(&snapshot).unwrap();
    let () = cmd("SAVE").query(&mut connection).unwrap();
    assert_eq!(post(&store, 1).await, 0);
    assert_eq!(numbers(&store).await, [0, 1]);
}

/// Its log cannot grow: with `everysec` Redis refuses writes until it can.
#[tokio::test]
async fn a_log_that_cannot_be_written_refuses_and_goes_on_afterwards() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    post(&store, 0).await;
    let limit = |limit: &str| {
        let pid = server.id().to_string();
        let mut limiting = std::process::Command::new("prlimit");
        limiting.args(["--pid", &pid, &format!("--fsize={limit}:")]);
        limiting.status().is_ok_and(|status| status.success())
    };
    assert!(limit("65536"), "prlimit is part of util-linux");
    let (mut acknowledged, mut next) = (vec![0], 1);
    loop {
        match store.append(LINE, envelope(next), NOW).await {
            Ok(()) => acknowledged.push(next),
            Err(_) => break,
        }
        next += 1;
        assert!(next < 10_000, "the log has no end");
    }
    assert_eq!(store.check().await, Err(StoreError::Unavailable));
    assert!(limit("unlimited"));
    // Redis tries again once a second.
    post(&store, next).await;
    acknowledged.push(next);
    assert_eq!(numbers(&store).await, acknowledged);
    assert_eq!(store.check().await, Ok(Durability::Unknown));
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_loaded_again() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    let mut connection = server.connection();
    for number in 0..4 {
        let () = cmd("SCRIPT").arg("FLUSH").query(&mut connection).unwrap();
        assert_eq!(post(&store, number).await, 0);
    }
    assert_eq!(numbers(&store).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_is_asked_for_again() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let proxy = Proxy::before(server.socket()).await;
    let store = through(&proxy).await;
    for number in 0..u64::from(cases::count(6)) {
        proxy.set(Weather::CutAfter);
        let told = store.append(LINE, envelope(number), NOW).await;
        assert_eq!(told, Err(StoreError::Unavailable), "unknown, not refused");
        proxy.set(Weather::Fair);
        post(&store, number).await;
    }
    assert!(proxy.lost() >= 6);
    let numbers = numbers(&store).await;
    assert_eq!(numbers.len(), cases::count(6) as usize);
}

#[tokio::test]
async fn a_slow_redis_is_waited_for() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let proxy = Proxy::before(server.socket()).await;
    let store = through(&proxy).await;
    proxy.set(Weather::Slow(Duration::from_millis(300)));
    assert_eq!(post(&store, 0).await, 0);
    // Redis itself stands still for a second.
    proxy.set(Weather::Fair);
    let mut connection = server.connection();
    let asleep = std::thread::spawn(move || {
        let mut sleep = cmd("DEBUG");
        sleep.arg("SLEEP").arg("1");
        sleep.query::<()>(&mut connection).is_ok()
    });
    assert_eq!(post(&store, 1).await, 0);
    asleep.join().unwrap();
    assert_eq!(numbers(&store).await, [0, 1]);
}

/// The other end of a connection is gone and nobody said so: the answer is unknown after a few
/// seconds, and the next post goes over a new connection.
#[tokio::test]
async fn a_silent_connection_is_replaced() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let proxy = Proxy::before(server.socket()).await;
    let store = Arc::new(through(&proxy).await);
    post(&*store, 0).await;
    proxy.set(Weather::Silent);
    let mut posting = JoinSet::new();
    for number in 1..5 {
        let store = Arc::clone(&store);
        posting.spawn(async move { store.append(LINE, envelope(number), NOW).await });
    }
    for told in posting.join_all().await {
        assert_eq!(told, Err(StoreError::Unavailable));
    }
    // The old connections are as silent as before; new ones are not.
    proxy.set(Weather::Fair);
    for number in 1..5 {
        assert!(post(&*store, number).await < 4, "not by itself");
    }
    assert_eq!(numbers(&*store).await, [0, 1, 2, 3, 4]);
}

/// Killed in the middle of posts, again and again; `always` loses nothing that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_while_people_post() {
    let mut server = RedisServer::start(AppendFsync::Always);
    let store = Arc::new(Redis::connect(&server.url(), 4, 7).await.unwrap());
    let mut next = 0;
    for _ in 0..cases::count(3) {
        let mut posting = JoinSet::new();
        for _ in 0..8 {
            let (store, from) = (Arc::clone(&store), next);
            next += 25;
            posting.spawn(post_all(store, from..from + 25));
        }
        // Some are through.
        while store
            .waiting(LINE)
            .await
            .map_or(0, |waiting| waiting.records)
            < next - 150
        {}
        server.kill();
        server.revive();
        posting.join_all().await;
        while store.served(LINE).await.is_err() {}
        assert_eq!(numbers(&*store).await, (0..next).collect::<Vec<_>>());
    }
}
