//! Examples of the documents our formats come from.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use sotto_protocol::{
    dsse::Dsse,
    id::{DeviceId, LineId},
    request::{AgreementSecret, Claim, RequestParts},
};

/// The example of the DSSE protocol description.
#[test]
fn dsse_pre_authentication_encoding() {
    let dsse = Dsse::unsigned(
        "http://example.com/HelloWorld".into(),
        b"hello world".to_vec(),
    );
    assert_eq!(
        dsse.signed_bytes(),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

/// RFC 9421: the signature base, written out by hand, and RFC 9530's digest of a body.
#[test]
fn the_signature_base_of_a_device_request() {
    let relay = AgreementSecret::from_bytes([1; 32]);
    let device = AgreementSecret::from_bytes([2; 32]);
    let line = LineId([3; 16]);
    let key = device.request_key_of_device(&relay.public(), line);
    let parts = RequestParts {
        method: "POST",
        path: "/v1/x/in/ack",
        query: "",
        body: b"{\"hello\": \"world\"}",
    };
    let signed = key.sign(parts, DeviceId([4; 16]), 1_618_884_473, [5; 16]);
    // The body and digest are those of RFC 9530, appendix B.
    let digest = BASE64.encode(&Sha256::digest(parts.body));
    assert_eq!(signed.content_digest, format!("sha-256=:{digest}:"));
    let parameters = format!(
        "(\"@method\" \"@path\" \"@query\" \"content-digest\");created=1618884473;nonce=\"{}\";alg=\"hmac-sha256\";keyid=\"{}\";tag=\"sotto/1\"",
        "05".repeat(16),
        "04".repeat(16)
    );
    assert_eq!(signed.signature_input, format!("sotto={parameters}"));
    let base = format!(
        "\"@method\": POST\n\"@path\": /v1/x/in/ack\n\"@query\": ?\n\"content-digest\": sha-256=:{digest}:\n\"@signature-params\": {parameters}"
    );
    // The key is derived as SPEC 6.1 says, step by step and without our functions.
    let shared = x25519_dalek::StaticSecret::from([2; 32])
        .diffie_hellman(&x25519_dalek::PublicKey::from(relay.public().0));
    let mut info = b"sotto/1 request".to_vec();
    info.extend(device.public().0);
    info.extend(relay.public().0);
    info.extend(line.0);
    let mut secret = [0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(b"sotto/1 device"), shared.as_bytes())
        .expand(&info, &mut secret)
        .unwrap();
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&secret).unwrap();
    mac.update(base.as_bytes());
    let expected = BASE64.encode(&mac.finalize().into_bytes());
    assert_eq!(signed.signature, format!("sotto=:{expected}:"));
    // And the relay's side agrees.
    let claim = Claim::parse(&signed, parts.body).unwrap();
    let key = relay.request_key_of_relay(&device.public(), line);
    key.verify(parts, &claim).unwrap();
    assert_eq!(HEXLOWER.encode(&claim.nonce), "05".repeat(16));
}
