//! What people and programs write as text: names, links, cursors, codes, signature headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_core::{link::Link, text};
use sotto_protocol::{
    code::Code,
    drain::Cursor,
    id::{Board, DeviceId, Fingerprint, LineId},
    request::{Claim, SignedHeaders},
};

fuzz_target!(|data: &[u8]| {
    let Ok(given) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(cursor) = Cursor::parse(given) {
        assert_eq!(cursor.to_text(), given);
    }
    let _ = (LineId::parse(given), Fingerprint::parse(given));
    let _ = (DeviceId::parse(given), Board::parse(given));
    if let Ok(link) = Link::parse(given) {
        assert_eq!(Link::parse(&link.to_text()), Ok(link));
    }
    if let Ok(code) = Code::parse(given) {
        assert_eq!(Code::parse(&code.to_words()).as_ref(), Ok(&code));
        assert_eq!(Code::parse(&code.to_digits()), Ok(code));
    }
    for found in Code::look_alikes(given) {
        assert!((1..=8).contains(&found.place) && (1..=5).contains(&found.words.len()));
    }
    if let Ok(parts) = text::split(given) {
        assert_eq!(text::join(parts), given.trim());
    }
    let (signature_input, signature) = given.split_once('\n').unwrap_or((given, ""));
    let headers = SignedHeaders {
        content_digest: "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:".into(),
        signature_input: signature_input.into(),
        signature: signature.into(),
    };
    let _ = Claim::parse(&headers, b"");
});
