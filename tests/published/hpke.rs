//! RFC 9180 and its post-quantum successor: key schedule, encryptions, exports.

use ::hpke::{
    Deserializable as _, Kem, OpModeR, PskBundle,
    aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
    kem::{X25519HkdfSha256, XWing},
    setup_receiver,
};
use serde_json::Value;

use super::{hex, load};

/// Opens everything in one vector as its receiver; how many messages and exports there were.
fn receive<K: Kem>(vector: &Value) -> (usize, usize) {
    let secret = K::PrivateKey::from_bytes(&hex(&vector["skRm"])).unwrap();
    let enc = K::EncappedKey::from_bytes(&hex(&vector["enc"])).unwrap();
    let (psk, psk_id) = match vector.get("psk") {
        Some(psk) => (hex(psk), hex(&vector["psk_id"])),
        None => (Vec::new(), Vec::new()),
    };
    let sender = || K::PublicKey::from_bytes(&hex(&vector["pkSm"])).unwrap();
    let bundle = || PskBundle::new(&psk, &psk_id).unwrap();
    let mode = match vector["mode"].as_u64().unwrap() {
        0 => OpModeR::Base,
        1 => OpModeR::Psk(bundle()),
        2 => OpModeR::Auth(sender()),
        _ => OpModeR::AuthPsk(sender(), bundle()),
    };
    let info = hex(&vector["info"]);
    let mut context =
        setup_receiver::<ChaCha20Poly1305, HkdfSha256, K>(&mode, &secret, &enc, &info).unwrap();
    let exports = vector["exports"].as_array().unwrap();
    for export in exports {
        let mut out = vec![0; usize::try_from(export["L"].as_u64().unwrap()).unwrap()];
        context
            .export(&hex(&export["exporter_context"]), &mut out)
            .unwrap();
        assert_eq!(out, hex(&export["exported_value"]));
    }
    let encryptions = vector["encryptions"].as_array().unwrap();
    for message in encryptions {
        let opened = context.open(&hex(&message["ct"]), &hex(&message["aad"]));
        assert_eq!(opened.unwrap(), hex(&message["pt"]));
    }
    (encryptions.len(), exports.len())
}

fn of_suite(vectors: &Value, suite: (u64, u64, u64)) -> impl Iterator<Item = &Value> {
    let number = |vector: &Value, name: &str| vector[name].as_u64().unwrap();
    vectors.as_array().unwrap().iter().filter(move |vector| {
        let kem = number(vector, "kem_id");
        (kem, number(vector, "kdf_id"), number(vector, "aead_id")) == suite
    })
}

#[test]
fn rfc_9180_in_all_four_modes() {
    let vectors = load("hpke/rfc9180-x25519-sha256-chacha20.json");
    let counts: Vec<_> = of_suite(&vectors, (0x20, 1, 3))
        .map(receive::<X25519HkdfSha256>)
        .collect();
    assert_eq!(counts, [(16, 3); 4]);
}

/// The suite of our envelopes.
#[test]
fn x_wing_with_hkdf_sha_256_and_chacha20_poly1305() {
    let vectors = load("hpke/hpke-pq.json");
    let counts: Vec<_> = of_suite(&vectors, (0x647a, 1, 3))
        .map(receive::<XWing>)
        .collect();
    assert_eq!(counts, [(10, 5)]);
}
