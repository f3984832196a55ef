//! Both ends under an adversary in between: whatever it drops, doubles, delays and reorders, and
//! wherever machines stop or are put back, both come to agree once the network is well again.

mod ends;
mod found;
mod net;
mod story;

use proptest::{collection::vec, prelude::*};
use sotto_tests::cases::runner;

use self::{
    net::Fate,
    story::{Op, Story},
};

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Dropped),
        2 => Just(Fate::Doubled),
        2 => Just(Fate::Late),
        2 => Just(Fate::Unanswered),
        2 => Just(Fate::Lost),
    ]
}

/// What happens to phones that are never put back or lost.
fn everyday() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1_u8..4).prop_map(Op::Write),
        12 => (0_u8..12).prop_map(Op::Open),
        4 => (0_u8..16).prop_map(Op::OpenAndStop),
        12 => fate().prop_map(Op::Relay),
        2 => Just(Op::Release),
        2 => Just(Op::Reorder),
        2 => (1_u8..12).prop_map(Op::LosePages),
        12 => Just(Op::Round),
        3 => (0_u8..5).prop_map(Op::RoundAndStop),
        1 => Just(Op::Rewind),
        8 => (1_u8..4).prop_map(Op::Reply),
        10 => Just(Op::Wait),
        2 => (1_u8..20).prop_map(Op::Days),
    ]
}

fn anything() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => everyday(),
        2 => Just(Op::Copy),
        1 => Just(Op::Restore),
        1 => Just(Op::Lose),
        1 => Just(Op::Leave),
    ]
}

/// Number of cases in a usual run.
const FEW: u32 = 12;

#[test]
fn an_adversary_in_between_changes_nothing_in_the_end() {
    let outcome = runner(FEW).run(&vec(everyday(), 1..60), |ops| {
        Story::tell(&ops);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn neither_do_lost_phones_old_copies_and_those_who_keep_nothing() {
    let outcome = runner(FEW).run(&vec(anything(), 1..60), |ops| {
        Story::tell(&ops);
        Ok(())
    });
    outcome.unwrap();
}
