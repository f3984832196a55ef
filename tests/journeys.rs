//! Whole conversations, from a tip to the answer to the follow-up, on every backend.

use sotto_core::{
    keep::KeepError,
    sitting::{Person, SittingError},
    tipster::{Stage, State},
};
use sotto_tests::{
    machines::{DeskMachine, Memory, Phone, sit, visit},
    world::{Backend, World},
};

const TIP: &str =
    "每周二晚上，有人在北桥下倒废料。 كل ثلاثاء ليلاً. Every Tuesday night under the bridge.";
const ANSWER: &str = "谢谢。 شكراً. Thank you: did you see a number plate?";

sotto_tests::on_every_backend!(
    a_whole_conversation(1),
    many_rounds(2),
    many_people_never_read_each_other(3),
    long_texts_arrive_whole(4),
    an_answer_waits_on_the_old_board(5),
    what_the_relay_did_not_take_is_sent_again(6),
    a_drainer_that_was_off_catches_up(7),
);

sotto_tests::on_a_cluster!(
    a_whole_conversation(1),
    long_texts_arrive_whole(4),
    what_the_relay_did_not_take_is_sent_again(6),
    a_drainer_that_was_off_catches_up(7),
);

fn begin(world: &mut World) -> DeskMachine {
    let mut desk = DeskMachine::join(world);
    desk.run(world, 600);
    desk
}

fn a_whole_conversation(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    phone.write(TIP);
    assert!(phone.sit(world).unwrap().is_empty());
    desk.round(world).unwrap();
    assert_eq!(desk.texts(1), [TIP]);

    desk.reply(world, 1, ANSWER);
    desk.run(world, 600);
    assert_eq!(phone.look(world, &mut desk), [ANSWER]);
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Answered);

    phone.write("Its plate ends in 47.");
    assert!(phone.sit(world).unwrap().is_empty());
    desk.round(world).unwrap();
    assert_eq!(desk.texts(1), [TIP, ANSWER, "Its plate ends in 47."]);
    assert_eq!(desk.count(), 1);
    // The answer was acknowledged, so that it no longer takes room on a board.
    assert!(phone.sit(world).unwrap().is_empty());
}

fn many_rounds(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    phone.write("round 0");
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    let mut all = vec!["round 0".to_owned()];
    for round in 1..=8 {
        let (question, answer) = (format!("question {round}"), format!("answer {round}"));
        desk.reply(world, 1, &question);
        desk.run(world, 600);
        assert_eq!(phone.look(world, &mut desk), [question.as_str()]);
        phone.write(&answer);
        phone.sit(world).unwrap();
        desk.round(world).unwrap();
        all.extend([question, answer]);
        assert_eq!(desk.texts(1), all);
    }
}

fn many_people_never_read_each_other(world: &mut World) {
    const PEOPLE: u32 = 12;
    let mut desk = begin(world);
    let mut phones: Vec<Phone> = (0..PEOPLE).map(|_| Phone::new(world)).collect();
    for (i, phone) in phones.iter_mut().enumerate() {
        phone.write(&format!("tip {i}"));
        phone.sit(world).unwrap();
    }
    desk.round(world).unwrap();
    assert_eq!(desk.count(), phones.len());
    for number in 1..=PEOPLE {
        let tip = desk.texts(number).remove(0);
        desk.reply(world, number, &format!("about {tip}"));
    }
    desk.run(world, 900);
    for (i, phone) in phones.iter_mut().enumerate() {
        assert_eq!(phone.look(world, &mut desk), [format!("about tip {i}")]);
    }
}

fn long_texts_arrive_whole(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    let long: String = "长文字。".chars().cycle().take(5_600).collect();
    phone.write(&long);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    assert_eq!(desk.texts(1), [long.as_str()]);
    desk.reply(world, 1, &long);
    desk.run(world, 600);
    assert_eq!(phone.look(world, &mut desk), [long.as_str()]);
    phone.write(&long);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    assert_eq!(desk.texts(1).len(), 3);
    assert_eq!(desk.texts(1)[2], long);
}

/// The tipster comes back after more than a week.
fn an_answer_waits_on_the_old_board(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    phone.write(TIP);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    desk.reply(world, 1, ANSWER);
    for _ in 0..10 {
        world.clock.pass(86_400);
        desk.run(world, 30);
    }
    desk.run(world, 30);
    assert_eq!(phone.sit(world).unwrap(), [ANSWER]);
}

/// The relay takes the envelope but its answer is lost, then it is away altogether.
fn what_the_relay_did_not_take_is_sent_again(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    phone.write(TIP);
    world.tamper(|request, mut response| {
        if request.target.ends_with("/in") {
            response.status = 0;
        }
        response
    });
    phone.sit(world).unwrap();
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Waiting);
    world.tamper(|_, response| response);
    phone.sit(world).unwrap();
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Held);
    desk.round(world).unwrap();
    // Both copies arrived: one text in one conversation.
    assert_eq!(desk.count(), 1);
    assert_eq!(desk.texts(1), [TIP]);
}

fn a_drainer_that_was_off_catches_up(world: &mut World) {
    let mut desk = begin(world);
    let mut phone = Phone::new(world);
    for day in 0..13 {
        world.clock.pass(86_400);
        phone.write(&format!("day {day}"));
        phone.sit(world).unwrap();
    }
    desk.round(world).unwrap();
    let texts: Vec<String> = (0..13).map(|day| format!("day {day}")).collect();
    assert_eq!(desk.texts(1), texts);
    desk.reply(world, 1, ANSWER);
    desk.run(world, 600);
    assert_eq!(phone.look(world, &mut desk), [ANSWER]);
}

#[test]
fn nothing_is_sent_that_could_not_be_saved() {
    let world = &mut World::new(Backend::Embedded, 8);
    begin(world);
    let mut phone = Phone::new(world);
    phone.write(TIP);
    let mut tipster = phone.tipster();
    let mut full = Memory::<State>::default();
    full.is_full = true;
    world.seen();
    let mut people = [Person {
        tipster: &mut tipster,
        keeper: &mut full,
    }];
    let sat = sit(world, &mut people, &mut phone.rng, |_| false);
    assert_eq!(sat.unwrap_err(), SittingError::Keep(KeepError));
    assert!(!world.seen().iter().any(|seen| seen.what == "POST in"));
}

#[test]
fn a_visitor_sees_nothing_and_breaks_nothing() {
    let world = &mut World::new(Backend::Embedded, 9);
    let mut desk = begin(world);
    let mut rng = world.seed();
    for _ in 0..5 {
        visit(world, &mut rng, 60).unwrap();
    }
    desk.round(world).unwrap();
    assert_eq!(desk.count(), 0);
}
