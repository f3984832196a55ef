//! A node dies, a replica takes over, a slot moves, in the middle of everything.

use sotto_tests::cluster::{Promotion, RedisCluster};

use super::{SHARDS, stream};
use crate::store::LINE;

/// A key of a shard, to find its slot by.
fn key(shard: u16) -> String {
    format!("s1:{{{}/{shard}}}:meta", LINE.to_text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over_by_agreement() {
    let cluster = RedisCluster::start(3, true);
    let (_, drainer) = stream(cluster, |cluster| {
        let master = cluster.master_of(&key(0));
        cluster.promote(cluster.replica_of(master), Promotion::Agreed);
        cluster
    })
    .await;
    assert!(drainer.rewound > 0, "another master is another incarnation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over_without_asking() {
    let cluster = RedisCluster::start(3, true);
    stream(cluster, |cluster| {
        let master = cluster.master_of(&key(1));
        cluster.promote(cluster.replica_of(master), Promotion::Takeover);
        cluster
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_is_killed() {
    let cluster = RedisCluster::start(3, true);
    let (_, drainer) = stream(cluster, |mut cluster| {
        let master = cluster.master_of(&key(2));
        let replica = cluster.replica_of(master);
        cluster.kill(master);
        cluster.until_master(replica);
        // As a replica from now on: who waits for one has one again.
        cluster.start_again(master);
        cluster
    })
    .await;
    assert!(drainer.rewound > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_to_another_master() {
    let cluster = RedisCluster::start(3, true);
    stream(cluster, |cluster| {
        for shard in 0..SHARDS {
            let from = cluster.master_of(&key(shard));
            let migration = cluster.migrate(&key(shard), (from + 1) % 3);
            // Half of it here, half of it there, while everybody goes on.
            migration.step(40);
            migration.finish();
        }
        cluster
    })
    .await;
}
