//! What the relay does without being asked.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    relay::Relay,
    telemetry::{self, metrics::PUBLISH_SECONDS},
};

/// Deletes what is past, again and again. Ends when it is dropped.
pub async fn sweep(relay: Arc<Relay>) {
    let mut turns = tokio::time::interval(SWEEP_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(error) = relay.sweep().await {
            telemetry::sweep_failed(error);
        }
    }
}

/// Holds the boards as they are served. Ends when it is dropped.
pub async fn hold_boards(relay: Arc<Relay>) {
    let mut turns = tokio::time::interval(LOOK_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            () = relay.board_changed() => {}
        }
        // What failed is served as it was, and `/readyz` says that the store is away.
        let _later = relay.hold_boards().await;
    }
}

/// Says in time what the relay has to say of itself. Ends when it is dropped.
pub async fn announce(relay: Arc<Relay>) {
    let mut turns = tokio::time::interval(ANNOUNCE_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(error) = relay.announce().await {
            telemetry::announce_failed(error);
        }
    }
}

/// Shows the metrics anew at the start and whenever ten minutes are full. Ends when it is dropped.
pub async fn publish(relay: Arc<Relay>, clock: &dyn Clock) {
    loop {
        relay.publish(resident()).await;
        let left = PUBLISH_SECONDS - clock.now() % PUBLISH_SECONDS;
        tokio::time::sleep(Duration::from_secs(left)).await;
    }
}

/// Resident memory in bytes, 0 where the machine does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1_024)
}

/// What another relay process wrote is served at most this much later, and what reading it takes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// So long after a line was first published, and after a week began, the statement is there.
const ANNOUNCE_EVERY: Duration = Duration::from_mins(1);
