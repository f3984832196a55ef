//! Roots and what they sign: two of three, and a chain from the first set to the newest.

use sotto_protocol::{
    bundle::{Pin, Seen, VerifyError},
    statement::{RootSet, Statement as _},
};

use super::scene::{
    DESK_KEY, FIRST, FOREIGN, NOW, SECOND, Scene, parse, refusal, root_set, roots, signer,
};

#[test]
fn two_roots_certify() {
    let [a, b, c] = FIRST;
    let bends: [(&[u8], bool); 7] = [
        (&[a, b], true),
        (&[b, c], true),
        (&[c, a, FOREIGN], true),
        (&[], false),
        (&[a], false),
        (&[a, a], false),
        (&[a, FOREIGN], false),
    ];
    for (signers, is_enough) in bends {
        let mut scene = Scene::new();
        scene.certifiers = signers.iter().map(|seed| signer(*seed)).collect();
        let expected = if is_enough {
            None
        } else {
            Some(VerifyError::Signature)
        };
        assert_eq!(scene.verify().err(), expected, "{signers:?}");
        // The same for the root set itself.
        let mut scene = Scene::new();
        scene.chain[0].1 = signers.iter().map(|seed| signer(*seed)).collect();
        assert_eq!(scene.verify().err(), expected, "{signers:?}");
    }
}

#[test]
fn the_line_key_is_the_certified_one() {
    let mut scene = Scene::new();
    scene.certificate.line_key = signer(FOREIGN).public();
    assert_eq!(scene.refusal(), VerifyError::Signature);
    let mut parts = Scene::new().parts();
    parts.line = signer(DESK_KEY).sign(Scene::new().line.to_dsse());
    assert_eq!(refusal(&parts), VerifyError::Signature);
}

/// A signature is for one kind of statement.
#[test]
fn kinds_are_not_mixed_up() {
    let good = Scene::new().parts();
    let mut parts = good.clone();
    parts.line = good.certificate.clone();
    assert_eq!(refusal(&parts), VerifyError::Malformed);
    parts = good.clone();
    parts.certificate = good.roots[0].clone();
    assert_eq!(refusal(&parts), VerifyError::Malformed);
    parts = good.clone();
    parts.relay = Some(good.desks[0].clone());
    assert_eq!(refusal(&parts), VerifyError::Malformed);
}

#[test]
fn unsound_statements_are_malformed() {
    let bends: [fn(&mut Scene); 9] = [
        |scene| scene.line.policy.new_cycle_seconds = 0,
        |scene| scene.line.policy.old_cycle_seconds = 7,
        |scene| scene.line.expires = scene.line.issued,
        |scene| scene.line.desks[0].id = 0,
        |scene| scene.line.desks.extend(scene.line.desks.clone()),
        |scene| scene.certificate.not_after = scene.certificate.not_before,
        |scene| scene.desks[0].expires = scene.desks[0].issued,
        |scene| scene.chain[0].0.serial = 0,
        |scene| scene.chain[0].0.roots.swap(0, 1),
    ];
    for (place, bend) in bends.into_iter().enumerate() {
        let mut scene = Scene::new();
        bend(&mut scene);
        assert_eq!(scene.refusal(), VerifyError::Malformed, "{place}");
    }
}

/// Otherwise one root of such a set could sign for two.
#[test]
fn a_root_stands_in_a_set_once() {
    let [a, b, _] = roots(FIRST).map(|key| key.public());
    let set = RootSet {
        serial: 1,
        roots: [a.clone(), a, b],
    };
    let mut scene = Scene::new();
    let line = set.fingerprint().line();
    scene.chain[0].0 = set;
    (scene.certificate.line, scene.line.line) = (line, line);
    assert_eq!(scene.refusal(), VerifyError::Malformed);
}

#[test]
fn roots_may_be_replaced() {
    let scene = Scene::rotated();
    let bundle = scene.verify().unwrap();
    assert_eq!(bundle.seen.root, 2);
    for (set, _) in &scene.chain {
        let pin = Pin {
            fingerprint: set.fingerprint(),
            ..scene.pin()
        };
        let parsed = parse(&scene.parts());
        parsed.verify(pin, NOW, &Seen::default()).unwrap();
    }
    // The line keeps its name.
    let second = root_set(2, SECOND).fingerprint();
    assert_ne!(second.line(), scene.line.line);
}

#[test]
fn both_sets_must_sign_the_newer() {
    let ([a, b, _], [c, d, _]) = (FIRST, SECOND);
    let who: [(&[u8], bool); 5] = [
        (&[a, b, c, d], true),
        (&[c, d], false),
        (&[a, b], false),
        (&[a, c, d], false),
        (&[a, b, c], false),
    ];
    for (signers, is_enough) in who {
        let mut scene = Scene::rotated();
        scene.chain[1].1 = signers.iter().map(|seed| signer(*seed)).collect();
        let expected = if is_enough {
            None
        } else {
            Some(VerifyError::Signature)
        };
        assert_eq!(scene.verify().err(), expected, "{signers:?}");
    }
}

#[test]
fn the_newest_set_certifies() {
    let mut scene = Scene::rotated();
    scene.certifiers = roots(FIRST).into();
    assert_eq!(scene.refusal(), VerifyError::Signature);
}

#[test]
fn a_chain_has_no_gaps_and_begins_at_the_line() {
    let mut scene = Scene::rotated();
    scene.chain[1].0.serial = 3;
    assert_eq!(scene.refusal(), VerifyError::Malformed);
    scene.chain[1].0.serial = 1;
    assert_eq!(scene.refusal(), VerifyError::Malformed);
    let mut scene = Scene::rotated();
    scene.chain.remove(0);
    assert_eq!(scene.refusal(), VerifyError::Line, "the first is missing");
    scene.chain[0].0.serial = 1;
    assert_eq!(scene.refusal(), VerifyError::Line, "not the line's first");
    let mut scene = Scene::new();
    scene.chain[0].0.serial = 2;
    assert_eq!(scene.refusal(), VerifyError::Line, "no first serial");
    let mut parts = Scene::new().parts();
    parts.roots.clear();
    assert_eq!(refusal(&parts), VerifyError::Malformed);
}
