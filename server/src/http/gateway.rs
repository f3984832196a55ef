//! `/ohttp` (RFC 9458): what is inside of a sealed request goes to the same routes as any other, and
//! the answer goes back sealed and padded, so that whoever passes both on sees a few sizes (SPEC 6.2).

mod binary;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
};
use getrandom::SysRng;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use rand_core::UnwrapErr;
use sotto_protocol::{
    limits::{OBLIVIOUS_DONE_BYTES, OBLIVIOUS_READ_BYTES, OBLIVIOUS_TOKENS_BYTES},
    oblivious::Asker,
};
use tower::ServiceExt as _;

use super::public::whole;
use crate::{error::Error, relay::Relay};

/// Opens requests and hands them to the routes.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    pub(super) relay: Arc<Relay>,
    /// Everything a request that came openly would go through.
    pub(super) routes: Router,
}

/// Set on an answer to a request that could be opened, which was counted for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened;

pub(super) async fn keys(State(gateway): State<Gateway>) -> Response {
    let list = gateway.relay.ohttp_keys();
    ([(header::CONTENT_TYPE, KEYS)], list).into_response()
}

pub(super) async fn receive(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    if headers.get(header::CONTENT_TYPE) != Some(&HeaderValue::from_static(REQUEST)) {
        return Err(Error::Malformed);
    }
    // Asked once, the machine goes on giving randomness.
    getrandom::u32().map_err(|_| Error::Unavailable)?;
    let Some((inside, asker)) = gateway.relay.open(&whole(body)?) else {
        return Ok(unknown_key());
    };
    let (answer, step) = match binary::request(&inside) {
        Some(request) => {
            let step = step(request.method(), request.uri().path());
            (gateway.answer(request).await, step)
        }
        None => (Error::Malformed.into_response(), OBLIVIOUS_DONE_BYTES),
    };
    seal(answer, step, asker).await
}

impl Gateway {
    async fn answer(&self, request: Request<Body>) -> Response {
        if !is_for_phones(request.method(), request.uri().path()) {
            return super::uniform(Error::Unknown.into_response()).await;
        }
        match self.routes.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

async fn seal(answer: Response, step: usize, asker: Asker) -> Result<Response, Error> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| Error::Unavailable)?;
    let padded = binary::response(&head, &body.to_bytes(), step).ok_or(Error::Unavailable)?;
    let sealed = asker.seal(&padded, &mut UnwrapErr(SysRng));
    let sealed = sealed.map_err(|_| Error::Unavailable)?;
    let mut response = ([(header::CONTENT_TYPE, RESPONSE)], sealed).into_response();
    response.extensions_mut().insert(Opened);
    Ok(response)
}

/// What phones ask for. Whoever signs requests says with every one who they are: they gain nothing
/// here, and their answers have sizes of their own.
fn is_for_phones(method: &Method, path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    if parts.next() != Some("v1") || parts.next().is_none() {
        return false;
    }
    matches!(
        (method, parts.next(), parts.count()),
        (&Method::GET, Some("bundle"), 0)
            | (&Method::GET, Some("out"), 2)
            | (&Method::POST, Some("in"), 0)
            | (&Method::POST, Some("tokens"), 1)
    )
}

/// Answers are padded to a multiple of this. An error takes as much as what was asked for.
fn step(method: &Method, path: &str) -> usize {
    if method == Method::GET {
        OBLIVIOUS_READ_BYTES
    } else if path.contains("/tokens/") {
        OBLIVIOUS_TOKENS_BYTES
    } else {
        OBLIVIOUS_DONE_BYTES
    }
}

/// RFC 9458 section 5.3. The same for every way in which a request cannot be opened.
fn unknown_key() -> Response {
    let status = StatusCode::BAD_REQUEST;
    (status, [(header::CONTENT_TYPE, PROBLEM)], UNKNOWN_KEY).into_response()
}

const KEYS: &str = "application/ohttp-keys";
const REQUEST: &str = "message/ohttp-req";
const RESPONSE: &str = "message/ohttp-res";
pub(super) const PROBLEM: &str = "application/problem+json";
const UNKNOWN_KEY: &str = r#"{"type":"https://iana.org/assignments/http-problem-types#ohttp-key","title":"key identifier unknown"}"#;
