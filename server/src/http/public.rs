//! What anyone may ask for: the bundle, a page, one post; and statements of those who can sign them.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sotto_protocol::id::Board;

use super::{binary, line, tokens};
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
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let (line, body) = (line(&id)?, whole(body)?);
    match relay.submit(line, body, tokens::token(&headers)).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(Error::Unauthorised) => Ok(unpaid(relay.asks(line).await)),
        Err(error) => Err(error),
    }
}

/// Says what tokens are asked for (RFC 9577 section 2.1).
fn unpaid(challenge: Option<String>) -> Response {
    let mut response = Error::Unauthorised.into_response();
    let challenge = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok());
    if let Some(challenge) = challenge {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
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
