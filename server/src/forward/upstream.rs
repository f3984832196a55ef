//! The one gateway that requests are passed on to, over connections that all callers share.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use sotto_protocol::limits::{BUNDLE_BYTES, OBLIVIOUS_READ_BYTES};
use tokio::{sync::Mutex, time::Instant};

use super::{NO_STORE, REQUEST, RETRY_AFTER};

/// Why requests cannot be passed on to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// No address of a gateway.
    #[error("--gateway is the relay's address, as in https://relay.example")]
    Address,
    /// No certificates to check the gateway's with.
    #[error("this machine has no list of certificate authorities; install ca-certificates")]
    Roots,
}

#[derive(Debug)]
pub(super) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    gateway: Uri,
    keys: Uri,
    patience: Duration,
    /// The gateway's keys as it gave them last, and when. Everybody gets the same.
    known: Mutex<Option<(Instant, Bytes)>>,
}

impl Upstream {
    pub(super) fn new(gateway: &Uri, patience: Duration) -> Result<Self, GatewayError> {
        let is_web = matches!(gateway.scheme_str(), Some("https" | "http"));
        if !is_web || gateway.host().is_none() || gateway.query().is_some() {
            return Err(GatewayError::Address);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|_| GatewayError::Roots)?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self {
            client,
            gateway: below(gateway, "/ohttp")?,
            keys: below(gateway, "/ohttp-keys")?,
            patience,
            known: Mutex::default(),
        })
    }

    /// The gateway's keys.
    pub(super) async fn keys(&self) -> Result<Response<Full<Bytes>>, StatusCode> {
        let mut known = self.known.lock().await;
        if let Some((_, list)) = known.as_ref().filter(|(at, _)| at.elapsed() < KEYS_KEPT) {
            return Ok(answer(StatusCode::OK, KEYS, list.clone()));
        }
        let request = Request::get(self.keys.clone()).body(Full::default());
        let request = request.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let (status, kind, list) = self.ask(request, KEYS_BYTES).await?;
        if status != StatusCode::OK || kind.as_ref() != Some(&KEYS) {
            return Err(StatusCode::BAD_GATEWAY);
        }
        *known = Some((Instant::now(), list.clone()));
        Ok(answer(StatusCode::OK, KEYS, list))
    }

    /// Passes one sealed request on.
    pub(super) async fn pass_on(&self, body: Bytes) -> Result<Response<Full<Bytes>>, StatusCode> {
        let request = Request::post(self.gateway.clone())
            .header(header::CONTENT_TYPE, REQUEST)
            .body(Full::new(body));
        let request = request.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let (status, kind, body) = self.ask(request, ANSWER_BYTES).await?;
        let kind = kind.as_ref();
        if status == StatusCode::OK && kind == Some(&RESPONSE) {
            return Ok(answer(status, RESPONSE, body));
        }
        if status.is_client_error() && kind == Some(&PROBLEM) && body.len() <= PROBLEM_BYTES {
            return Ok(answer(status, PROBLEM, body));
        }
        // The rest says nothing but its status.
        Err(match status {
            status if status.is_client_error() => status,
            StatusCode::SERVICE_UNAVAILABLE => status,
            _ => StatusCode::BAD_GATEWAY,
        })
    }

    async fn ask(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Heard, StatusCode> {
        let whole = async {
            let answer = self.client.request(request).await;
            let answer: Response<Incoming> = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
            let (head, body) = answer.into_parts();
            // What says that it is longer is not waited for.
            if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
                return Err(StatusCode::BAD_GATEWAY);
            }
            let body = Limited::new(body, most).collect().await;
            let body = body.map_err(|_| StatusCode::BAD_GATEWAY)?;
            let kind = head.headers.get(header::CONTENT_TYPE).cloned();
            Ok((head.status, kind, body.to_bytes()))
        };
        let whole = tokio::time::timeout(self.patience, whole).await;
        whole.map_err(|_| StatusCode::GATEWAY_TIMEOUT)?
    }
}

/// Status, kind and body.
type Heard = (StatusCode, Option<HeaderValue>, Bytes);

fn answer(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

fn below(base: &Uri, path: &str) -> Result<Uri, GatewayError> {
    let mut parts = base.clone().into_parts();
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    let path = PathAndQuery::try_from(path).map_err(|_| GatewayError::Address)?;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| GatewayError::Address)
}

/// A bundle of the largest size, padded and sealed.
const ANSWER_BYTES: usize = BUNDLE_BYTES + 2 * OBLIVIOUS_READ_BYTES;
const KEYS_BYTES: usize = 16_384;
const PROBLEM_BYTES: usize = 1_024;
const KEYS_KEPT: Duration = Duration::from_mins(10);
const IDLE: Duration = Duration::from_mins(1);
const KEYS: HeaderValue = HeaderValue::from_static("application/ohttp-keys");
const RESPONSE: HeaderValue = HeaderValue::from_static("message/ohttp-res");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
