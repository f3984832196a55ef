//! Bounds on what is going on at once and on how long it may take.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::Bounds;
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Guard {
    free: Semaphore,
    bounds: Bounds,
}

impl Guard {
    pub(super) const fn new(bounds: Bounds) -> Self {
        Self {
            free: Semaphore::const_new(bounds.in_flight),
            bounds,
        }
    }
}

pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let _turn = guard.free.try_acquire().map_err(|_| Error::Busy)?;
    tokio::time::timeout(guard.bounds.request_timeout, next.run(request))
        .await
        .map_err(|_| Error::Slow)
}
