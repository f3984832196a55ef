//! The examples of SPEC 6.1.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sotto_protocol::{
    hash,
    id::DeviceId,
    request::{AgreementSecret, RequestParts},
};

use super::{LINE, book::Area};

const RELAY: [u8; 32] = [0x51; 32];
const DEVICE: [u8; 32] = [0x52; 32];
const CREATED: u64 = 1_728_000_000;

pub(super) fn request() -> Area {
    let mut area = Area::new(
        "request",
        "6.1",
        "a device request: the three headers from all inputs; the relay finds the same key from its secret and the device's public key",
    );
    let path = format!("/v1/{}", LINE.to_text());
    let ack = [
        0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 17, 0, 0, 0, 0, 0, 0, 0,
    ];
    signed(
        &mut area,
        "reading the inbox",
        RequestParts {
            method: "GET",
            path: &format!("{path}/in"),
            query: "after=&max=64",
            body: b"",
        },
    );
    signed(
        &mut area,
        "acknowledging",
        RequestParts {
            method: "POST",
            path: &format!("{path}/in/ack"),
            query: "",
            body: &ack,
        },
    );
    area
}

fn signed(area: &mut Area, name: &'static str, parts: RequestParts<'_>) {
    let (relay, device) = (
        AgreementSecret::from_bytes(RELAY),
        AgreementSecret::from_bytes(DEVICE),
    );
    let (of_relay, of_device) = (relay.public(), device.public());
    let key = device.request_key_of_device(&of_relay, LINE);
    let signed = key.sign(parts, DeviceId([0x53; 16]), CREATED, [0x54; 16]);
    let shared = x25519_dalek::StaticSecret::from(DEVICE).diffie_hellman(&of_relay.0.into());
    let prk = hash::extract(b"sotto/1 device", &[shared.as_bytes()]);
    let info: [&[u8]; 4] = [b"sotto/1 request", &of_device.0, &of_relay.0, &LINE.0];
    let by_hand: [u8; 32] = hash::expand(&prk, &info);
    let base = [
        format!("\"@method\": {}", parts.method),
        format!("\"@path\": {}", parts.path),
        format!("\"@query\": ?{}", parts.query),
        format!("\"content-digest\": {}", signed.content_digest),
        format!(
            "\"@signature-params\": {}",
            signed.signature_input.strip_prefix("sotto=").unwrap()
        ),
    ]
    .join("\n");
    let mac = Hmac::<Sha256>::new_from_slice(&by_hand).unwrap();
    let mac = mac.chain_update(&base).finalize().into_bytes();
    let written = data_encoding::BASE64.encode(&mac);
    assert_eq!(signed.signature, format!("sotto=:{written}:"));
    area.case(name)
        .given("line id", &LINE.0)
        .given("relay X25519 secret", &RELAY)
        .given("device X25519 secret", &DEVICE)
        .given("device id", &[0x53; 16])
        .given_number("created", CREATED)
        .given("nonce", &[0x54; 16])
        .given_text("method", parts.method)
        .given_text("path", parts.path)
        .given_text("query", parts.query)
        .given("body", parts.body)
        .gives("relay X25519 public key", &of_relay.0)
        .gives("device X25519 public key", &of_device.0)
        .gives("key", &by_hand)
        .gives(
            "signature base, its lines ended by 0a but the last",
            base.as_bytes(),
        )
        .gives_text("content-digest", &signed.content_digest)
        .gives_text("signature-input", &signed.signature_input)
        .gives_text("signature", &signed.signature);
}
