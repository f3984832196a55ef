//! Beginnings: what a desk takes for one, and what each of them says of itself.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    conversation::{Conversation, Cycle, Fresh, SendError, Slot},
    id::Board,
    keys::SealingPublicKey,
    limits::RATCHET_KEY_BYTES,
    message::{FirstContact, Flags, Message, Received},
    seal::Reject,
    secret::{SealingSecret, Secret},
};

use super::{DAY, LINE, Pair, accept, begin, first, keys, pass, text};

#[test]
fn a_desk_accepts_only_what_begins_a_conversation() {
    let rng = &mut ChaCha20Rng::seed_from_u64(21);
    let (prekey, keys) = (SealingSecret::make(rng), keys(rng));
    let mut phone = Conversation::begin(LINE, DAY, false, rng);
    let good = first(&mut phone, (&keys, &prekey), b"first", rng).unwrap();
    let (contact, _) = FirstContact::parse(&good.body).unwrap();
    let accepted = |message: &Message, contact: &FirstContact| {
        Conversation::accept(LINE, message, contact).map(|desk| *desk.nonce())
    };
    assert_eq!(accepted(&good, &contact), Ok(contact.nonce));
    let received = Some(Received {
        epoch: 0,
        base: 0,
        bitmap: 1,
    });
    let later = Message {
        epoch: 2,
        ..good.clone()
    };
    let answering = Message {
        received,
        ..good.clone()
    };
    assert_eq!(accepted(&later, &contact), Err(Reject), "a later epoch");
    assert_eq!(accepted(&answering, &contact), Err(Reject), "an answer");
    let no_key = FirstContact {
        static_key: SealingPublicKey(Box::new([0xff; RATCHET_KEY_BYTES])),
        ..contact.clone()
    };
    let unclaimed = FirstContact {
        mac: [1; 32],
        ..contact.clone()
    };
    assert_eq!(accepted(&good, &no_key), Err(Reject), "nothing seals to it");
    assert_eq!(accepted(&good, &unclaimed), Err(Reject), "a proof of what?");
    let claiming = Message {
        flags: Flags::Recontact,
        ..good
    };
    assert_eq!(accepted(&claiming, &unclaimed), Ok(contact.nonce));
}

#[test]
fn a_copy_joins_by_all_that_names_its_conversation() {
    let rng = &mut ChaCha20Rng::seed_from_u64(22);
    let mut pair = begin(b"first", rng);
    let (again, contact) = pair.again(rng);
    let Pair { mut desk, .. } = pair;
    let before = desk.to_bytes();
    let stranger = FirstContact {
        nonce: [1; 32],
        ..contact.clone()
    };
    assert_eq!(desk.join(&again, &stranger), Err(Reject), "another nonce");
    let bent = [
        Message {
            flags: Flags::Recontact,
            ..again.clone()
        },
        Message {
            epoch: 2,
            ..again.clone()
        },
        Message {
            epoch_secret: Secret::from_bytes([1; 32]),
            ..again.clone()
        },
    ];
    for message in bent {
        assert_eq!(desk.join(&message, &contact), Err(Reject));
    }
    assert_eq!(desk.to_bytes(), before);
    desk.join(&again, &contact).unwrap();
    assert_ne!(desk.to_bytes(), before);
}

#[test]
fn every_first_contact_carries_its_beginning_and_the_proof_of_it() {
    let rng = &mut ChaCha20Rng::seed_from_u64(23);
    let (prekey, keys) = (SealingSecret::make(rng), keys(rng));
    for (mut phone, beginning) in [
        (Conversation::begin(LINE, DAY, false, rng), Flags::None),
        (Conversation::begin(LINE, DAY, true, rng), Flags::Recontact),
        (
            Conversation::leave_nothing(LINE, &keys.leave),
            Flags::LeaveNothing,
        ),
    ] {
        assert_eq!(phone.beginning(), beginning);
        // What is sent here says `Flags::None`.
        let message = first(&mut phone, (&keys, &prekey), b"text", rng).unwrap();
        assert_eq!(message.flags, beginning);
        let (contact, shown) = FirstContact::parse(&message.body).unwrap();
        let is_proven = |contact: &FirstContact, message: &Message, body: &[u8]| {
            contact.is_proven(&keys.continuity, message, body)
        };
        assert_eq!(
            is_proven(&contact, &message, shown),
            beginning.is_recontact()
        );
        assert!(!is_proven(&contact, &message, b"another text"));
        let other = Secret::from_bytes([1; 32]);
        assert!(!contact.is_proven(&other, &message, shown));
        let unclaimed = Message {
            flags: Flags::None,
            ..message.clone()
        };
        let proven = FirstContact {
            mac: contact.proof(&keys.continuity, &unclaimed, shown),
            ..contact
        };
        assert!(!is_proven(&proven, &unclaimed, shown), "without a claim");
    }
}

#[test]
fn who_keeps_nothing_begins_for_ever() {
    let rng = &mut ChaCha20Rng::seed_from_u64(24);
    let (prekey, keys) = (SealingSecret::make(rng), keys(rng));
    let phone = Conversation::leave_nothing(LINE, &keys.leave);
    let Pair {
        mut phone,
        mut desk,
        prekey,
        keys,
    } = accept(phone, keys, prekey, b"first", rng);
    // Without a first day both ends find its page on any.
    let cycle = Cycle {
        number: u64::from(DAY) * 288,
        seconds: 300,
    };
    let page = phone.own_page(Board::New, cycle, 0, 65_536);
    assert!(page.is_some());
    assert_eq!(desk.own_page(Board::New, cycle, 0, 65_536), page);
    for round in 0..3 {
        let board = Slot::Board(Board::New, round);
        pass(&mut desk, &mut phone, board, b"answer", rng);
        assert!(phone.is_first_contact());
        assert!(!phone.is_overtaken(), "it counts nothing");
        let prepared = phone.prepare(text(b"more"), &Fresh::make(rng));
        assert_eq!(prepared, Err(SendError::NotYet));
        let again = first(&mut phone, (&keys, &prekey), b"more", rng).unwrap();
        let (contact, _) = FirstContact::parse(&again.body).unwrap();
        desk.join(&again, &contact).unwrap();
    }
}
