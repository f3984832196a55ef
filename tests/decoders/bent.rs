//! Texts with one bit bent: names, statements, and the headers of a device request.

use sotto_protocol::{
    dsse::Dsse,
    id::{Board, DeviceId, Fingerprint, LineId},
    request::{AgreementSecret, Claim, RequestKey, RequestParts, SignedHeaders},
    secret::SigningSecret,
    statement::{RootSet, Statement as _},
};
use sotto_tests::cases::runner;

/// Calls `test` with `good` after some single bits were bent, where that leaves text.
fn bend(good: &str, test: impl Fn(&str)) {
    test(good);
    let bits = 0..good.len() * 8;
    let outcome = runner(256).run(&bits, |bit| {
        let mut bent = good.as_bytes().to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        if let Ok(bent) = String::from_utf8(bent) {
            test(&bent);
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn names_have_one_spelling() {
    let line = LineId([0xa5; 16]).to_text();
    assert_eq!(line.len(), 26);
    bend(&line, |text| {
        if let Some(line) = LineId::parse(text) {
            assert_eq!(line.to_text(), text.to_ascii_lowercase());
        }
    });
    let fingerprint = Fingerprint([0x5a; 32]).to_text();
    assert_eq!(fingerprint.len(), 52);
    bend(&fingerprint, |text| {
        if let Some(fingerprint) = Fingerprint::parse(text) {
            assert_eq!(fingerprint.to_text(), text.to_ascii_lowercase());
        }
    });
    let device = DeviceId([0xc3; 16]).to_text();
    assert_eq!(device.len(), 32);
    bend(&device, |text| {
        if let Some(device) = DeviceId::parse(text) {
            assert_eq!(device.to_text(), text);
        }
    });
    for board in Board::ALL {
        bend(board.name(), |text| {
            assert_eq!(Board::parse(text).is_some(), text == board.name());
        });
    }
}

#[test]
fn names_of_another_length_are_refused() {
    for length in 0..64 {
        let text = "a".repeat(length);
        assert_eq!(LineId::parse(&text).is_some(), length == 26);
        assert_eq!(Fingerprint::parse(&text).is_some(), length == 52);
        assert_eq!(DeviceId::parse(&text).is_some(), length == 32);
    }
    // Bits that belong to no byte are zero, or a name would have several spellings.
    assert!(LineId::parse(&format!("{}b", "a".repeat(25))).is_none());
    assert!(Fingerprint::parse(&format!("{}b", "a".repeat(51))).is_none());
}

/// Only hints beside a signature may be bent without breaking it.
#[test]
fn a_bent_statement_is_refused_or_says_the_same() {
    let keys = [1, 2, 3].map(|seed| SigningSecret::from_bytes(&[seed; 32]));
    let mut roots = keys.each_ref().map(SigningSecret::public);
    roots.sort();
    let set = RootSet {
        serial: 1,
        roots: roots.clone(),
    };
    let [a, b, _] = &keys;
    let good = b.sign(a.sign(set.to_dsse()));
    let json = String::from_utf8(good.to_json()).unwrap();
    bend(&json, |text| {
        let Ok(dsse) = Dsse::parse(text.as_bytes()) else {
            return;
        };
        assert_eq!(Dsse::parse(&dsse.to_json()).as_ref(), Ok(&dsse));
        if let Ok(opened) = RootSet::open(&dsse, &roots, 2) {
            assert_eq!(opened.roots, set.roots);
            assert_eq!(dsse.signed_bytes(), good.signed_bytes());
        }
    });
}

const PARTS: RequestParts<'_> = RequestParts {
    method: "POST",
    path: "/v1/x/in/ack",
    query: "a=b&c=d",
    body: b"0123456789",
};

fn is_accepted(key: &RequestKey, parts: RequestParts<'_>, headers: &SignedHeaders) -> bool {
    Claim::parse(headers, parts.body).is_ok_and(|claim| key.verify(parts, &claim).is_ok())
}

type Field = fn(&mut SignedHeaders) -> &mut String;

#[test]
fn every_bit_of_a_signed_request_counts() {
    let relay = AgreementSecret::from_bytes([1; 32]);
    let device = AgreementSecret::from_bytes([2; 32]);
    let key = device.request_key_of_device(&relay.public(), LineId([3; 16]));
    let good = key.sign(PARTS, DeviceId([4; 16]), 1_795_491_000, [5; 16]);
    assert!(is_accepted(&key, PARTS, &good));
    let headers: [Field; 3] = [
        |headers| &mut headers.content_digest,
        |headers| &mut headers.signature_input,
        |headers| &mut headers.signature,
    ];
    for field in headers {
        let whole = field(&mut good.clone()).clone();
        bend(&whole, |text| {
            let mut bent = good.clone();
            *field(&mut bent) = text.to_owned();
            assert_eq!(is_accepted(&key, PARTS, &bent), text == whole, "{text}");
        });
    }
    bend(PARTS.method, |method| {
        let parts = RequestParts { method, ..PARTS };
        assert_eq!(is_accepted(&key, parts, &good), method == PARTS.method);
    });
    bend(PARTS.path, |path| {
        let parts = RequestParts { path, ..PARTS };
        assert_eq!(is_accepted(&key, parts, &good), path == PARTS.path);
    });
    bend(PARTS.query, |query| {
        let parts = RequestParts { query, ..PARTS };
        assert_eq!(is_accepted(&key, parts, &good), query == PARTS.query);
    });
    bend("0123456789", |body| {
        let body = body.as_bytes();
        let parts = RequestParts { body, ..PARTS };
        assert_eq!(is_accepted(&key, parts, &good), body == PARTS.body);
    });
}

/// The parameters of SPEC 6.1, each once, and no other.
#[test]
fn signature_parameters_are_those_of_the_specification() {
    let key = AgreementSecret::from_bytes([2; 32]);
    let key = key.request_key_of_device(&key.public(), LineId([3; 16]));
    let good = key.sign(PARTS, DeviceId([4; 16]), 1_795_491_000, [5; 16]);
    let parse = |signature_input: String| {
        let headers = SignedHeaders {
            signature_input,
            ..good.clone()
        };
        Claim::parse(&headers, PARTS.body)
    };
    let (components, parameters) = good.signature_input.split_once(';').unwrap();
    let parameters: Vec<&str> = parameters.split(';').collect();
    assert_eq!(parameters.len(), 5);
    for (place, parameter) in parameters.iter().enumerate() {
        let mut without = parameters.clone();
        without.remove(place);
        let without = format!("{components};{}", without.join(";"));
        assert!(parse(without).is_err(), "without {parameter}");
        let twice = format!("{};{parameter}", good.signature_input);
        assert!(parse(twice).is_err(), "{parameter} twice");
    }
    for more in ["expires=1", "created", "", "Tag=\"sotto/1\""] {
        let more = format!("{};{more}", good.signature_input);
        assert!(parse(more).is_err());
    }
    let fewer = good.signature_input.replacen(" \"@query\"", "", 1);
    assert!(parse(fewer).is_err());
    let mut backwards = parameters;
    backwards.reverse();
    let backwards = format!("{components};{}", backwards.join(";"));
    assert_eq!(parse(backwards).unwrap().created, 1_795_491_000);
}
