//! The routes of SPEC 6. Requests are parsed into protocol types here and decided about elsewhere.

mod count;
mod devices;
mod gateway;
mod guard;
mod health;
mod public;
mod tokens;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::{HeaderValue, header};
use sotto_protocol::{
    id::LineId,
    limits::{
        CHUNK_BYTES, LOG_RECORD_BYTES, OBLIVIOUS_CHUNK_BYTES, OBLIVIOUS_REQUEST_OVERHEAD_BYTES,
        PAGE_BODY_BYTES, STATEMENT_BYTES, TOKEN_BATCH, TOKEN_REQUEST_BYTES,
    },
};

pub use self::health::health;
use self::{gateway::Gateway, guard::Guard};
use crate::{error::Error, relay::Relay, telemetry::metrics::Metrics};

/// How much one process takes at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Requests in progress; further ones get 503.
    pub in_flight: usize,
    /// From the end of a request's head to its answer.
    pub request_timeout: Duration,
}

/// Every route the world may use.
pub fn app(relay: Arc<Relay>, bounds: Bounds) -> Router {
    let guard = Arc::new(Guard::new(bounds));
    let metrics = Arc::clone(relay.metrics());
    let open = open(Arc::clone(&relay));
    // What comes sealed holds one turn, not two.
    let gateway = Gateway {
        relay,
        routes: counted(open.clone(), &metrics),
    };
    let sealed = Router::new()
        .route(
            "/ohttp",
            post(gateway::receive).layer(DefaultBodyLimit::max(SEALED_BYTES)),
        )
        .route("/ohttp-keys", get(gateway::keys))
        .with_state(gateway);
    let routes = open
        .merge(sealed)
        .layer(middleware::from_fn_with_state(guard, guard::guard));
    counted(routes, &metrics)
}

/// Around all of it: some answers, as to a wrong method, are made outside of the routes' layers.
fn counted(routes: Router, metrics: &Arc<Metrics>) -> Router {
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(
            Arc::clone(metrics),
            count::count,
        ))
        .layer(middleware::map_response(uniform))
}

/// The routes of requests that come as they are.
fn open(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/v1/{line}/bundle", get(public::bundle))
        .route(
            "/v1/{line}/in",
            post(public::submit)
                .layer(DefaultBodyLimit::max(CHUNK_BYTES))
                .get(devices::drain),
        )
        .route(
            "/v1/{line}/tokens/challenge",
            post(tokens::challenge).layer(DefaultBodyLimit::max(0)),
        )
        .route(
            "/v1/{line}/tokens/issue",
            post(tokens::issue).layer(DefaultBodyLimit::max(BATCH_BYTES)),
        )
        .route("/v1/{line}/out/{board}/{page}", get(public::page))
        .route("/v1/{line}/roster", get(devices::roster))
        .route(
            "/v1/{line}/in/ack",
            post(devices::acknowledge).layer(DefaultBodyLimit::max(ACK_BYTES)),
        )
        .route(
            "/v1/{line}/out/{board}/{cycle}/{page}",
            put(devices::write_page).layer(DefaultBodyLimit::max(PAGE_BODY_BYTES)),
        )
        .route(
            "/v1/{line}/log/{desk}",
            get(devices::read_log)
                .post(devices::append_log)
                .layer(DefaultBodyLimit::max(LOG_RECORD_BYTES)),
        )
        .route(
            "/v1/{line}/statement/{kind}",
            put(public::put_statement).layer(DefaultBodyLimit::max(STATEMENT_BYTES)),
        )
        .with_state(relay)
}

/// The longest request that is sealed.
const SEALED_BYTES: usize = OBLIVIOUS_REQUEST_OVERHEAD_BYTES + OBLIVIOUS_CHUNK_BYTES;
/// The longest request for tokens: a batch after its length.
const BATCH_BYTES: usize = TOKEN_BATCH * TOKEN_REQUEST_BYTES + 2;
/// Body of an acknowledgement.
const ACK_BYTES: usize = 24;
/// What a phone or drainer is asked to wait after 503.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        if matches!(self, Self::Busy | Self::Unavailable) {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// Error answers have no body and no header but when to come again and what to bring, whoever made
/// them; but for the one problem that RFC 9458 has a name for.
async fn uniform(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_named = kind == Some(&HeaderValue::from_static(gateway::PROBLEM));
    let mut response = if status.is_success() || is_named {
        response
    } else {
        let mut bare = status.into_response();
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
            if let Some(value) = response.headers().get(&name) {
                bare.headers_mut().insert(name, value.clone());
            }
        }
        bare
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn line(text: &str) -> Result<LineId, Error> {
    // One spelling only: a path is part of what devices sign and of what caches compare.
    LineId::parse(text)
        .filter(|line| line.to_text() == text)
        .ok_or(Error::Unknown)
}

fn binary(body: impl Into<Bytes>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/octet-stream")],
        body.into(),
    )
        .into_response()
}
