//! The examples of SPEC 3.2 and 3.6: epoch-0 messages, with and without the proof of a re-contact.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sotto_protocol::{
    code::CodeKeys,
    conversation::{Content, Conversation},
    hash,
    message::{Contact, FirstContact, Flags, Kind, Message},
    seal::{self, Envelope},
    secret::SealingSecret,
};

use super::{
    DAY, ENCAPSULATION, ES0, LINE, NONCE, SEED0,
    book::{Area, Case},
    envelope::info,
};
use crate::published::Scripted;

pub(super) const PREKEY: [u8; 32] = [0x25; 32];
pub(super) const BUNDLE: [u8; 32] = [0x26; 32];
const ADDRESS: [u8; 32] = [0x27; 32];

pub(super) fn first_contact(keys: &CodeKeys) -> Area {
    let mut area = Area::new(
        "first-contact",
        "2, 3.2, 3.6",
        "epoch-0 messages to a prekey: the body of 3.2 and the whole envelope from all inputs; the keys of the code are those of code.json. Opening: with prekey seed and line id the envelope gives the plaintext",
    );
    for (name, is_recontact) in [("first message", false), ("re-contact", true)] {
        let mut rng = Scripted([ES0, SEED0, NONCE].concat());
        let mut phone = Conversation::begin(LINE, DAY, is_recontact, &mut rng);
        let content = Content {
            kind: Kind::Text,
            flags: Flags::None,
            id: 1,
            part: 0,
            parts: 1,
            body: b"tip",
        };
        let case = area.case(name);
        case.given("es[0]", &ES0)
            .given("ratchet seed[0]", &SEED0)
            .given("nonce", &NONCE)
            .given_number("d0", DAY.into());
        sealed(case, &mut phone, content, keys);
    }
    area
}

/// Seals an epoch-0 message and writes down what went in and what came out.
pub(super) fn sealed(
    case: &mut Case,
    phone: &mut Conversation,
    content: Content<'_>,
    keys: &CodeKeys,
) {
    let prekey = SealingSecret::from_bytes(PREKEY);
    let contact = Contact {
        bundle: BUNDLE,
        keys,
    };
    let mut rng = Scripted([ADDRESS.as_slice(), &ENCAPSULATION].concat());
    let to = (&prekey.public(), DAY);
    let first = phone.seal_first(content, contact, to, &mut rng).unwrap();
    let envelope: Envelope = first.envelope;
    let message = seal::open(&envelope, &prekey, None, LINE).unwrap();
    let (parsed, body) = FirstContact::parse(&message.body).unwrap();
    assert_eq!(body, content.body);
    let mac = mac(keys, &message, &parsed, body);
    assert_eq!(parsed.mac, mac.unwrap_or_default());
    let (header, plaintext) = (&envelope.as_bytes()[..36], message.to_bytes().unwrap());
    case.given("line id", &LINE.0)
        .given("H(bundle)", &BUNDLE)
        .given("handle", &keys.handle)
        .given("continuity key", keys.continuity.as_bytes())
        .given("static X-Wing seed", keys.static_key.as_bytes())
        .given("prekey seed", &PREKEY)
        .given("header", header)
        .given("encapsulation randomness", &ENCAPSULATION)
        .given("body of the kind", content.body);
    if let Some(mac) = mac {
        case.gives("MAC", &mac);
    }
    case.gives("plaintext header", &plaintext[..40])
        .gives("body", &message.body)
        .gives("plaintext", &plaintext)
        .gives("info", &info(header, &prekey))
        .gives("commitment", &envelope.as_bytes()[1_156..1_188])
        .gives("envelope", envelope.as_bytes());
}

/// The formula of SPEC 3.6, written out.
fn mac(keys: &CodeKeys, message: &Message, first: &FirstContact, body: &[u8]) -> Option<[u8; 32]> {
    if message.flags == Flags::None {
        return None;
    }
    let mac = Hmac::<Sha256>::new_from_slice(keys.continuity.as_bytes()).unwrap();
    let mac = mac
        .chain_update(b"sotto/1 recontact")
        .chain_update([message.flags.byte()])
        .chain_update(BUNDLE)
        .chain_update(first.nonce)
        .chain_update(message.epoch_secret.as_bytes())
        .chain_update(message.ratchet_key.hash())
        .chain_update(hash::digest(&[body]));
    Some(mac.finalize().into_bytes().into())
}
