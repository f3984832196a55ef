//! The examples of SPEC 2 and 3.5: envelopes with the randomness of their encapsulation given.

use sotto_protocol::{
    hash,
    id::Address,
    message::{Flags, Kind, Message, Receipts, Received},
    seal::{self, Place},
    secret::{SealingSecret, Secret},
};

use super::{
    DAY, ENCAPSULATION, LINE, SEED0,
    book::Area,
    schedule::{address, epoch, first_root},
};
use crate::published::Scripted;

pub(super) fn envelope() -> Area {
    let mut area = Area::new(
        "envelope",
        "2, 3.5",
        "sealing: from all inputs the envelope, byte by byte; opening: with receiver seed, MK and line id the envelope gives the plaintext. The 64 bytes of encapsulation randomness are those of EncapsulateDerand of X-Wing: 32 for ML-KEM-768, then the ephemeral X25519 secret",
    );
    in_epoch_1(&mut area);
    cover(&mut area);
    acknowledgement(&mut area);
    area
}

/// `info` of SPEC 2.2, written out.
pub(super) fn info(header: &[u8], receiver: &SealingSecret) -> Vec<u8> {
    let hash = receiver.public().hash();
    [b"sotto/1 msg".as_slice(), header, &hash, &LINE.0].concat()
}

fn in_epoch_1(area: &mut Area) {
    let (chain, slots) = epoch(&first_root(), 1);
    let key: [u8; 32] = hash::expand(&chain, &[b"sotto/1 message"]);
    let receiver = SealingSecret::from_bytes(SEED0);
    let message = Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 2,
        epoch: 1,
        index: 0,
        received: Some(Received {
            epoch: 0,
            base: 0,
            bitmap: 1,
        }),
        epoch_secret: Secret::from_bytes([0x33; 32]),
        ratchet_key: SealingSecret::from_bytes([0x34; 32]).public(),
        body: b"answer".to_vec().into(),
    };
    let address = Address(address(&slots, 0, 1, 7));
    let place = Place {
        line: LINE,
        day: DAY,
        address,
    };
    let psk = Secret::from_bytes(key);
    let mut rng = Scripted(vec![0x77; 64]);
    let sealed = seal::seal(&message, &receiver.public(), Some(&psk), place, &mut rng).unwrap();
    let opened = seal::open(&sealed, &receiver, Some(&psk), LINE).unwrap();
    assert!(opened == message);
    let bytes = sealed.as_bytes();
    let plaintext = message.to_bytes().unwrap();
    area.case("epoch 1 index 0, HPKE mode PSK")
        .given("line id", &LINE.0)
        .given("MK[1,0]", &key)
        .given("receiver seed", &SEED0)
        .given("encapsulation randomness", &[0x77; 64])
        .given("header", &bytes[..36])
        .given("plaintext", &plaintext)
        .gives("plaintext header", &plaintext[..40])
        .gives("info", &info(&bytes[..36], &receiver))
        .gives("encapsulation", &bytes[36..1_156])
        .gives("commitment", &bytes[1_156..1_188])
        .gives("envelope", bytes);
}

/// Cover without any content but its numbers.
pub(super) fn cover_message() -> Message {
    Message {
        kind: Kind::Cover,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 9,
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::from_bytes([0x37; 32]),
        ratchet_key: SealingSecret::from_bytes([0x38; 32]).public(),
        body: Vec::new().into(),
    }
}

fn cover(area: &mut Area) {
    let receiver = SealingSecret::from_bytes([0x25; 32]);
    let message = cover_message();
    let place = Place {
        line: LINE,
        day: DAY,
        address: Address([0x39; 32]),
    };
    let mut rng = Scripted(ENCAPSULATION.to_vec());
    let sealed = seal::seal(&message, &receiver.public(), None, place, &mut rng).unwrap();
    let bytes = sealed.as_bytes();
    area.case("cover to a prekey, HPKE mode Base")
        .given("line id", &LINE.0)
        .given("prekey seed", receiver.as_bytes())
        .given("encapsulation randomness", &ENCAPSULATION)
        .given("header", &bytes[..36])
        .given("plaintext", &message.to_bytes().unwrap())
        .gives("commitment", &bytes[1_156..1_188])
        .gives("envelope", bytes);
}

fn acknowledgement(area: &mut Area) {
    let mut receipts = Receipts::default();
    receipts.note(1, 0);
    receipts.note(0x0102_0304_0506_0708, 0);
    receipts.note(0x0102_0304_0506_0708, 2);
    area.case("body of an acknowledgement")
        .given_text(
            "opened",
            "part 0 of message 1, then parts 0 and 2 of message 0x0102030405060708",
        )
        .gives("body", &receipts.to_bytes());
}
