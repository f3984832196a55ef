//! The conversation engine: both ends, any number of rounds, nothing changed by what is refused.

mod begin;
mod erased;
mod windows;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sotto_protocol::{
    code::CodeKeys,
    conversation::{Content, Conversation, Fresh, Outgoing, SendError, Slot},
    id::{Board, LineId},
    message::{Contact, FirstContact, Flags, Kind, Message},
    seal::{self, Envelope, Reject},
    secret::{SealingSecret, Secret},
};

const LINE: LineId = LineId([7; 16]);
const DAY: u32 = 20_780;

const fn text(body: &[u8]) -> Content<'_> {
    Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body,
    }
}

struct Pair {
    phone: Conversation,
    desk: Conversation,
    prekey: SealingSecret,
    keys: CodeKeys,
}

impl Pair {
    /// One more epoch-0 message of the phone, as the desk opens it.
    fn again(&mut self, rng: &mut ChaCha20Rng) -> (Message, FirstContact) {
        let contact = (&self.keys, &self.prekey);
        let message = first(&mut self.phone, contact, b"more", rng).unwrap();
        let (opened, _) = FirstContact::parse(&message.body).unwrap();
        (message, opened)
    }
}

/// A phone's epoch-0 message, opened with the prekey.
fn first(
    phone: &mut Conversation,
    (keys, prekey): (&CodeKeys, &SealingSecret),
    body: &[u8],
    rng: &mut ChaCha20Rng,
) -> Result<Message, SendError> {
    let contact = Contact {
        bundle: [9; 32],
        keys,
    };
    let sealed = phone.seal_first(text(body), contact, (&prekey.public(), DAY), rng)?;
    let message = seal::open(&sealed.envelope, prekey, None, LINE).unwrap();
    assert_eq!(message.index, sealed.index);
    Ok(message)
}

fn keys(rng: &mut ChaCha20Rng) -> CodeKeys {
    CodeKeys::from_stretched(Secret::make(rng))
}

fn begin(body: &[u8], rng: &mut ChaCha20Rng) -> Pair {
    let (prekey, keys) = (SealingSecret::make(rng), keys(rng));
    let phone = Conversation::begin(LINE, DAY, false, rng);
    accept(phone, keys, prekey, body, rng)
}

fn accept(
    mut phone: Conversation,
    keys: CodeKeys,
    prekey: SealingSecret,
    body: &[u8],
    rng: &mut ChaCha20Rng,
) -> Pair {
    let message = first(&mut phone, (&keys, &prekey), body, rng).unwrap();
    let (opened, shown) = FirstContact::parse(&message.body).unwrap();
    assert_eq!(shown, body);
    let desk = Conversation::accept(LINE, &message, &opened).unwrap();
    Pair {
        phone,
        desk,
        prekey,
        keys,
    }
}

fn prepare(from: &mut Conversation, body: &[u8], rng: &mut ChaCha20Rng) -> Outgoing {
    from.prepare(text(body), &Fresh::make(rng)).unwrap()
}

/// Sends one text and has the other side find it by address and open it.
fn pass(
    from: &mut Conversation,
    to: &mut Conversation,
    slot: Slot,
    body: &[u8],
    rng: &mut ChaCha20Rng,
) -> Message {
    let envelope = prepare(from, body, rng).seal(LINE, DAY, slot, rng).unwrap();
    open(to, slot, &envelope).unwrap()
}

fn open(to: &mut Conversation, slot: Slot, envelope: &Envelope) -> Result<Message, Reject> {
    let expected = to.expected(slot);
    let at = expected
        .into_iter()
        .find(|expected| expected.address == envelope.address())
        .ok_or(Reject)?;
    to.open(at.number, envelope, DAY)
}

#[test]
fn many_rounds_in_order() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin("有人倒废料".as_bytes(), rng);
    for round in 0..12_u64 {
        let board = Slot::Board(Board::New, 1_000 + round);
        for part in 0..=round % 3 {
            let body = format!("answer {round}.{part}");
            let shown = pass(&mut desk, &mut phone, board, body.as_bytes(), rng);
            assert_eq!(*shown.body, body.as_bytes());
        }
        for part in 0..=round % 2 {
            let body = format!("متابعة {round}.{part}");
            let shown = pass(&mut phone, &mut desk, Slot::Inbox, body.as_bytes(), rng);
            assert_eq!(*shown.body, body.as_bytes());
            let received = shown.received.unwrap();
            assert!(received.covers(u32::try_from(round * 2 + 1).unwrap(), 0));
        }
    }
}

#[test]
fn both_ends_survive_a_restart_at_any_point() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    for round in 0..6_u64 {
        for end in [&mut phone, &mut desk] {
            *end = Conversation::from_bytes(&end.to_bytes()).unwrap();
        }
        let board = Slot::Board(Board::Old, round);
        pass(&mut desk, &mut phone, board, b"question", rng);
        for end in [&mut phone, &mut desk] {
            *end = Conversation::from_bytes(&end.to_bytes()).unwrap();
        }
        pass(&mut phone, &mut desk, Slot::Inbox, b"answer", rng);
    }
}

#[test]
fn indices_may_arrive_in_any_order() {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let slot = Slot::Board(Board::New, 9);
    let sealed: Vec<Envelope> = (0..5)
        .map(|_| {
            prepare(&mut desk, b"x", rng)
                .seal(LINE, DAY, slot, rng)
                .unwrap()
        })
        .collect();
    for i in [3, 0, 4, 2, 1] {
        open(&mut phone, slot, &sealed[i]).unwrap();
        assert_eq!(
            open(&mut phone, slot, &sealed[i]),
            Err(Reject),
            "a second time"
        );
    }
}

#[test]
fn an_answer_is_sealed_anew_in_every_cycle_and_opens_once() {
    let rng = &mut ChaCha20Rng::seed_from_u64(4);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let answer = prepare(&mut desk, b"who was it?", rng);
    let at = |cycle, rng: &mut ChaCha20Rng| {
        answer
            .seal(LINE, DAY, Slot::Board(Board::New, cycle), rng)
            .unwrap()
    };
    let (one, two) = (at(5, rng), at(6, rng));
    assert_ne!(one.address(), two.address());
    assert_eq!(
        open(&mut phone, Slot::Board(Board::New, 5), &two),
        Err(Reject)
    );
    open(&mut phone, Slot::Board(Board::New, 6), &two).unwrap();
    assert_eq!(
        open(&mut phone, Slot::Board(Board::New, 5), &one),
        Err(Reject)
    );
}

#[test]
fn own_pages_agree_on_both_ends_and_are_erased() {
    use sotto_protocol::conversation::Cycle;
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    let Pair {
        mut phone, desk, ..
    } = begin(b"first", rng);
    let mut pages = Vec::new();
    for number in (u64::from(DAY) * 288)..(u64::from(DAY) * 288 + 600) {
        let cycle = Cycle {
            number,
            seconds: 300,
        };
        let page = phone.own_page(Board::New, cycle, 0, 64).unwrap();
        assert_eq!(desk.own_page(Board::New, cycle, 0, 64), Some(page));
        pages.push(page);
    }
    pages.sort_unstable();
    pages.dedup();
    assert!(pages.len() > 50, "draws must spread over the board");
    phone.forget_pages_before(DAY + 1);
    let today = Cycle {
        number: u64::from(DAY) * 288,
        seconds: 300,
    };
    assert_eq!(phone.own_page(Board::New, today, 0, 64), None);
    assert_eq!(phone.own_page(Board::New, today, 0, 0), None);
}

#[test]
fn copies_of_a_first_contact_join_and_strangers_do_not() {
    let rng = &mut ChaCha20Rng::seed_from_u64(6);
    let mut pair = begin(b"first", rng);
    let (again, contact) = pair.again(rng);
    let Pair {
        mut desk,
        prekey,
        keys,
        ..
    } = pair;
    desk.join(&again, &contact).unwrap();
    assert!(desk.received().unwrap().covers(0, 1));
    let mut stranger = Conversation::begin(LINE, DAY, false, rng);
    let forged = first(&mut stranger, (&keys, &prekey), b"forged", rng).unwrap();
    let (mut other, _) = FirstContact::parse(&forged.body).unwrap();
    assert_eq!(desk.join(&forged, &other), Err(Reject));
    other.nonce = *desk.nonce();
    assert_eq!(desk.join(&forged, &other), Err(Reject));
}

#[test]
fn flipped_bits_are_rejected_and_change_nothing() {
    let rng = &mut ChaCha20Rng::seed_from_u64(7);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let slot = Slot::Board(Board::New, 1);
    let answer = prepare(&mut desk, b"secret", rng)
        .seal(LINE, DAY, slot, rng)
        .unwrap();
    let before = phone.to_bytes();
    let bytes = answer.as_bytes().to_vec();
    // Every bit of every field's first and last byte, and a random sample of the rest.
    let edges = [
        0, 1, 2, 3, 4, 35, 36, 1_123, 1_124, 1_155, 1_156, 1_187, 1_188, 8_111, 8_112, 8_127,
    ];
    let sample: Vec<usize> = (0..64).map(|_| (rng.next_u32() % 8_128) as usize).collect();
    for place in edges.into_iter().chain(sample) {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            let refused = Envelope::parse(flipped).and_then(|e| phone.open((1, 0), &e, DAY));
            assert_eq!(refused, Err(Reject), "byte {place} bit {bit}");
        }
    }
    assert_eq!(phone.to_bytes(), before);
    phone.open((1, 0), &answer, DAY).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4_096)) {
        if let Ok(state) = Conversation::from_bytes(&bytes) {
            prop_assert_eq!(&*state.to_bytes(), &bytes);
        }
        if let Ok(message) = Message::from_bytes(&bytes) {
            prop_assert_eq!(&**message.to_bytes().unwrap(), &bytes);
        }
    }
}
