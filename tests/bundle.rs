//! The chain from a pinned fingerprint to a prekey (SPEC 5.3): what holds it, and each way to break it.

mod edges;
mod line;
mod rollback;
mod sound;

use data_encoding::BASE64;
use serde_json::{Value, json};
use sotto_protocol::{
    bundle::{Seen, VerifyError, day_of},
    dsse::Dsse,
    statement::{LineStatement, RelayStatement, RootSet, Statement as _},
};

use self::line::{DAY, FIRST, LINE_KEY, Line, NOW, SECOND, root_set, secret, signed};

#[test]
fn a_good_chain_is_believed() {
    let line = Line::new();
    let bundle = line.verify().unwrap();
    assert_eq!(
        (bundle.seen.root, bundle.seen.certificate, bundle.seen.line),
        (1, 5, 6)
    );
    assert_eq!(bundle.seen.desks, [(1, 7)]);
    let today = day_of(NOW);
    assert_eq!(bundle.prekey(1, today).unwrap().day, today);
    assert_eq!(
        bundle.prekey(1, today + 9).unwrap().day,
        today + 1,
        "the last stays in use"
    );
    assert!(bundle.prekey(1, today - 1).is_none());
    assert!(bundle.prekey(2, today).is_none());
}

#[test]
fn two_roots_certify() {
    for (signers, is_good) in [(&[1, 2][..], true), (&[3, 1], true), (&[1, 2, 3], true)] {
        let line = Line {
            certified_by: signers.to_vec(),
            ..Line::new()
        };
        assert_eq!(line.verify().is_ok(), is_good);
    }
    for signers in [&[1][..], &[1, 1], &[1, 4], &[4, 5], &[]] {
        let line = Line {
            certified_by: signers.to_vec(),
            ..Line::new()
        };
        assert_eq!(line.error(), VerifyError::Signature, "{signers:?}");
    }
}

#[test]
fn roots_change_by_both_sets() {
    let second = root_set(2, SECOND);
    let mut line = Line::new();
    line.roots.push(signed(&second, &[1, 3, 4, 6]));
    line.certified_by = SECOND[..2].to_vec();
    assert_eq!(line.verify().unwrap().seen.root, 2);
    line.pin.fingerprint = second.fingerprint();
    line.verify().unwrap();
    line.pin.fingerprint = root_set(2, [7, 8, 9]).fingerprint();
    assert_eq!(line.error(), VerifyError::Fingerprint);
    // The old set no longer certifies.
    line.pin.fingerprint = second.fingerprint();
    line.certified_by = FIRST.to_vec();
    assert_eq!(line.error(), VerifyError::Signature);
    // Signed by one set only, or in another order.
    for signers in [&SECOND[..], &FIRST[..], &[1, 4][..]] {
        line.roots[1] = signed(&second, signers);
        assert_eq!(line.error(), VerifyError::Signature, "{signers:?}");
    }
    line.roots[1] = signed(&root_set(3, SECOND), &[1, 2, 4, 5]);
    assert_eq!(line.error(), VerifyError::Malformed, "a serial is missing");
    line.roots.swap(0, 1);
    assert_eq!(line.error(), VerifyError::Line);
    line.roots.clear();
    assert_eq!(line.error(), VerifyError::Malformed);
}

#[test]
fn everything_has_its_time() {
    let mut line = Line::new();
    line.certificate.not_after = NOW;
    assert_eq!(line.error(), VerifyError::Expired);
    let mut line = Line::new();
    line.certificate.not_before = NOW + 1;
    assert_eq!(line.error(), VerifyError::Expired);
    let mut line = Line::new();
    line.statement.expires = NOW;
    line.statement.issued = NOW - 10;
    assert_eq!(line.error(), VerifyError::Expired);
    let mut line = Line::new();
    line.statement.issued = NOW + 2 * 3_600;
    assert_eq!(line.error(), VerifyError::Expired, "signed tomorrow");
    let mut line = Line::new();
    for desk in &mut line.desks {
        (desk.issued, desk.expires) = (NOW - 10, NOW);
    }
    assert_eq!(line.error(), VerifyError::NoPrekey);
    let mut line = Line::new();
    line.desks.remove(0);
    let moved = line.verify().unwrap();
    assert_eq!(
        moved.sealing_day(NOW),
        day_of(NOW) + 1,
        "a clock a day behind"
    );
    let mut line = Line::new();
    for desk in &mut line.desks {
        desk.day += 2;
    }
    assert_eq!(line.error(), VerifyError::Clock, "one further behind");
}

#[test]
fn no_serial_goes_down() {
    let fresh = Line::new().verify().unwrap().seen;
    let raised: [fn(&mut Seen); 4] = [
        |seen| seen.root += 1,
        |seen| seen.certificate += 1,
        |seen| seen.line += 1,
        |seen| seen.desks[0].1 += 1,
    ];
    for raise in raised {
        let mut line = Line::new();
        line.seen = fresh.clone();
        line.verify().unwrap();
        raise(&mut line.seen);
        assert_eq!(line.error(), VerifyError::RolledBack);
    }
}

#[test]
fn statements_are_of_this_line_and_by_its_keys() {
    let other = root_set(1, SECOND).fingerprint().line();
    let mut line = Line::new();
    line.certificate.line = other;
    assert_eq!(line.error(), VerifyError::Line);
    let mut line = Line::new();
    line.statement.line = other;
    assert_eq!(line.error(), VerifyError::Line);
    let mut line = Line::new();
    line.desks[0].line = other;
    assert_eq!(line.error(), VerifyError::Line);
    let mut line = Line::new();
    line.desk_key = LINE_KEY;
    assert_eq!(line.error(), VerifyError::Signature);
    let mut line = Line::new();
    line.desks[0].desk = 2;
    assert_eq!(line.error(), VerifyError::Signature, "no such desk");
    let mut line = Line::new();
    line.certificate.line_key = secret(11).public();
    assert_eq!(line.error(), VerifyError::Signature);
}

#[test]
fn the_relays_statement_is_repeated_by_the_desks() {
    let mut line = Line::new();
    let relay = RelayStatement {
        line: line.pin.line,
        serial: 1,
        issued: NOW,
        expires: NOW + DAY,
        tokens: Vec::new(),
        ohttp: None,
    };
    line.relay = Some(relay.clone());
    assert_eq!(line.error(), VerifyError::Signature, "no desk has seen it");
    let hash = BASE64.encode(&relay.to_dsse().payload_hash());
    for desk in &mut line.desks {
        desk.relay_statement = Some(hash.clone());
    }
    line.verify().unwrap();
    line.desks[1].relay_statement = None;
    assert_eq!(line.error(), VerifyError::Signature, "one desk has not");
}

#[test]
fn a_newer_line_asks_for_a_newer_program() {
    let mut line = Line::new();
    line.statement.min_version = 2;
    assert_eq!(line.error(), VerifyError::Update);
    let line = Line::new();
    let mut json = line.json();
    json["version"] = json!(2);
    assert_eq!(line.verify_json(&json).unwrap_err(), VerifyError::Update);
}

/// A later version's fields are ignored, and still nobody can add one unsigned.
#[test]
fn unknown_fields_are_ignored_and_covered() {
    let line = Line::new();
    let mut json = line.json();
    json["future"] = json!({ "anything": true });
    line.verify_json(&json).unwrap();
    let payload = line.statement.to_dsse();
    let mut statement: Value = serde_json::from_slice(payload.unverified_payload()).unwrap();
    statement["future"] = json!([1, 2, 3]);
    let kind = LineStatement::TYPE;
    let unsigned = Dsse::unsigned(kind.into(), statement.to_string().into_bytes());
    json["line"] = serde_json::to_value(secret(LINE_KEY).sign(unsigned)).unwrap();
    line.verify_json(&json).unwrap();
    statement["future"] = json!([1, 2, 4]);
    let bent = BASE64.encode(statement.to_string().as_bytes());
    json["line"]["payload"] = json!(bent);
    assert_eq!(line.verify_json(&json).unwrap_err(), VerifyError::Signature);
}

#[test]
fn unsound_statements_are_malformed() {
    let bends: [fn(&mut Line); 7] = [
        |line| line.statement.policy.new_cycle_seconds = 0,
        |line| line.statement.policy.old_cycle_seconds = 7,
        |line| line.statement.desks[0].id = 0,
        |line| line.statement.expires = line.statement.issued,
        |line| line.certificate.not_after = line.certificate.not_before,
        |line| line.desks[0].expires = line.desks[0].issued,
        |line| {
            let size = sotto_protocol::statement::BoardSize {
                pages: 3,
                first_cycle: 0,
            };
            line.desks[0].boards = Some(sotto_protocol::statement::Boards {
                new: vec![size],
                old: vec![size],
            });
        },
    ];
    for bend in bends {
        let mut line = Line::new();
        bend(&mut line);
        assert_eq!(line.error(), VerifyError::Malformed);
    }
    // Two names for one statement kind: the payload type is signed too.
    let line = Line::new();
    let mut json = line.json();
    json["line"]["payloadType"] = json!(RootSet::TYPE);
    assert_eq!(line.verify_json(&json).unwrap_err(), VerifyError::Malformed);
}
