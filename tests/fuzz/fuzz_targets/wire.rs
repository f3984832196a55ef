//! Every binary object of SPEC.md: what decodes encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_protocol::{
    attachment::{Manifest, Wanted},
    drain::{Cursor, DrainPage},
    envelope::EnvelopeHeader,
    limits::{
        ENVELOPE_BYTES, LOG_HEADER_BYTES, LOG_PLAINTEXT_BYTES, LOG_RECORD_BYTES, PAGE_BYTES,
        PLAINTEXT_BYTES,
    },
    log::{LogEntry, LogHeader, LogPage},
    message::{FirstContact, Message},
    page::PageHeader,
};

/// Objects of a fixed size are reached quickly by filling up what the fuzzer gives.
fn filled(data: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = data.to_vec();
    bytes.resize(size, 0);
    bytes
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 12 {
        0 => {
            let bytes = filled(data, ENVELOPE_BYTES);
            if let Ok(header) = EnvelopeHeader::parse(&bytes) {
                assert_eq!(header.to_bytes(), bytes[..36]);
            }
            let _ = EnvelopeHeader::parse(data);
        }
        1 => {
            let bytes = filled(data, PLAINTEXT_BYTES);
            if let Ok(message) = Message::from_bytes(&bytes) {
                assert_eq!(message.to_bytes().unwrap()[..], bytes[..]);
            }
        }
        2 => {
            if let Ok((first, text)) = FirstContact::parse(data) {
                assert_eq!(first.with_body(text)[..], *data);
            }
        }
        3 => {
            let bytes = filled(data, PAGE_BYTES);
            if let Ok((header, envelopes)) = PageHeader::parse(&bytes) {
                assert_eq!(header.with_body(envelopes.as_flattened()), bytes);
            }
        }
        4 => {
            if let Ok(cursor) = Cursor::from_bytes(data) {
                assert_eq!(cursor.to_bytes(), data);
            }
        }
        5 => {
            if let Ok(page) = DrainPage::from_bytes(data) {
                assert_eq!(page.to_bytes(), data);
            }
        }
        6 => {
            let bytes = filled(data, 32 + 24 + ENVELOPE_BYTES);
            if let Ok(page) = DrainPage::from_bytes(&bytes) {
                assert_eq!(page.to_bytes(), bytes);
            }
        }
        7 => {
            let bytes = filled(data, LOG_RECORD_BYTES);
            if let Ok(header) = LogHeader::parse(&bytes) {
                assert_eq!(header.to_bytes(), bytes[..LOG_HEADER_BYTES]);
            }
        }
        8 => {
            let bytes = filled(data, 32 + LOG_RECORD_BYTES);
            if let Ok(page) = LogPage::from_bytes(&bytes) {
                assert_eq!(page.to_bytes(), bytes);
            }
        }
        9 => {
            if let Ok(manifest) = Manifest::from_bytes(data) {
                assert_eq!(manifest.to_bytes()[..], *data);
            }
        }
        10 => {
            if let Ok(wanted) = Wanted::from_bytes(data) {
                assert_eq!(wanted.to_bytes(), data);
            }
        }
        _ => {
            let bytes = filled(data, LOG_PLAINTEXT_BYTES);
            if let Ok(entry) = LogEntry::from_bytes(&bytes) {
                assert_eq!(entry.to_bytes().unwrap()[..], bytes[..]);
            }
        }
    }
});
