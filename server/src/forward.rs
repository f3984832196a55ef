//! The other role: passes sealed requests on to one gateway, and its answers back (RFC 9458 section 2).
//!
//! Run by somebody else than the relay. It knows from where it is asked and nothing of what is asked;
//! the gateway the other way round. Nothing of a request is written down, and of a caller nothing
//! goes on: not an address, not a header, not a connection of their own.

mod connections;
mod limit;
mod upstream;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use sotto_protocol::limits::{OBLIVIOUS_CHUNK_BYTES, OBLIVIOUS_REQUEST_OVERHEAD_BYTES};
use tokio::sync::Semaphore;

pub use self::{connections::serve, upstream::GatewayError};
use self::{limit::Limit, upstream::Upstream};

/// How it is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The relay's address, below which `/ohttp` and `/ohttp-keys` are.
    pub gateway: Uri,
    /// Requests of one network address in a minute.
    pub per_minute: NonZeroU32,
    /// Requests of one network address at once, before that counts.
    pub burst: NonZeroU32,
    /// Where a proxy in front writes down who called; otherwise it is whoever connects.
    pub caller: Option<HeaderName>,
    /// Requests in progress at once; further ones get 503.
    pub in_flight: usize,
    /// Open connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Until a request is whole, and then until its answer is.
    pub patience: Duration,
}

/// Everything between a caller and the gateway.
#[derive(Debug)]
pub struct Forwarder {
    upstream: Upstream,
    limit: Limit,
    free: Semaphore,
    settings: Settings,
}

impl Forwarder {
    /// To the gateway of the settings. Connects to nobody yet.
    pub fn new(settings: Settings) -> Result<Self, GatewayError> {
        Ok(Self {
            upstream: Upstream::new(&settings.gateway, settings.patience)?,
            limit: Limit::new(settings.per_minute, settings.burst),
            free: Semaphore::new(settings.in_flight),
            settings,
        })
    }

    /// Answers one request of whoever connects from `peer`.
    pub async fn answer<B>(&self, peer: IpAddr, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let caller = self.caller(peer, &request);
        if !self.limit.admits(caller) {
            return refused(StatusCode::TOO_MANY_REQUESTS);
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => self.upstream.keys().await.unwrap_or_else(refused),
            (&Method::POST, "/") => self.pass_on(request).await.unwrap_or_else(refused),
            (_, "/") => refused(StatusCode::METHOD_NOT_ALLOWED),
            _ => refused(StatusCode::NOT_FOUND),
        }
    }

    async fn pass_on<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, StatusCode>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if kind != Some(&HeaderValue::from_static(REQUEST)) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let body = Limited::new(request.into_body(), REQUEST_BYTES).collect();
        let body = tokio::time::timeout(self.settings.patience, body).await;
        let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?.to_bytes();
        // Whoever sends slowly holds a connection, and nobody's turn.
        let _turn = self
            .free
            .try_acquire()
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        self.upstream.pass_on(body).await
    }

    fn caller<B>(&self, peer: IpAddr, request: &Request<B>) -> IpAddr {
        let named = self.settings.caller.as_ref().and_then(|name| {
            // A proxy adds what it knows at the end; what stands before came from outside.
            let value = request.headers().get_all(name).iter().next_back()?;
            let last = value.to_str().ok()?.rsplit(',').next()?;
            last.trim().parse().ok()
        });
        named.unwrap_or(peer)
    }

    /// Forgets callers who are quiet. To be done once a minute.
    pub fn forget(&self) {
        self.limit.forget();
    }
}

fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    ) {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

const REQUEST: &str = "message/ohttp-req";
/// The longest request.
const REQUEST_BYTES: usize = OBLIVIOUS_REQUEST_OVERHEAD_BYTES + OBLIVIOUS_CHUNK_BYTES;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Runs [`Forwarder::forget`] again and again. Ends when it is dropped.
pub async fn tidy(forwarder: Arc<Forwarder>) {
    let mut turns = tokio::time::interval(Duration::from_mins(1));
    loop {
        turns.tick().await;
        forwarder.forget();
    }
}
