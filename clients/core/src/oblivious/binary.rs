//! Requests as binary HTTP (RFC 9292), padded to one of a few sizes, and answers back.

use std::io::Cursor;

use bhttp::{Message, Mode};
use sotto_protocol::oblivious::request_bytes;

use crate::transport::{Method, Request, Response};

/// `None` for what is longer than any request.
pub(super) fn request(request: &Request, host: &str) -> Option<Vec<u8>> {
    let mut message = Message::request(
        request.method.name().into(),
        b"https".into(),
        host.into(),
        request.target.as_str().into(),
    );
    for (name, value) in &request.headers {
        message.put_header(*name, value.as_str());
    }
    if request.method != Method::Get {
        message.put_header("content-type", "application/octet-stream");
    }
    message.write_content(&request.body);
    let mut bytes = Vec::with_capacity(request_bytes(request.body.len())?);
    message.write_bhttp(Mode::KnownLength, &mut bytes).ok()?;
    bytes.resize(request_bytes(bytes.len())?, 0);
    Some(bytes)
}

/// `None` for what is no answer.
pub(super) fn response(bytes: &[u8]) -> Option<Response> {
    let message = Message::read_bhttp(&mut Cursor::new(bytes)).ok()?;
    let cycles = message.header().get(b"sotto-cycles");
    let cycles = cycles.and_then(|value| String::from_utf8(value.to_vec()).ok());
    Some(Response {
        status: message.control().status()?.code(),
        cycles,
        body: message.content().to_vec(),
    })
}
