//! X-Wing and the ML-KEM-768 inside it.

#[expect(deprecated, reason = "the vectors come with expanded keys")]
use ml_kem::ExpandedKeyEncoding as _;
use ml_kem::{
    DecapsulationKey768, FromSeed as _, MlKem768,
    kem::{Decapsulate as _, Encapsulate as _, KeyExport as _},
};
use serde_json::Value;
use sotto_protocol::{keys::SealingPublicKey, secret::SealingSecret};

use super::{Scripted, array, hex, load};

#[test]
fn x_wing() {
    let vectors = load("xwing/x-wing.json");
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let seed: [u8; 32] = array(&vector["sk"]);
        let ours = SealingSecret::from_bytes(seed).public();
        assert_eq!(
            ours,
            SealingPublicKey::from_slice(&hex(&vector["pk"])).unwrap()
        );
        let secret = x_wing::DecapsulationKey::from(seed);
        let ciphertext = hex(&vector["ct"]);
        let shared = secret.decapsulate(ciphertext.as_slice().try_into().unwrap());
        assert_eq!(shared.as_slice(), hex(&vector["ss"]));
        let key = hex(&vector["pk"]);
        let public = x_wing::EncapsulationKey::try_from(key.as_slice()).unwrap();
        let mut rng = Scripted(hex(&vector["eseed"]));
        let (made, shared) = public.encapsulate_with_rng(&mut rng);
        assert_eq!(made.as_slice(), ciphertext);
        assert_eq!(shared.as_slice(), hex(&vector["ss"]));
    }
}

fn tests<'v>(file: &'v Value, function: Option<&str>) -> (&'v Value, &'v Vec<Value>) {
    let groups = file["testGroups"].as_array().unwrap();
    let group = groups
        .iter()
        .find(|group| group.get("function").and_then(Value::as_str) == function)
        .unwrap();
    (group, group["tests"].as_array().unwrap())
}

#[test]
fn ml_kem_768_key_generation() {
    let file = load("mlkem/acvp-key-gen-768.json");
    let (_, tests) = tests(&file, None);
    assert_eq!(tests.len(), 25);
    for test in tests {
        let seed = [hex(&test["d"]), hex(&test["z"])].concat();
        let (_, public) = MlKem768::from_seed(seed.as_slice().try_into().unwrap());
        assert_eq!(public.to_bytes().as_slice(), hex(&test["ek"]));
    }
}

#[test]
fn ml_kem_768_encapsulation() {
    let file = load("mlkem/acvp-encap-decap-768.json");
    let (_, tests) = tests(&file, Some("encapsulation"));
    assert_eq!(tests.len(), 25);
    for test in tests {
        let key = hex(&test["ek"]);
        let public = ml_kem::EncapsulationKey768::new(key.as_slice().try_into().unwrap()).unwrap();
        let mut rng = Scripted(hex(&test["m"]));
        let (ciphertext, shared) = public.encapsulate_with_rng(&mut rng);
        assert_eq!(ciphertext.as_slice(), hex(&test["c"]));
        assert_eq!(shared.as_slice(), hex(&test["k"]));
    }
}

/// Half of the ciphertexts were changed: implicit rejection gives another secret, and no error.
#[test]
fn ml_kem_768_decapsulation() {
    let file = load("mlkem/acvp-encap-decap-768.json");
    let (group, tests) = tests(&file, Some("decapsulation"));
    assert_eq!(tests.len(), 10);
    let key = hex(&group["dk"]);
    #[expect(deprecated, reason = "the vectors come with expanded keys")]
    let secret = DecapsulationKey768::from_expanded_bytes(key.as_slice().try_into().unwrap());
    let secret = secret.unwrap();
    for test in tests {
        let ciphertext = hex(&test["c"]);
        let shared = secret.decapsulate(ciphertext.as_slice().try_into().unwrap());
        assert_eq!(shared.as_slice(), hex(&test["k"]));
    }
}
