//! One order, whatever is lost, repeated, or done at once.

use proptest::prelude::*;
use sotto_tests::{cases, world::Backend};

use super::{
    office,
    office::{Fate, Office},
};

#[test]
fn one_of_two_at_once_comes_next() {
    let mut office = office(Backend::Embedded, 20, 2);
    office.read(0);
    office.read(1);
    office.say(0, "first");
    office.say(1, "second");
    assert!(office.append(0, Fate::Arrives));
    assert!(office.append(1, Fate::Arrives), "composed before it lost");
    assert_eq!(office.seen(0), ["first"]);
    assert_eq!(office.seen(1), [""; 0]);
    office.run(2);
    assert_eq!(office.seen(1), ["first", "second"]);
    assert_eq!(office.seen(0), office.seen(1));
}

/// The record that lost is under the log key of the one that stands, for the same position: nothing
/// of the two may be the same but what says where they go.
#[test]
fn a_lost_race_gives_nothing_away() {
    let mut office = office(Backend::Embedded, 21, 2);
    office.read(0);
    office.read(1);
    let mut composed = Vec::new();
    for which in [0, 1, 0] {
        office.say(which, "the same words");
        office.append(which, Fate::Lost);
        let member = &mut office.members[which];
        member.log.conflict();
        let now = office.world.clock.read();
        let mut rng = office.world.seed();
        let again = member.log.compose(Some(b"the same words"), now, &mut rng);
        composed.push(
            again
                .unwrap()
                .save(&mut member.disk)
                .unwrap()
                .record
                .unwrap(),
        );
        member.log.conflict();
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_eq!(composed[a][..64], composed[b][..64]);
        let same = composed[a][64..].iter().zip(&composed[b][64..]);
        let same = same.filter(|(a, b)| a == b).count();
        assert!(same < 200, "{same} bytes in 16,256");
    }
}

#[test]
fn a_lost_answer_is_found_out_and_nothing_comes_twice() {
    let mut office = office(Backend::Embedded, 22, 2);
    office.say(0, "once");
    assert!(office.tick(0, Fate::AnswerLost));
    assert_eq!(office.members[0].disk.queue.len(), 1, "it does not know");
    office.members[0].restart();
    assert!(!office.tick(0, Fate::Arrives));
    office.run(1);
    assert_eq!(office.seen(0), ["once"]);
    assert_eq!(office.seen(1), ["once"]);
}

#[test]
fn a_crash_between_saving_and_sending_loses_nothing() {
    let mut office = office(Backend::Embedded, 23, 2);
    office.say(0, "once");
    assert!(office.tick(0, Fate::Crash));
    let saved = office.members[0].disk.log.clone();
    // The same record goes out, not another one for its position.
    let tap = office.wiretap();
    assert!(!office.tick(0, Fate::Arrives));
    let record = tap.borrow()[0].clone();
    assert!(saved.windows(record.len()).any(|bytes| bytes == record));
    office.run(1);
    assert_eq!(office.seen(1), ["once"]);
    // Or, if another device was quicker, its content at the next position.
    office.say(0, "twice");
    office.tick(0, Fate::Crash);
    office.say(1, "between");
    office.tick(1, Fate::Arrives);
    office.run(2);
    assert_eq!(office.seen(0), ["once", "between", "twice"]);
    assert_eq!(office.seen(1), office.seen(0));
}

#[test]
fn what_comes_twice_is_taken_once() {
    let mut office = office(Backend::Embedded, 24, 2);
    office.say(1, "a");
    office.tick(1, Fate::Arrives);
    office.say(1, "b");
    office.tick(1, Fate::Arrives);
    let page = office.page(0);
    assert!(page.records.len() >= 2);
    office.replay(0, &page);
    let state = office.members[0].disk.clone();
    office.replay(0, &page);
    let mut half = page.clone();
    half.records.truncate(1);
    office.replay(0, &half);
    assert_eq!(office.members[0].disk, state);
    assert_eq!(office.seen(0), ["a", "b"]);
    // Left out records are noticed, and nothing changes.
    let mut gap = page;
    gap.records = vec![super::records::header_at(office.members[0].log.from() + 1)];
    let now = office.world.clock.read();
    let refused = office.members[0].log.replay(&gap, now).unwrap_err();
    assert_eq!(refused, sotto_core::log::ReplayError::Missing);
    assert_eq!(office.members[0].log.to_bytes()[..], state.log[..]);
}

#[derive(Debug, Clone)]
enum Op {
    Say(usize),
    Tick(usize, Fate),
    Read(usize),
    Append(usize, Fate),
    Restart(usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..3_usize;
    let fate = prop_oneof![
        4 => Just(Fate::Arrives),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Crash),
    ];
    prop_oneof![
        4 => who.clone().prop_map(Op::Say),
        6 => (who.clone(), fate.clone()).prop_map(|(who, fate)| Op::Tick(who, fate)),
        2 => who.clone().prop_map(Op::Read),
        2 => (who.clone(), fate).prop_map(|(who, fate)| Op::Append(who, fate)),
        1 => who.prop_map(Op::Restart),
        2 => prop_oneof![1..200_u64, Just(86_400)].prop_map(Op::Pass),
    ]
}

fn run(office: &mut Office, ops: Vec<Op>) {
    let mut said = 0_usize;
    for op in ops {
        match op {
            Op::Say(who) => {
                office.say(who, &format!("{said} of {who}"));
                said += 1;
            }
            Op::Tick(who, fate) => drop(office.tick(who, fate)),
            Op::Read(who) => office.read(who),
            Op::Append(who, fate) => drop(office.append(who, fate)),
            Op::Restart(who) => office.members[who].restart(),
            Op::Pass(seconds) => office.world.clock.pass(seconds),
        }
        let mut all: Vec<Vec<String>> = (0..3).map(|who| office.seen(who)).collect();
        all.sort_by_key(Vec::len);
        let longest = all.pop().unwrap();
        for one in all {
            assert_eq!(one[..], longest[..one.len()], "one order");
        }
    }
    office.run(said + 6);
    let seen = office.seen(0);
    assert_eq!(seen.len(), said, "each payload once");
    assert_eq!(office.seen(1), seen);
    assert_eq!(office.seen(2), seen);
    for who in 0..3 {
        let of = |text: &String| text.ends_with(&format!("of {who}"));
        let own: Vec<usize> = seen
            .iter()
            .filter(|text| of(text))
            .map(|text| text.split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(own.is_sorted(), "one device's payloads keep their order");
    }
}

#[test]
fn whatever_happens_there_is_one_order() {
    let mut runner = cases::runner(16);
    let ops = proptest::collection::vec(op(), 1..40);
    runner
        .run(&ops, |ops| {
            run(&mut office(Backend::Embedded, 25, 3), ops);
            Ok(())
        })
        .unwrap();
}
