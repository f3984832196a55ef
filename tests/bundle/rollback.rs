//! Serials never go down, of whatever kind.

use sotto_protocol::{
    bundle::{Seen, VerifyError},
    statement::Statement as _,
};

use super::scene::{FIRST, FOREIGN, NOW, Scene, desk_entry, parse, roots, signer};

fn seen() -> Seen {
    Scene::new().verify().unwrap().seen
}

#[test]
fn lower_serials_are_refused() {
    type Bend = fn(&mut Scene, i8);
    let bends: [(&str, Bend); 3] = [
        ("certificate", |scene, by| {
            let serial = &mut scene.certificate.serial;
            *serial = serial.saturating_add_signed(by.into());
        }),
        ("line", |scene, by| {
            let serial = &mut scene.line.serial;
            *serial = serial.saturating_add_signed(by.into());
        }),
        ("desk", |scene, by| {
            for desk in &mut scene.desks {
                desk.serial = desk.serial.saturating_add_signed(by.into());
            }
        }),
    ];
    for (kind, bend) in bends {
        for (by, expected) in [(-1, Some(VerifyError::RolledBack)), (0, None), (1, None)] {
            let mut scene = Scene::new();
            bend(&mut scene, by);
            let verified = scene.verify_after(&seen());
            assert_eq!(verified.err(), expected, "{kind} {by}");
        }
    }
}

/// A relay that hides the newer root set shows the chain as it was.
#[test]
fn an_older_chain_is_refused() {
    let rotated = Scene::rotated();
    let seen = rotated.verify().unwrap().seen;
    let before = Scene::new();
    let verified = before.verify_after(&seen);
    assert_eq!(verified.unwrap_err(), VerifyError::RolledBack);
    // Nor with a certificate of the newer set, which the older one did not make.
    let mut mixed = Scene::rotated();
    mixed.chain.truncate(1);
    assert_eq!(mixed.refusal(), VerifyError::Signature);
    mixed.certifiers = roots(FIRST).into();
    let verified = mixed.verify_after(&seen);
    assert_eq!(verified.unwrap_err(), VerifyError::RolledBack);
}

#[test]
fn what_was_seen_only_rises() {
    let mut newer = Scene::new();
    newer.line.serial += 5;
    let raised = newer.verify_after(&seen()).unwrap().seen;
    assert_eq!(raised.line, 35);
    let older = Scene::new().verify_after(&raised);
    assert_eq!(older.unwrap_err(), VerifyError::RolledBack);
}

/// A desk that comes back after it was left out for a while starts where it was.
#[test]
fn a_desk_that_was_left_out_is_remembered() {
    let mut both = Scene::new();
    let entry = desk_entry(2, signer(FOREIGN).public());
    both.line.desks.push(entry);
    let mut statement = both.desks[0].clone();
    statement.desk = 2;
    let with_second = |serial, seen: &Seen| {
        let mut statement = statement.clone();
        statement.serial = serial;
        let mut parts = both.parts();
        parts.desks.push(signer(FOREIGN).sign(statement.to_dsse()));
        parse(&parts).verify(both.pin(), NOW, seen)
    };
    let seen = with_second(41, &Seen::default()).unwrap().seen;
    assert_eq!(seen.desks, [(1, 40), (2, 41)]);
    let seen = Scene::new().verify_after(&seen).unwrap().seen;
    assert_eq!(seen.desks, [(1, 40), (2, 41)]);
    let older = with_second(40, &seen);
    assert_eq!(older.unwrap_err(), VerifyError::RolledBack);
    with_second(41, &seen).unwrap();
}
