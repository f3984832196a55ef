//! How far each end may send, what the other says it has opened, and where that leads.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    conversation::{Content, Conversation, Expected, Fresh, Outgoing, SendError, Slot},
    id::Board,
    limits::{BODY_BYTES, DESK_WINDOW, PHONE_WINDOW, RATCHET_KEY_BYTES},
    message::{Flags, Kind, Message, Received},
    seal::Reject,
};

use super::{DAY, LINE, Pair, begin, open, pass, prepare, text};

const BOARD: Slot = Slot::Board(Board::New, 1);

/// Has the other side open what was prepared.
fn deliver(
    outgoing: &Outgoing,
    to: &mut Conversation,
    slot: Slot,
    rng: &mut ChaCha20Rng,
) -> Result<Message, Reject> {
    open(to, slot, &outgoing.seal(LINE, DAY, slot, rng).unwrap())
}

/// Both ends while the desk's epoch 3 begins: it has prepared two messages of it, of which the phone
/// has opened one, and the phone's epoch 2 has two messages that did not come yet.
struct Midway {
    phone: Conversation,
    desk: Conversation,
    late: [Outgoing; 2],
}

fn midway(rng: &mut ChaCha20Rng) -> Midway {
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    let late = [(); 2].map(|()| prepare(&mut phone, b"late", rng));
    pass(&mut desk, &mut phone, BOARD, b"another answer", rng);
    prepare(&mut desk, b"one more", rng);
    Midway { phone, desk, late }
}

#[test]
fn room_is_what_the_window_leaves_beyond_the_acknowledged() {
    let rng = &mut ChaCha20Rng::seed_from_u64(31);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    assert_eq!(phone.room(), PHONE_WINDOW - 1, "a first contact counts");
    assert_eq!(desk.room(), DESK_WINDOW);
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    let mut second = prepare(&mut desk, b"second", rng);
    assert_eq!(desk.room(), DESK_WINDOW - 2);
    assert!(phone.is_epoch_due() && !desk.is_epoch_due());
    assert_eq!(phone.room(), PHONE_WINDOW, "of its next epoch");
    pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    assert!(!phone.is_epoch_due() && desk.is_epoch_due());
    assert_eq!(phone.room(), PHONE_WINDOW - 1);
    assert_eq!(desk.room(), DESK_WINDOW);
    // The answer that was prepared before acknowledges the reply.
    second.acknowledge(None);
    second.acknowledge(desk.received());
    let shown = deliver(&second, &mut phone, BOARD, rng).unwrap();
    assert!(shown.received.unwrap().covers(2, 0));
    assert_eq!(phone.room(), PHONE_WINDOW);
    assert!(!phone.is_overtaken());
}

#[test]
fn a_desk_is_acknowledged_by_what_was_prepared_before() {
    let rng = &mut ChaCha20Rng::seed_from_u64(32);
    let Midway {
        phone,
        mut desk,
        late: [mut late, _],
    } = midway(rng);
    assert_eq!(desk.room(), DESK_WINDOW - 2);
    late.acknowledge(phone.received());
    deliver(&late, &mut desk, Slot::Inbox, rng).unwrap();
    assert_eq!(desk.room(), DESK_WINDOW - 1);
    assert!(!desk.is_overtaken());
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_tells_of_an_old_copy() {
    let rng = &mut ChaCha20Rng::seed_from_u64(33);
    let Midway { desk, late, .. } = midway(rng);
    let opened = |epoch, bitmap| Received {
        epoch,
        base: 0,
        bitmap,
    };
    for (received, is_overtaken, why) in [
        (opened(1, 0b1), false, "an earlier epoch"),
        (opened(1, 1 << 40), false, "nobody counts that one any more"),
        (opened(3, 0b10), false, "the last of this one"),
        (opened(3, 0), false, "none of this one"),
        (opened(4, 0b1), false, "the phone's own: means nothing"),
        (opened(3, 0b100), true, "one more than there are"),
        (opened(5, 0b1), true, "an epoch that there is not"),
    ] {
        let (mut desk, [mut one, mut other]) = (desk.clone(), late.clone());
        one.acknowledge(Some(received));
        deliver(&one, &mut desk, Slot::Inbox, rng).unwrap();
        assert_eq!(desk.is_overtaken(), is_overtaken, "{why}");
        other.acknowledge(Some(opened(3, 0b1)));
        deliver(&other, &mut desk, Slot::Inbox, rng).unwrap();
        assert_eq!(desk.is_overtaken(), is_overtaken, "{why}, and later");
    }
}

#[test]
fn received_covers_what_its_bits_say() {
    let received = Received {
        epoch: 3,
        base: 10,
        bitmap: 1 | 1 << 5 | 1 << 63,
    };
    assert_eq!(received.highest(), Some(73));
    for (epoch, index, is_covered) in [
        (3, 10, true),
        (3, 15, true),
        (3, 73, true),
        (3, 11, false),
        (3, 9, false),
        (3, 74, false),
        (3, 0, false),
        (3, u32::MAX, false),
        (2, 10, false),
        (4, 15, false),
    ] {
        assert_eq!(
            received.covers(epoch, index),
            is_covered,
            "{epoch}, {index}"
        );
    }
    for (bitmap, highest) in [(0, None), (1, Some(10)), (0b110, Some(12))] {
        let received = Received { bitmap, ..received };
        assert_eq!(received.highest(), highest);
    }
}

#[test]
fn a_phone_goes_on_looking_where_it_has_opened_something() {
    let rng = &mut ChaCha20Rng::seed_from_u64(34);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let known = |end: &Conversation, slot| {
        let all = end.expected(slot).into_iter();
        all.filter(|expected| expected.is_known).collect::<Vec<_>>()
    };
    assert_eq!(known(&phone, BOARD), []);
    let answer = prepare(&mut desk, b"answer", rng);
    deliver(&answer, &mut phone, BOARD, rng).unwrap();
    let expected = Expected {
        address: answer.address(BOARD),
        number: (1, 0),
        is_known: true,
    };
    assert_eq!(known(&phone, BOARD), [expected]);
    assert_eq!(phone.expected(BOARD).len(), DESK_WINDOW as usize + 1);
    pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    assert_eq!(known(&desk, Slot::Inbox), []);
    assert_eq!(
        desk.expected(Slot::Inbox).len(),
        PHONE_WINDOW as usize,
        "an inbox is read once"
    );
}

#[test]
fn the_longest_body_is_sent_and_a_longer_one_changes_nothing() {
    let rng = &mut ChaCha20Rng::seed_from_u64(35);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let longest = vec![7; BODY_BYTES];
    let shown = pass(&mut desk, &mut phone, BOARD, &longest, rng);
    assert_eq!(*shown.body, longest);
    let before = desk.to_bytes();
    let longer = vec![7; BODY_BYTES + 1];
    let refused = desk.prepare(text(&longer), &Fresh::make(rng));
    assert_eq!(refused, Err(SendError::Malformed));
    assert_eq!(desk.to_bytes(), before);
}

#[test]
fn what_replaces_a_message_says_all_of_it_anew() {
    let rng = &mut ChaCha20Rng::seed_from_u64(36);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let mut outgoing = prepare(&mut desk, b"an older one", rng);
    outgoing.replace(Content {
        kind: Kind::Acknowledgement,
        flags: Flags::Twice,
        id: 9,
        part: 1,
        parts: 3,
        body: b"a newer one",
    });
    assert_eq!(outgoing.number(), (1, 0));
    let shown = deliver(&outgoing, &mut phone, BOARD, rng).unwrap();
    assert_eq!(
        (shown.kind, shown.flags),
        (Kind::Acknowledgement, Flags::Twice)
    );
    assert_eq!((shown.id, shown.part, shown.parts), (9, 1, 3));
    assert_eq!(*shown.body, b"a newer one");
}

/// Where a message begins in what a desk keeps of it: behind version, key, slots and receiver.
const MESSAGE: usize = 1 + 32 + 32 + RATCHET_KEY_BYTES;

/// What somebody who holds the keys may seal: the same message with one byte changed.
fn bent(outgoing: &Outgoing, place: usize, by: u8) -> Outgoing {
    let mut bytes = outgoing.to_bytes().unwrap();
    bytes[MESSAGE + place] ^= by;
    Outgoing::from_bytes(&bytes).unwrap()
}

#[test]
fn a_message_says_the_same_as_its_place_and_its_epoch() {
    let rng = &mut ChaCha20Rng::seed_from_u64(37);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    let answer = prepare(&mut desk, b"answer", rng);
    let before = phone.to_bytes();
    for (place, by, why) in [(16, 2, "another epoch"), (20, 1, "another index")] {
        let envelope = bent(&answer, place, by).seal(LINE, DAY, BOARD, rng);
        let opened = phone.open((1, 0), &envelope.unwrap(), DAY);
        assert_eq!(opened.unwrap_err(), Reject, "{why}");
    }
    assert_eq!(phone.to_bytes(), before);
    deliver(&answer, &mut phone, BOARD, rng).unwrap();
    let second = prepare(&mut desk, b"second", rng);
    let other_secret = bent(&second, 40, 1);
    let opened = deliver(&other_secret, &mut phone, BOARD, rng);
    assert_eq!(opened.unwrap_err(), Reject, "another epoch secret");
    deliver(&second, &mut phone, BOARD, rng).unwrap();
}
