//! How requests reach a relay. A trait, because phones, programs and tests each have their own way.

use std::fmt;

use sotto_protocol::{bundle::Bundle, oblivious::ObliviousError};

/// The methods of SPEC 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Ask.
    Get,
    /// Append.
    Post,
    /// Write once.
    Put,
}

impl Method {
    /// As it stands in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// From the first slash, with query.
    pub target: String,
    /// Only what SPEC 6 names; nothing that describes the program or the person.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request(..)")
    }
}

/// One answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `sotto-cycles`.
    pub cycles: Option<String>,
    /// At most as long as the longest answer of SPEC 6.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(..)")
    }
}

/// No answer. Nothing is lost: asking again is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No connection came about, so that nobody has seen the request.
    #[error("the relay cannot be reached; nothing is lost, try again later")]
    NotGiven,
    /// Whatever was sent may or may not have arrived.
    #[error("the relay does not answer; nothing is lost, try again later")]
    NoAnswer,
}

/// Sends requests, one after the other.
pub trait Transport {
    /// Waits for the answer.
    fn send(&self, request: &Request) -> Result<Response, Unreachable>;

    /// A bundle was verified at `now` (unix seconds), which may say by which other way its relay wants
    /// to be asked from now on (SPEC 6.2). Whoever has one way only keeps to it.
    ///
    /// # Errors
    /// There is such a way and it cannot be gone: nothing further may be asked.
    fn offered(&self, _bundle: &Bundle, _now: u64) -> Result<(), ObliviousError> {
        Ok(())
    }
}
