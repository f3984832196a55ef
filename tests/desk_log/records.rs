//! One record: what seals it, what is the same of every one, and who may open its slot.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _,
    aead::{Aead as _, Payload},
};
use proptest::{collection::vec, prelude::*};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    hash,
    id::{DeviceId, LineId},
    limits::{LOG_BODY_BYTES, LOG_PLAINTEXT_BYTES, LOG_RECORD_BYTES},
    log::{
        Body, Guest, LogEntry, LogHeader, LogKey, LogPlace, Period, Spot, Unopened, Welcome, open,
        open_slot, seal,
    },
    request::AgreementSecret,
    secret::{SealingSecret, Secret},
};
use sotto_tests::cases;

const PLACE: LogPlace = LogPlace {
    line: LineId([1; 16]),
    log: 3,
};

/// A record that is only a header.
pub(super) fn header_at(position: u64) -> Vec<u8> {
    let header = LogHeader {
        position,
        previous: [0; 32],
        key_id: [0; 16],
    };
    let mut record = header.to_bytes();
    record.resize(LOG_RECORD_BYTES, 0);
    record
}

fn spot(position: u64) -> Spot {
    Spot {
        place: PLACE,
        position,
        previous: [7; 32],
    }
}

fn says(payload: &[u8]) -> LogEntry {
    LogEntry {
        author: DeviceId([5; 16]),
        body: Body::Payload(payload.to_vec().into()),
    }
}

#[test]
fn full_and_empty_are_one_size() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let key = LogKey::make(rng);
    let empty = LogEntry {
        body: Body::Empty,
        ..says(b"")
    };
    for entry in [empty, says(b""), says(b"x"), says(&[8; LOG_BODY_BYTES])] {
        let record = seal(spot(9), &key, &entry, None, rng).unwrap();
        assert_eq!(record.len(), LOG_RECORD_BYTES);
        let header = LogHeader::parse(&record).unwrap();
        assert_eq!((header.position, header.previous), (9, [7; 32]));
        assert_eq!(header.key_id, key.id());
        assert_eq!(open(&record, PLACE, &key), Ok(entry));
    }
    let long = says(&[8; LOG_BODY_BYTES + 1]);
    assert_eq!(seal(spot(9), &key, &long, None, rng), None);
}

#[test]
fn any_bent_bit_is_refused() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let key = LogKey::make(rng);
    let record = seal(spot(9), &key, &says(b"words"), None, rng).unwrap();
    // Everything but the ciphertext byte by byte, then bits anywhere.
    for byte in 0..1_300 {
        let mut bent = record.clone();
        bent[byte] ^= 0x10;
        assert_eq!(open(&bent, PLACE, &key), Err(Unopened), "{byte}");
    }
    let bits = 0..record.len() * 8;
    let outcome = cases::runner(256).run(&bits, |bit| {
        let mut bent = record.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(open(&bent, PLACE, &key), Err(Unopened));
        prop_assert_eq!(open(&record[..bit / 8], PLACE, &key), Err(Unopened));
        Ok(())
    });
    outcome.unwrap();
    let elsewhere = [
        LogPlace { log: 4, ..PLACE },
        LogPlace {
            line: LineId([2; 16]),
            ..PLACE
        },
    ];
    for place in elsewhere {
        assert_eq!(open(&record, place, &key), Err(Unopened));
    }
    assert_eq!(open(&record, PLACE, &LogKey::make(rng)), Err(Unopened));
}

/// Sealed by the book, but for a commitment that is another key's: whoever holds the log key could make
/// a record that opens under two keys, and must not.
#[test]
fn a_record_commits_to_its_key() {
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    let key = LogKey::make(rng);
    let record = seal(spot(9), &key, &says(b"words"), None, rng).unwrap();
    let (line, log) = (PLACE.line.0, PLACE.log.to_le_bytes());
    let info: [&[u8]; 5] = [
        b"sotto/1 log record",
        &line,
        &log,
        &record[..64],
        &record[1_232..1_264],
    ];
    let derived: [u8; 64] = hash::expand(key.as_bytes(), &info);
    let cipher = ChaCha20Poly1305::new_from_slice(&derived[..32]).unwrap();
    for is_right in [true, false] {
        let mut head = record[..1_296].to_vec();
        head[1_295] ^= u8::from(!is_right);
        let payload = Payload {
            msg: &says(b"words").to_bytes().unwrap(),
            aad: &head,
        };
        let sealed = cipher.encrypt(&[0; 12].into(), payload).unwrap();
        let opened = open(&[head, sealed].concat(), PLACE, &key);
        assert_eq!(opened.is_ok(), is_right);
    }
}

#[test]
fn a_plaintext_has_one_encoding() {
    let payloads = vec(any::<u8>(), 0..200);
    let places = (payloads, 0..LOG_PLAINTEXT_BYTES, 1..=255_u8);
    let outcome = cases::runner(256).run(&places, |(payload, at, bit)| {
        let mut bytes = says(&payload).to_bytes().unwrap();
        prop_assert_eq!(LogEntry::from_bytes(&bytes), Ok(says(&payload)));
        bytes[at] ^= bit;
        if let Ok(entry) = LogEntry::from_bytes(&bytes) {
            prop_assert_eq!(&entry.to_bytes().unwrap()[..], &bytes[..]);
        } else {
            prop_assert!(!(4..20 + payload.len()).contains(&at));
        }
        Ok(())
    });
    outcome.unwrap();
}

struct Hall {
    sender: AgreementSecret,
    guest: AgreementSecret,
    sealing: SealingSecret,
    key: LogKey,
    rng: ChaCha20Rng,
}

impl Hall {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            sender: AgreementSecret::from_bytes([11; 32]),
            guest: AgreementSecret::from_bytes([12; 32]),
            sealing: SealingSecret::make(&mut rng),
            key: LogKey::make(&mut rng),
            rng,
        }
    }

    fn welcome(&mut self, proof: &Secret) -> Vec<u8> {
        let entry = LogEntry {
            body: Body::Welcome(Welcome {
                device: DeviceId([6; 16]),
                period: Period::default(),
            }),
            ..says(b"")
        };
        let receiver = &self.sealing.public();
        let guest = Guest { receiver, proof };
        let record = seal(spot(4), &self.key, &entry, Some(guest), &mut self.rng).unwrap();
        assert_eq!(open(&record, PLACE, &self.key), Ok(entry));
        record
    }
}

#[test]
fn a_slot_opens_for_its_guest_alone() {
    let mut hall = Hall::new(3);
    let line = PLACE.line;
    let proof = hall.sender.welcome_key_to(&hall.guest.public(), line);
    let same = hall.guest.welcome_key_from(&hall.sender.public(), line);
    assert_eq!(proof, same);
    let record = hall.welcome(&proof);
    let opened = open_slot(&record, PLACE, &hall.sealing, &same);
    assert_eq!(opened.unwrap(), hall.key);
    let mut rng = hall.rng.clone();
    let stranger = SealingSecret::make(&mut rng);
    assert_eq!(open_slot(&record, PLACE, &stranger, &same), Err(Unopened));
    let other = LogPlace { log: 4, ..PLACE };
    assert_eq!(
        open_slot(&record, other, &hall.sealing, &same),
        Err(Unopened)
    );
    for byte in (0..1_232).filter(|byte| !(4..60).contains(byte) || byte % 5 == 0) {
        let mut bent = record.clone();
        bent[byte] ^= 1;
        assert_eq!(
            open_slot(&bent, PLACE, &hall.sealing, &same),
            Err(Unopened),
            "{byte}"
        );
    }
    // An ordinary record's slot is for nobody.
    let record = seal(spot(4), &hall.key, &says(b""), None, &mut rng).unwrap();
    assert_eq!(
        open_slot(&record, PLACE, &hall.sealing, &same),
        Err(Unopened)
    );
}

/// A relay knows every public key of the roster. It must not be able to let a newcomer into a log of
/// its own making.
#[test]
fn a_relay_cannot_welcome_anybody() {
    let mut hall = Hall::new(4);
    let line = PLACE.line;
    let relay = AgreementSecret::from_bytes([13; 32]);
    let from_sender = hall.guest.welcome_key_from(&hall.sender.public(), line);
    for forged in [
        relay.welcome_key_to(&hall.guest.public(), line),
        Secret::from_bytes([0; 32]),
        hall.sender
            .welcome_key_to(&hall.guest.public(), LineId([2; 16])),
        // The guest's own welcome of the sender, sent back.
        hall.guest.welcome_key_to(&hall.sender.public(), line),
    ] {
        let record = hall.welcome(&forged);
        let opened = open_slot(&record, PLACE, &hall.sealing, &from_sender);
        assert_eq!(opened, Err(Unopened));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let entry = says(b"zebra");
    let text = format!("{entry:?} {:?}", LogKey::from_bytes([0x7a; 32]));
    assert!(!text.contains("122") && !text.contains("zebra"), "{text}");
}
