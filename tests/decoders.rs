//! Every decoder of the protocol: noise never panics, what decodes encodes to the same bytes again,
//! and nothing may be missing, left over or bent.

mod bent;
mod entries;
mod limits;
mod objects;
mod rows;
mod seeds;
mod tokens;

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{ceremony::LineKeys, link::Link, sealed, tipster::Tipster, vault::Vault};
use sotto_protocol::{
    bundle::{BundleParts, Untrusted},
    code::Code,
    dsse::Dsse,
    id::{DeviceId, Fingerprint, LineId},
    request::{Claim, SignedHeaders},
    token::{Token, work::WorkProof},
};
use sotto_tests::cases::runner;

use self::objects::{Object, binary as objects};

fn binary() -> Vec<Object> {
    [objects(), tokens::binary()].concat()
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

/// What a phone and an administrator read back from their disks: sealed, so that only damage
/// or another version can bring anything else.
#[test]
fn kept_state_never_panics() {
    let keys = Code::from_bytes([1; 10]).derive(LineId([1; 16])).unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let mut tipster = Tipster::begin(LineId([1; 16]), keys.clone(), 0, 1_795_491_000, rng);
    drop(tipster.write("a text", 1_795_491_000, rng).unwrap());
    let state = tipster.to_bytes();
    let read = |bytes: &[u8]| Tipster::from_bytes(bytes).ok();
    assert_eq!(read(&state).unwrap().to_bytes(), state);
    let bytes = (vec(any::<u8>(), 0..300), 0..state.len() * 8);
    run(&mut runner(256), &bytes, |(noise, bit)| {
        let mut bent = state.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bent[..bit / 8]).is_none());
        drop(read(&bent));
        assert!(read(&noise).is_none());
        assert!(LineKeys::from_bytes(&noise).is_err());
        assert!(Vault::parse(&noise).is_err());
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
        "PrivateToken token=\"?[A-Za-z0-9_=-]{0,9}\"?".boxed(),
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
        let _ = Token::from_header(&text);
        let _ = WorkProof::from_header(&text);
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
