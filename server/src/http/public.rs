//! What anyone may ask for: the bundle, a page, one post; and statements of those who can sign them.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use sotto_protocol::id::Board;

use super::{binary, line};
use crate::{
    error::Error,
    relay::{Kind, Relay},
};

/// Names the served cycles beside the bundle.
const CYCLES: &str = "sotto-cycles";

pub(super) async fn bundle(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let answer = relay.bundle(line(&id)?).await?;
    let [new, old] = answer.cycles;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
        (CYCLES, format!("{new},{old}")),
    ];
    Ok((headers, answer.json).into_response())
}

pub(super) async fn submit(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Error> {
    relay.submit(line(&id)?, whole(body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn page(
    State(relay): State<Arc<Relay>>,
    Path((id, board, page)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let board = Board::parse(&board).ok_or(Error::Malformed)?;
    let page = number(&page)?;
    Ok(binary(relay.page(line(&id)?, board, page).await?))
}

pub(super) async fn put_statement(
    State(relay): State<Arc<Relay>>,
    Path((id, kind)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Error> {
    let kind = Kind::parse(&kind).ok_or(Error::Malformed)?;
    relay.put_statement(line(&id)?, kind, whole(body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A body within its limit, or the error that says which way it failed.
pub(super) fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Error> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ => Error::Malformed,
    })
}

/// A decimal number in its one spelling.
pub(super) fn number<N: std::str::FromStr + ToString>(text: &str) -> Result<N, Error> {
    let number: N = text.parse().map_err(|_| Error::Malformed)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(Error::Malformed)
    }
}
