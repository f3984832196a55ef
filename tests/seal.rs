//! One envelope: any change of it, of its key or of its place is the one error, `Reject`.

mod shown;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    code::Code,
    conversation::{Content, Conversation},
    id::{Address, LineId},
    keys::{SealingPublicKey, SigningPublicKey},
    limits::{CIPHERTEXT_BYTES, COMMITMENT_BYTES, ENCAPSULATION_BYTES, ENVELOPE_BYTES},
    message::{Flags, Kind, Message},
    request::AgreementSecret,
    seal::{self, Envelope, Place, Receiver, Reject},
    secret::{SealingSecret, Secret, SigningSecret},
    wire::{Reader, Writer},
};
use sotto_tests::cases;

const LINE: LineId = LineId([1; 16]);

fn message(body: &[u8]) -> Message {
    Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 1,
        epoch: 2,
        index: 3,
        received: None,
        epoch_secret: Secret::from_bytes([4; 32]),
        ratchet_key: SealingSecret::from_bytes([5; 32]).public(),
        body: body.to_vec().into(),
    }
}

fn sealed(psk: Option<&Secret>) -> (SealingSecret, Envelope) {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let receiver = SealingSecret::make(rng);
    let place = Place {
        line: LINE,
        day: 20_781,
        address: Address([6; 32]),
    };
    let envelope = seal::seal(&message(b"text"), &receiver.public(), psk, place, rng);
    (receiver, envelope.unwrap())
}

#[test]
fn a_flipped_bit_is_rejected() {
    let psk = Secret::from_bytes([9; 32]);
    for psk in [None, Some(&psk)] {
        let (receiver, envelope) = sealed(psk);
        let receiver = Receiver::new(&receiver).unwrap();
        let open = |bytes: Vec<u8>| {
            let envelope = Envelope::parse(bytes)?;
            seal::open_with(&envelope, &receiver, psk, LINE)
        };
        let whole = envelope.as_bytes().to_vec();
        assert!(open(whole.clone()).is_ok());
        for bit in bits() {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(bent).unwrap_err(), Reject, "bit {bit}");
        }
    }
}

/// Every bit of an envelope in a soak; otherwise all of the header and of the commitment, the bit of
/// the X25519 share that X25519 itself ignores, and bits of the other fields drawn with a fixed seed.
fn bits() -> Vec<usize> {
    let all = ENVELOPE_BYTES * 8;
    if cases::is_soak() {
        return (0..all).collect();
    }
    let encapsulation = 36 * 8..(36 + ENCAPSULATION_BYTES) * 8;
    let ciphertext = all - CIPHERTEXT_BYTES * 8..all;
    let mut bits: Vec<usize> = (0..encapsulation.start).collect();
    bits.push(encapsulation.end - 1);
    bits.extend(encapsulation.end..ciphertext.start);
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    for field in [encapsulation, ciphertext] {
        let width = u64::try_from(field.len()).unwrap();
        let drawn = |_| field.start + usize::try_from(rng.next_u64() % width).unwrap();
        bits.extend((0..480).map(drawn));
    }
    bits
}

#[test]
fn fields_of_two_envelopes_do_not_mix() {
    let (receiver, one) = sealed(None);
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let place = Place {
        line: LINE,
        day: 20_781,
        address: Address([6; 32]),
    };
    let two = seal::seal(&message(b"other"), &receiver.public(), None, place, rng).unwrap();
    let enc = 36..36 + ENCAPSULATION_BYTES;
    let commitment = enc.end..enc.end + COMMITMENT_BYTES;
    let ciphertext = commitment.end..commitment.end + CIPHERTEXT_BYTES;
    for field in [enc, commitment, ciphertext] {
        let mut mixed = one.as_bytes().to_vec();
        mixed[field.clone()].copy_from_slice(&two.as_bytes()[field]);
        let mixed = Envelope::parse(mixed).unwrap();
        assert_eq!(
            seal::open(&mixed, &receiver, None, LINE).unwrap_err(),
            Reject
        );
    }
}

#[test]
fn only_its_receiver_in_its_line_under_its_key() {
    let psk = Secret::from_bytes([9; 32]);
    let stranger = SealingSecret::from_bytes([8; 32]);
    let other = Secret::from_bytes([10; 32]);
    for (sealed_under, wrong) in [
        (None, Some(&psk)),
        (Some(&psk), None),
        (Some(&psk), Some(&other)),
    ] {
        let (receiver, envelope) = sealed(sealed_under);
        let opened = seal::open(&envelope, &receiver, sealed_under, LINE).unwrap();
        assert_eq!(opened, message(b"text"));
        for opened in [
            seal::open(&envelope, &receiver, wrong, LINE),
            seal::open(&envelope, &stranger, sealed_under, LINE),
            seal::open(&envelope, &receiver, sealed_under, LineId([2; 16])),
        ] {
            assert_eq!(opened.unwrap_err(), Reject);
        }
    }
}

#[test]
fn noise_is_rejected() {
    let receiver = SealingSecret::from_bytes([8; 32]);
    let bytes = proptest::collection::vec(any::<u8>(), ENVELOPE_BYTES);
    let outcome = cases::runner(32).run(&bytes, |mut bytes| {
        bytes[..3].copy_from_slice(&[1, 1, 0]);
        let envelope = Envelope::parse(bytes).unwrap();
        assert_eq!(
            seal::open(&envelope, &receiver, None, LINE).unwrap_err(),
            Reject
        );
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn every_length_of_text_fits_or_is_refused() {
    let (receiver, _) = sealed(None);
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let place = Place {
        line: LINE,
        day: 0,
        address: Address([0; 32]),
    };
    for length in [0, 1, 5_635, 5_636] {
        let message = message(&vec![7; length]);
        let envelope = seal::seal(&message, &receiver.public(), None, place, rng).unwrap();
        assert_eq!(envelope.as_bytes().len(), ENVELOPE_BYTES);
        assert_eq!(
            seal::open(&envelope, &receiver, None, LINE).unwrap(),
            message
        );
    }
    let long = message(&[7; 5_637]);
    let refused = seal::seal(&long, &receiver.public(), None, place, rng);
    assert_eq!(refused.unwrap_err(), Reject);
}

/// What a log or a panic message would show of secrets and of what is sealed: their names.
#[test]
fn debug_shows_no_secret() {
    let rng = &mut ChaCha20Rng::seed_from_u64(4);
    let (receiver, envelope) = sealed(None);
    let conversation = Conversation::begin(LINE, 1, false, rng);
    let keys = Code::make(rng).derive(LINE).unwrap();
    let agreement = AgreementSecret::from_bytes([1; 32]);
    let request_key = agreement.request_key_of_device(&agreement.public(), LINE);
    let content = Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body: b"text",
    };
    let shown = [
        (format!("{:?}", Secret::make(rng)), "Secret(..)"),
        (format!("{receiver:?}"), "SealingSecret(..)"),
        (
            format!("{:?}", SigningSecret::make(rng)),
            "SigningSecret(..)",
        ),
        (format!("{agreement:?}"), "AgreementSecret(..)"),
        (format!("{:?}", Code::make(rng)), "Code(..)"),
        (format!("{keys:?}"), "CodeKeys(..)"),
        (format!("{request_key:?}"), "RequestKey(..)"),
        (format!("{content:?}"), "Content(..)"),
        (format!("{:?}", Reader::new(b"text")), "Reader(..)"),
        (
            format!("{:?}", Writer::default().bytes(b"text")),
            "Writer(..)",
        ),
        (format!("{envelope:?}"), "Envelope(..)"),
        (format!("{:?}", message(b"text")), "Message(..)"),
        (format!("{conversation:?}"), "Conversation(..)"),
        (format!("{LINE:?}"), "LineId(..)"),
        (
            format!("{:?}", SigningPublicKey([1; 32])),
            "SigningPublicKey(..)",
        ),
    ];
    for (shown, expected) in shown {
        assert_eq!(shown, expected);
    }
}

/// The check of a key's numbers says what the library says.
#[test]
fn a_key_is_valid_where_the_library_takes_it() {
    use x_wing::EncapsulationKey;
    let rng = &mut ChaCha20Rng::seed_from_u64(12);
    let sound = SealingSecret::make(rng).public();
    let mut valid = 0;
    let count = cases::count(400);
    for _ in 0..count {
        let mut bytes = *sound.0;
        let [place, low, high] = [0; 3].map(|_: u8| rng.next_u32());
        let place = usize::try_from(place).unwrap() % (bytes.len() - 1);
        let [low, high] = [low, high].map(|byte| byte.to_le_bytes()[0]);
        bytes[place..place + 2].copy_from_slice(&[low, high]);
        let key = SealingPublicKey(Box::new(bytes));
        let taken = EncapsulationKey::try_from(bytes.as_slice()).is_ok();
        assert_eq!(key.is_valid(), taken, "{place}: {low} {high}");
        valid += usize::from(taken);
    }
    let tenth = usize::try_from(count / 10).unwrap();
    assert!((tenth..9 * tenth).contains(&valid), "{valid}");
    // The greatest number there is, and the modulus, in each place of a pair.
    for (pair, is_valid) in [
        ([0x00, 0x0d, 0xd0], true),
        ([0x01, 0x0d, 0x00], false),
        ([0x00, 0x10, 0xd0], false),
    ] {
        let mut bytes = *sound.0;
        bytes[..3].copy_from_slice(&pair);
        assert_eq!(
            SealingPublicKey(Box::new(bytes)).is_valid(),
            is_valid,
            "{pair:?}"
        );
    }
}
