//! Serials never go down, also where a relay leaves something out.

use sotto_protocol::bundle::{Seen, VerifyError};

use super::{
    edges::{OTHER_KEY, other_desk, with_desk},
    line::{FIRST, Line, SECOND, root_set, signed},
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
