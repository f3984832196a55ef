//! Buying tokens, and the headers they are asked for and spent in.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};

use super::{binary, line, public::whole};
use crate::{error::Error, relay::Relay};

/// Holds the proof of work for a batch.
const WORK: &str = "sotto-work";

pub(super) async fn challenge(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    Ok(binary(relay.work_challenge(line(&id)?).await?))
}

pub(super) async fn issue(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let proof = one(&headers, WORK);
    let issued = relay.issue(line(&id)?, proof, whole(body)?).await?;
    let kind = if issued.is_batch {
        "application/private-token-generic-batch-response"
    } else {
        "application/private-token-response"
    };
    Ok(([(header::CONTENT_TYPE, kind)], issued.body).into_response())
}

/// The token of a post.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    one(headers, header::AUTHORIZATION.as_str())
}

/// A header that stands there once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
