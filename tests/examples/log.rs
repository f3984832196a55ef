//! The examples of SPEC 5.6, with the formulas written out.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _,
    aead::{Aead as _, Payload},
};
use sotto_protocol::{
    hash,
    id::DeviceId,
    log::{
        Body, Guest, LogEntry, LogHeader, LogKey, LogPage, LogPlace, Spot, open, open_slot, seal,
    },
    request::AgreementSecret,
    secret::SealingSecret,
};

use super::{
    ENCAPSULATION, LINE,
    book::{Area, Case},
};
use crate::published::Scripted;

const KEY: [u8; 32] = [0x61; 32];
const SALT: [u8; 32] = [0x62; 32];
const LOG: [u8; 2] = 3_u16.to_le_bytes();
const PLACE: LogPlace = LogPlace { line: LINE, log: 3 };
const SPOT: Spot = Spot {
    place: PLACE,
    position: 3,
    previous: [0x44; 32],
};

pub(super) fn log() -> Area {
    let mut area = Area::new(
        "log",
        "5.6",
        "a record of a log: from log key, header, slot, salt and plaintext the whole record; opening gives the plaintext. In the welcome, the slot gives the newcomer the log key",
    );
    let entry = LogEntry {
        author: DeviceId([0x53; 16]),
        body: Body::Payload(b"text".to_vec().into()),
    };
    // A pair and a key nobody has, their proof, the encapsulation to them, the salt.
    let script = [vec![0x64; 96], ENCAPSULATION.to_vec(), SALT.to_vec()].concat();
    let record = sealed(&entry, None, script);
    let case = area.case("a payload at position 3");
    written(case, &entry, &record);
    welcome(&mut area, &entry);
    let page = LogPage {
        log: 3,
        incarnation: 0x0102_0304_0506_0708,
        next: 4,
        records: vec![record],
    };
    let answer = page.to_bytes();
    area.case("log answer with that record")
        .given_number("log", 3)
        .given_text("incarnation", "0x0102030405060708")
        .given_number("next position", 4)
        .gives("answer, 0..32", &answer[..32])
        .gives("H(answer)", &hash::digest(&[&answer]));
    area
}

fn sealed(entry: &LogEntry, guest: Option<Guest<'_>>, script: Vec<u8>) -> Vec<u8> {
    let key = LogKey::from_bytes(KEY);
    let record = seal(SPOT, &key, entry, guest, &mut Scripted(script)).unwrap();
    assert_eq!(open(&record, PLACE, &key).as_ref(), Ok(entry));
    record
}

/// `record key || commitment`.
fn derived(header: &[u8], salt: &[u8]) -> [u8; 64] {
    let info: [&[u8]; 5] = [b"sotto/1 log record", &LINE.0, &LOG, header, salt];
    hash::expand(&KEY, &info)
}

fn written(case: &mut Case, entry: &LogEntry, record: &[u8]) {
    let id = hash::digest(&[b"sotto/1 log key", &KEY]);
    let header = LogHeader {
        position: SPOT.position,
        previous: SPOT.previous,
        key_id: id[..16].try_into().unwrap(),
    };
    let header = header.to_bytes();
    assert_eq!(
        (&record[..64], &record[1_232..1_264]),
        (&*header, &SALT[..])
    );
    let derive = derived(&header, &SALT);
    assert_eq!(record[1_264..1_296], derive[32..]);
    let cipher = ChaCha20Poly1305::new_from_slice(&derive[..32]).unwrap();
    let payload = Payload {
        msg: &record[1_296..],
        aad: &record[..1_296],
    };
    let plaintext = entry.to_bytes().unwrap();
    let opened = cipher.decrypt(&[0; 12].into(), payload).unwrap();
    assert_eq!(opened, *plaintext);
    case.given("line id", &LINE.0)
        .given_number("log", 3)
        .given("log key", &KEY)
        .given("slot", &record[64..1_232])
        .given("salt", &SALT)
        .given("plaintext", &plaintext)
        .gives("log key id", &id[..16])
        .gives("header", &header)
        .gives("record key", &derive[..32])
        .gives("commitment", &derive[32..])
        .gives("plaintext, 0..24", &plaintext[..24])
        .gives("record", record);
}

fn welcome(area: &mut Area, entry: &LogEntry) {
    let (sender, newcomer) = (
        AgreementSecret::from_bytes([0x52; 32]),
        AgreementSecret::from_bytes([0x63; 32]),
    );
    let receiver = SealingSecret::from_bytes([0x65; 32]);
    let secret = x25519_dalek::StaticSecret::from([0x63; 32]);
    let shared = secret.diffie_hellman(&sender.public().0.into());
    let pair = hash::extract(b"sotto/1 device pair", &[shared.as_bytes()]);
    let label = b"sotto/1 log welcome key";
    let info: [&[u8]; 4] = [label, &sender.public().0, &newcomer.public().0, &LINE.0];
    let psk: [u8; 32] = hash::expand(&pair, &info);
    let proof = sender.welcome_key_to(&newcomer.public(), LINE);
    assert_eq!(proof.as_bytes(), &psk);
    let public = receiver.public();
    let guest = Guest {
        receiver: &public,
        proof: &proof,
    };
    let script = [ENCAPSULATION.as_slice(), &SALT].concat();
    let record = sealed(entry, Some(guest), script);
    let key = open_slot(&record, PLACE, &receiver, &proof).unwrap();
    assert_eq!(key.as_bytes(), &KEY);
    let (header, hash) = (&record[..64], public.hash());
    let info = [
        b"sotto/1 log welcome".as_slice(),
        &LINE.0,
        &LOG,
        header,
        &hash,
    ]
    .concat();
    area.case("slot of a record that welcomes a newcomer")
        .given("line id", &LINE.0)
        .given_number("log", 3)
        .given("log key", &KEY)
        .given("header", header)
        .given("sender X25519 secret", &sender.to_bytes())
        .given("newcomer X25519 secret", &newcomer.to_bytes())
        .given("newcomer X-Wing seed", receiver.as_bytes())
        .given("encapsulation randomness", &ENCAPSULATION)
        .gives("psk", &psk)
        .gives("info", &info)
        .gives("slot", &record[64..1_232]);
}
