//! Connections that say nothing, by the hundred or, in a soak, by the ten thousand.

use std::time::Duration;

use sotto_relay::serve::Connections;
use sotto_tests::cases;

use super::ground::{CONNECTIONS, Ground, resident};

#[test]
fn idle_connections_cost_little_and_hold_up_nobody() {
    // Descriptors: each connection has two ends in this process.
    let crowd = if cases::is_soak() { 9_000 } else { 400 };
    let posts = if cases::is_soak() { 2_000 } else { 100 };
    let bounds = Connections {
        most: crowd + 100,
        head: Duration::from_mins(1),
        ..CONNECTIONS
    };
    let ground = Ground::prepare(bounds);
    ground.world.block_on(async {
        ground.p99(0, 20).await;
        let calm = ground.p99(100, posts).await;
        let before = resident();
        let mut idle = Vec::new();
        for _ in 0..crowd {
            idle.push(ground.say(b"").await);
        }
        let busy = ground.p99(10_000, posts).await;
        let grown = resident().saturating_sub(before);
        let ratio = busy.as_secs_f64() / calm.as_secs_f64();
        eprintln!(
            "p99 of honest posts beside {crowd} idle connections: {ratio:.2} of the calm one"
        );
        // Both ends of each are here; a relay alone pays about 11 kB (CAPACITY.md).
        let most = 64 * 1_024 * u64::try_from(crowd).unwrap() + (16 << 20);
        assert!(grown < most, "{grown} bytes for {crowd} connections");
        assert!(!cases::is_soak() || ratio <= 2.0, "{ratio:.2}");
        drop(idle);
    });
}

/// More than there are places for: they wait, time out, and everybody else gets through.
#[test]
fn a_full_house_empties_by_itself() {
    let bounds = Connections {
        most: 32,
        ..CONNECTIONS
    };
    let ground = Ground::prepare(bounds);
    ground.world.block_on(async {
        let mut idle = Vec::new();
        for _ in 0..64 {
            idle.push(ground.say(b"POST").await);
        }
        for number in 0..5 {
            ground.post(number).await;
        }
        drop(idle);
    });
}
