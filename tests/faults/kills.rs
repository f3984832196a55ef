//! SIGKILL of the relay and of the store at random moments, and a real file that cannot grow.

use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use redis::cmd;
use sotto_core::{native::Http, relay::Relay};
use sotto_relay::store::{Redis, Store};
use sotto_tests::{
    cases,
    redis::{AppendFsync, RedisServer},
    storm::{self, Storm, redis_settings},
};

use super::{LINE, NOW, below, drain, envelope};

/// Few in a usual run, 200 in a soak.
fn rounds() -> usize {
    if cases::is_soak() { 200 } else { 3 }
}

#[test]
fn relays_are_killed_on_the_embedded_store() {
    Storm::begin(11, "").rage(rounds() * 100, rounds(), |_| {});
}

/// The relay, and every other time Redis as well.
#[test]
fn relays_and_redis_are_killed() {
    let server = RedisServer::start(AppendFsync::Always);
    let storm = Storm::begin(12, &redis_settings(&server));
    let server = Mutex::new(server);
    storm.rage(rounds() * 100, rounds(), |rng| {
        if below(rng, 2) == 0 {
            server.lock().unwrap().restart();
        }
    });
}

/// A file that cannot grow: refused while it cannot, gone on with afterwards, by the same process.
#[test]
fn a_file_that_cannot_grow() {
    let mut storm = Storm::begin(13, "");
    storm.programs.kill("sotto-relay");
    storm.programs.start_relay_with_room_for(8 << 20);
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let (base, line) = (storm.base().to_owned(), storm.line());
    let http = Http::new(&base);
    let relay = Relay::new(&http, line);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let envelope = storm::envelope(&mut rng);
        if relay.post(envelope.clone(), None).is_err() {
            break envelope;
        }
        acknowledged.push(envelope);
        assert!(acknowledged.len() < 4_000, "there is no end to the room");
    };
    assert!(acknowledged.len() > 50);
    for _ in 0..20 {
        assert!(relay.post(refused.clone(), None).is_err());
    }
    storm.programs.make_room();
    while relay.post(refused.clone(), None).is_err() {
        std::thread::yield_now();
    }
    acknowledged.push(refused);
    let mut drained = storm.drain();
    drained.sort();
    acknowledged.sort();
    assert_eq!(drained.len(), acknowledged.len());
    assert!(drained == acknowledged);
}

/// What `everysec` may lose is what was acknowledged in the last second or two: everything that was
/// synced is there, and who posts again has one of each.
#[tokio::test]
async fn everysec_loses_the_last_second_at_most() {
    let mut server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    for number in 0..100 {
        store.append(LINE, envelope(number), NOW).await.unwrap();
    }
    // Redis says when a second has been synced.
    let mut connection = server.connection();
    let is_pending = |connection: &mut redis::Connection| {
        let info: String = cmd("INFO").arg("persistence").query(connection).unwrap();
        !info.contains("aof_pending_bio_fsync:0") || !info.contains("aof_buffer_length:0")
    };
    while is_pending(&mut connection) {
        tokio::task::yield_now().await;
    }
    let log = std::fs::read_dir(server.data_dir().join("appendonlydir")).unwrap();
    let mut files: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains(".incr."));
    let synced = std::fs::metadata(&files[0]).unwrap().len();
    for number in 100..150 {
        store.append(LINE, envelope(number), NOW).await.unwrap();
    }
    server.kill();
    // The power goes: of what came after the sync a part is on disk, torn in the middle.
    let full = std::fs::metadata(&files[0]).unwrap().len();
    assert!(full > synced);
    let file = std::fs::File::options()
        .write(true)
        .open(&files[0])
        .unwrap();
    file.set_len(synced + (full - synced) / 2 + 1).unwrap();
    server.revive();
    let store: Arc<dyn Store> = Arc::new(store);
    while store.served(LINE).await.is_err() {}
    let kept: Vec<u64> = drain(&*store, LINE).await.into_keys().collect();
    assert_eq!(
        kept,
        (0..u64::try_from(kept.len()).unwrap()).collect::<Vec<_>>()
    );
    assert!((100..150).contains(&kept.len()), "{}", kept.len());
    for number in 0..150 {
        store.append(LINE, envelope(number), NOW).await.unwrap();
    }
    assert_eq!(drain(&*store, LINE).await.len(), 150);
}
