//! The edges of what a phone accepts: seconds, several desks, signatures that are good for something
//! else, and every bit.

use data_encoding::BASE64;
use serde_json::{Value, json};
use sotto_protocol::{
    bundle::{Untrusted, VerifyError, day_of},
    dsse::Dsse,
    id::{Fingerprint, LineId},
    limits::BUNDLE_BYTES,
    secret::SealingSecret,
    statement::{DeskEntry, RelayStatement, RootSet, Statement as _},
};
use sotto_tests::cases::runner;

use super::line::{DAY, LINE_KEY, Line, NOW, RELAY_KEY, SECOND, root_set, secret, signed};

/// Signs for desk 2, where there is one.
pub(super) const OTHER_KEY: u8 = 21;

pub(super) fn other_desk() -> DeskEntry {
    DeskEntry {
        id: 2,
        names: [].into(),
        signing_keys: vec![secret(OTHER_KEY).public()],
    }
}

/// The bundle with one desk statement more.
pub(super) fn with_desk(line: &Line, statement: Dsse) -> Value {
    let mut json = line.json();
    let desks = json["desks"].as_array_mut().unwrap();
    desks.push(serde_json::to_value(statement).unwrap());
    json
}

type Bend = fn(&mut Line);

#[test]
fn another_pin_is_refused() {
    let mut line = Line::new();
    line.pin.fingerprint = Fingerprint([7; 32]);
    assert_eq!(line.error(), VerifyError::Fingerprint);
    let mut line = Line::new();
    line.pin.line = LineId([7; 16]);
    assert_eq!(line.error(), VerifyError::Line);
}

#[test]
fn validity_begins_and_ends_to_the_second() {
    let valid: [Bend; 4] = [
        |line| line.statement.expires = NOW + 1,
        // An hour's drift of the clock is forgiven.
        |line| line.statement.issued = NOW + 3_600,
        |line| line.certificate.not_before = NOW,
        |line| line.certificate.not_after = NOW + 1,
    ];
    for bend in valid {
        let mut line = Line::new();
        bend(&mut line);
        line.verify().unwrap();
    }
    let mut line = Line::new();
    line.statement.issued = NOW + 3_601;
    assert_eq!(line.error(), VerifyError::Expired);
}

#[test]
fn a_swapped_prekey_is_refused() {
    let line = Line::new();
    let mut swapped = line.desks[0].clone();
    swapped.prekey = SealingSecret::from_bytes([8; 32]).public();
    let mut json = line.json();
    let payload = BASE64.encode(swapped.to_dsse().unverified_payload());
    json["desks"][0]["payload"] = json!(payload);
    assert_eq!(line.verify_json(&json).unwrap_err(), VerifyError::Signature);
    // Signed by somebody else, besides the right one.
    for key in [LINE_KEY, RELAY_KEY, OTHER_KEY] {
        let json = with_desk(&line, signed(&swapped, &[key]));
        assert_eq!(line.verify_json(&json).unwrap_err(), VerifyError::Signature);
    }
}

#[test]
fn a_desk_signs_only_for_itself() {
    let mut line = Line::new();
    line.statement.desks.push(other_desk());
    assert_eq!(line.error(), VerifyError::NoPrekey, "desk 2 has none");
    let mut second = line.desks[0].clone();
    second.desk = 2;
    let own = with_desk(&line, signed(&second, &[OTHER_KEY]));
    let bundle = line.verify_json(&own).unwrap();
    assert_eq!(bundle.prekey(2, day_of(NOW)).unwrap().desk, 2);
    let by_the_first = with_desk(&line, signed(&second, &[line.desk_key]));
    let refused = line.verify_json(&by_the_first);
    assert_eq!(refused.unwrap_err(), VerifyError::Signature);
    // Two signatures by keys of which neither is the desk's.
    let by_others = with_desk(&line, signed(&second, &[line.desk_key, LINE_KEY]));
    let refused = line.verify_json(&by_others);
    assert_eq!(refused.unwrap_err(), VerifyError::Signature);
}

#[test]
fn without_a_prekey_nothing_is_sealed() {
    let bends: [Bend; 3] = [
        |line| line.desks.clear(),
        |line| line.desks[0].issued = NOW + 3_601,
        |line| {
            line.desks.clear();
            line.statement.desks.clear();
        },
    ];
    for bend in bends {
        let mut line = Line::new();
        bend(&mut line);
        assert_eq!(line.error(), VerifyError::NoPrekey);
        // A desk believes such a line all the same, so that it can begin to serve it.
        let json = line.json().to_string();
        let bundle = Untrusted::parse(json.as_bytes()).unwrap();
        let published = bundle.verify_line(line.pin, NOW).unwrap();
        assert_eq!(published.desks.len(), line.desks.len());
    }
    // What a drainer that is off left behind will do until it expires.
    let mut line = Line::new();
    line.desks[0].day -= 3;
    line.desks.truncate(1);
    let bundle = line.verify().unwrap();
    let today = day_of(NOW);
    assert_eq!(bundle.prekey(1, today).unwrap().day, today - 3);
}

/// Otherwise one root could sign for two.
#[test]
fn a_root_stands_in_a_set_once() {
    let [a, b, _] = root_set(1, SECOND).roots;
    for roots in [[a.clone(), a.clone(), b.clone()], [a, b.clone(), b]] {
        let set = RootSet { serial: 1, roots };
        let mut line = Line::new();
        line.pin.fingerprint = set.fingerprint();
        line.pin.line = set.fingerprint().line();
        line.roots = vec![signed(&set, &SECOND)];
        assert_eq!(line.error(), VerifyError::Malformed);
    }
}

/// A signature is for one kind of statement.
#[test]
fn kinds_are_not_mixed_up() {
    let line = Line::new();
    let good = line.json();
    for (place, other) in [
        ("/line", "/certificate"),
        ("/certificate", "/roots/0"),
        ("/roots/0", "/certificate"),
        ("/desks/0", "/line"),
    ] {
        let mut json = good.clone();
        *json.pointer_mut(place).unwrap() = good.pointer(other).unwrap().clone();
        let refused = line.verify_json(&json).unwrap_err();
        assert_eq!(refused, VerifyError::Malformed, "{other} as {place}");
    }
}

#[test]
fn the_relays_statement_is_checked_like_the_others() {
    type BendRelay = fn(&mut RelayStatement);
    let bends: [(BendRelay, u8, VerifyError); 4] = [
        (
            |relay| relay.line = LineId([7; 16]),
            RELAY_KEY,
            VerifyError::Line,
        ),
        (|relay| relay.expires = NOW, RELAY_KEY, VerifyError::Expired),
        (
            |relay| relay.expires = relay.issued,
            RELAY_KEY,
            VerifyError::Malformed,
        ),
        (|_| {}, LINE_KEY, VerifyError::Signature),
    ];
    for (bend, key, why) in bends {
        let mut line = Line::new();
        let mut relay = RelayStatement {
            line: line.pin.line,
            serial: 1,
            issued: NOW - 10,
            expires: NOW + DAY,
            tokens: Vec::new(),
            ohttp: None,
        };
        bend(&mut relay);
        for desk in &mut line.desks {
            let hash = relay.to_dsse().payload_hash();
            desk.relay_statement = Some(BASE64.encode(&hash));
        }
        let mut json = line.json();
        json["relay"] = serde_json::to_value(signed(&relay, &[key])).unwrap();
        assert_eq!(line.verify_json(&json).unwrap_err(), why);
    }
}

#[test]
fn what_is_no_bundle_is_malformed() {
    let good = Line::new().json().to_string();
    let twice = good.replacen('{', "{\"version\":1,", 1);
    let mut large = good.clone().into_bytes();
    large.resize(BUNDLE_BYTES, b' ');
    Untrusted::parse(&large).unwrap();
    large.push(b' ');
    let cut = &good[..good.len() - 1];
    let more = format!("{good}x");
    for bytes in [
        b"{}",
        cut.as_bytes(),
        more.as_bytes(),
        twice.as_bytes(),
        &large,
    ] {
        let refused = Untrusted::parse(bytes).unwrap_err();
        assert_eq!(refused, VerifyError::Malformed);
    }
}

/// Hints beside signatures may change; what is believed may not.
#[test]
fn no_bent_bit_changes_what_is_believed() {
    let mut line = Line::new();
    let second = root_set(2, SECOND);
    line.roots.push(signed(&second, &[1, 2, 4, 5]));
    line.certified_by = SECOND[1..].to_vec();
    let json = line.json().to_string().into_bytes();
    let believed = |json: &[u8]| {
        let bundle = Untrusted::parse(json)?.verify(line.pin, NOW, &line.seen)?;
        let said = serde_json::to_value((&bundle.line, &bundle.desks));
        Ok::<_, VerifyError>((said.unwrap(), bundle.seen))
    };
    let good = believed(&json).unwrap();
    let outcome = runner(400).run(&(0..json.len() * 8), |bit| {
        let mut bent = json.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        if let Ok(same) = believed(&bent) {
            assert!(same == good, "bit {bit}");
        }
        Ok(())
    });
    outcome.unwrap();
}
