//! What is left in memory of secrets that are no longer used: nothing.
//!
//! Not covered: stack frames that have been left. Rust moves values, and what it moved from stays
//! until the next call writes over it; here a deep call does so before the scan.
#![cfg(target_os = "linux")]

use std::{fs, hint::black_box, sync::Arc};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    code::{Code, CodeKeys},
    conversation::{Content, Conversation, Fresh, Slot},
    hash,
    id::{Address, Board, LineId},
    message::{Contact, FirstContact, Flags, Kind},
    request::{AgreementSecret, RequestParts},
    seal::{self, Place},
    secret::{SealingSecret, Secret, SigningSecret, random},
};
use sotto_relay::{
    epochs::FileKeys,
    store::{Embedded, Post, Sealed, Store as _},
};
use sotto_tests::{
    plain::Plain,
    scan::{Scan, Trace},
    world::{BEGIN, TestClock},
};
use tempfile::TempDir;
use zeroize::Zeroizing;

const LINE: LineId = LineId([7; 16]);
const DAY: u32 = 20_780;

/// Bytes that occur nowhere else in this program.
fn planted<const N: usize>(seed: u64) -> [u8; N] {
    random(&mut ChaCha20Rng::seed_from_u64(0x5050_7710_0000 + seed))
}

/// Does the work a few times, writes over the stack it used, and looks for what is left.
#[inline(never)]
fn left_by(times: usize, work: fn(&mut Vec<Trace>)) -> Vec<&'static str> {
    let mut scan = Scan::default();
    let mut traces = Vec::with_capacity(256);
    for _ in 0..times {
        work(&mut traces);
    }
    assert!(!traces.is_empty());
    overwrite_stack();
    scan.find(&traces)
}

#[inline(never)]
#[expect(
    clippy::large_stack_arrays,
    reason = "to cover the stack is what it is for; a test's thread has two megabytes"
)]
fn overwrite_stack() {
    black_box(&mut [0x33_u8; 1 << 20]);
}

#[test]
fn what_is_alive_is_found_and_so_is_what_was_freed_as_it_was() {
    let alive = Box::new(planted::<32>(1));
    let traces = [Trace::of("alive", alive.as_slice())];
    assert_eq!(Scan::default().find(&traces), ["alive"]);
    let absent = left_by(1, |traces| {
        traces.push(Trace::of("absent", &planted::<32>(5)));
    });
    assert_eq!(absent, [""; 0]);
    let freed = left_by(8, |traces| {
        let bytes = planted::<64>(2).to_vec();
        traces.push(Trace::of("freed", &bytes));
    });
    assert_eq!(freed, ["freed"], "an ordinary vector leaves its bytes");
}

#[test]
fn nothing_of_an_envelope_that_was_sealed_and_opened() {
    for work in [envelope::<false>, envelope::<true>] {
        assert_eq!(left_by(8, work), [""; 0]);
    }
}

fn envelope<const IS_PSK: bool>(traces: &mut Vec<Trace>) {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let receiver = SealingSecret::from_bytes(planted(10));
    let psk = Secret::from_bytes(planted(11));
    let body = zeroize::Zeroizing::new(planted::<256>(13));
    traces.push(Trace::of("receiver", receiver.as_bytes()));
    traces.push(Trace::of("psk", psk.as_bytes()));
    traces.push(Trace::of("body", body.as_slice()));
    let ratchet = receiver.public();
    let plain = Plain {
        kind: 1,
        epoch: 1,
        epoch_secret: &planted(12),
        ratchet_key: ratchet.0.as_slice(),
        body: body.as_slice(),
    };
    traces.push(Trace::of("epoch secret", plain.epoch_secret));
    let place = Place {
        line: LINE,
        day: DAY,
        address: Address([1; 32]),
    };
    let psk = IS_PSK.then_some(&psk);
    let message = plain.message();
    let sealed = seal::seal(&message, &receiver.public(), psk, place, rng).unwrap();
    let opened = seal::open(&sealed, &receiver, psk, LINE).unwrap();
    assert!(opened == message);
    drop(opened.clone());
    let mut bent = sealed.into_bytes();
    bent[8_000] ^= 1;
    let bent = seal::Envelope::parse(bent).unwrap();
    seal::open(&bent, &receiver, psk, LINE).unwrap_err();
}

#[test]
fn nothing_of_a_code_and_its_keys() {
    let left = left_by(2, |traces| {
        // Not at the front of its allocation, where the allocator would write over it.
        let boxed = Box::new(([0_u8; 64], Code::from_bytes(planted(20))));
        traces.push(Trace::of("code", &planted::<10>(20)));
        let words = boxed.1.to_words();
        traces.push(Trace::of("words", words.as_bytes()));
        assert!(Code::parse(&words).unwrap() == boxed.1);
        let keys = boxed.1.derive(LINE).unwrap();
        traces.push(Trace::of("continuity key", keys.continuity.as_bytes()));
        traces.push(Trace::of("static key", keys.static_key.as_bytes()));
        traces.push(Trace::of("vault key", keys.vault.as_bytes()));
        drop(Box::new(keys.clone()));
    });
    assert_eq!(left, [""; 0]);
}

#[test]
fn nothing_of_a_conversation() {
    let left = left_by(8, |traces| {
        let rng = &mut ChaCha20Rng::seed_from_u64(4);
        let prekey = SealingSecret::make(rng);
        let keys = CodeKeys::from_stretched(Secret::make(rng));
        let contact = Contact {
            bundle: [0; 32],
            keys: &keys,
        };
        let mut phone = Conversation::begin(LINE, DAY, false, rng);
        let content = text(b"Every Tuesday night under the bridge.");
        let sealed = phone.seal_first(content, contact, (&prekey.public(), DAY), rng);
        let message = seal::open(&sealed.unwrap().envelope, &prekey, None, LINE).unwrap();
        let (opened, _) = FirstContact::parse(&message.body).unwrap();
        let mut desk = Conversation::accept(LINE, &message, &opened).unwrap();
        let es = message.epoch_secret.as_bytes();
        let root = hash::extract(b"sotto/1 root", &[es, &opened.nonce]);
        let epoch: [u8; 64] = hash::expand(&root, &[b"sotto/1 epoch", &1_u32.to_le_bytes()]);
        let key: [u8; 32] = hash::expand(epoch.first_chunk().unwrap(), &[b"sotto/1 message"]);
        let slot = Slot::Board(Board::New, 9);
        for (name, secret) in [("es[0]", es), ("RK[0]", &root), ("MK[1,0]", &key)] {
            traces.push(Trace::of(name, secret));
        }
        traces.push(Trace::of("CK[1,0]", &epoch[..32]));
        traces.push(Trace::of("AK[1]", &epoch[32..]));
        traces.push(Trace::of("continuity key", opened.continuity.as_bytes()));
        traces.push(Trace::of("prekey", prekey.as_bytes()));
        traces.push(Trace::of("text", b"Tuesday night under the bridge."));
        let fresh = Fresh::make(rng);
        traces.push(Trace::of("ratchet pair", fresh.ratchet.as_bytes()));
        let outgoing = desk.prepare(text(b"Did you see a number plate?"), &fresh);
        drop(fresh);
        let answer = outgoing.unwrap().seal(LINE, DAY, slot, rng).unwrap();
        traces.push(Trace::of("answer", b"you see a number plate?"));
        let phone_kept = phone.to_bytes();
        let mut phone = Conversation::from_bytes(&phone_kept).unwrap();
        let message = phone.open((1, 0), &answer, DAY).unwrap();
        traces.push(Trace::of("es[1]", message.epoch_secret.as_bytes()));
    });
    assert_eq!(left, [""; 0]);
}

const fn text(body: &[u8]) -> Content<'_> {
    Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body,
    }
}

#[test]
fn nothing_of_signing_and_agreement_keys() {
    let left = left_by(8, |traces| {
        let signing = SigningSecret::from_bytes(&planted(30));
        traces.push(Trace::of("signing key", &*signing.to_bytes()));
        signing.public();
        let device = Box::new(AgreementSecret::from_bytes(planted(31)));
        traces.push(Trace::of("agreement key", &device.to_bytes()));
        let key = device.request_key_of_device(&device.public(), LINE);
        let parts = RequestParts {
            method: "GET",
            path: "/",
            query: "",
            body: b"",
        };
        let device = sotto_protocol::id::DeviceId([1; 16]);
        key.sign(parts, device, 1, [2; 16]);
    });
    assert_eq!(left, [""; 0]);
}

#[test]
fn nothing_of_a_retention_key_that_was_destroyed() {
    assert_eq!(left_by(1, retention::<false>), ["retention key"]);
    assert_eq!(left_by(4, retention::<true>), [""; 0]);
}

/// A relay that goes on running: what it seals and opens, and what is left of the day's key once that
/// is past.
fn retention<const IS_PAST: bool>(traces: &mut Vec<Trace>) {
    const DAYS: u64 = 15 * 86_400;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("epochs");
    let inner = Arc::new(Embedded::open(&dir.path().join("store"), 1).unwrap());
    let keys = Arc::new(FileKeys::create(&path).unwrap());
    let clock = TestClock::at(BEGIN);
    let own = Arc::new(clock.clone());
    let store = runtime
        .block_on(Sealed::open(inner, keys, own, &[LINE]))
        .unwrap();
    let post = Post {
        class: sotto_protocol::envelope::Class::Envelope,
        address: Address([1; 32]),
        body: vec![0; 8_128].into(),
    };
    runtime.block_on(store.append(LINE, post, BEGIN)).unwrap();
    let read = runtime.block_on(store.read(LINE, None, 1)).unwrap();
    assert_eq!(read.records.len(), 1);
    // The row of today's key is the second: head, scope, key.
    let file = Zeroizing::new(fs::read(&path).unwrap());
    traces.push(Trace::of(
        "retention key",
        &file[64 + 64 + 32..64 + 64 + 64],
    ));
    drop(file);
    if IS_PAST {
        clock.pass(DAYS);
        let now = BEGIN + DAYS;
        let before = now - 14 * 86_400;
        runtime.block_on(store.sweep(LINE, before, now)).unwrap();
    }
    // It stays in memory, as a relay does.
    Box::leak(Box::new(store));
}
