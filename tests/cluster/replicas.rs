//! What is promised about replicas, and what a Cluster says of itself.

use sotto_protocol::id::DeviceId;
use sotto_relay::store::{Durability, Redis, RedisSettings, Store as _, StoreError};
use sotto_tests::{
    cluster::RedisCluster,
    redis::{AppendFsync, RedisServer},
};

use crate::store::{LINE, NOW, envelope, settings};

#[tokio::test]
async fn a_cluster_says_what_a_failover_may_lose() {
    let cluster = RedisCluster::start(3, true);
    for (replicas, says) in [
        (0, Ok(Durability::Failover)),
        (1, Ok(Durability::Replicated)),
        (2, Err(StoreError::Replicas)),
    ] {
        let store = Redis::open(&settings(&cluster, 1, replicas)).await.unwrap();
        assert_eq!(store.check().await, says);
    }
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg("100mb");
    set.arg("maxmemory-policy").arg("allkeys-lru");
    let () = set.query(&mut cluster.connection(1)).unwrap();
    let store = Redis::open(&settings(&cluster, 1, 0)).await.unwrap();
    let says = store.check().await;
    assert_eq!(says, Err(StoreError::Evicts), "one node is enough");
}

/// Acknowledged means that the replica has it: without one nothing is acknowledged, and what was
/// posted meanwhile is there once when it is posted again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_no_replica_has() {
    let mut cluster = RedisCluster::start(3, true);
    let store = Redis::open(&settings(&cluster, 1, 1)).await.unwrap();
    store.append(LINE, envelope(1), NOW).await.unwrap();
    let key = format!("s1:{{{}/0}}:meta", LINE.to_text());
    let replica = cluster.replica_of(cluster.master_of(&key));
    cluster.kill(replica);
    for _ in 0..2 {
        let refused = store.append(LINE, envelope(2), NOW).await;
        assert_eq!(refused, Err(StoreError::Unavailable));
    }
    // What is only read waits for nobody.
    assert_eq!(store.read(LINE, None, 9).await.unwrap().records.len(), 2);
    cluster.start_again(replica);
    cluster.settle();
    while store.append(LINE, envelope(2), NOW).await.is_err() {}
    assert_eq!(store.read(LINE, None, 9).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn the_wrong_kind_of_store_is_named() {
    let cluster = RedisCluster::start(1, false);
    let url = cluster.urls().remove(0);
    let single = Redis::connect(&url, 1, 1).await.unwrap();
    assert_eq!(single.check().await, Err(StoreError::IsCluster));
    let server = RedisServer::on_tcp(AppendFsync::Off);
    let wrong = RedisSettings {
        urls: vec![server.tcp_url()],
        ..settings(&cluster, 1, 0)
    };
    let refused = Redis::open(&wrong).await.unwrap_err();
    assert_eq!(refused, StoreError::NoCluster);
}

/// Memory is full: nothing is taken, but what is there can be read and acknowledged away.
#[tokio::test]
async fn a_full_cluster_refuses_and_can_be_emptied() {
    let cluster = RedisCluster::start(1, false);
    let store = Redis::open(&settings(&cluster, 1, 0)).await.unwrap();
    for address in 0..50 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let mut node = cluster.connection(0);
    let mut limit = |bytes: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        let () = set.query(&mut node).unwrap();
    };
    limit("1mb");
    let refused = store.append(LINE, envelope(99), NOW).await;
    assert_eq!(refused, Err(StoreError::NoRoom));
    let page = store.read(LINE, None, 64).await.unwrap();
    assert_eq!(page.records.len(), 50);
    let device = DeviceId([1; 16]);
    // Every request of a drainer spends a number first.
    assert!(store.spend(LINE, [7; 32], NOW + 60, NOW).await.unwrap());
    let all = [device];
    let done = store.acknowledge(LINE, device, page.cursor, &all);
    done.await.unwrap();
    limit("0");
    store.append(LINE, envelope(99), NOW).await.unwrap();
    let left = store.read(LINE, None, 64).await.unwrap().records;
    let left: Vec<u64> = left.iter().map(|record| record.position).collect();
    assert_eq!(left, [51]);
}
