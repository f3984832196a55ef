//! The worked examples of SPEC 7: computed step by step from the formulas of SPEC, compared with what
//! the engine does, and with the text.

mod log;

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use sotto_protocol::{
    attachment::{FileType, Sealer},
    code::Code,
    conversation::{Content, Conversation, Cycle, Fresh, Slot},
    drain::{Cursor, DrainPage},
    envelope::{Class, EnvelopeHeader},
    hash,
    id::{Address, Board, DeviceId, Fingerprint, LineId},
    log::LogHeader,
    message::{FirstContact, Flags, Kind, Message, Received},
    page::PageHeader,
    request::{AgreementSecret, RequestParts},
    seal::{self, Place},
    secret::{SealingSecret, Secret, SigningSecret},
    statement::{RootSet, Statement as _},
};

use crate::published::Scripted;

/// Lines of `name = value`.
struct Examples(String);

impl Examples {
    fn hex(&mut self, name: &str, bytes: &[u8]) {
        self.text(name, &HEXLOWER.encode(bytes));
    }

    fn text(&mut self, name: &str, value: &str) {
        writeln!(self.0, "{name} = {value}").unwrap();
    }
}

const LINE: LineId = LineId([0xaa; 16]);
const DAY: u32 = 20_000;
const NONCE: [u8; 32] = [0x22; 32];

#[test]
fn the_examples_of_the_specification_are_true() {
    let mut out = Examples(String::new());
    names(&mut out);
    code(&mut out);
    let (slots, key) = schedule(&mut out);
    envelope(&mut out, slots, &key);
    frames(&mut out);
    request(&mut out);
    attachment(&mut out);
    log::log(&mut out);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../SPEC.md");
    let spec = std::fs::read_to_string(path).unwrap();
    let (_, rest) = spec.split_once("## 7. Worked examples").unwrap();
    let block = rest.split("```").nth(1).unwrap().trim_start_matches('\n');
    assert_eq!(block, out.0, "SPEC 7 should read\n{}", out.0);
}

fn names(out: &mut Examples) {
    let secrets = [1, 2, 3].map(|seed| SigningSecret::from_bytes(&[seed; 32]));
    let mut roots = secrets.each_ref().map(SigningSecret::public);
    roots.sort();
    for (i, root) in roots.iter().enumerate() {
        out.hex(&format!("root public key {i}"), &root.0);
    }
    let fingerprint = Fingerprint::of(&roots);
    let [a, b, c] = roots.each_ref().map(|root| root.0);
    assert_eq!(fingerprint.0, hash::digest(&[&a, &b, &c]));
    out.hex("fp", &fingerprint.0);
    out.text("fp in text", &fingerprint.to_text());
    out.text("line id in text", &fingerprint.line().to_text());
    let set = RootSet { serial: 1, roots };
    let dsse = set.to_dsse();
    out.text(
        "root statement PAE",
        &String::from_utf8(dsse.signed_bytes()).unwrap(),
    );
    let signed = secrets[0].sign(dsse);
    out.text(
        "root statement",
        &String::from_utf8(signed.to_json()).unwrap(),
    );
}

fn code(out: &mut Examples) {
    let value = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let code = Code::from_bytes(value);
    let check = hash::digest(&[b"sotto/1 code", &value])[0];
    out.hex("code value", &value);
    out.hex("code check", &[check]);
    out.text("code words", &code.to_words());
    let keys = code.derive(LINE).unwrap();
    out.hex("handle", &keys.handle);
    out.hex("continuity key", keys.continuity.as_bytes());
    out.hex("static X-Wing seed", keys.static_key.as_bytes());
    out.hex("vault key", keys.vault.as_bytes());
}

/// Key schedule up to the first answer; the slot key and message key of (1, 0).
fn schedule(out: &mut Examples) -> ([u8; 32], [u8; 32]) {
    let (es0, seed0) = ([0x11; 32], [0x12; 32]);
    let mut rng = Scripted([es0, seed0, NONCE].concat());
    let mut phone = Conversation::begin(LINE, DAY, false, &mut rng);
    let root = hash::extract(b"sotto/1 root", &[&es0, &NONCE]);
    let epoch: [u8; 64] = hash::expand(&root, &[b"sotto/1 epoch", &1_u32.to_le_bytes()]);
    let (chain, slots) = epoch.split_at(32);
    let (chain, slots): ([u8; 32], [u8; 32]) =
        (chain.try_into().unwrap(), slots.try_into().unwrap());
    let key: [u8; 32] = hash::expand(&chain, &[b"sotto/1 message"]);
    let next: [u8; 32] = hash::expand(&chain, &[b"sotto/1 chain"]);
    out.hex("es[0]", &es0);
    out.hex("nonce", &NONCE);
    out.hex("RK[0]", &root);
    out.hex("CK[1,0]", &chain);
    out.hex("AK[1]", &slots);
    out.hex("MK[1,0]", &key);
    out.hex("CK[1,1]", &next);
    let place = |j: u32, board: u8, cycle: u64| -> [u8; 32] {
        let (j, cycle) = (j.to_le_bytes(), cycle.to_le_bytes());
        hash::expand(&slots, &[b"sotto/1 slot", &j, &[board], &cycle])
    };
    out.hex("address[1,0,(new,7)]", &place(0, 1, 7));
    let expected = phone.expected(Slot::Board(Board::New, 7));
    assert_eq!(expected[0].address, Address(place(0, 1, 7)));
    assert_eq!(expected[63].address, Address(place(63, 1, 7)));
    assert_eq!((expected[63].number, expected.len()), ((1, 63), 64));
    let first: [u8; 32] = hash::expand(&root, &[b"sotto/1 page key"]);
    let second: [u8; 32] = hash::expand(&first, &[b"sotto/1 page day"]);
    out.hex("PK[20000]", &first);
    out.hex("PK[20001]", &second);
    // Half past noon of the second day, cycles of 300 seconds.
    let cycle = u64::from(DAY + 1) * 288 + 150;
    let draw = hash::expand::<8>(
        &second,
        &[b"sotto/1 page", &[1], &cycle.to_le_bytes(), &[0]],
    );
    let page = u64::from_le_bytes(draw) % 1_024;
    out.text(
        "own page of new, cycle 5760438, k 0, 1024 pages",
        &page.to_string(),
    );
    let cycle = Cycle {
        number: cycle,
        seconds: 300,
    };
    let own = phone.own_page(Board::New, cycle, 0, 1_024);
    assert_eq!(own.map(u64::from), Some(page));
    assert_eq!(cycle.number, 5_760_438);
    answer(out, &mut phone, root, seed0);
    (slots, key)
}

/// The desk answers, which gives RK[1]; the phone opens it and the next address follows.
fn answer(out: &mut Examples, phone: &mut Conversation, root: [u8; 32], seed0: [u8; 32]) {
    let (es1, seed1) = ([0x33; 32], [0x34; 32]);
    let first = FirstContact {
        nonce: NONCE,
        first_day: DAY,
        bundle: [0; 32],
        handle: [0; 32],
        continuity: Secret::from_bytes([0; 32]),
        static_key: SealingSecret::from_bytes([0; 32]).public(),
        mac: [0; 32],
    };
    let message = Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 1,
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::from_bytes([0x11; 32]),
        ratchet_key: SealingSecret::from_bytes(seed0).public(),
        body: first.with_body(b"tip"),
    };
    let mut desk = Conversation::accept(LINE, &message, &first).unwrap();
    let content = Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 2,
        part: 0,
        parts: 1,
        body: b"answer",
    };
    let fresh = Fresh {
        epoch_secret: Secret::from_bytes(es1),
        ratchet: SealingSecret::from_bytes(seed1),
    };
    let outgoing = desk.prepare(content, &fresh).unwrap();
    let mut rng = Scripted(vec![0x77; 64]);
    let slot = Slot::Board(Board::New, 7);
    let sealed = outgoing.seal(LINE, DAY, slot, &mut rng).unwrap();
    phone.open((1, 0), &sealed, DAY).unwrap();
    let key = SealingSecret::from_bytes(seed1).public();
    let next = hash::extract(&root, &[&es1, &key.hash()]);
    let epoch: [u8; 64] = hash::expand(&next, &[b"sotto/1 epoch", &2_u32.to_le_bytes()]);
    let zero = [0; 9];
    let address = hash::expand(
        epoch[32..].try_into().unwrap(),
        &[b"sotto/1 slot", &0_u32.to_le_bytes(), &zero],
    );
    out.hex("es[1]", &es1);
    out.hex("ratchet seed[1]", &seed1);
    out.hex("H(ratchet key[1])", &key.hash());
    out.hex("RK[1]", &next);
    out.hex("address[2,0,0]", &address);
    let expected = desk.expected(Slot::Inbox);
    assert_eq!(expected[0].address, Address(address));
    assert_eq!((expected[0].number, expected.len()), ((2, 0), 32));
}

/// One envelope of (1, 0), with the randomness of its encapsulation given.
fn envelope(out: &mut Examples, slots: [u8; 32], key: &[u8; 32]) {
    let receiver = SealingSecret::from_bytes([0x12; 32]);
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
    let (j, cycle) = (0_u32.to_le_bytes(), 7_u64.to_le_bytes());
    let address = Address(hash::expand(&slots, &[b"sotto/1 slot", &j, &[1], &cycle]));
    let class = Class::Envelope;
    let header = EnvelopeHeader {
        class,
        day: DAY.to_le_bytes()[0],
        address,
    };
    let plaintext = message.to_bytes().unwrap();
    out.hex("plaintext header", &plaintext[..40]);
    out.hex("H(plaintext)", &hash::digest(&[&plaintext]));
    out.hex("receiver seed", &[0x12; 32]);
    out.hex("encapsulation randomness", &[0x77; 64]);
    let place = Place {
        line: LINE,
        day: DAY,
        address,
    };
    let psk = Secret::from_bytes(*key);
    let mut rng = Scripted(vec![0x77; 64]);
    let sealed = seal::seal(&message, &receiver.public(), Some(&psk), place, &mut rng).unwrap();
    assert_eq!(sealed.as_bytes()[..36], header.to_bytes());
    out.hex("envelope 0..36", &sealed.as_bytes()[..36]);
    out.hex("envelope 1156..1188", &sealed.as_bytes()[1_156..1_188]);
    out.hex("H(envelope)", &hash::digest(&[sealed.as_bytes()]));
}

fn frames(out: &mut Examples) {
    let page = PageHeader {
        board: Board::New,
        page: 5,
        cycle: 7,
    };
    out.hex("page header", &page.with_body(&[]));
    let cursor = Cursor {
        shard: 0,
        incarnation: 0x0102_0304_0506_0708,
        position: 17,
    };
    out.text("cursor", &cursor.to_text());
    out.hex("acknowledgement", &cursor.to_bytes());
    let empty = DrainPage {
        cursor,
        records: Vec::new(),
    };
    out.hex("drain answer without records", &empty.to_bytes());
    let log = LogHeader {
        position: 3,
        previous: [0x44; 32],
        key_id: [0x45; 16],
    };
    out.hex("log record header", &log.to_bytes());
    let fill = page.fill(&[0x46; 32], LINE);
    let by_hand = hash::expand::<32>(
        &[0x46; 32],
        &[
            b"sotto/1 fill",
            &LINE.0,
            &[1],
            &7_u64.to_le_bytes(),
            &5_u32.to_le_bytes(),
            &[0],
        ],
    );
    assert_eq!(fill[..32], by_hand);
    out.hex("fill of secret 46.., first 32 bytes", &by_hand);
}

fn request(out: &mut Examples) {
    let (relay, device) = ([0x51; 32], [0x52; 32]);
    let (relay, device) = (
        AgreementSecret::from_bytes(relay),
        AgreementSecret::from_bytes(device),
    );
    let key = device.request_key_of_device(&relay.public(), LINE);
    let path = format!("/v1/{}/in", LINE.to_text());
    let parts = RequestParts {
        method: "GET",
        path: &path,
        query: "after=&max=64",
        body: b"",
    };
    let signed = key.sign(parts, DeviceId([0x53; 16]), 1_728_000_000, [0x54; 16]);
    out.hex("relay X25519 secret", &relay.to_bytes());
    out.hex("device X25519 secret", &device.to_bytes());
    out.text("request", &format!("GET {path}?after=&max=64"));
    out.text("content-digest", &signed.content_digest);
    out.text("signature-input", &signed.signature_input);
    out.text("signature", &signed.signature);
}

fn attachment(out: &mut Examples) {
    let (key, file) = ([0x61; 32], vec![0x62; 65_421]);
    out.hex("file key", &key);
    out.text("file", "62, 65421 times, as plain text");
    let mut sealer =
        Sealer::begin(&file, FileType::Text, DAY, &mut Scripted(key.to_vec())).unwrap();
    let mut hashes = Vec::new();
    for (i, is_last) in [(0_u32, 0), (1, 1)] {
        let index = i.to_le_bytes();
        let address = hash::expand::<32>(&key, &[b"sotto/1 chunk address", &index]);
        let chunk_key = hash::expand::<32>(&key, &[b"sotto/1 chunk", &index, &[is_last]]);
        let chunk = sealer.next_chunk().unwrap().unwrap();
        assert_eq!(chunk[4..36], address);
        out.hex(&format!("chunk key {i}"), &chunk_key);
        out.hex(&format!("chunk {i}, 0..36"), &chunk[..36]);
        out.hex(&format!("chunk {i}, 65456..65472"), &chunk[65_456..]);
        out.hex(&format!("H(chunk {i})"), &hash::digest(&[&chunk]));
        hashes.push(hash::digest(&[&chunk]));
    }
    assert_eq!(sealer.next_chunk().unwrap(), None);
    let manifest = sealer.finish().unwrap().to_bytes();
    let commitment = hash::digest(&[b"sotto/1 file", hashes.as_flattened()]);
    assert_eq!(manifest[40..72], commitment);
    out.hex("manifest", &manifest);
}
