//! Serials never go down, also where a relay leaves something out.

use data_encoding::BASE64;
use sotto_protocol::{
    bundle::{Seen, VerifyError},
    keys::AgreementPublicKey,
    statement::{RelayKeys, RelayStatement, Statement as _, next_serial},
};

use super::{
    edges::{OTHER_KEY, other_desk, with_desk},
    line::{DAY, FIRST, Line, NOW, SECOND, root_set, secret, signed},
};

#[test]
fn equal_and_higher_serials_are_accepted() {
    let raises: [fn(&mut Line); 4] = [
        |_| {},
        |line| line.certificate.serial += 1,
        |line| line.statement.serial += 1,
        |line| line.desks[0].serial += 1,
    ];
    for raise in raises {
        let mut line = Line::new();
        line.seen = line.verify().unwrap().seen;
        raise(&mut line);
        let newest = Seen {
            root: 1,
            certificate: line.certificate.serial,
            line: line.statement.serial,
            desks: vec![(1, line.desks[0].serial)],
        };
        assert_eq!(line.verify().unwrap().seen, newest);
    }
}

/// A relay that hides the newer root set shows the chain as it was.
#[test]
fn an_older_chain_is_refused() {
    let mut line = Line::new();
    let second = root_set(2, SECOND);
    line.roots.push(signed(&second, &[1, 2, 4, 5]));
    line.certified_by = SECOND[..2].to_vec();
    line.seen = line.verify().unwrap().seen;
    line.roots.pop();
    assert_eq!(line.error(), VerifyError::Signature, "by the newer set");
    line.certified_by = FIRST[..2].to_vec();
    assert_eq!(line.error(), VerifyError::RolledBack);
    line.pin.fingerprint = second.fingerprint();
    assert_eq!(line.error(), VerifyError::Fingerprint);
}

/// A desk that comes back after it was left out for a while goes on where it was.
#[test]
fn a_desk_that_was_left_out_is_remembered() {
    let mut line = Line::new();
    line.statement.desks.push(other_desk());
    let mut second = line.desks[0].clone();
    let mut with_second = |serial, seen: &Seen| {
        (second.desk, second.serial) = (2, serial);
        line.seen = seen.clone();
        line.verify_json(&with_desk(&line, signed(&second, &[OTHER_KEY])))
    };
    let before = with_second(9, &Seen::default()).unwrap().seen;
    assert_eq!(before.desks, [(1, 7), (2, 9)]);
    let mut without = Line::new();
    without.seen = before;
    let seen = without.verify().unwrap().seen;
    assert_eq!(seen.desks, [(1, 7), (2, 9)]);
    let lower = with_second(8, &seen);
    assert_eq!(lower.unwrap_err(), VerifyError::RolledBack);
    with_second(9, &seen).unwrap();
}

/// Whoever steals a key cannot name a serial that shuts its owner out for ever.
#[test]
fn serials_follow_the_clock() {
    let bends: [fn(&mut Line, u64); 3] = [
        |line, ahead| line.certificate.serial = line.certificate.not_before + ahead,
        |line, ahead| line.statement.serial = line.statement.issued + ahead,
        |line, ahead| line.desks[0].serial = line.desks[0].issued + ahead,
    ];
    for bend in bends {
        let mut line = Line::new();
        bend(&mut line, 7_200);
        line.verify().unwrap();
        bend(&mut line, 7_201);
        assert_eq!(line.error(), VerifyError::Malformed);
    }
    assert_eq!(next_serial(5, 1_000), 1_000);
    assert_eq!(next_serial(1_000, 1_000), 1_001);
    assert_eq!(next_serial(4_599, 1_000), 4_600);
    assert_eq!(next_serial(4_600, 1_000), 1_000, "a clock that was ahead");
    assert_eq!(next_serial(u64::MAX, 1_000), 1_000);
}

/// During an overlap the relay's statement may be by its old key or by its new one.
#[test]
fn a_relay_signs_under_either_of_two_keys() {
    let mut line = Line::new();
    let relay = RelayStatement {
        line: line.pin.line,
        serial: 1,
        issued: NOW,
        expires: NOW + DAY,
        tokens: Vec::new(),
        ohttp: None,
    };
    let hash = BASE64.encode(&relay.to_dsse().payload_hash());
    for desk in &mut line.desks {
        desk.relay_statement = Some(hash.clone());
    }
    line.relay = Some(relay);
    line.verify().unwrap();
    let newer = RelayKeys {
        signing_key: secret(31).public(),
        x25519: AgreementPublicKey([9; 32]),
    };
    let before = core::mem::replace(&mut line.statement.relay, newer);
    assert_eq!(line.error(), VerifyError::Signature);
    line.statement.relay_before = Some(before);
    line.verify().unwrap();
}
