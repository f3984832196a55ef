//! Bundles: what a phone accepts, and by which error it refuses everything else (SPEC 5.1 to 5.3).

mod chain;
mod rollback;
mod scene;

use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;
use sotto_protocol::{
    bundle::{BundleParts, Pin, Seen, Untrusted, VerifyError},
    dsse::Dsse,
    id::{Fingerprint, LineId},
    limits::{BUNDLE_BYTES, DAY_SECONDS},
    secret::SealingSecret,
    statement::Statement as _,
};
use sotto_tests::cases::runner;

use self::scene::{DAY, DESK_KEY, FOREIGN, NOW, Scene, desk_entry, parse, refusal, signer};

#[test]
fn a_good_one_is_accepted() {
    let scene = Scene::new();
    let bundle = scene.verify().unwrap();
    assert_eq!(bundle.line.serial, 30);
    let seen = Seen {
        root: 1,
        certificate: 20,
        line: 30,
        desks: vec![(1, 40)],
    };
    assert_eq!(bundle.seen, seen);
    for (asked, used) in [
        (DAY - 1, None),
        (DAY, Some(DAY)),
        (DAY + 1, Some(DAY + 1)),
        (DAY + 9, Some(DAY + 1)),
    ] {
        assert_eq!(bundle.prekey(1, asked).map(|desk| desk.day), used);
    }
    assert!(bundle.prekey(2, DAY).is_none());
    scene.verify_after(&bundle.seen).unwrap();
    Scene::new().with_relay().verify().unwrap();
}

#[test]
fn another_pin_is_refused() {
    let scene = Scene::new();
    let verify = |pin| parse(&scene.parts()).verify(pin, NOW, &Seen::default());
    let fingerprint = Fingerprint([7; 32]);
    let pin = Pin {
        fingerprint,
        ..scene.pin()
    };
    assert_eq!(verify(pin).unwrap_err(), VerifyError::Fingerprint);
    let line = LineId([7; 16]);
    let pin = Pin {
        line,
        ..scene.pin()
    };
    assert_eq!(verify(pin).unwrap_err(), VerifyError::Line);
}

/// Each of the statements is about the line that is pinned.
#[test]
fn statements_of_another_line_are_refused() {
    let bends: [fn(&mut Scene); 4] = [
        |scene| scene.certificate.line = LineId([7; 16]),
        |scene| scene.line.line = LineId([7; 16]),
        |scene| scene.desks[1].line = LineId([7; 16]),
        |scene| scene.relay.as_mut().unwrap().line = LineId([7; 16]),
    ];
    for (place, bend) in bends.into_iter().enumerate() {
        let mut scene = Scene::new().with_relay();
        let pin = scene.pin();
        bend(&mut scene);
        let verified = parse(&scene.parts()).verify(pin, NOW, &Seen::default());
        assert_eq!(verified.unwrap_err(), VerifyError::Line, "{place}");
    }
}

#[test]
fn validity_begins_and_ends_to_the_second() {
    let bends: [(fn(&mut Scene), bool); 8] = [
        (|scene| scene.line.expires = NOW + 1, true),
        (
            |scene| (scene.line.issued, scene.line.expires) = (NOW - 9, NOW),
            false,
        ),
        // An hour's drift of the clock is forgiven.
        (|scene| scene.line.issued = NOW + 3_600, true),
        (|scene| scene.line.issued = NOW + 3_601, false),
        (|scene| scene.certificate.not_before = NOW, true),
        (|scene| scene.certificate.not_before = NOW + 1, false),
        (|scene| scene.certificate.not_after = NOW + 1, true),
        (|scene| scene.certificate.not_after = NOW, false),
    ];
    for (place, (bend, is_valid)) in bends.into_iter().enumerate() {
        let mut scene = Scene::new();
        bend(&mut scene);
        let expected = if is_valid {
            None
        } else {
            Some(VerifyError::Expired)
        };
        assert_eq!(scene.verify().err(), expected, "{place}");
    }
}

#[test]
fn a_swapped_prekey_is_refused() {
    // Changed after it was signed.
    let scene = Scene::new();
    let mut parts = scene.parts();
    let mut bent: Value = serde_json::to_value(&parts.desks[0]).unwrap();
    let mut statement = scene.desks[0].clone();
    statement.prekey = SealingSecret::from_bytes([9; 32]).public();
    bent["payload"] = BASE64
        .encode(statement.to_dsse().unverified_payload())
        .into();
    parts.desks[0] = serde_json::from_value(bent).unwrap();
    assert_eq!(refusal(&parts), VerifyError::Signature);
    // Signed by somebody else, alone and besides the right one.
    let foreign = signer(FOREIGN).sign(statement.to_dsse());
    let mut parts = scene.parts();
    parts.desks[0] = foreign.clone();
    assert_eq!(refusal(&parts), VerifyError::Signature);
    parts.desks = vec![scene.parts().desks[0].clone(), foreign];
    assert_eq!(refusal(&parts), VerifyError::Signature);
    // Signed by the line key or the relay, which sign other statements.
    for key in [scene::LINE_KEY, scene::RELAY_KEY] {
        parts.desks = vec![signer(key).sign(statement.to_dsse())];
        assert_eq!(refusal(&parts), VerifyError::Signature);
    }
}

#[test]
fn a_desk_signs_only_for_itself() {
    let mut scene = Scene::new();
    let second = desk_entry(2, signer(FOREIGN).public());
    scene.line.desks.push(second);
    let mut parts = scene.parts();
    let mut statement = scene.desks[0].clone();
    statement.desk = 2;
    parts
        .desks
        .push(signer(FOREIGN).sign(statement.to_dsse()));
    let verify = |parts: &BundleParts| parse(parts).verify(scene.pin(), NOW, &Seen::default());
    verify(&parts).unwrap();
    let own = parts.desks.pop().unwrap();
    assert_eq!(verify(&parts).unwrap_err(), VerifyError::NoPrekey);
    parts
        .desks
        .push(signer(DESK_KEY).sign(statement.to_dsse()));
    assert_eq!(verify(&parts).unwrap_err(), VerifyError::Signature);
    statement.desk = 3;
    parts.desks = vec![own, signer(FOREIGN).sign(statement.to_dsse())];
    let unknown_desk = verify(&parts).unwrap_err();
    assert_eq!(unknown_desk, VerifyError::Signature);
}

#[test]
fn without_a_prekey_nothing_is_sealed() {
    let bends: [fn(&mut Scene); 6] = [
        |scene| scene.desks.clear(),
        |scene| scene.line.desks.clear(),
        // Only tomorrow's.
        |scene| drop(scene.desks.remove(0)),
        |scene| (scene.desks[0].issued, scene.desks[0].expires) = (NOW - 9, NOW),
        |scene| scene.desks[0].issued = NOW + 3_601,
        |scene| {
            let second = desk_entry(2, signer(FOREIGN).public());
            scene.line.desks.push(second);
        },
    ];
    for (place, bend) in bends.into_iter().enumerate() {
        let mut scene = Scene::new();
        bend(&mut scene);
        if scene.line.desks.is_empty() {
            scene.desks.clear();
        }
        assert_eq!(scene.refusal(), VerifyError::NoPrekey, "{place}");
        // A desk may believe such a line all the same, so that it can serve it.
        let published = parse(&scene.parts()).verify_line(scene.pin(), NOW).unwrap();
        assert_eq!(published.desks.len(), scene.desks.len());
    }
    // A drainer that was off leaves an older one behind, and that will do.
    let mut scene = Scene::new();
    scene.desks[0].day = DAY - 3;
    scene.desks.truncate(1);
    let bundle = scene.verify().unwrap();
    assert_eq!(bundle.prekey(1, DAY).unwrap().day, DAY - 3);
}

#[test]
fn a_newer_version_asks_for_an_update() {
    let mut scene = Scene::new();
    scene.line.min_version = 2;
    assert_eq!(scene.refusal(), VerifyError::Update);
    let mut parts = Scene::new().parts();
    parts.version = 2;
    let json = serde_json::to_vec(&parts).unwrap();
    assert_eq!(Untrusted::parse(&json).unwrap_err(), VerifyError::Update);
}

#[test]
fn unknown_fields_are_ignored_and_signed() {
    let scene = Scene::new();
    let with_unknown = |value: u8| {
        let mut payload = serde_json::to_value(&scene.line).unwrap();
        payload["of_a_later_version"] = value.into();
        payload["policy"]["of_a_later_version"] = value.into();
        let payload_type = "application/vnd.sotto.line+json".into();
        Dsse::unsigned(payload_type, payload.to_string().into_bytes())
    };
    let mut parts = scene.parts();
    parts.line = signer(scene::LINE_KEY).sign(with_unknown(1));
    let verify = |json: &Value| {
        let parsed = Untrusted::parse(json.to_string().as_bytes()).unwrap();
        parsed.verify(scene.pin(), NOW, &Seen::default())
    };
    let mut json = serde_json::to_value(&parts).unwrap();
    json["of_a_later_version"] = Value::Null;
    json["line"]["of_a_later_version"] = Value::Null;
    assert_eq!(verify(&json).unwrap().line.serial, 30);
    let bent = serde_json::to_value(with_unknown(2)).unwrap();
    json["line"]["payload"] = bent["payload"].clone();
    assert_eq!(verify(&json).unwrap_err(), VerifyError::Signature);
}

#[test]
fn a_relay_statement_is_repeated_by_every_desk() {
    let bends: [(fn(&mut Scene), VerifyError); 5] = [
        (
            |scene| scene.desks[1].relay_statement = None,
            VerifyError::Signature,
        ),
        (
            |scene| scene.desks[0].relay_statement = Some(BASE64.encode(&[0; 32])),
            VerifyError::Signature,
        ),
        (
            |scene| scene.relay.as_mut().unwrap().serial += 1,
            VerifyError::Signature,
        ),
        (
            |scene| scene.line.relay.signing_key = signer(FOREIGN).public(),
            VerifyError::Signature,
        ),
        (
            |scene| {
                let relay = scene.relay.as_mut().unwrap();
                (relay.issued, relay.expires) = (NOW - DAY_SECONDS, NOW);
            },
            VerifyError::Expired,
        ),
    ];
    for (place, (bend, why)) in bends.into_iter().enumerate() {
        let mut scene = Scene::new().with_relay();
        bend(&mut scene);
        assert_eq!(scene.refusal(), why, "{place}");
    }
}

#[test]
fn what_is_no_bundle_is_malformed() {
    let good = serde_json::to_vec(&Scene::new().parts()).unwrap();
    let mut large = good.clone();
    large.resize(BUNDLE_BYTES, b' ');
    Untrusted::parse(&large).unwrap();
    large.push(b' ');
    let text = String::from_utf8(good.clone()).unwrap();
    let twice = text.replacen("{\"version\":1", "{\"version\":1,\"version\":1", 1);
    for bytes in [
        &b"{}"[..],
        &large,
        &good[..good.len() - 1],
        &[&good[..], b"x"].concat(),
        twice.as_bytes(),
    ] {
        let refused = Untrusted::parse(bytes).unwrap_err();
        assert_eq!(refused, VerifyError::Malformed);
    }
}

/// Hints may change, and the relay's statement may be left out; what is believed may not.
#[test]
fn no_bent_bit_changes_what_is_believed() {
    let scene = Scene::rotated().with_relay();
    let json = serde_json::to_vec(&scene.parts()).unwrap();
    let believed = |json: &[u8]| {
        let bundle = Untrusted::parse(json)?.verify(scene.pin(), NOW, &Seen::default())?;
        let said = serde_json::to_value((&bundle.line, &bundle.desks)).unwrap();
        Ok::<_, VerifyError>((said, bundle.seen))
    };
    let good = believed(&json).unwrap();
    let outcome = runner(400).run(&(0..json.len() * 8), |bit| {
        let mut bent = json.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(believed(&bent).is_ok_and(|same| same == good) || believed(&bent).is_err());
        Ok(())
    });
    outcome.unwrap();
}
