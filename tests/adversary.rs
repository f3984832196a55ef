//! Both ends, the desk with one to three devices, under an adversary in between: whatever it drops,
//! doubles, delays and reorders, and wherever machines stop or are put back, all come to agree once
//! the network is well again.

mod found;
mod line;
mod mobile;
mod net;
mod office;
mod story;
mod wire;

use proptest::{collection::vec, prelude::*};
use sotto_tests::cases::runner;

use self::{
    net::{Fate, LogFate},
    office::Crew,
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

fn log_fate() -> impl Strategy<Value = LogFate> {
    prop_oneof![
        1 => Just(LogFate::Lost),
        2 => Just(LogFate::Unanswered),
        2 => Just(LogFate::Late),
    ]
}

/// What happens to the phone, and to what it sends.
fn at_the_phone() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1_u8..4).prop_map(Op::Write),
        12 => (0_u8..12).prop_map(Op::Open),
        4 => (0_u8..16).prop_map(Op::OpenAndStop),
        12 => fate().prop_map(Op::Relay),
        2 => Just(Op::Release),
        2 => Just(Op::Reorder),
    ]
}

/// What happens to the desk. Devices are numbered as they come.
fn at_the_desk() -> impl Strategy<Value = Op> {
    let device = 0_u8..6;
    prop_oneof![
        8 => Just(Op::Rounds),
        12 => device.clone().prop_map(Op::Round),
        6 => (device.clone(), 0_u8..40).prop_map(|(d, steps)| Op::RoundAndStop(d, steps)),
        1 => (device.clone(), 1_u8..12).prop_map(|(d, halves)| Op::Off(d, halves)),
        4 => log_fate().prop_map(Op::Log),
        2 => (device.clone(), 1_u8..6).prop_map(|(d, count)| Op::NoLog(d, count)),
        2 => (1_u8..12).prop_map(Op::LosePages),
        1 => (1_u8..3).prop_map(Op::HidePages),
        1 => (1_u8..3).prop_map(Op::HideInbox),
        1 => Just(Op::Rewind),
        8 => (device, 1_u8..4).prop_map(|(d, parts)| Op::Reply(d, parts)),
        3 => (1_u8..4).prop_map(Op::ReplyAll),
    ]
}

/// What happens to phones that are never put back or lost.
fn everyday() -> impl Strategy<Value = Op> {
    prop_oneof![
        40 => at_the_phone(),
        44 => at_the_desk(),
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

/// Mostly two drainers.
fn crew() -> impl Strategy<Value = Crew> {
    prop_oneof![
        6 => Just(Crew::Pair),
        2 => Just(Crew::Three),
        1 => Just(Crew::Alone),
    ]
}

/// Number of cases in a usual run.
const FEW: u32 = 12;

fn everything_comes_right(op: impl Strategy<Value = Op>) {
    let begun = [Crew::Alone, Crew::Pair, Crew::Three].map(|crew| (crew, Story::begin(crew)));
    let outcome = runner(FEW).run(&(crew(), vec(op, 1..60)), |(crew, ops)| {
        let mut begun = begun.iter().filter(|(other, _)| *other == crew);
        let (_, story) = begun.next().unwrap();
        story.clone().tell(&ops);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn an_adversary_in_between_changes_nothing_in_the_end() {
    everything_comes_right(everyday());
}

#[test]
fn neither_do_lost_phones_old_copies_and_those_who_keep_nothing() {
    everything_comes_right(anything());
}
