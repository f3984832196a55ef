//! What the relay does without being asked.

use std::{sync::Arc, time::Duration};

use crate::{relay::Relay, telemetry};

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

const SWEEP_EVERY: Duration = Duration::from_mins(10);
