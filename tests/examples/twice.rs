//! The examples of SPEC 3.6: a body that is sealed twice, and its confirmation.

use sotto_protocol::{
    code::CodeKeys,
    conversation::Content,
    hash,
    message::{Flags, Kind, Message},
    secret::{SealingSecret, Secret},
    twice::{self, Twice},
};

use super::{ENCAPSULATION, LINE, NONCE, book::Area};
use crate::published::Scripted;

const PROOF: [u8; 32] = [0x29; 32];

pub(super) fn twice(keys: &CodeKeys) -> Area {
    let mut area = Area::new(
        "twice",
        "3.6",
        "the body a desk sends in an unconfirmed conversation; opening it with the static key of the code gives proof and body. The confirmation brings the proof back",
    );
    let content = Content {
        kind: Kind::Text,
        flags: Flags::Twice,
        id: 2,
        part: 0,
        parts: 1,
        body: b"answer",
    };
    let twice = Twice {
        line: LINE,
        nonce: NONCE,
        static_key: keys.static_key.public(),
        proof: Secret::from_bytes(PROOF),
    };
    let mut rng = Scripted(ENCAPSULATION.to_vec());
    let sealed = twice.seal(content, &mut rng).unwrap();
    let message = Message {
        kind: content.kind,
        flags: content.flags,
        part: 0,
        parts: 1,
        id: content.id,
        epoch: 1,
        index: 0,
        received: None,
        epoch_secret: Secret::from_bytes([0; 32]),
        ratchet_key: SealingSecret::from_bytes([0; 32]).public(),
        body: sealed.clone(),
    };
    let (proof, body) = twice::open(&message, &keys.static_key, LINE, &NONCE).unwrap();
    assert_eq!((proof.as_bytes(), body.as_slice()), (&PROOF, content.body));
    let hash = keys.static_key.public().hash();
    let info = [b"sotto/1 twice".as_slice(), &LINE.0, &NONCE, &hash].concat();
    let data = [&[1, 0, 1], content.id.to_le_bytes().as_slice()].concat();
    area.case("a text sealed twice")
        .given("line id", &LINE.0)
        .given("nonce", &NONCE)
        .given("static X-Wing seed", keys.static_key.as_bytes())
        .given("proof", &PROOF)
        .given("body", content.body)
        .given("encapsulation randomness", &ENCAPSULATION)
        .given("additional data", &data)
        .gives("info", &info)
        .gives("body sealed twice", &sealed);
    let name = hash::digest(&[b"sotto/1 confirmation", &PROOF]);
    area.case("confirmation")
        .given("proof", &PROOF)
        .gives("message id, as on the wire", &name[..8])
        .gives("body", &PROOF);
    area
}
