//! RFC 9458 Appendix A, and the `ohttp` crate at either end.

use bhttp::{Message, Mode};
use ohttp::{ClientRequest, KeyConfig, Server, SymmetricSuite, hpke};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::oblivious::{GatewayKey, GatewaySecret, ObliviousError, key_list};

use crate::published::{Scripted, array, hex, load};

#[test]
fn the_example_of_the_standard() {
    let vector = load("ohttp/rfc9458-appendix-a.json");
    let secret = GatewaySecret::from_bytes(1, &array(&vector["skR"])).unwrap();
    assert_eq!(secret.config(), hex(&vector["key_config"]));
    let sealed = hex(&vector["encapsulated_request"]);
    let (request, asker) = secret.open(&sealed).unwrap();
    assert_eq!(*request, hex(&vector["request_bhttp"]));
    let mut nonce = Scripted(hex(&vector["response_nonce"]));
    let answer = asker.seal(&hex(&vector["response_bhttp"]), &mut nonce);
    assert_eq!(answer.unwrap(), hex(&vector["encapsulated_response"]));
}

/// What the example carries, and the one of RFC 9292 section 5.1 in both of its framings.
#[test]
fn the_messages_of_the_standards() {
    let vector = load("ohttp/rfc9458-appendix-a.json");
    let mut request = Message::request(
        b"GET".into(),
        b"https".into(),
        b"example.com".into(),
        b"/".into(),
    );
    let written = |message: &Message, mode| {
        let mut bytes = Vec::new();
        message.write_bhttp(mode, &mut bytes).unwrap();
        bytes
    };
    // The example leaves out what is empty at the end, as RFC 9292 section 3.8 allows.
    let bytes = written(&request, Mode::KnownLength);
    let (head, rest) = bytes.split_at(hex(&vector["request_bhttp"]).len());
    assert_eq!(head, hex(&vector["request_bhttp"]));
    assert!(rest.iter().all(|byte| *byte == 0));
    let response = Message::response(bhttp::StatusCode::OK);
    let bytes = written(&response, Mode::KnownLength);
    assert!(bytes.starts_with(&hex(&vector["response_bhttp"])));

    request = Message::request(
        b"GET".into(),
        b"https".into(),
        b"".into(),
        b"/hello.txt".into(),
    );
    for (name, value) in HELLO {
        request.put_header(*name, *value);
    }
    let hello = b"\x00\x03GET\x05https\x00\x0a/hello.txt\x40\x6c";
    assert!(written(&request, Mode::KnownLength).starts_with(hello));
    let hello = b"\x02\x03GET\x05https\x00\x0a/hello.txt\x0auser-agent";
    assert!(written(&request, Mode::IndeterminateLength).starts_with(hello));
}

/// The fields of RFC 9292 section 5.1.
const HELLO: &[(&str, &str)] = &[
    (
        "user-agent",
        "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3",
    ),
    ("host", "www.example.com"),
    ("accept-language", "en, mi"),
];

fn suites() -> Vec<SymmetricSuite> {
    let suite = |aead| SymmetricSuite::new(hpke::Kdf::HkdfSha256, aead);
    vec![
        suite(hpke::Aead::Aes128Gcm),
        suite(hpke::Aead::ChaCha20Poly1305),
    ]
}

#[test]
fn our_phone_and_their_gateway() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let config = KeyConfig::derive(7, hpke::Kem::X25519Sha256, suites(), &[5; 32]).unwrap();
    let other = KeyConfig::derive(8, hpke::Kem::P256Sha256, suites(), &[5; 32]).unwrap();
    let list = KeyConfig::encode_list(&[&other, &config]).unwrap();
    let key = GatewayKey::choose(&list, 0).unwrap();
    let (sealed, waiting) = key.seal(b"a question", &mut rng).unwrap();
    let (question, asker) = Server::new(config).unwrap().decapsulate(&sealed).unwrap();
    assert_eq!(question, b"a question");
    let answer = asker.encapsulate(b"an answer").unwrap();
    assert_eq!(waiting.open(&answer).unwrap(), b"an answer");
}

/// With either suite, which they choose by its place.
#[test]
fn their_phone_and_our_gateway() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let ours = GatewaySecret::derive(7, &[5; 32]);
    let theirs = KeyConfig::derive(7, hpke::Kem::X25519Sha256, suites(), &[5; 32]).unwrap();
    assert_eq!(ours.config(), theirs.encode().unwrap());
    let mut swapped = ours.config();
    let at = swapped.len() - 8;
    swapped[at..].rotate_left(4);
    for config in [ours.config(), swapped] {
        let client = ClientRequest::from_encoded_config(&config).unwrap();
        let (sealed, waiting) = client.encapsulate(b"a question").unwrap();
        let (question, asker) = ours.open(&sealed).unwrap();
        assert_eq!(*question, b"a question");
        let answer = asker.seal(b"an answer", &mut rng).unwrap();
        assert_eq!(waiting.decapsulate(&answer).unwrap(), b"an answer");
    }
}

/// Every changed bit and every cut of either message is found out.
#[test]
fn what_was_changed_on_the_way_is_not_opened() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let secret = GatewaySecret::derive(7, &[5; 32]);
    let key = GatewayKey::choose(&key_list(&[GatewaySecret::derive(7, &[5; 32])]), 0).unwrap();
    let (sealed, _) = key.seal(b"a question", &mut rng).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(secret.open(&changed).is_err(), "byte {at}");
        assert!(secret.open(&sealed[..at]).is_err(), "cut at {at}");
    }
    let (_, asker) = secret.open(&sealed).unwrap();
    let answer = asker.seal(b"an answer", &mut rng).unwrap();
    for at in 0..answer.len() {
        // Each exchange has one answer, so another one is begun for each change.
        let (sealed, waiting) = key.seal(b"a question", &mut rng).unwrap();
        let (_, asker) = secret.open(&sealed).unwrap();
        let mut answer = asker.seal(b"an answer", &mut rng).unwrap();
        answer[at] ^= 1;
        assert_eq!(waiting.open(&answer), Err(ObliviousError::Closed));
    }
}

#[test]
fn a_list_of_keys_is_read_strictly() {
    let of = |id| GatewaySecret::derive(id, &[id; 32]);
    let list = key_list(&[of(1), of(2)]);
    let week = |week: u64| week * 7 * 86_400;
    let chosen = |list: &[u8], now| GatewayKey::choose(list, now);
    let first = chosen(&list[..47], 0).unwrap();
    assert_eq!(chosen(&list, week(1)).unwrap(), first);
    assert_ne!(chosen(&list, week(2)).unwrap(), first);
    assert_eq!(chosen(&list, week(9)).unwrap(), first, "else the first");
    for cut in 1..list.len() {
        let is_whole = cut == 47;
        assert_eq!(chosen(&list[..cut], 0).is_ok(), is_whole, "cut at {cut}");
    }
    assert!(chosen(&[], 0).is_err());
    let mut other_kem = list[..47].to_vec();
    other_kem[4] = 0x10;
    assert_eq!(chosen(&other_kem, 0), Err(ObliviousError::NoKey));
}
