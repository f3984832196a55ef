//! Blocking HTTP for native programs. Sends no User-Agent and nothing else that tells programs apart.

use std::time::Duration;

use rand_core::CryptoRng;
use ureq::{Agent, config::AutoHeaderValue, http};

use crate::{
    link::Link,
    oblivious,
    transport::{Method, Request, Response, Transport, Unreachable},
};

/// HTTP to one address. Follows the usual proxy variables of the environment.
#[derive(Debug)]
pub struct Http {
    base: String,
    agent: Agent,
}

/// Longer answers than any of SPEC 6 are cut off: 64 chunks with their headers.
const ANSWER_BYTES: u64 = 4_500_000;
const TIMEOUT: Duration = Duration::from_secs(40);

impl Http {
    /// For what is at `base`, which has no slash at its end.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .build();
        Self {
            base: base.to_owned(),
            agent: config.into(),
        }
    }
}

/// Every way to one relay, over the network.
pub type Ways<R> = oblivious::Ways<Http, fn(&str) -> Http, R>;

/// Every way to the relay of a link.
pub fn ways<R: CryptoRng>(link: &Link, rng: R) -> Ways<R> {
    oblivious::Ways::new(link, Http::new, rng)
}

impl Transport for Http {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        let mut builder = http::Request::builder()
            .method(request.method.name())
            .uri(format!("{}{}", self.base, request.target));
        let mut kind = Some("application/octet-stream");
        for (name, value) in &request.headers {
            kind = kind.filter(|_| *name != "content-type");
            builder = builder.header(*name, value);
        }
        if let (Method::Post | Method::Put, Some(kind)) = (request.method, kind) {
            builder = builder.header("content-type", kind);
        }
        let answer = match request.method {
            Method::Get => builder.body(()).map(|request| self.agent.run(request)),
            Method::Post | Method::Put => builder
                .body(request.body.as_slice())
                .map(|request| self.agent.run(request)),
        };
        // A request that cannot even be put together was given to nobody.
        let answer = answer.map_err(|_| Unreachable::NotGiven)?;
        let mut answer = answer.map_err(|error| unreachable(&error))?;
        let cycles = answer.headers().get("sotto-cycles");
        let cycles = cycles.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES);
        Ok(Response {
            status,
            cycles,
            body: body.read_to_vec().map_err(|_| Unreachable::NoAnswer)?,
        })
    }
}

/// Whether the request reached a connection. What is not known counts as given.
const fn unreachable(error: &ureq::Error) -> Unreachable {
    use ureq::{Error, Timeout};
    match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_)
        | Error::Tls(_)
        | Error::Rustls(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => Unreachable::NotGiven,
        _ => Unreachable::NoAnswer,
    }
}
