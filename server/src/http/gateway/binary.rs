//! Binary HTTP (RFC 9292) to requests of the routes, and their answers back.

use std::io::Cursor;

use axum::body::Body;
use bhttp::{Message, Mode};
use http::{HeaderName, HeaderValue, Request, header, response};

/// Reads a request. `None` for what is none, or is followed by anything but zeros. Host and scheme are
/// not looked at, as they are not in a request that came openly.
pub(super) fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let mut cursor = Cursor::new(bytes);
    let message = Message::read_bhttp(&mut cursor).ok()?;
    let end = usize::try_from(cursor.position()).ok()?;
    if bytes.get(end..)?.iter().any(|byte| *byte != 0) {
        return None;
    }
    let control = message.control();
    let mut request = Request::builder()
        .method(control.method()?)
        .uri(origin_form(control.path()?)?)
        .body(Body::from(message.content().to_vec()))
        .ok()?;
    for field in message.header().iter() {
        let name = HeaderName::from_bytes(field.name()).ok()?;
        // RFC 9292 section 3.6: what is about a connection does not exist here.
        if is_of_a_connection(&name) {
            return None;
        }
        let value = HeaderValue::from_bytes(field.value()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

/// Path and query alone: anything else would be read as an address.
fn origin_form(path: &[u8]) -> Option<&[u8]> {
    path.starts_with(b"/").then_some(path)
}

fn is_of_a_connection(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ]
    .contains(name)
}

/// Writes an answer, padded with zeros (RFC 9292 section 3.8) to a multiple of `step` bytes.
pub(super) fn response(head: &response::Parts, body: &[u8], step: usize) -> Option<Vec<u8>> {
    let status = bhttp::StatusCode::try_from(head.status.as_u16()).ok()?;
    let mut message = Message::response(status);
    for (name, value) in &head.headers {
        message.put_header(name.as_str(), value.as_bytes());
    }
    message.write_content(body);
    let mut bytes = Vec::with_capacity(body.len().next_multiple_of(step));
    message.write_bhttp(Mode::KnownLength, &mut bytes).ok()?;
    bytes.resize(bytes.len().next_multiple_of(step), 0);
    Some(bytes)
}
