//! Both ways of keeping a conversation, and what happens when a phone, a letter or a copy is lost.

use std::cell::Cell;

use rand_chacha::ChaCha20Rng;
use sotto_core::{
    desk::Status,
    tipster::Stage,
    transport::{Method, Request},
};
use sotto_protocol::{
    conversation::{Content, Conversation, Slot},
    id::Board,
    message::{Contact, Flags, Kind, Message},
    page::PageHeader,
    seal::Envelope,
    twice,
};
use sotto_tests::{
    machines::{DeskMachine, Phone, visit},
    world::{Backend, World},
};

const TIP: &str = "每周二晚上，有人在北桥下倒废料。";
const DAY: u64 = 86_400;

fn begin(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    (world, desk)
}

/// A phone whose tip was read.
fn talk(world: &mut World, desk: &mut DeskMachine) -> Phone {
    let mut phone = Phone::new(world);
    phone.write(TIP);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    phone
}

/// The relay takes posts and drops them.
fn swallow_posts(world: &World) {
    world.intercept(|request| is_post(request).then_some(204));
}

fn is_post(request: &Request) -> bool {
    request.method == Method::Post && request.target.ends_with("/in")
}

#[test]
fn a_receipt_says_that_a_tip_was_opened() {
    let (mut world, mut desk) = begin(1);
    let mut phone = talk(&mut world, &mut desk);
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Held);
    desk.run(&world, 600);
    phone.sit(&world).unwrap();
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Opened);
    let now = world.clock.read();
    assert_eq!(phone.tipster().sent()[0].days_unopened(now), None);
}

#[test]
fn a_lost_tip_is_noticed_and_sent_again() {
    let (mut world, mut desk) = begin(2);
    let mut phone = talk(&mut world, &mut desk);
    desk.reply(&world, 1, "Where?");
    desk.run(&world, 600);
    assert_eq!(phone.look(&world, &mut desk), ["Where?"]);
    // Of what this sitting posts the relay drops the first: it says 204 and keeps nothing.
    let left = Cell::new(1);
    world.intercept(move |request| {
        let is_dropped = is_post(request) && left.get() > 0;
        left.set(left.get() - i32::from(is_dropped));
        is_dropped.then_some(204)
    });
    phone.write("lost");
    phone.write("not lost");
    phone.sit(&world).unwrap();
    world.leave_alone();
    desk.run(&world, 600);
    assert_eq!(desk.texts(1), [TIP, "Where?", "not lost"]);
    let receipt = phone.sit(&world).unwrap();
    assert!(receipt.is_empty());
    assert!(phone.tipster().sent()[1].was_lost);
    // Noticed, and due at once.
    desk.run(&world, 600);
    assert_eq!(desk.texts(1), [TIP, "Where?", "not lost", "lost"]);
    phone.sit(&world).unwrap();
    assert_eq!(phone.tipster().sent()[1].stage, Stage::Opened);
}

#[test]
fn an_unopened_tip_is_sealed_again_1_2_4_openings_later() {
    let (mut world, mut desk) = begin(3);
    let mut phone = Phone::new(&mut world);
    phone.write(TIP);
    swallow_posts(&world);
    let mut sendings = Vec::new();
    for opening in 1..=16 {
        let before = phone.state();
        phone.sit(&world).unwrap();
        let grew = phone.tipster().sendings(0) > Phone::read(&before).sendings(0);
        if grew {
            sendings.push(opening);
        }
        world.clock.pass(600);
    }
    assert_eq!(sendings, [1, 2, 4, 8, 16]);
    let now = world.clock.read();
    assert_eq!(
        phone.tipster().sent()[0].days_unopened(now + 3 * DAY),
        Some(3)
    );
    world.leave_alone();
    // Nothing is shown twice, however many copies arrive.
    for _ in 0..40 {
        phone.sit(&world).unwrap();
    }
    desk.run(&world, 600);
    assert_eq!(desk.count(), 1);
    assert_eq!(desk.texts(1), [TIP]);
}

#[test]
fn after_seven_sendings_a_phone_begins_anew_and_proves_who_it_is() {
    let (mut world, mut desk) = begin(4);
    let mut phone = talk(&mut world, &mut desk);
    swallow_posts(&world);
    phone.write("more");
    for _ in 0..130 {
        phone.sit(&world).unwrap();
    }
    world.leave_alone();
    for _ in 0..4 {
        phone.sit(&world).unwrap();
    }
    desk.run(&world, 600);
    assert_eq!(desk.count(), 1, "the same person");
    assert_eq!(desk.texts(1), [TIP, "more"]);
    assert!(desk.case(1, sotto_core::desk::Case::is_unconfirmed));
}

#[test]
fn a_lost_phone_is_replaced_by_the_code() {
    let (mut world, mut desk) = begin(5);
    let phone = talk(&mut world, &mut desk);
    desk.reply(&world, 1, "an answer nobody has read");
    desk.run(&world, 600);
    let mut other = Phone::of_the_same_person(&mut world, &phone.code);
    drop(phone);
    other.write("It is me again, with another phone.");
    other.sit(&world).unwrap();
    desk.round(&world).unwrap();
    assert_eq!(desk.count(), 1);
    assert!(desk.case(1, sotto_core::desk::Case::is_unconfirmed));
    desk.reply(&world, 1, "Welcome back.");
    desk.run(&world, 600);
    let mut read = other.look(&world, &mut desk);
    read.sort();
    assert_eq!(read, ["Welcome back.", "an answer nobody has read"]);
    // The confirmation went out in the same sitting.
    desk.run(&world, 600);
    assert!(!desk.case(1, sotto_core::desk::Case::is_unconfirmed));
    other.sit(&world).unwrap();
    desk.run(&world, 600);
    desk.reply(&world, 1, "Go on.");
    desk.run(&world, 600);
    assert_eq!(other.look(&world, &mut desk), ["Go on."]);
    desk.run(&world, 600);
    let statuses = desk.case(1, |case| {
        let entries = case.entries().iter();
        entries.map(|entry| case.status(entry)).collect::<Vec<_>>()
    });
    assert!(!statuses.contains(&Status::Posted), "{statuses:?}");
}

/// Somebody with other words cannot join a case, and what is wrong in a proof makes a case apart.
#[test]
fn a_stranger_is_a_case_apart() {
    let (mut world, mut desk) = begin(6);
    talk(&mut world, &mut desk);
    let stranger = Phone::new(&mut world).code;
    let mut stranger = Phone::of_the_same_person(&mut world, &stranger);
    stranger.write("I claim to be known.");
    stranger.sit(&world).unwrap();
    desk.round(&world).unwrap();
    assert_eq!(desk.count(), 2);
    assert!(!desk.case(1, sotto_core::desk::Case::is_unconfirmed));
    assert_eq!(desk.texts(2), ["I claim to be known."]);
}

/// Whoever has stolen a desk's keys can prove a re-contact, with a static key of their own. Answers
/// are sealed to the key of the person who wrote first all the same, so that the thief reads none.
#[test]
fn a_thief_of_the_desks_keys_reads_no_answer() {
    let (mut world, mut desk) = begin(14);
    let phone = talk(&mut world, &mut desk);
    let (mut rng, line) = (world.seed(), world.pin().line);
    let stranger = Phone::new(&mut world);
    let mut keys = stranger.keys().clone();
    keys.handle = phone.keys().handle;
    keys.continuity = phone.keys().continuity.clone();
    let (view, _) = visit(&world, &mut rng, 0).unwrap();
    let day = view.bundle.sealing_day(view.now);
    let prekey = view.bundle.prekey(1, day).unwrap().prekey.clone();
    let mut thief = Conversation::begin(line, day, true, &mut rng);
    let contact = Contact {
        bundle: view.bundle.hash,
        keys: &keys,
    };
    let content = Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body: b"It is me, believe me.",
    };
    let sealed = thief.seal_first(content, contact, (&prekey, day), &mut rng);
    let envelope = sealed.unwrap().envelope.into_bytes();
    world.relay().post(envelope, None).unwrap();
    desk.round(&world).unwrap();
    assert_eq!(desk.count(), 1, "the proof is right");
    assert!(desk.case(1, sotto_core::desk::Case::is_unconfirmed));
    desk.reply(&world, 1, "not for you");
    desk.run(&world, 600);
    let answers = all_for(&world, &mut thief, &mut rng);
    let answer = answers.iter().find(|message| message.kind == Kind::Text);
    let answer = answer.unwrap();
    assert_eq!(answer.flags, Flags::Twice);
    let open = |key| twice::open(answer, key, line, thief.nonce());
    assert!(open(&keys.static_key).is_err());
    let (_, body) = open(&phone.keys().static_key).unwrap();
    assert_eq!(*body, b"not for you");
}

/// Everything on *new* that a conversation can open.
fn all_for(world: &World, of: &mut Conversation, rng: &mut ChaCha20Rng) -> Vec<Message> {
    let (view, _) = visit(world, rng, 0).unwrap();
    let slot = Slot::Board(Board::New, view.served(Board::New));
    let mut all = Vec::new();
    for page in 0..view.pages(Board::New) {
        let page = world.relay().page(Board::New, page).unwrap();
        for bytes in PageHeader::parse(&page).unwrap().1 {
            let envelope = Envelope::parse(bytes.to_vec()).unwrap();
            let mut expected = of.expected(slot).into_iter();
            let at = expected.find(|expected| expected.address == envelope.address());
            let opened = at.map(|at| of.open(at.number, &envelope, 0));
            all.extend(opened.and_then(Result::ok));
        }
    }
    all
}

/// Both phones of one person: answers reach either until the new one is confirmed.
#[test]
fn the_phone_before_is_answered_until_the_new_one_is_confirmed() {
    let (mut world, mut desk) = begin(7);
    let mut phone = talk(&mut world, &mut desk);
    let mut other = Phone::of_the_same_person(&mut world, &phone.code);
    other.write("from elsewhere");
    other.sit(&world).unwrap();
    desk.round(&world).unwrap();
    desk.reply(&world, 1, "to both");
    desk.run(&world, 600);
    assert_eq!(phone.look(&world, &mut desk), ["to both"]);
    assert_eq!(other.look(&world, &mut desk), ["to both"]);
    desk.run(&world, 600);
    desk.reply(&world, 1, "to the new one");
    desk.run(&world, 600);
    assert_eq!(other.look(&world, &mut desk), ["to the new one"]);
    assert_eq!(phone.look(&world, &mut desk), Vec::<String>::new());
}

#[test]
fn nothing_is_kept_and_everything_comes_back() {
    let (mut world, mut desk) = begin(8);
    let mut phone = talk(&mut world, &mut desk);
    phone.leave();
    phone.sit(&world).unwrap();
    assert!(!phone.tipster().is_waiting());
    let code = phone.code.clone();
    drop(phone);
    desk.run(&world, 600);
    assert_eq!(desk.count(), 1);
    assert!(desk.case(1, sotto_core::desk::Case::leaves_nothing));
    let mut all = vec![TIP.to_owned()];
    for round in 0..4 {
        let (question, answer) = (format!("question {round}"), format!("answer {round}"));
        desk.reply(&world, 1, &question);
        desk.run(&world, 600);
        // Every sitting on another machine.
        let mut here = Phone::of_somebody_who_keeps_nothing(&mut world, &code);
        assert_eq!(here.look(&world, &mut desk), [question.as_str()]);
        here.write(&answer);
        here.sit(&world).unwrap();
        drop(here);
        desk.run(&world, 600);
        all.extend([question, answer]);
        assert_eq!(desk.texts(1), all);
    }
    // What was read and acknowledged does not come again.
    let mut here = Phone::of_somebody_who_keeps_nothing(&mut world, &code);
    assert!(here.sit(&world).unwrap().is_empty());
    assert!(here.tipster().receipts() >= 4);
    assert!(!desk.case(1, sotto_core::desk::Case::is_unconfirmed));
}

/// Valid words that belong to nobody: nothing is shown and no case is made.
#[test]
fn unknown_words_are_an_empty_screen() {
    let (mut world, mut desk) = begin(9);
    talk(&mut world, &mut desk);
    let unknown = Phone::new(&mut world).code;
    let mut here = Phone::of_somebody_who_keeps_nothing(&mut world, &unknown);
    assert!(here.sit(&world).unwrap().is_empty());
    desk.run(&world, 600);
    assert_eq!(desk.count(), 1);
    assert_eq!(here.tipster().receipts(), 0);
}

/// A phone whose state was put back from a copy notices and begins anew.
#[test]
fn a_restored_copy_begins_anew() {
    let (mut world, mut desk) = begin(10);
    let mut phone = talk(&mut world, &mut desk);
    desk.reply(&world, 1, "one");
    desk.run(&world, 600);
    assert_eq!(phone.look(&world, &mut desk), ["one"]);
    let copy = phone.state();
    phone.write("two");
    phone.sit(&world).unwrap();
    desk.run(&world, 600);
    phone.restore(copy);
    desk.reply(&world, 1, "three");
    desk.run(&world, 600);
    phone.look(&world, &mut desk);
    phone.write("four");
    for _ in 0..3 {
        phone.sit(&world).unwrap();
        desk.run(&world, 600);
    }
    let texts = desk.texts(1);
    assert_eq!(desk.count(), 1);
    assert_eq!(texts.iter().filter(|text| *text == "four").count(), 1);
}

/// Several answers wait before the person comes back, more than a page holds.
#[test]
fn several_answers_wait() {
    let (mut world, mut desk) = begin(11);
    let mut phone = talk(&mut world, &mut desk);
    let answers: Vec<String> = (0..9).map(|n| format!("answer {n}")).collect();
    for answer in &answers {
        desk.reply(&world, 1, answer);
    }
    desk.run(&world, 900);
    let mut read = Vec::new();
    for _ in 0..12 {
        read.extend(phone.sit_for(&world, 200).unwrap());
        desk.run(&world, 300);
    }
    read.sort();
    assert_eq!(read, answers);
}

/// The tipster returns long after the relay has forgotten everything.
#[test]
fn an_answer_outlives_retention() {
    let (mut world, mut desk) = begin(12);
    let mut phone = talk(&mut world, &mut desk);
    desk.reply(&world, 1, "still here");
    for _ in 0..40 {
        world.clock.pass(DAY);
        world.publish();
        desk.run(&world, 30);
    }
    desk.run(&world, 600);
    assert_eq!(phone.look(&world, &mut desk), ["still here"]);
    phone.write("So am I.");
    phone.sit(&world).unwrap();
    desk.run(&world, 600);
    assert_eq!(desk.texts(1), [TIP, "still here", "So am I."]);
}

/// What waits is bounded, so that it always fits where it is kept.
#[test]
fn too_much_at_once_is_refused_with_a_sentence() {
    let (mut world, _) = begin(13);
    let phone = Phone::new(&mut world);
    let (mut tipster, mut rng) = (phone.tipster(), world.seed());
    let long = "长".repeat(5_600);
    for _ in 0..4 {
        assert!(tipster.write(&long, 0, &mut rng).is_ok());
    }
    let refused = tipster.write("one more", 0, &mut rng).unwrap_err();
    assert!(refused.to_string().contains("not opened by the desk yet"));
    assert!(tipster.to_bytes().len() <= sotto_core::vault::VAULT_ROOM);
}
