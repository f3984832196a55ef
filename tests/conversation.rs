//! The conversation engine: both ends, any number of rounds, nothing changed by what is refused.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use sotto_protocol::{
    conversation::{Content, Conversation, Slot},
    id::{Board, LineId},
    message::{FirstContact, Kind, Message},
    seal::{self, Envelope, Reject},
    secret::{SealingSecret, Secret, random},
};

const LINE: LineId = LineId([7; 16]);
const DAY: u32 = 20_780;

const fn text(body: &[u8]) -> Content<'_> {
    Content {
        kind: Kind::Text,
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
    first: FirstContact,
}

fn first_contact(nonce: [u8; 32], rng: &mut impl CryptoRng) -> FirstContact {
    FirstContact {
        nonce,
        first_day: DAY,
        bundle: random(rng),
        handle: random(rng),
        continuity: Secret::make(rng),
        static_key: SealingSecret::make(rng).public(),
    }
}

fn begin(body: &[u8], rng: &mut impl CryptoRng) -> Pair {
    let prekey = SealingSecret::make(rng);
    let nonce = random(rng);
    let first = first_contact(nonce, rng);
    let mut phone = Conversation::begin(LINE, DAY, nonce, rng);
    let sealed = phone
        .seal_first(text(&first.with_text(body)), &prekey.public(), DAY, rng)
        .unwrap()
        .envelope;
    let message = seal::open(&sealed, &prekey, None, LINE).unwrap();
    let (opened, shown) = FirstContact::parse(&message.body).unwrap();
    assert_eq!(shown, body);
    assert_eq!(opened, first);
    let desk = Conversation::accept(LINE, &message, &opened).unwrap();
    Pair {
        phone,
        desk,
        prekey,
        first,
    }
}

/// Sends one text and has the other side find it by address and open it.
fn pass(
    from: &mut Conversation,
    to: &mut Conversation,
    slot: Slot,
    body: &[u8],
    rng: &mut impl CryptoRng,
) -> Message {
    let outgoing = from.prepare(text(body), rng).unwrap();
    let envelope = outgoing.seal(LINE, DAY, slot, rng).unwrap();
    open(to, slot, &envelope).unwrap()
}

fn open(to: &mut Conversation, slot: Slot, envelope: &Envelope) -> Result<Message, Reject> {
    let expected = to.expected(slot);
    let (_, epoch, index) = expected
        .into_iter()
        .find(|(address, ..)| *address == envelope.address())
        .ok_or(Reject)?;
    to.open((epoch, index), envelope)
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
            desk.prepare(text(b"x"), rng)
                .unwrap()
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
    let answer = desk.prepare(text(b"who was it?"), rng).unwrap();
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
    let Pair {
        mut phone,
        mut desk,
        prekey,
        first,
    } = begin(b"first", rng);
    let again = phone
        .seal_first(text(&first.with_text(b"more")), &prekey.public(), DAY, rng)
        .unwrap()
        .envelope;
    let message = seal::open(&again, &prekey, None, LINE).unwrap();
    desk.join(&message, &first).unwrap();
    let mut stranger = Conversation::begin(LINE, DAY, first.nonce, rng);
    let forged = stranger
        .seal_first(
            text(&first.with_text(b"forged")),
            &prekey.public(),
            DAY,
            rng,
        )
        .unwrap()
        .envelope;
    let message = seal::open(&forged, &prekey, None, LINE).unwrap();
    assert_eq!(desk.join(&message, &first), Err(Reject));
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
    let answer = desk
        .prepare(text(b"secret"), rng)
        .unwrap()
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
            let refused = Envelope::parse(flipped).and_then(|e| phone.open((1, 0), &e));
            assert_eq!(refused, Err(Reject), "byte {place} bit {bit}");
        }
    }
    assert_eq!(phone.to_bytes(), before);
    phone.open((1, 0), &answer).unwrap();
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
