//! An inbox of several shards: together they hold everything once, and their number stays.

use std::sync::Arc;

use sotto_protocol::drain::Cursor;
use sotto_relay::store::{Redis, RedisSettings, Store, StoreError};
use sotto_tests::{cluster::RedisCluster, redis::AppendFsync};

use super::{DRAINERS, Fixture, LINE, NOW, envelope};

const SHARDS: u16 = 4;

macro_rules! sharded {
    ($($name:ident),* $(,)?) => {
        #[tokio::test]
        async fn on_a_cluster() {
            let cluster = Arc::new(RedisCluster::start(3, false));
            $(
                let fixture = Fixture::cluster(&cluster, SHARDS).await;
                $name(&*fixture.store).await;
            )*
        }

        $(
        mod $name {
            #[tokio::test]
            async fn redis() {
                let fixture = super::Fixture::redis_with(
                    super::AppendFsync::EverySecond,
                    super::SHARDS,
                );
                super::$name(&*fixture.await.store).await;
            }
        }
        )*
    };
}

sharded!(
    the_shards_hold_everything_once,
    each_shard_is_acknowledged_alone,
    a_sweep_goes_through_all_shards,
    the_start_of_a_shard_has_no_incarnation,
    positions_tell_the_order_of_all_shards,
);

/// Addresses of every shard in order, and the cursor at its end.
async fn drain(store: &dyn Store) -> Vec<(Vec<u64>, Cursor)> {
    let mut all = Vec::new();
    let mut shard = 0;
    loop {
        let (mut cursor, mut addresses) = (Cursor::start(shard), Vec::new());
        let last = loop {
            let page = store.read(LINE, Some(cursor), 7).await.unwrap();
            assert_eq!(page.cursor.shard, shard);
            cursor = page.cursor;
            if page.records.is_empty() {
                break page.last_shard;
            }
            for record in page.records {
                let address = record.body[4..12].try_into().unwrap();
                addresses.push(u64::from_le_bytes(address));
            }
        };
        all.push((addresses, cursor));
        if shard == last {
            return all;
        }
        shard += 1;
    }
}

async fn fill(store: &dyn Store) {
    for address in 0..120 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
}

async fn the_shards_hold_everything_once(store: &dyn Store) {
    fill(store).await;
    fill(store).await;
    let shards = drain(store).await;
    assert_eq!(shards.len(), usize::from(SHARDS));
    let mut all: Vec<u64> = shards
        .into_iter()
        .flat_map(|(addresses, _)| {
            assert!(addresses.len() > 10, "spread over all of them");
            addresses
        })
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..120).collect::<Vec<u64>>());
}

async fn each_shard_is_acknowledged_alone(store: &dyn Store) {
    fill(store).await;
    let shards = drain(store).await;
    let (_, cursor) = shards[1];
    for device in DRAINERS {
        store
            .acknowledge(LINE, device, cursor, &DRAINERS)
            .await
            .unwrap();
    }
    let after = drain(store).await;
    for (shard, (addresses, _)) in after.into_iter().enumerate() {
        let before = if shard == 1 {
            &[][..]
        } else {
            &shards[shard].0
        };
        assert_eq!(addresses, before);
    }
    let none = Cursor {
        shard: SHARDS,
        ..cursor
    };
    let refused = store.read(LINE, Some(none), 1).await.unwrap_err();
    assert_eq!(refused, StoreError::Incarnation);
    let refused = store.acknowledge(LINE, DRAINERS[0], none, &DRAINERS).await;
    assert_eq!(refused.unwrap_err(), StoreError::Incarnation);
}

async fn a_sweep_goes_through_all_shards(store: &dyn Store) {
    fill(store).await;
    store.sweep(LINE, NOW + 600, NOW + 600).await.unwrap();
    assert!(drain(store).await.iter().all(|(all, _)| all.is_empty()));
}

async fn the_start_of_a_shard_has_no_incarnation(store: &dyn Store) {
    fill(store).await;
    let start = Cursor {
        incarnation: 99,
        ..Cursor::start(2)
    };
    let page = store.read(LINE, Some(start), 64).await.unwrap();
    let first = store.read(LINE, Some(Cursor::start(2)), 64).await.unwrap();
    assert_eq!((page.cursor.shard, &page), (2, &first));
    assert!(!page.records.is_empty());
}

#[tokio::test]
async fn the_number_of_shards_stays_what_it_was_at_first() {
    let fixture = Fixture::redis_with(AppendFsync::EverySecond, SHARDS).await;
    fill(&*fixture.store).await;
    let settings = RedisSettings {
        shards: 16,
        ..RedisSettings::single(&fixture.redis.as_ref().unwrap().url(), 2, 9)
    };
    let again = Redis::open(&settings).await.unwrap();
    // A repeat meets its body, whoever takes it.
    fill(&again).await;
    let shards = drain(&again).await;
    assert_eq!(shards.len(), usize::from(SHARDS));
    assert_eq!(shards.iter().map(|(all, _)| all.len()).sum::<usize>(), 120);
}

async fn positions_tell_the_order_of_all_shards(store: &dyn Store) {
    fill(store).await;
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let page = store.read(LINE, Some(Cursor::start(shard)), 200).await;
        all.extend(page.unwrap().records);
    }
    all.sort_by_key(|record| record.position);
    let address = |body: &[u8]| u64::from_le_bytes(body[4..12].try_into().unwrap());
    let order: Vec<u64> = all.iter().map(|record| address(&record.body)).collect();
    assert_eq!(order, (0..120).collect::<Vec<u64>>());
}

/// Pages and logs too: what is not written together is not in one slot.
#[tokio::test]
async fn a_line_spreads_over_the_nodes() {
    let cluster = Arc::new(RedisCluster::start(3, false));
    let fixture = Fixture::cluster(&cluster, 16).await;
    fill(&*fixture.store).await;
    for node in 0..3 {
        let keys: usize = redis::cmd("DBSIZE")
            .query(&mut cluster.connection(node))
            .unwrap();
        assert!(keys > 20, "{keys} keys on one of three nodes");
    }
    let dump = fixture.cluster.as_ref().unwrap().dump();
    assert!(dump.len() > 120, "bodies");
}
