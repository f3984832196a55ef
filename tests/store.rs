//! The store's contract, on every backend, and random operations against a model.

mod contract;
mod durable;
mod format;
mod model;
mod retention;
mod sharded;
mod tls;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use sotto_protocol::{
    envelope::{Class, EnvelopeHeader},
    id::{Address, DeviceId, LineId},
    limits::{CHUNK_BYTES, ENVELOPE_BYTES},
};
use sotto_relay::{
    epochs::FileKeys,
    store::{Embedded, Post, Redis, RedisSettings, Sealed, Store},
};
use sotto_tests::{
    cluster::RedisCluster,
    redis::{AppendFsync, RedisServer},
    world::TestClock,
};
use tempfile::TempDir;

pub(crate) const LINE: LineId = LineId([1; 16]);
const OTHER: LineId = LineId([2; 16]);
pub(crate) const NOW: u64 = 1_795_491_123;
const DRAINERS: [DeviceId; 2] = [DeviceId([1; 16]), DeviceId([2; 16])];

/// A store, and what it stands on.
struct Fixture {
    store: Arc<dyn Store>,
    redis: Option<RedisServer>,
    cluster: Option<Arc<RedisCluster>>,
    dir: TempDir,
}

impl Fixture {
    fn embedded() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
        Self {
            store: Arc::new(store),
            redis: None,
            cluster: None,
            dir,
        }
    }

    async fn redis(fsync: AppendFsync) -> Self {
        Self::redis_with(fsync, 1).await
    }

    async fn redis_with(fsync: AppendFsync, shards: u16) -> Self {
        let server = RedisServer::start(fsync);
        let settings = RedisSettings {
            shards,
            ..RedisSettings::single(&server.url(), 2, 7)
        };
        Self {
            store: Arc::new(Redis::open(&settings).await.unwrap()),
            redis: Some(server),
            cluster: None,
            dir: TempDir::new().unwrap(),
        }
    }

    /// On a Cluster, which forgets what others left there.
    async fn cluster(cluster: &Arc<RedisCluster>, shards: u16) -> Self {
        cluster.clear();
        let store = Redis::open(&settings(cluster, shards, 0)).await;
        Self {
            store: Arc::new(store.unwrap()),
            redis: None,
            cluster: Some(Arc::clone(cluster)),
            dir: TempDir::new().unwrap(),
        }
    }

    async fn sealed_embedded() -> Self {
        Self::embedded().seal().await
    }

    async fn sealed_redis(fsync: AppendFsync) -> Self {
        Self::redis(fsync).await.seal().await
    }

    /// The same under seal, with the keys beside it.
    async fn seal(self) -> Self {
        let store = sealed(self.store, self.dir.path(), &TestClock::at(NOW)).await;
        Self {
            store: Arc::new(store),
            ..self
        }
    }
}

/// How a relay opens a Cluster.
pub(crate) fn settings(cluster: &RedisCluster, shards: u16, replicas: u16) -> RedisSettings {
    RedisSettings {
        urls: cluster.urls(),
        is_cluster: true,
        shards,
        replicas,
        ..RedisSettings::single("", 2, 7)
    }
}

/// A store under seal, with its keys in a folder.
async fn sealed(inner: Arc<dyn Store>, dir: &Path, clock: &TestClock) -> Sealed {
    let keys = FileKeys::create(&dir.join("epochs")).unwrap();
    let clock = Arc::new(clock.clone());
    Sealed::open(inner, Arc::new(keys), clock, &[LINE, OTHER])
        .await
        .unwrap()
}

/// An envelope or chunk at an address made of one number, filled with another.
fn post(class: Class, address: u64, fill: u8) -> Post {
    let mut at = [0; 32];
    at[..8].copy_from_slice(&address.to_le_bytes());
    let address = Address(at);
    let header = EnvelopeHeader {
        class,
        day: 0,
        address,
    };
    let bytes = match class {
        Class::Envelope => ENVELOPE_BYTES,
        Class::Chunk => CHUNK_BYTES,
    };
    let mut body = header.to_bytes().to_vec();
    body.resize(bytes, fill);
    Post {
        class,
        address,
        body: Bytes::from(body),
    }
}

pub(crate) fn envelope(address: u64) -> Post {
    post(Class::Envelope, address, 5)
}
