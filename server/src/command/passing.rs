//! `sotto-relay ohttp`: the other role, for somebody who runs no relay.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use clap::Args;
use http::{HeaderName, Uri};
use sotto_relay::forward::{self, Forwarder, Settings};

use super::{Failure, listen, signals};

/// All of its settings.
#[derive(Debug, Args)]
pub(super) struct Passing {
    /// The relay that everything is passed on to, as in `https://relay.example`.
    #[arg(long, value_name = "URL")]
    gateway: Uri,
    /// Where phones, or the proxy in front, connect.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8450")]
    listen: SocketAddr,
    /// Requests of one network address in a minute; many people may share one.
    #[arg(long, value_name = "N", default_value = "1200")]
    per_minute: NonZeroU32,
    /// Requests of one network address at once, before that counts.
    #[arg(long, value_name = "N", default_value = "1000")]
    burst: NonZeroU32,
    /// The header in which the proxy in front names who called, such as `x-forwarded-for`: its last
    /// address counts.
    #[arg(long, value_name = "NAME")]
    caller: Option<HeaderName>,
    /// Requests in progress at once.
    #[arg(long, value_name = "N", default_value_t = 256)]
    in_flight: usize,
    /// Connections open at once.
    #[arg(long, value_name = "N", default_value_t = 1_024)]
    connections: usize,
    /// Seconds for a request to arrive, and again for its answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

pub(super) async fn run(passing: Passing) -> Result<(), Failure> {
    let listener = listen(passing.listen).await?;
    let forwarder = Forwarder::new(Settings {
        gateway: passing.gateway,
        per_minute: passing.per_minute,
        burst: passing.burst,
        caller: passing.caller,
        in_flight: passing.in_flight.max(1),
        connections: passing.connections.max(1),
        patience: Duration::from_secs(passing.patience.max(1)),
    })?;
    let forwarder = Arc::new(forwarder);
    let stop = signals()?;
    tokio::select! {
        () = forward::serve(listener, Arc::clone(&forwarder), stop) => {}
        () = forward::tidy(forwarder) => {}
    }
    Ok(())
}
