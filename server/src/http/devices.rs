//! What drainers and devices ask for, signed (SPEC 6.1).

use std::{collections::HashMap, str::FromStr, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use sotto_protocol::{
    drain::Cursor,
    id::Board,
    limits::{DRAIN_MAX, LOG_MAX},
    request::{RequestParts, SignedHeaders},
};

use super::{
    binary, line,
    public::{number, whole},
};
use crate::{
    error::Error,
    relay::{Device, Relay, SignedRequest},
    store::PageSlot,
};

type Body = Result<Bytes, BytesRejection>;

pub(super) async fn drain(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
    request: Head,
    body: Body,
) -> Result<Response, Error> {
    let drainer = request.device(&relay, &id, &whole(body)?).await?;
    let query = request.query()?;
    let after = match query.get("after").map(String::as_str) {
        None | Some("") => None,
        Some(text) => Some(Cursor::parse(text).ok_or(Error::Malformed)?),
    };
    let max = count(&query, DRAIN_MAX)?;
    Ok(binary(relay.drain(&drainer, after, max).await?.to_bytes()))
}

pub(super) async fn acknowledge(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
    request: Head,
    body: Body,
) -> Result<StatusCode, Error> {
    let body = whole(body)?;
    let drainer = request.device(&relay, &id, &body).await?;
    let cursor = Cursor::from_bytes(&body).map_err(|_| Error::Malformed)?;
    relay.acknowledge(&drainer, cursor).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn write_page(
    State(relay): State<Arc<Relay>>,
    Path((id, board, cycle, page)): Path<(String, String, String, String)>,
    request: Head,
    body: Body,
) -> Result<StatusCode, Error> {
    let body = whole(body)?;
    let drainer = request.device(&relay, &id, &body).await?;
    let slot = PageSlot {
        board: Board::parse(&board).ok_or(Error::Malformed)?,
        cycle: number(&cycle)?,
        page: number(&page)?,
    };
    if body.len() != sotto_protocol::limits::PAGE_BODY_BYTES {
        return Err(Error::Malformed);
    }
    relay.write_page(&drainer, slot, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read_log(
    State(relay): State<Arc<Relay>>,
    Path((id, desk)): Path<(String, String)>,
    request: Head,
    body: Body,
) -> Result<Response, Error> {
    let device = request.device(&relay, &id, &whole(body)?).await?;
    let query = request.query()?;
    let from = query.get("from").map_or(Ok(0), |text| number(text))?;
    let max = count(&query, LOG_MAX)?;
    let page = relay.read_log(&device, log(&desk)?, from, max).await?;
    Ok(binary(page.to_bytes()))
}

pub(super) async fn roster(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
    request: Head,
    body: Body,
) -> Result<Response, Error> {
    let device = request.device(&relay, &id, &whole(body)?).await?;
    let json = relay.roster(&device).await?;
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, json).into_response())
}

pub(super) async fn append_log(
    State(relay): State<Arc<Relay>>,
    Path((id, desk)): Path<(String, String)>,
    request: Head,
    body: Body,
) -> Result<StatusCode, Error> {
    let body = whole(body)?;
    let device = request.device(&relay, &id, &body).await?;
    relay.append_log(&device, log(&desk)?, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Method, address and the three signature headers; nothing else of a request is looked at.
#[derive(Debug)]
pub(super) struct Head {
    method: Method,
    uri: Uri,
    headers: SignedHeaders,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Head {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            headers: signed_headers(&parts.headers).ok_or(Error::Unauthorised)?,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
        })
    }
}

impl Head {
    async fn device(&self, relay: &Relay, id: &str, body: &[u8]) -> Result<Device, Error> {
        let parts = RequestParts {
            method: self.method.as_str(),
            path: self.uri.path(),
            query: self.uri.query().unwrap_or_default(),
            body,
        };
        let headers = &self.headers;
        relay
            .device(line(id)?, SignedRequest { parts, headers })
            .await
    }

    fn query(&self) -> Result<HashMap<String, String>, Error> {
        let axum::extract::Query(query) =
            axum::extract::Query::try_from_uri(&self.uri).map_err(|_| Error::Malformed)?;
        Ok(query)
    }
}

fn signed_headers(headers: &HeaderMap) -> Option<SignedHeaders> {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then(|| value.to_owned())
    };
    Some(SignedHeaders {
        content_digest: one("content-digest")?,
        signature_input: one("signature-input")?,
        signature: one("signature")?,
    })
}

fn count(query: &HashMap<String, String>, most: usize) -> Result<usize, Error> {
    match query.get("max") {
        None => Ok(most),
        Some(text) => usize::from_str(text)
            .ok()
            .filter(|max| (1..=most).contains(max))
            .ok_or(Error::Malformed),
    }
}

fn log(desk: &str) -> Result<u16, Error> {
    match desk {
        "line" => Ok(0),
        desk => number(desk).and_then(|id| {
            if id == 0 {
                Err(Error::Malformed)
            } else {
                Ok(id)
            }
        }),
    }
}
