//! Every decoder of the protocol: noise never panics, what decodes encodes to the same bytes again,
//! and nothing may be missing, left over or bent.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    ceremony::LineKeys,
    desk::{Desk, Row},
    link::Link,
    sealed,
    tipster::Tipster,
    vault,
};
use sotto_protocol::{
    bundle::{BundleParts, Untrusted},
    code::Code,
    conversation::{Content, Conversation, Outgoing},
    drain::{Cursor, DrainPage, Drained},
    dsse::Dsse,
    envelope::{Class, EnvelopeHeader},
    id::{Address, Board, DeviceId, Fingerprint, LineId},
    limits::{ENVELOPE_BYTES, LOG_HEADER_BYTES, LOG_RECORD_BYTES, PAGE_BODY_BYTES},
    log::{LogHeader, LogPage},
    message::{FirstContact, Kind, Message, Received},
    page::PageHeader,
    request::{Claim, SignedHeaders},
    seal::Envelope,
    secret::{SealingSecret, Secret},
};
use sotto_tests::cases::runner;

/// A decoder and its encoder in one: the bytes again, or nothing.
type Again = fn(&[u8]) -> Option<Vec<u8>>;

fn header(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = EnvelopeHeader::parse(bytes).ok()?;
    Some([&header.to_bytes()[..], &bytes[36..]].concat())
}

fn envelope(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Envelope::parse(bytes.to_vec()).ok()?.into_bytes())
}

fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Message::from_bytes(bytes).ok()?.to_bytes()?.to_vec())
}

fn first_contact(bytes: &[u8]) -> Option<Vec<u8>> {
    let (first, text) = FirstContact::parse(bytes).ok()?;
    Some(first.with_text(text).to_vec())
}

fn page(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, envelopes) = PageHeader::parse(bytes).ok()?;
    Some(header.with_body(envelopes.as_flattened()))
}

fn cursor(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Cursor::from_bytes(bytes).ok()?.to_bytes())
}

fn cursor_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let cursor = Cursor::parse(std::str::from_utf8(bytes).ok()?)?;
    Some(cursor.to_text().into_bytes())
}

fn drain(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(DrainPage::from_bytes(bytes).ok()?.to_bytes())
}

fn log_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = LogHeader::parse(bytes).ok()?;
    Some([&header.to_bytes()[..], &bytes[LOG_HEADER_BYTES..]].concat())
}

fn log_page(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(LogPage::from_bytes(bytes).ok()?.to_bytes())
}

fn conversation(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Conversation::from_bytes(bytes).ok()?.to_bytes().to_vec())
}

fn outgoing(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Outgoing::from_bytes(bytes).ok()?.to_bytes()?.to_vec())
}

/// Each with one good example.
fn binary() -> Vec<(&'static str, Again, Vec<u8>)> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let address = Address([7; 32]);
    let class = Class::Envelope;
    let mut sealed = EnvelopeHeader {
        class,
        day: 9,
        address,
    }
    .to_bytes()
    .to_vec();
    sealed.resize(ENVELOPE_BYTES, 3);
    let message_of = |body: &[u8]| Message {
        kind: Kind::Text,
        part: 1,
        parts: 3,
        id: 5,
        epoch: 6,
        index: 7,
        received: Some(Received {
            epoch: 5,
            base: 1,
            bitmap: 0b101,
        }),
        epoch_secret: Secret::from_bytes([8; 32]),
        ratchet_key: SealingSecret::from_bytes([9; 32]).public(),
        body: body.to_vec().into(),
    };
    let first = FirstContact {
        nonce: [1; 32],
        first_day: 2,
        bundle: [3; 32],
        handle: [4; 32],
        continuity: Secret::from_bytes([5; 32]),
        static_key: SealingSecret::from_bytes([6; 32]).public(),
    };
    let cursor_of = Cursor {
        shard: 0,
        incarnation: 0xabc,
        position: 17,
    };
    let log = LogHeader {
        position: 3,
        previous: [1; 32],
        key_id: [2; 16],
    };
    let mut record = log.to_bytes();
    record.resize(LOG_RECORD_BYTES, 5);
    let (ours, answer) = talk(rng);
    vec![
        ("envelope header", header, sealed.clone()),
        ("envelope", envelope, sealed.clone()),
        (
            "message",
            message,
            message_of(b"text").to_bytes().unwrap().to_vec(),
        ),
        (
            "first contact",
            first_contact,
            first.with_text(b"text").to_vec(),
        ),
        ("page", page, {
            let header = PageHeader {
                board: Board::Old,
                page: 3,
                cycle: 4,
            };
            header.with_body(&[5; PAGE_BODY_BYTES])
        }),
        ("cursor", cursor, cursor_of.to_bytes()),
        ("cursor text", cursor_text, cursor_of.to_text().into_bytes()),
        ("drain page", drain, {
            let record = Drained {
                class: 0,
                position: 17,
                arrived: 600,
                body: sealed,
            };
            let page = DrainPage {
                cursor: cursor_of,
                records: vec![record],
            };
            page.to_bytes()
        }),
        ("log header", log_header, record.clone()),
        ("log page", log_page, {
            let page = LogPage {
                log: 1,
                incarnation: 2,
                next: 4,
                records: vec![record],
            };
            page.to_bytes()
        }),
        ("conversation", conversation, ours.to_bytes().to_vec()),
        ("outgoing", outgoing, answer.to_bytes().unwrap().to_vec()),
    ]
}

/// A desk's side of a conversation with an answer under way.
fn talk(rng: &mut ChaCha20Rng) -> (Conversation, Outgoing) {
    let line = LineId([1; 16]);
    let first = FirstContact {
        nonce: [1; 32],
        first_day: 2,
        bundle: [3; 32],
        handle: [4; 32],
        continuity: Secret::from_bytes([5; 32]),
        static_key: SealingSecret::from_bytes([6; 32]).public(),
    };
    let message = Message {
        kind: Kind::Text,
        part: 0,
        parts: 1,
        id: 5,
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::from_bytes([8; 32]),
        ratchet_key: SealingSecret::from_bytes([9; 32]).public(),
        body: first.with_text(b"tip"),
    };
    let mut desk = Conversation::accept(line, &message, &first).unwrap();
    let content = Content {
        kind: Kind::Text,
        id: 1,
        part: 0,
        parts: 1,
        body: b"answer",
    };
    let answer = desk.prepare(content, rng).unwrap();
    (desk, answer)
}

fn run<S: Strategy>(runner: &mut TestRunner, strategy: &S, test: impl Fn(S::Value)) {
    let outcome = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn good_objects_come_back() {
    for (name, again, good) in binary() {
        assert_eq!(again(&good).as_ref(), Some(&good), "{name}");
    }
}

#[test]
fn noise_is_refused_or_comes_back() {
    for (name, again, good) in binary() {
        let sizes = vec(any::<u8>(), 0..200).boxed();
        let whole = vec(any::<u8>(), good.len()).boxed();
        run(&mut runner(64), &prop_oneof![sizes, whole], |bytes| {
            if let Some(same) = again(&bytes) {
                assert_eq!(same, bytes, "{name}");
            }
        });
    }
}

#[test]
fn nothing_may_be_missing_or_left_over() {
    for (name, again, good) in binary() {
        let lengths = 0..good.len();
        run(&mut runner(64), &lengths, |length| {
            // A first contact's text may have any length, and so may a message behind its header.
            let is_text = name == "first contact" && length >= 1_348;
            let is_shorter_cursor = name == "cursor text" && length > good.len() - 2;
            let cut = again(&good[..length]);
            assert!(
                cut.is_none() || is_text || is_shorter_cursor,
                "{name} cut at {length}"
            );
        });
        let more = [&good[..], &[0]].concat();
        assert!(
            again(&more).is_none() || name == "first contact",
            "{name} with one byte more"
        );
    }
}

#[test]
fn one_bent_bit_is_refused_or_comes_back() {
    for (name, again, good) in binary() {
        let bits = prop_oneof![0..good.len().min(128) * 8, 0..good.len() * 8];
        run(&mut runner(256), &bits, |bit| {
            let mut bent = good.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            if let Some(same) = again(&bent) {
                assert_eq!(same, bent, "{name}, bit {bit}");
            }
        });
    }
}

/// What a phone, a desk and an administrator read back from their disks: sealed, so that only damage
/// or another version can bring anything else.
#[test]
fn kept_state_never_panics() {
    let keys = Code::from_bytes([1; 10]).derive(LineId([1; 16])).unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let mut tipster = Tipster::begin(LineId([1; 16]), keys.clone(), 0, 1_795_491_000, rng);
    drop(tipster.write("a text", rng).unwrap());
    let state = tipster.to_bytes();
    let read = |bytes: &[u8]| Tipster::from_bytes(bytes, keys.clone()).ok();
    assert_eq!(read(&state).unwrap().to_bytes(), state);
    let bytes = (vec(any::<u8>(), 0..300), 0..state.len() * 8);
    run(&mut runner(256), &bytes, |(noise, bit)| {
        let mut bent = state.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bent[..bit / 8]).is_none());
        drop(read(&bent));
        assert!(read(&noise).is_none());
        for row in [Row::Meta, Row::Unopened, Row::Case(1)] {
            assert!(Desk::from_rows(&vec![(row, noise.clone().into())]).is_err());
        }
        assert!(LineKeys::from_bytes(&noise).is_err());
        assert!(vault::open(&keys.vault, &noise).is_err());
        assert!(sealed::open(&keys.vault, b"", &noise).is_err());
    });
}

#[test]
fn texts_and_json_never_panic() {
    let texts = prop_oneof![
        "\\PC{0,80}".boxed(),
        "[a-z2-7]{26}".boxed(),
        "[a-z2-7]{52}".boxed(),
        "[0-9a-f]{1,4}\\.[0-9a-f]{1,16}\\.[0-9a-f]{1,16}".boxed(),
        "https://[a-z.]{1,9}#line=[a-z2-7]{26}&fp=[a-z2-7]{52}".boxed(),
        "([a-z]{3,8}[ -]){8}".boxed(),
        "\\{\"payloadType\":\"[a-z]*\",\"payload\":\"[A-Za-z0-9=]{0,8}\",\"signatures\":\\[\\]\\}"
            .boxed(),
    ];
    run(&mut runner(512), &texts, |text| {
        let same = |made: Option<String>| made.is_none_or(|made| made == text.to_lowercase());
        assert!(same(LineId::parse(&text).map(LineId::to_text)));
        assert!(same(Fingerprint::parse(&text).map(Fingerprint::to_text)));
        assert!(same(DeviceId::parse(&text).map(DeviceId::to_text)));
        if let Ok(link) = Link::parse(&text) {
            assert_eq!(Link::parse(&link.to_text()), Ok(link));
        }
        if let Ok(dsse) = Dsse::parse(text.as_bytes()) {
            assert_eq!(Dsse::parse(&dsse.to_json()), Ok(dsse));
        }
        let _ = Untrusted::<BundleParts>::parse(text.as_bytes());
        let _ = Code::parse(&text);
    });
}

#[test]
fn signature_headers_never_panic() {
    let parameters = prop_oneof![
        "\\PC{0,60}".boxed(),
        "sotto=\\(\"@method\" \"@path\" \"@query\" \"content-digest\"\\)(;[a-z]{1,8}=[\"0-9a-f]{0,34}){0,7}"
            .boxed(),
    ];
    let all = (parameters, "\\PC{0,60}|sotto=:[A-Za-z0-9+/]{43}=:");
    run(&mut runner(512), &all, |(signature_input, signature)| {
        let headers = SignedHeaders {
            content_digest: "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:".into(),
            signature_input,
            signature,
        };
        let _ = Claim::parse(&headers, b"");
    });
}
