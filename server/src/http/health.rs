//! For the operator, on a listener of its own.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

use crate::{
    relay::Relay,
    store::{Durability, StoreError},
};

/// `/healthz`: the process runs. `/readyz`: the store answers and keeps what it promised at the start,
/// or why not. `/metrics`: the closed list, as it was at the last full ten minutes.
pub fn health(relay: Arc<Relay>, promised: Durability) -> Router {
    Router::new()
        .route("/healthz", get(StatusCode::OK))
        .route("/readyz", get(move |relay| ready(relay, promised)))
        .route("/metrics", get(metrics))
        .with_state(relay)
}

async fn ready(State(relay): State<Arc<Relay>>, promised: Durability) -> Response {
    let checked = tokio::time::timeout(PATIENCE, relay.store().check()).await;
    match checked.unwrap_or(Err(StoreError::Unavailable)) {
        Ok(Durability::Volatile) if promised != Durability::Volatile => not_ready(
            "the store keeps nothing on disk any more; a restart of it would lose every tip",
        ),
        Ok(durability) => format!("ready: {}\n", durability.words()).into_response(),
        Err(error) => not_ready(&error.to_string()),
    }
}

fn not_ready(why: &str) -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("not ready: {why}\n"),
    )
        .into_response()
}

async fn metrics(State(relay): State<Arc<Relay>>) -> Response {
    let text = relay.metrics().text();
    ([(header::CONTENT_TYPE, PROMETHEUS)], text.to_string()).into_response()
}

/// The store's own time-outs are longer than whoever probes is willing to wait.
const PATIENCE: Duration = Duration::from_secs(5);
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
