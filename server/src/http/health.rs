//! For the operator, on a listener of its own.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::StatusCode;

use crate::relay::Relay;

/// `/healthz`: the process runs. `/readyz`: the store answers too.
pub fn health(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/healthz", get(StatusCode::OK))
        .route("/readyz", get(ready))
        .with_state(relay)
}

async fn ready(State(relay): State<Arc<Relay>>) -> StatusCode {
    match relay.store().check().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
