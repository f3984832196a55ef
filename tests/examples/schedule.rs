//! The examples of SPEC 3.3: keys, addresses and pages from the first message to the next epochs.

use sotto_protocol::{
    conversation::{Content, Conversation, Cycle, Fresh, Slot},
    hash,
    id::{Address, Board},
    message::{FirstContact, Flags, Kind, Message},
    secret::{SealingSecret, Secret},
};

use super::{DAY, ES0, LINE, NONCE, SEED0, book::Area};
use crate::published::Scripted;

const ES1: [u8; 32] = [0x33; 32];
const SEED1: [u8; 32] = [0x34; 32];

/// `CK[e,0]` and `AK[e]`.
pub(super) fn epoch(root: &[u8; 32], number: u32) -> ([u8; 32], [u8; 32]) {
    let both: [u8; 64] = hash::expand(root, &[b"sotto/1 epoch", &number.to_le_bytes()]);
    let (chain, slots) = both.split_at(32);
    (chain.try_into().unwrap(), slots.try_into().unwrap())
}

/// `address[e,j,w]`.
pub(super) fn address(slots: &[u8; 32], j: u32, board: u8, cycle: u64) -> [u8; 32] {
    let (j, cycle) = (j.to_le_bytes(), cycle.to_le_bytes());
    hash::expand(slots, &[b"sotto/1 slot", &j, &[board], &cycle])
}

/// The own page of *new*, k = 0.
pub(super) fn own_page(key: &[u8; 32], cycle: u64, pages: u64) -> u64 {
    let info: [&[u8]; 4] = [b"sotto/1 page", &[1], &cycle.to_le_bytes(), &[0]];
    u64::from_le_bytes(hash::expand::<8>(key, &info)) % pages
}

pub(super) fn phone() -> Conversation {
    let mut rng = Scripted([ES0, SEED0, NONCE].concat());
    Conversation::begin(LINE, DAY, false, &mut rng)
}

pub(super) fn first_root() -> [u8; 32] {
    hash::extract(b"sotto/1 root", &[&ES0, &NONCE])
}

pub(super) fn schedule() -> Area {
    let mut area = Area::new(
        "schedule",
        "3.3, 5.4",
        "the key schedule of one conversation: from es[0] and nonce to epoch 1, its pages, and epochs 2 and 3",
    );
    let mut phone = phone();
    first_epoch(&mut area, &phone);
    pages(&mut area, &phone);
    answer(&mut area, &mut phone);
    area
}

fn first_epoch(area: &mut Area, phone: &Conversation) {
    let root = first_root();
    let (chain, slots) = epoch(&root, 1);
    let key: [u8; 32] = hash::expand(&chain, &[b"sotto/1 message"]);
    let next: [u8; 32] = hash::expand(&chain, &[b"sotto/1 chain"]);
    let new = address(&slots, 0, 1, 7);
    area.case("epoch 1")
        .given("es[0]", &ES0)
        .given("nonce", &NONCE)
        .gives("RK[0]", &root)
        .gives("CK[1,0]", &chain)
        .gives("AK[1]", &slots)
        .gives("MK[1,0]", &key)
        .gives("CK[1,1]", &next)
        .gives("MK[1,1]", &hash::expand::<32>(&next, &[b"sotto/1 message"]))
        .gives("address[1,0,(new,7)]", &new)
        .gives("address[1,1,(old,7)]", &address(&slots, 1, 2, 7));
    let expected = phone.expected(Slot::Board(Board::New, 7));
    assert_eq!(expected[0].address, Address(new));
    let last = address(&slots, 63, 1, 7);
    assert_eq!(expected[63].address, Address(last));
    assert_eq!((expected[63].number, expected.len()), ((1, 63), 64));
    let old = phone.expected(Slot::Board(Board::Old, 7));
    assert_eq!(old[1].address, Address(address(&slots, 1, 2, 7)));
}

fn pages(area: &mut Area, phone: &Conversation) {
    let root = first_root();
    let first: [u8; 32] = hash::expand(&root, &[b"sotto/1 page key"]);
    let second: [u8; 32] = hash::expand(&first, &[b"sotto/1 page day"]);
    // Half past noon of the second day, cycles of 300 seconds.
    let cycle = u64::from(DAY + 1) * 288 + 150;
    let page = own_page(&second, cycle, 1_024);
    area.case("page keys and an own page")
        .given("RK[0]", &root)
        .given_number("d0", DAY.into())
        .given_number("cycle of new, 300 seconds long", cycle)
        .given_number("k", 0)
        .given_number("pages", 1_024)
        .gives("PK[20000]", &first)
        .gives("PK[20001]", &second)
        .gives_number("own page", page);
    let cycle = Cycle {
        number: cycle,
        seconds: 300,
    };
    let own = phone.own_page(Board::New, cycle, 0, 1_024);
    assert_eq!(own.map(u64::from), Some(page));
}

fn first_message() -> (Message, FirstContact) {
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
        epoch_secret: Secret::from_bytes(ES0),
        ratchet_key: SealingSecret::from_bytes(SEED0).public(),
        body: first.with_body(b"tip"),
    };
    (message, first)
}

/// The desk answers, which gives RK[1]; the phone opens it, and its own epoch follows.
fn answer(area: &mut Area, phone: &mut Conversation) {
    let (message, first) = first_message();
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
        epoch_secret: Secret::from_bytes(ES1),
        ratchet: SealingSecret::from_bytes(SEED1),
    };
    let outgoing = desk.prepare(content, &fresh).unwrap();
    let mut rng = Scripted(vec![0x77; 64]);
    let slot = Slot::Board(Board::New, 7);
    let sealed = outgoing.seal(LINE, DAY, slot, &mut rng).unwrap();
    phone.open((1, 0), &sealed, DAY).unwrap();
    let key = SealingSecret::from_bytes(SEED1).public();
    let root = hash::extract(&first_root(), &[&ES1, &key.hash()]);
    let (chain, slots) = epoch(&root, 2);
    let inbox = address(&slots, 0, 0, 0);
    let (es2, seed2) = ([0x35; 32], [0x36; 32]);
    let key2 = SealingSecret::from_bytes(seed2).public();
    let next = hash::extract(&root, &[&es2, &key2.hash()]);
    area.case("epochs 2 and 3")
        .given("RK[0]", &first_root())
        .given("es[1]", &ES1)
        .given("ratchet seed[1]", &SEED1)
        .given("es[2]", &es2)
        .given("ratchet seed[2]", &seed2)
        .gives("H(ratchet key[1])", &key.hash())
        .gives("RK[1]", &root)
        .gives("CK[2,0]", &chain)
        .gives("AK[2]", &slots)
        .gives("address[2,0,0]", &inbox)
        .gives("H(ratchet key[2])", &key2.hash())
        .gives("RK[2]", &next)
        .gives("CK[3,0]", &epoch(&next, 3).0)
        .gives("AK[3]", &epoch(&next, 3).1);
    let expected = desk.expected(Slot::Inbox);
    assert_eq!(expected[0].address, Address(inbox));
    assert_eq!((expected[0].number, expected.len()), ((2, 0), 32));
    let fresh = Fresh {
        epoch_secret: Secret::from_bytes(es2),
        ratchet: SealingSecret::from_bytes(seed2),
    };
    phone.prepare(content, &fresh).unwrap();
    let third = address(&epoch(&next, 3).1, 0, 1, 8);
    let expected = phone.expected(Slot::Board(Board::New, 8));
    assert!(expected.iter().any(|at| at.address == Address(third)));
}
