//! Durable acknowledgement under faults: what got its 204 is there exactly once afterwards, and what
//! did not gets it when the client asks again.

mod clocks;
mod disk;
mod kills;
mod million;
mod power;
mod redis;
mod rolling;
mod tape;

use std::collections::BTreeMap;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use sotto_protocol::{
    envelope::{Class, EnvelopeHeader},
    id::{Address, LineId},
    limits::ENVELOPE_BYTES,
};
use sotto_relay::store::{Post, Store};

const LINE: LineId = LineId([1; 16]);
const NOW: u64 = 1_795_491_123;

/// Envelope number `number`; what it is filled with says which one it is.
fn envelope(number: u64) -> Post {
    let mut at = [0; 32];
    at[..8].copy_from_slice(&number.to_le_bytes());
    let header = EnvelopeHeader {
        class: Class::Envelope,
        day: 0,
        address: Address(at),
    };
    let mut body = header.to_bytes().to_vec();
    body.resize(ENVELOPE_BYTES, number.to_le_bytes()[0]);
    Post {
        class: Class::Envelope,
        address: Address(at),
        body: Bytes::from(body),
    }
}

/// Number of an envelope by its body.
fn number(body: &[u8]) -> u64 {
    u64::from_le_bytes(*body[4..].first_chunk().unwrap())
}

/// Everything in the inbox by number, read as a drainer reads: each once, whole, without gaps.
async fn drain(store: &dyn Store, line: LineId) -> BTreeMap<u64, u64> {
    let (mut cursor, mut all, mut expected) = (None, BTreeMap::new(), None);
    loop {
        let page = store.read(line, cursor, 64).await.unwrap();
        if page.records.is_empty() {
            return all;
        }
        cursor = Some(page.cursor);
        for record in page.records {
            let number = number(&record.body);
            assert_eq!(record.body, envelope(number).body, "changed");
            assert!(expected.is_none_or(|expected| record.position == expected));
            expected = Some(record.position + 1);
            let before = all.insert(number, record.position);
            assert_eq!(before, None, "drained twice");
        }
    }
}

/// Below `end`.
fn below(rng: &mut ChaCha20Rng, end: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(end).unwrap()).unwrap()
}
