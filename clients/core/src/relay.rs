//! The routes of SPEC 6 as functions.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::Bundle,
    drain::{Cursor, DrainPage},
    id::{Board, DeviceId, LineId},
    limits::{DRAIN_MAX, LOG_MAX},
    log::LogPage,
    oblivious::ObliviousError,
    request::{RequestKey, RequestParts},
    secret::random,
    token::{Token, work::WorkProof},
};

use crate::{
    timetable::Due,
    transport::{Method, Request, Response, Transport, Unreachable},
};

/// Why a relay did not do what it was asked. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Not reached, or too busy; asking again is safe.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// 404.
    #[error("this relay does not know the line, or the line's keys have expired; check the link")]
    NoLine,
    /// 401.
    #[error(
        "the relay does not accept this device; is it in the published roster, and is the clock right?"
    )]
    Unauthorised,
    /// 401 to a post: it needs a token, or another one.
    #[error(
        "the relay wants a token for what is sent, and takes none of this program's; try again later, or update the program"
    )]
    Unpaid,
    /// 409.
    #[error("the relay has something newer already")]
    Conflict,
    /// 400, 413.
    #[error("the relay refuses this; the programs may be of different versions")]
    Refused,
    /// Anything SPEC 6 does not list.
    #[error("the answer is not a relay's; check the address of the link")]
    Strange,
}

/// What a device signs its requests with.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Its id in the roster.
    pub device: DeviceId,
    /// Agreed with the relay.
    pub key: RequestKey,
}

/// A signer, the time and a fresh nonce: good for one request.
#[derive(Debug)]
pub struct Stamp<'s> {
    signer: &'s Signer,
    created: u64,
    nonce: [u8; 16],
}

impl Signer {
    /// For the next request, made at `now` (unix seconds).
    pub fn stamp(&self, now: u64, rng: &mut impl CryptoRng) -> Stamp<'_> {
        Stamp {
            signer: self,
            created: now,
            nonce: random(rng),
        }
    }
}

/// One line at one relay.
#[derive(Debug)]
pub struct Relay<'t, T> {
    transport: &'t T,
    line: LineId,
}

/// The bundle as it came, and the cycles named beside it.
#[derive(Debug, Clone)]
pub struct BundleAnswer {
    /// JSON.
    pub json: Vec<u8>,
    /// Of *new* and *old*.
    pub cycles: [u64; 2],
}

impl<'t, T: Transport> Relay<'t, T> {
    /// Requests for `line` over `transport`.
    pub const fn new(transport: &'t T, line: LineId) -> Self {
        Self { transport, line }
    }

    /// GET bundle.
    pub fn bundle(&self) -> Result<BundleAnswer, RelayError> {
        let answer = self.ask(Method::Get, "/bundle", Vec::new())?;
        let cycles = answer.cycles.as_deref().and_then(cycles);
        Ok(BundleAnswer {
            json: answer.body,
            cycles: cycles.ok_or(RelayError::Strange)?,
        })
    }

    /// Tells the transport what a verified bundle says about ways to this relay.
    ///
    /// # Errors
    /// As [`Transport::offered`].
    pub fn offered(&self, bundle: &Bundle, now: u64) -> Result<(), ObliviousError> {
        self.transport.offered(bundle, now)
    }

    /// GET one page.
    pub fn page(&self, board: Board, page: u32) -> Result<Vec<u8>, RelayError> {
        let path = format!("/out/{}/{page}", board.name());
        Ok(self.ask(Method::Get, &path, Vec::new())?.body)
    }

    /// POST one envelope or chunk, with a token where one is asked for.
    pub fn post(&self, body: Vec<u8>, token: Option<&Token>) -> Result<(), RelayError> {
        let token = token.map(|token| ("authorization", token.to_header()));
        self.pay("/in", token, body).map(drop)
    }

    /// POST for what a batch of tokens costs.
    pub fn work_challenge(&self) -> Result<Vec<u8>, RelayError> {
        Ok(self.pay("/tokens/challenge", None, Vec::new())?.body)
    }

    /// POST a request for tokens, with the work for it.
    pub fn issue(&self, proof: &WorkProof, request: Vec<u8>) -> Result<Vec<u8>, RelayError> {
        let proof = ("sotto-work", proof.to_header());
        Ok(self.pay("/tokens/issue", Some(proof), request)?.body)
    }

    fn pay(
        &self,
        path: &str,
        header: Option<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Response, RelayError> {
        let answer = self.send(&Request {
            method: Method::Post,
            target: self.path(path),
            headers: header.into_iter().collect(),
            body,
        });
        answer.map_err(|error| match error {
            RelayError::Unauthorised => RelayError::Unpaid,
            other => other,
        })
    }

    /// PUT one statement.
    pub fn put_statement(&self, kind: &str, json: Vec<u8>) -> Result<(), RelayError> {
        let path = format!("/statement/{kind}");
        self.ask(Method::Put, &path, json).map(drop)
    }

    /// GET records of one shard after a cursor, signed. [`RelayError::Conflict`] for a cursor of
    /// another incarnation, and for a shard that does not exist.
    pub fn drain(&self, stamp: &Stamp<'_>, after: Cursor) -> Result<DrainPage, RelayError> {
        self.drain_some(stamp, after, DRAIN_MAX)
    }

    /// [`Self::drain`] of at most `max` records, up to [`DRAIN_MAX`].
    pub fn drain_some(
        &self,
        stamp: &Stamp<'_>,
        after: Cursor,
        max: usize,
    ) -> Result<DrainPage, RelayError> {
        let query = format!("after={}&max={max}", after.to_text());
        let request = self.signed(stamp, (Method::Get, "/in", &query), Vec::new());
        let answer = self.send(&request)?;
        let page = DrainPage::from_bytes(&answer.body).map_err(|_| RelayError::Strange)?;
        if page.cursor.shard == after.shard {
            Ok(page)
        } else {
            Err(RelayError::Strange)
        }
    }

    /// POST an acknowledgement, signed.
    pub fn acknowledge(&self, stamp: &Stamp<'_>, cursor: Cursor) -> Result<(), RelayError> {
        let target = (Method::Post, "/in/ack", "");
        let request = self.signed(stamp, target, cursor.to_bytes());
        self.send(&request).map(drop)
    }

    /// PUT one page of one cycle, signed.
    pub fn put_page(&self, stamp: &Stamp<'_>, due: Due, body: Vec<u8>) -> Result<(), RelayError> {
        let path = format!("/out/{}/{}/{}", due.board.name(), due.cycle, due.page);
        let request = self.signed(stamp, (Method::Put, &path, ""), body);
        self.send(&request).map(drop)
    }

    /// GET the roster as the administrator signed it, signed by a device that is in it.
    pub fn roster(&self, stamp: &Stamp<'_>) -> Result<Vec<u8>, RelayError> {
        let request = self.signed(stamp, (Method::Get, "/roster", ""), Vec::new());
        Ok(self.send(&request)?.body)
    }

    /// GET records of a log from position `from` on, signed. Tells the relay that this device has
    /// saved everything before.
    pub fn read_log(&self, stamp: &Stamp<'_>, log: u16, from: u64) -> Result<LogPage, RelayError> {
        let query = format!("from={from}&max={LOG_MAX}");
        let request = self.signed(stamp, (Method::Get, &log_path(log), &query), Vec::new());
        let page = LogPage::from_bytes(&self.send(&request)?.body);
        page.map_err(|_| RelayError::Strange)
    }

    /// POST one record to a log, signed. [`RelayError::Conflict`] where another one stands.
    pub fn append_log(
        &self,
        stamp: &Stamp<'_>,
        log: u16,
        record: Vec<u8>,
    ) -> Result<(), RelayError> {
        let request = self.signed(stamp, (Method::Post, &log_path(log), ""), record);
        self.send(&request).map(drop)
    }

    fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response, RelayError> {
        self.send(&Request {
            method,
            target: self.path(path),
            headers: Vec::new(),
            body,
        })
    }

    fn signed(
        &self,
        stamp: &Stamp<'_>,
        (method, path, query): (Method, &str, &str),
        body: Vec<u8>,
    ) -> Request {
        let path = self.path(path);
        let parts = RequestParts {
            method: method.name(),
            path: &path,
            query,
            body: &body,
        };
        let Signer { device, key } = stamp.signer;
        let signed = key.sign(parts, *device, stamp.created, stamp.nonce);
        let headers = vec![
            ("content-digest", signed.content_digest),
            ("signature-input", signed.signature_input),
            ("signature", signed.signature),
        ];
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        Request {
            method,
            target,
            headers,
            body,
        }
    }

    fn send(&self, request: &Request) -> Result<Response, RelayError> {
        let answer = self.transport.send(request)?;
        match answer.status {
            200 | 204 => Ok(answer),
            400 | 413 => Err(RelayError::Refused),
            401 => Err(RelayError::Unauthorised),
            404 => Err(RelayError::NoLine),
            408 | 429 | 502..=504 => Err(RelayError::Unreachable(Unreachable::NoAnswer)),
            409 => Err(RelayError::Conflict),
            _ => Err(RelayError::Strange),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/{}{rest}", self.line.to_text())
    }
}

fn log_path(log: u16) -> String {
    match log {
        0 => "/log/line".into(),
        desk => format!("/log/{desk}"),
    }
}

fn cycles(header: &str) -> Option<[u64; 2]> {
    let (new, old) = header.split_once(',')?;
    Some([new.parse().ok()?, old.parse().ok()?])
}
