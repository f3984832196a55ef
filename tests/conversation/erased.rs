//! What a conversation forgets, and when: keys of past epochs, of skipped indices and of past days.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    conversation::{Conversation, Slot},
    id::Board,
    limits::SKIPPED_DAYS,
    seal::{Envelope, Reject},
    wire::DecodeError,
};

use super::{DAY, LINE, Pair, begin, keys, open, pass, prepare};

const BOARD: Slot = Slot::Board(Board::New, 1);

fn sealed(from: &mut Conversation, slot: Slot, rng: &mut ChaCha20Rng) -> Envelope {
    let outgoing = prepare(from, b"text", rng);
    outgoing.seal(LINE, DAY, slot, rng).unwrap()
}

/// Epochs whose addresses are looked at, each once.
fn epochs(of: &Conversation, slot: Slot) -> Vec<u32> {
    let mut all: Vec<u32> = of.expected(slot).iter().map(|e| e.number.0).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn an_epoch_is_closed_by_the_next_but_one_and_forgotten_after_that() {
    let rng = &mut ChaCha20Rng::seed_from_u64(41);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    let late = sealed(&mut desk, BOARD, rng);
    pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    assert!(open(&mut phone.clone(), BOARD, &late).is_ok());
    pass(&mut desk, &mut phone, BOARD, b"of epoch 3", rng);
    assert_eq!(open(&mut phone, BOARD, &late), Err(Reject));
    assert_eq!(epochs(&phone, BOARD), [1, 3]);
    pass(&mut phone, &mut desk, Slot::Inbox, b"of epoch 4", rng);
    assert_eq!(epochs(&desk, Slot::Inbox), [2, 4]);
    pass(&mut desk, &mut phone, BOARD, b"of epoch 5", rng);
    assert_eq!(epochs(&phone, BOARD), [3, 5]);
}

#[test]
fn an_epoch_that_is_answered_leaves_no_secret_with_its_sender() {
    let rng = &mut ChaCha20Rng::seed_from_u64(42);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    let reply = pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    let holds = |phone: &Conversation| {
        let secret = reply.epoch_secret.as_bytes();
        phone.to_bytes().windows(32).any(|bytes| bytes == secret)
    };
    assert!(holds(&phone), "more may be sent in that epoch");
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    assert!(!holds(&phone));
}

#[test]
fn a_desk_keeps_keys_of_what_did_not_come_for_28_days() {
    let rng = &mut ChaCha20Rng::seed_from_u64(43);
    let mut pair = begin(b"first", rng);
    let (again, contact) = pair.again(rng);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = pair;
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    let replies = [(); 4].map(|()| sealed(&mut phone, Slot::Inbox, rng));
    open(&mut desk, Slot::Inbox, &replies[3]).unwrap();
    let before = desk.to_bytes();
    assert!(!desk.expire(DAY + SKIPPED_DAYS - 1));
    assert_eq!(desk.to_bytes(), before);
    let mut early = desk.clone();
    open(&mut early, Slot::Inbox, &replies[0]).unwrap();
    early.join(&again, &contact).unwrap();
    assert!(desk.expire(DAY + SKIPPED_DAYS));
    for reply in &replies[..3] {
        assert_eq!(open(&mut desk, Slot::Inbox, reply), Err(Reject));
    }
    assert_eq!(desk.join(&again, &contact), Err(Reject));
    assert!(!desk.expire(DAY + SKIPPED_DAYS), "nothing is left of it");
    // What follows is opened all the same, and what it jumps over is erased by itself.
    let next = [(); 2].map(|()| sealed(&mut phone, Slot::Inbox, rng));
    open(&mut desk, Slot::Inbox, &next[1]).unwrap();
    assert!(desk.expire(DAY + SKIPPED_DAYS));
    assert_eq!(open(&mut desk, Slot::Inbox, &next[0]), Err(Reject));
}

#[test]
fn an_epoch_with_nothing_skipped_goes_too() {
    let rng = &mut ChaCha20Rng::seed_from_u64(44);
    let Pair {
        mut phone,
        mut desk,
        ..
    } = begin(b"first", rng);
    pass(&mut desk, &mut phone, BOARD, b"answer", rng);
    pass(&mut phone, &mut desk, Slot::Inbox, b"reply", rng);
    assert!(desk.expire(DAY + SKIPPED_DAYS));
    assert_eq!(epochs(&desk, Slot::Inbox), [2]);
}

#[test]
fn page_keys_of_past_days_are_erased_once() {
    let rng = &mut ChaCha20Rng::seed_from_u64(45);
    let mut phone = Conversation::begin(LINE, DAY, false, rng);
    for (day, has_changed) in [
        (DAY - 1, false),
        (DAY, false),
        (DAY + 1, true),
        (DAY + 1, false),
    ] {
        let before = phone.to_bytes();
        assert_eq!(phone.forget_pages_before(day), has_changed, "{day}");
        assert_eq!(phone.to_bytes() != before, has_changed);
    }
    let mut fixed = Conversation::leave_nothing(LINE, &keys(rng).leave);
    assert!(!fixed.forget_pages_before(DAY));
}

/// As many as a desk may skip towards a phone that keeps nothing.
#[test]
fn a_kept_list_has_at_most_1024_entries() {
    let rng = &mut ChaCha20Rng::seed_from_u64(46);
    let state = Conversation::begin(LINE, DAY, false, rng).to_bytes();
    // The last list: a count, and of each private key its epoch and seed.
    let (state, entry) = state.split_last_chunk::<36>().unwrap();
    let (state, count) = state.split_last_chunk::<2>().unwrap();
    assert_eq!(*count, 1_u16.to_le_bytes());
    let read = |count: u16| {
        let entries = entry.repeat(count.into());
        let bytes = [state, &count.to_le_bytes(), &entries].concat();
        Conversation::from_bytes(&bytes).map(|same| *same.to_bytes() == bytes)
    };
    assert_eq!(read(0), Ok(true));
    assert_eq!(read(1024), Ok(true));
    assert_eq!(read(1025), Err(DecodeError::Field));
}
