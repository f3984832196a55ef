//! Counts requests by who asks and how it ended; nothing else of them is kept.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode, Uri};

use super::gateway::Opened;
use crate::{
    error::Error,
    telemetry::metrics::{Kind, Metrics, OUTCOMES},
};

pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let kind = kind(request.method(), request.uri());
    let response = next.run(request).await;
    if response.extensions().get::<Opened>().is_none() {
        metrics.answered(kind, outcome(&response));
    }
    response
}

fn kind(method: &Method, uri: &Uri) -> Kind {
    let path = uri.path();
    if method == Method::POST && path.ends_with("/in") {
        Kind::Post
    } else if path.ends_with("/tokens/challenge") || path.ends_with("/tokens/issue") {
        Kind::Buy
    } else if method == Method::GET && (path.ends_with("/bundle") || path.contains("/out/")) {
        Kind::Read
    } else if path.starts_with("/ohttp") {
        Kind::Sealed
    } else {
        Kind::Device
    }
}

fn outcome(response: &Response) -> &'static str {
    if response.status().is_success() {
        return OUTCOMES[0];
    }
    // Who has no error made the answer without us: no such route, or not with this method.
    let error = response.extensions().get::<Error>().copied();
    match (error, response.status()) {
        (Some(error), _) => error.code(),
        (None, StatusCode::NOT_FOUND) => Error::Unknown.code(),
        (None, _) => Error::Malformed.code(),
    }
}
