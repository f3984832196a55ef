//! A million posts once, in a soak; a few thousand otherwise.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sotto_protocol::drain::Cursor;
use sotto_relay::store::{Embedded, Redis, Store};
use sotto_tests::{
    cases,
    redis::{AppendFsync, RedisServer},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{LINE, NOW, envelope, number};

const POSTERS: u64 = 64;

async fn post_some(store: Arc<dyn Store>, next: Arc<AtomicU64>, posts: u64) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= posts {
            return;
        }
        if number.is_multiple_of(50_000) {
            eprintln!("{number} of {posts} posts");
        }
        while store.append(LINE, envelope(number), NOW).await.is_err() {}
    }
}

async fn post_them_all(store: Arc<dyn Store>) {
    let posts: u64 = if cases::is_soak() { 1_000_000 } else { 2_000 };
    let next = Arc::new(AtomicU64::new(0));
    let mut posting = JoinSet::new();
    for _ in 0..POSTERS {
        posting.spawn(post_some(Arc::clone(&store), Arc::clone(&next), posts));
    }
    posting.join_all().await;
    let mut seen = vec![false; usize::try_from(posts).unwrap()];
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.read(LINE, cursor, 256).await.unwrap();
        if page.records.is_empty() {
            break;
        }
        cursor = Some(page.cursor);
        for record in page.records {
            let place = usize::try_from(number(&record.body)).unwrap();
            assert!(!std::mem::replace(&mut seen[place], true), "drained twice");
        }
    }
    assert!(seen.into_iter().all(|seen| seen), "lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_posts_on_the_embedded_store() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
    post_them_all(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_posts_on_redis() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    post_them_all(Arc::new(store)).await;
}
