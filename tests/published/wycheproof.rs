//! Project Wycheproof: known mistakes of implementations.

use chacha20poly1305::{
    ChaCha20Poly1305, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use sotto_protocol::{hash, keys::SigningPublicKey};
use wycheproof::{TestResult, aead, eddsa, xdh};
use x25519_dalek::{PublicKey, StaticSecret};

/// Our strict verification: what is invalid there is refused here.
#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        let key = SigningPublicKey(group.key.pk.as_slice().try_into().unwrap());
        for test in group.tests {
            count += 1;
            let signature = test.sig.as_slice().try_into();
            let is_good = signature.is_ok_and(|signature| key.verify(&test.msg, signature));
            assert_eq!(is_good, test.result == TestResult::Valid, "{}", test.tc_id);
        }
    }
    assert_eq!(count, 151);
}

/// The points of small order, and their other spellings, as public keys and in signatures. With S = 0
/// a lenient verifier believes some of these about any message.
#[test]
fn ed25519_keys_of_small_order() {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let signs = |point: &str| {
        let point: [u8; 32] = super::array(&point.into());
        [0, 0x80].map(|sign| {
            let mut point = point;
            point[31] |= sign;
            point
        })
    };
    let all: Vec<[u8; 32]> = points.into_iter().flat_map(signs).collect();
    for key in &all {
        for r in &all {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(r);
            for message in 0..16 {
                assert!(!SigningPublicKey(*key).verify(&[message], &signature));
            }
        }
    }
}

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        for test in group.tests {
            count += 1;
            let secret: [u8; 32] = test.private_key.as_slice().try_into().unwrap();
            let public: [u8; 32] = test.public_key.as_slice().try_into().unwrap();
            let shared = StaticSecret::from(secret).diffie_hellman(&PublicKey::from(public));
            assert_eq!(
                shared.as_bytes(),
                test.shared_secret.as_slice(),
                "{}",
                test.tc_id
            );
        }
    }
    assert_eq!(count, 518);
}

fn run<C: Aead + chacha20poly1305::KeyInit>(name: aead::TestName) -> usize {
    let set = aead::TestSet::load(name).unwrap();
    let mut count = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        count += 1;
        let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
        let cipher = C::new_from_slice(&test.key).unwrap();
        // Nonces of another length cannot even be said in the types.
        let Ok(nonce) = test.nonce.as_slice().try_into() else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            continue;
        };
        let payload = Payload {
            msg: &sealed,
            aad: &test.aad,
        };
        let opened = cipher.decrypt(nonce, payload);
        match test.result {
            TestResult::Invalid => assert!(opened.is_err(), "{}", test.tc_id),
            _ => assert_eq!(opened.unwrap(), test.pt.as_slice(), "{}", test.tc_id),
        }
    }
    count
}

#[test]
fn chacha20_poly1305() {
    assert_eq!(
        run::<ChaCha20Poly1305>(aead::TestName::ChaCha20Poly1305),
        325
    );
}

#[test]
fn xchacha20_poly1305() {
    assert_eq!(
        run::<XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305),
        315
    );
}

/// The crate, and where the sizes are ours our own functions.
#[test]
fn hkdf_sha_256() {
    use wycheproof::hkdf::{TestName, TestSet};
    let set = TestSet::load(TestName::HkdfSha256).unwrap();
    let (mut count, mut ours) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        count += 1;
        let mut out = vec![0; test.size];
        let made = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut out);
        assert_eq!(
            made.is_ok(),
            test.result != TestResult::Invalid,
            "{}",
            test.tc_id
        );
        if made.is_ok() {
            assert_eq!(out, test.okm.as_slice(), "{}", test.tc_id);
        }
        if let Ok(expected) = <[u8; 32]>::try_from(test.okm.as_slice()) {
            let prk = hash::extract(&test.salt, &[&test.ikm]);
            let made: [u8; 32] = hash::expand(&prk, &[&test.info]);
            assert_eq!(made, expected, "{}", test.tc_id);
            ours += 1;
        }
    }
    assert_eq!(count, 86);
    assert!(ours > 5);
}
