//! What happens to the nodes of a Redis Cluster while several relays post and a drainer reads:
//! whatever was acknowledged is there afterwards, once, and no cursor jumps over anything.

mod events;
mod relays;
mod replicas;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sotto_protocol::drain::Cursor;
use sotto_relay::store::{Redis, Store, StoreError};
use sotto_tests::{cases, cluster::RedisCluster};

use tokio::task::JoinSet;

use crate::store::{LINE, NOW, envelope, settings};

const SHARDS: u16 = 4;
/// Posts before anything happens.
const BEFORE: u64 = 100;

/// Posts of one test: few in a usual run, many in a soak.
fn posts() -> u64 {
    if cases::is_soak() { 20_000 } else { 1_500 }
}

/// Several relays on one store.
#[derive(Clone)]
struct Relays {
    stores: Vec<Arc<Redis>>,
    next: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
}

impl Relays {
    async fn open(cluster: &RedisCluster, replicas: u16) -> Self {
        let settings = settings(cluster, SHARDS, replicas);
        let mut stores = Vec::new();
        for _ in 0..3 {
            stores.push(Arc::new(Redis::open(&settings).await.unwrap()));
        }
        Self {
            stores,
            next: Arc::default(),
            done: Arc::default(),
        }
    }

    /// Posts from many at once.
    fn post(&self) -> JoinSet<()> {
        let mut posting = JoinSet::new();
        for turn in 0..24 {
            posting.spawn(self.clone().post_until_done(turn));
        }
        posting
    }

    async fn post_until_done(self, mut turn: usize) {
        loop {
            let address = self.next.fetch_add(1, Ordering::SeqCst);
            if address >= posts() {
                return;
            }
            // Whoever is refused or gets no answer posts the same again, to another relay.
            while let Err(error) = self.stores[turn % 3]
                .append(LINE, envelope(address), NOW)
                .await
            {
                assert_eq!(error, StoreError::Unavailable);
                turn += 1;
                tokio::task::yield_now().await;
            }
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Resolves once so many are acknowledged.
    async fn until(&self, count: u64) {
        while self.done.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }
}

/// A drainer as SPEC 5.5 has it, which counts how often it saw each address at which position.
#[derive(Default)]
struct Drainer {
    cursors: BTreeMap<u16, Cursor>,
    seen: BTreeMap<u64, u64>,
    /// Shards that were read from the start because of another incarnation.
    rewound: u64,
}

impl Drainer {
    /// Reads every shard until it has no more.
    async fn round(&mut self, store: &Redis) -> Result<(), StoreError> {
        for shard in 0..SHARDS {
            while self.read(store, shard).await? {}
        }
        Ok(())
    }

    /// Reads on in a shard; whether there may be more.
    async fn read(&mut self, store: &Redis, shard: u16) -> Result<bool, StoreError> {
        let from = self.cursors.get(&shard).copied();
        let from = from.unwrap_or(Cursor::start(shard));
        let page = match store.read(LINE, Some(from), 64).await {
            Err(StoreError::Incarnation) => {
                self.cursors.remove(&shard);
                self.rewound += 1;
                return Ok(true);
            }
            other => other?,
        };
        self.cursors.insert(shard, page.cursor);
        for record in &page.records {
            let address = record.body[4..12].try_into().unwrap();
            *self.seen.entry(u64::from_le_bytes(address)).or_default() += 1;
        }
        Ok(!page.records.is_empty())
    }

    /// Rounds until it is told to stop. An error ends a round; the next one goes on.
    async fn run(mut self, store: Arc<Redis>, is_over: Arc<AtomicBool>) -> Self {
        while !is_over.load(Ordering::SeqCst) {
            let _ended = self.round(&store).await;
            tokio::task::yield_now().await;
        }
        self
    }
}

/// Runs `event` in the middle of a stream of posts, and looks at what is there in the end.
async fn stream<E: FnOnce(RedisCluster) -> RedisCluster + Send + 'static>(
    cluster: RedisCluster,
    event: E,
) -> (RedisCluster, Drainer) {
    let relays = Relays::open(&cluster, 1).await;
    let mut drainer = Drainer::default();
    // So that every shard has a cursor before anything happens.
    for address in 0..BEFORE {
        let store = &relays.stores[0];
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    drainer.round(&relays.stores[0]).await.unwrap();
    relays.next.store(BEFORE, Ordering::SeqCst);
    let mut posting = relays.post();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut reading = JoinSet::new();
    reading.spawn(drainer.run(Arc::clone(&relays.stores[0]), Arc::clone(&is_over)));
    relays.until(posts() / 3).await;
    let cluster = tokio::task::spawn_blocking(move || event(cluster))
        .await
        .unwrap();
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    let mut drainer = reading.join_next().await.unwrap().unwrap();
    let store = &relays.stores[1];
    while drainer.round(store).await.is_err() {}
    assert_eq!(
        drainer.seen.len() as u64,
        posts(),
        "nothing was jumped over"
    );
    let mut fresh = Drainer::default();
    while fresh.round(store).await.is_err() {
        fresh = Drainer::default();
    }
    assert_eq!(fresh.seen.len() as u64, posts(), "nothing is lost");
    assert!(
        fresh.seen.values().all(|times| *times == 1),
        "nothing is double"
    );
    (cluster, drainer)
}
