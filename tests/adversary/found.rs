//! What the adversary has found, as lists of what happened. Each was a bug once.

use super::{
    net::Fate::{Dropped, Late},
    office::Crew,
    story::{
        Op::{
            self, Copy, Days, HidePages, Leave, Lose, LosePages, Open, Relay, Release, Reply,
            Restore, Round, Rounds, Wait, Write,
        },
        Story,
    },
};

/// By a desk of one device, and by one of two.
fn tell(ops: &[Op]) {
    for crew in [Crew::Alone, Crew::Pair] {
        Story::begin(crew).tell(ops);
    }
}

/// A tip that was read, and an answer that stands on the board.
const ANSWERED: [Op; 10] = [
    Write(1),
    Open(4),
    Rounds,
    Reply(0, 1),
    Wait,
    Wait,
    Rounds,
    Wait,
    Wait,
    Rounds,
];

/// What a phone sent before its state was put back took the address of what it sent afterwards; the
/// acknowledgement of the one was taken for that of the other.
#[test]
fn an_acknowledgement_of_what_was_sent_before_the_copy() {
    let sent_twice = [
        Open(4),
        Copy,
        Write(1),
        Open(4),
        Restore,
        Write(1),
        Open(4),
        Rounds,
        Wait,
        Wait,
        Rounds,
        Wait,
        Wait,
        Rounds,
    ];
    tell(&[&ANSWERED[..], &sent_twice].concat());
}

/// The only word of a phone that came back was lost, and the desk never heard of it.
#[test]
fn a_lost_word_of_somebody_who_came_back() {
    let lost = [Lose, Relay(Dropped), Open(4)];
    tell(&[&ANSWERED[..], &lost].concat());
}

/// The first phone had acknowledged one part of an answer, so that the second one never got it.
#[test]
fn half_an_answer_on_a_phone_that_was_lost() {
    let many = [
        Write(1),
        Open(4),
        Rounds,
        Reply(0, 3),
        Reply(0, 3),
        Reply(0, 3),
        Wait,
        Wait,
        Rounds,
        Wait,
        Wait,
        Rounds,
        Open(4),
        Rounds,
        Lose,
    ];
    tell(&many);
}

/// A first contact that was withheld until its phone had begun anew made a second case.
#[test]
fn a_first_contact_that_comes_after_its_successor() {
    let mut ops = vec![Relay(Dropped); 6];
    ops.extend([Relay(Late), Write(1)]);
    ops.extend([Open(4); 130]);
    ops.extend([Rounds, Release, Rounds]);
    tell(&ops);
}

/// Between two pages of one cycle what waits had changed, and the same address stood on both.
#[test]
fn an_answer_on_both_pages_of_a_cycle() {
    let moved = [
        Write(1),
        Write(1),
        Open(1),
        Rounds,
        Reply(0, 2),
        Days(15),
        Wait,
        Reply(0, 3),
        Days(14),
    ];
    tell(&moved);
}

/// Between two writings of a page, the first of which was not answered, an answer had been given: it
/// took the place of a filler, and the relay could tell which one it was.
#[test]
fn an_answer_to_a_page_that_is_written_again() {
    let hidden = [HidePages(1), Wait, Wait, Round(0), Reply(0, 1), Rounds].repeat(8);
    tell(&[&ANSWERED[..], &hidden].concat());
}

/// A drainer that took the boards over wrote pages anew that the one before had written, with
/// fillers of its own.
#[test]
fn a_page_by_two_keepers() {
    let mut ops = ANSWERED.to_vec();
    ops.push(LosePages(12));
    ops.extend([Wait, Wait, Round(0)].repeat(3));
    ops.extend([Round(1), Round(1), Round(0)]);
    tell(&ops);
}

/// A page whose writing was not answered was composed anew: the addresses that came again were those
/// of answers.
#[test]
fn a_page_that_is_written_again_shows_the_same_addresses() {
    let mut story = Story::begin(Crew::Alone);
    for op in ANSWERED {
        story.go(op);
    }
    let (once, again) = (story.compose(), story.compose());
    assert!(!once.is_empty());
    assert_eq!(once, again);
}

/// Of many answers of several parts, some were never shown to somebody who keeps nothing: all parts
/// of one have to be on what is looked at in a single opening.
#[test]
fn many_long_answers_to_somebody_who_keeps_nothing() {
    let begin = [
        Write(1),
        Leave,
        Open(4),
        Open(4),
        Rounds,
        Rounds,
        Wait,
        Rounds,
    ];
    let ops = [&begin[..], &[Reply(0, 3); 7]].concat();
    Story::begin(Crew::Alone).tell(&ops);
}
