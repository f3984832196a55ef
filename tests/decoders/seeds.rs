//! What the fuzzers begin with is good: a seed that a change of format spoilt would cost them their
//! way in, and nobody would notice.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sotto_core::strip::{StripError, strip};
use sotto_protocol::{
    attachment::FileType,
    bundle::{BundleParts, Untrusted},
    code::Code,
    drain::Cursor,
    dsse::Dsse,
    id::{DeviceId, Fingerprint, LineId},
    request::{Claim, SignedHeaders},
    statement::{
        Certificate, DeskStatement, LineStatement, RelayStatement, Roster, Statement as _,
    },
};

use sotto_tests::cases;

use super::objects::binary;

fn folder(target: &str) -> PathBuf {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    seeds.join(target)
}

/// Names and contents of the seeds of one target.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = fs::read_dir(folder(target))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.into(), fs::read(&path).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn of_wire_and_state() {
    let objects = binary();
    let mut found = 0;
    for (name, again, good) in objects {
        let name = name.replace(' ', "-");
        let is_named = |(seed, _): &(String, Vec<u8>)| *seed == name;
        if let Some((_, seed)) = seeds("state").into_iter().find(is_named) {
            let seed = renewed("state", &name, seed, &good);
            assert_eq!(again(&seed), Some(seed), "{name}");
            found += 1;
        }
        if let Some((_, seed)) = seeds("wire").into_iter().find(is_named) {
            // The first byte chooses the decoder.
            let whole = [&seed[..1], good.as_slice()].concat();
            let seed = renewed("wire", &name, seed, &whole);
            let filled = [
                &seed[1..],
                &vec![0; good.len().saturating_sub(seed.len() - 1)],
            ]
            .concat();
            assert!(again(&filled).is_some(), "{name}");
            found += 1;
        }
    }
    assert_eq!(found, seeds("state").len() + seeds("wire").len());
}

/// The seed, or after a change of format the good object in its place: `SOTTO_RENEW_SEEDS=1`.
fn renewed(target: &str, name: &str, seed: Vec<u8>, good: &[u8]) -> Vec<u8> {
    if !cases::must_renew_seeds() {
        return seed;
    }
    let kept = good
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(1, |last| last + 1);
    let kept = if target == "wire" { kept } else { good.len() };
    fs::write(folder(target).join(name), &good[..kept]).unwrap();
    good[..kept].to_vec()
}

#[test]
fn of_json() {
    for (name, json) in seeds("json") {
        let is_good = match name.as_str() {
            "bundle" => Untrusted::<BundleParts>::parse(&json).is_ok(),
            "certificate" => Certificate::read(&json).is_ok(),
            "desk" => DeskStatement::read(&json).is_ok(),
            "line" => LineStatement::read(&json).is_ok(),
            "relay" => RelayStatement::read(&json).is_ok(),
            "roster" => Roster::read(&json).is_ok(),
            _ => Dsse::parse(&json).is_ok(),
        };
        assert!(is_good, "{name}");
    }
}

#[test]
fn of_text() {
    for (name, seed) in seeds("text") {
        let text = std::str::from_utf8(&seed).unwrap();
        let is_good = match name.as_str() {
            "cursor" => Cursor::parse(text).is_some(),
            "device" => DeviceId::parse(text).is_some(),
            "fingerprint" => Fingerprint::parse(text).is_some(),
            "line" => LineId::parse(text).is_some(),
            "link" => sotto_core::link::Link::parse(text).is_ok(),
            "request" => {
                let (input, signature) = text.split_once('\n').unwrap();
                let headers = SignedHeaders {
                    content_digest: "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:".into(),
                    signature_input: input.into(),
                    signature: signature.into(),
                };
                Claim::parse(&headers, b"").is_ok()
            }
            _ => Code::parse(text).is_ok(),
        };
        assert!(is_good, "{name}");
    }
}

#[test]
fn of_picture() {
    for (name, seed) in seeds("picture") {
        let outcome = strip(&seed);
        let is_good = match name.as_str() {
            "heic" => outcome == Err(StripError::Unsupported(FileType::Heic)),
            _ => outcome.is_ok_and(|stripped| !stripped.removed.is_empty()),
        };
        assert!(is_good, "{name}");
    }
}
