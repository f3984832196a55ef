//! Several relays without a state of their own on one Cluster are one relay.

use std::sync::Arc;

use sotto_core::{desk::Shared as _, relay::RelayError};
use sotto_protocol::drain::Cursor;
use sotto_tests::{
    cluster::RedisCluster,
    machines::{DeskMachine, Phone},
    world::World,
};

use crate::devices::relay_key;

/// What was put through one relay is known to the others after so many seconds.
const LAG: u64 = 3;

fn begin(cluster: &Arc<RedisCluster>, seed: u64) -> (World, DeskMachine) {
    let mut world = World::on_cluster(cluster, seed);
    for _ in 0..2 {
        world.add_relay();
    }
    let mut desk = DeskMachine::join(&mut world);
    world.clock.pass(LAG);
    desk.round(&world).unwrap();
    world.clock.pass(LAG);
    desk.run(&world, 600);
    (world, desk)
}

#[test]
fn a_conversation_goes_through_three_relays() {
    let cluster = Arc::new(RedisCluster::start(3, false));
    let (mut world, mut desk) = begin(&cluster, 1);
    let mut phones: Vec<Phone> = (0..6).map(|_| Phone::new(&mut world)).collect();
    for (i, phone) in phones.iter_mut().enumerate() {
        phone.write(&format!("tip {i}"));
        phone.sit_at_once(&world).unwrap();
    }
    desk.round(&world).unwrap();
    assert_eq!(desk.count(), phones.len());
    for number in 1..=6 {
        desk.reply(&world, number, &format!("answer {number}"));
    }
    desk.run(&world, 900);
    for phone in &mut phones {
        assert_eq!(phone.look(&world, &mut desk).len(), 1);
    }
    desk.round(&world).unwrap();
    // Everything was acknowledged, shard by shard.
    for shard in 0..4 {
        let from = Some(Cursor::start(shard));
        let page = world.block_on(world.store.read(world.pin().line, from, 64));
        assert!(page.unwrap().records.is_empty());
    }
}

/// A recorded request is refused by the other relays too, and a statement reaches them in time.
#[test]
fn what_one_relay_knows_the_others_know() {
    let cluster = Arc::new(RedisCluster::start(3, false));
    let (mut world, mut desk) = begin(&cluster, 2);
    let line = relay_key(&world);
    let signer = desk.with(|desk, _| Ok(desk.signer(&line))).unwrap();
    let mut rng = world.seed();
    let stamp = signer.stamp(world.clock.read(), &mut rng);
    world.relay().drain(&stamp, Cursor::default()).unwrap();
    for _ in 0..3 {
        let again = world.relay().drain(&stamp, Cursor::default());
        assert_eq!(again.unwrap_err(), RelayError::Unauthorised);
    }
    let before = world.relay().bundle().unwrap().json;
    world.publish();
    world.clock.pass(LAG);
    let bundles: Vec<Vec<u8>> = (0..3)
        .map(|_| world.relay().bundle().unwrap().json)
        .collect();
    assert!(bundles.iter().all(|bundle| *bundle == bundles[0]));
    assert_ne!(bundles[0], before);
}
