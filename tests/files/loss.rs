//! Interruptions, losses and repetitions, on the way and at both ends.

use std::{cell::RefCell, rc::Rc};

use rand_core::Rng as _;
use sotto_core::{
    attachment::Progress,
    desk::{FileState, Row, Shared as _},
    transport::Response,
    upload::UploadError,
};
use sotto_protocol::{
    attachment::FileType,
    limits::{CHUNK_BYTES, DAY_SECONDS, RETENTION_DAYS, WANTED_AFTER_SECONDS},
};
use sotto_tests::{
    machines::{DeskMachine, Phone},
    shelf::MemoryShelf,
    world::{Backend, World},
};

use super::{attachments, begin, noise};

sotto_tests::on_every_backend!(
    what_the_relay_loses_is_asked_for_again(811),
    a_manifest_before_its_chunks(812),
    an_answer_that_is_lost_is_no_loss(813),
);

const FIVE: usize = 5 * 65_420;

/// Chunk posts of these numbers, counted from 0, get their 204 and are lost.
fn lose(world: &World, lost: &'static [usize]) {
    let count = RefCell::new(0);
    world.intercept(move |request| {
        if request.body.len() != CHUNK_BYTES {
            return None;
        }
        let number = count.replace_with(|count| *count + 1);
        lost.contains(&number).then_some(204)
    });
}

fn send(world: &World, phone: &mut Phone, shelf: &mut MemoryShelf, file: &[u8]) {
    phone.attach(world, shelf, (file, FileType::Pdf)).unwrap();
    phone.upload(world, shelf, |_| true).unwrap();
    phone.sit(world).unwrap();
}

fn done(desk: &mut DeskMachine) -> (u16, FileState) {
    let attachment = attachments(desk, 1)[0];
    (attachment.progress.done, attachment.state)
}

/// Sits, posts what is asked for, sits for the manifest if there is one; how many chunks were posted.
fn open(world: &World, phone: &mut Phone, shelf: &MemoryShelf) -> usize {
    phone.sit(world).unwrap();
    world.seen();
    phone.upload(world, shelf, |_| true).unwrap();
    let seen = world.seen();
    let chunks = seen.iter().filter(|seen| seen.sizes.0 == CHUNK_BYTES);
    chunks.count()
}

fn what_the_relay_loses_is_asked_for_again(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let file = noise(FIVE, 1);
    lose(world, &[0, 4, 7]);
    send(world, &mut phone, &mut shelf, &file);
    desk.round(world).unwrap();
    assert_eq!(done(&mut desk), (5, FileState::Arriving));
    assert!(desk.file(1, 1).unwrap_err().contains("5 of 8"));
    assert_eq!(desk.case(1, sotto_core::desk::Case::unread), 0);

    // Before ten minutes are over nothing is asked for.
    desk.run(world, WANTED_AFTER_SECONDS - 30);
    assert_eq!(open(world, &mut phone, &shelf), 0);
    desk.run(world, 900);
    lose(world, &[1]);
    assert_eq!(open(world, &mut phone, &shelf), 3);
    world.leave_alone();
    // The phone's next sitting acknowledges that it was asked.
    phone.sit(world).unwrap();
    desk.run(world, 900);
    assert_eq!(done(&mut desk), (7, FileState::Arriving));

    // One of them was lost again: a day later it is asked for again, and alone.
    assert_eq!(open(world, &mut phone, &shelf), 0);
    world.clock.pass(DAY_SECONDS - 900);
    desk.run(world, 900);
    assert_eq!(open(world, &mut phone, &shelf), 1);
    desk.round(world).unwrap();
    assert_eq!(done(&mut desk), (8, FileState::Whole));
    assert!(desk.file(1, 1).unwrap() == file);
    desk.run(world, 900);
    assert_eq!(open(world, &mut phone, &shelf), 0);
    phone.tidy(&mut shelf);
    assert!(shelf.files.is_empty());
}

fn a_manifest_before_its_chunks(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let file = noise(FIVE, 2);
    let held = Rc::new(RefCell::new(Vec::new()));
    let taken = Rc::clone(&held);
    world.intercept(move |request| {
        let is_chunk = request.body.len() == CHUNK_BYTES;
        is_chunk.then(|| {
            taken.borrow_mut().push(request.body.clone());
            204
        })
    });
    send(world, &mut phone, &mut shelf, &file);
    world.leave_alone();
    desk.round(world).unwrap();
    assert_eq!(done(&mut desk), (0, FileState::Arriving));
    let mut chunks = held.take();
    assert_eq!(chunks.len(), 8);
    chunks.reverse();
    for (place, chunk) in chunks.iter().enumerate() {
        world.relay().post(chunk.clone(), None).unwrap();
        world.relay().post(chunk.clone(), None).unwrap();
        desk.round(world).unwrap();
        assert_eq!(usize::from(done(&mut desk).0), place + 1);
    }
    assert_eq!(done(&mut desk), (8, FileState::Whole));
    assert!(desk.file(1, 1).unwrap() == file);
    // What comes again afterwards changes nothing and waits for nothing.
    let rows = desk.memory.kept().len();
    for chunk in chunks {
        world.relay().post(chunk, None).unwrap();
    }
    desk.round(world).unwrap();
    assert_eq!(desk.memory.kept().len(), rows);
}

/// The inbox is read twice, because the relay lives another life; chunks are posted again
/// where the relay's answer was.
fn an_answer_that_is_lost_is_no_loss(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let file = noise(FIVE, 3);
    let count = RefCell::new(0);
    world.tamper(move |request, answer| {
        let is_lost =
            request.body.len() == CHUNK_BYTES && count.replace_with(|count| *count + 1) % 3 == 0;
        Response {
            status: if is_lost { 0 } else { answer.status },
            ..answer
        }
    });
    send(world, &mut phone, &mut shelf, &file);
    world.leave_alone();
    world.intercept(|request| request.target.ends_with("/in/ack").then_some(0));
    assert!(desk.round(world).is_err());
    world.leave_alone();
    desk.with(|desk, rows| Ok(desk.rewind(0).save(rows)?))
        .unwrap();
    desk.round(world).unwrap();
    assert_eq!(done(&mut desk), (8, FileState::Whole));
    assert!(desk.file(1, 1).unwrap() == file);
    assert_eq!(attachments(&mut desk, 1).len(), 1);
}

/// Wherever the posting ends, at the relay's fault or the phone's, it goes on from there.
#[test]
fn posting_goes_on_after_any_interruption() {
    let mut world = World::new(Backend::Embedded, 814);
    let (mut desk, _, mut shelf) = begin(&mut world);
    let file = noise(FIVE, 4);
    let mut rng = world.seed();
    for case in 1..=12 {
        let mut phone = Phone::new(&mut world);
        phone
            .attach(&world, &mut shelf, (&file, FileType::Pdf))
            .unwrap();
        for _ in 0..3 {
            let steps = u16::try_from(rng.next_u32() % 5).unwrap();
            let left = 8 - phone.tipster().attached()[0].progress.done;
            if rng.next_u32().is_multiple_of(2) {
                give_way_after(&world, steps);
                let result = phone.upload(&world, &shelf, |_| true);
                assert_eq!(result.is_err(), steps < left);
                world.leave_alone();
            } else {
                let mut count = 0..steps;
                let result = phone.upload(&world, &shelf, |_| count.next().is_some());
                assert_eq!(result, Ok(()));
            }
        }
        phone.upload(&world, &shelf, |_| true).unwrap();
        assert_eq!(phone.tipster().next_chunk(), None);
        phone.sit(&world).unwrap();
        desk.round(&world).unwrap();
        assert!(desk.file(case, 1).unwrap() == file);
    }
}

/// The relay takes so many requests, then none.
fn give_way_after(world: &World, requests: u16) {
    let count = RefCell::new(0);
    world.intercept(move |_| (count.replace_with(|count| *count + 1) >= requests).then_some(503));
}

/// A refusal is told at once; a relay that does not answer is asked five times, later and later.
#[test]
fn a_relay_that_takes_nothing_is_left_alone() {
    let mut world = World::new(Backend::Embedded, 815);
    let (_, mut phone, mut shelf) = begin(&mut world);
    let file = noise(FIVE, 5);
    phone
        .attach(&world, &mut shelf, (&file, FileType::Pdf))
        .unwrap();
    for (status, posts) in [(503, 5), (0, 5), (413, 1), (401, 1)] {
        world.intercept(move |_| Some(status));
        world.seen();
        let began = world.clock.read();
        let result = phone.upload(&world, &shelf, |_| true);
        assert!(matches!(result, Err(UploadError::Relay(_))));
        assert_eq!(world.seen().len(), posts);
        let waited = world.clock.read() - began;
        assert_eq!(waited, if posts == 5 { 2 + 4 + 8 + 16 } else { 0 });
    }
    assert_eq!(phone.tipster().attached()[0].progress.done, 0);
}

/// Chunks that nobody announces go away after two weeks, and their rows with them.
#[test]
fn chunks_without_a_manifest_go_away() {
    let mut world = World::new(Backend::Embedded, 816);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    let file = noise(FIVE, 6);
    phone
        .attach(&world, &mut shelf, (&file, FileType::Pdf))
        .unwrap();
    phone.upload(&world, &shelf, |_| true).unwrap();
    desk.round(&world).unwrap();
    let strays = |desk: &DeskMachine| {
        let rows = desk.memory.kept().iter();
        rows.filter(|(row, _)| matches!(row, Row::Stray(_))).count()
    };
    assert_eq!(strays(&desk), 8);
    world.clock.pass(RETENTION_DAYS * DAY_SECONDS);
    world.publish();
    desk.round(&world).unwrap();
    world.clock.pass(DAY_SECONDS);
    desk.round(&world).unwrap();
    assert_eq!(strays(&desk), 0);
    // Their manifest comes very late: they are asked for, and the relay has forgotten them too.
    world.sweep();
    phone.sit(&world).unwrap();
    desk.run(&world, 1_800);
    assert_eq!(done(&mut desk), (0, FileState::Arriving));
    assert_eq!(open(&world, &mut phone, &shelf), 8);
    desk.round(&world).unwrap();
    assert_eq!(done(&mut desk), (8, FileState::Whole));
}

/// A row that is damaged at the desk is asked for like one that never came.
#[test]
fn a_chunk_that_a_desk_loses_is_asked_for() {
    let mut world = World::new(Backend::Embedded, 817);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    let file = noise(FIVE, 7);
    lose(&world, &[6]);
    send(&world, &mut phone, &mut shelf, &file);
    world.leave_alone();
    desk.round(&world).unwrap();
    assert_eq!(done(&mut desk), (7, FileState::Arriving));
    desk.memory
        .change(Row::Chunk(1, 2), |chunk| chunk[100] ^= 1);
    desk.run(&world, 900);
    assert_eq!(open(&world, &mut phone, &shelf), 1);
    desk.round(&world).unwrap();
    let progress = attachments(&mut desk, 1)[0].progress;
    assert_eq!(progress, Progress { done: 7, total: 8 });
    phone.sit(&world).unwrap();
    world.clock.pass(DAY_SECONDS);
    desk.run(&world, 900);
    assert_eq!(open(&world, &mut phone, &shelf), 1);
    // For two weeks the relay has a mark of what was read, and takes nothing more at its address.
    desk.round(&world).unwrap();
    assert_eq!(done(&mut desk), (7, FileState::Arriving));
    phone.sit(&world).unwrap();
    world.clock.pass(RETENTION_DAYS * DAY_SECONDS);
    world.sweep();
    world.publish();
    desk.run(&world, 1_800);
    assert_eq!(open(&world, &mut phone, &shelf), 1);
    desk.round(&world).unwrap();
    assert_eq!(done(&mut desk), (8, FileState::Whole));
    assert!(desk.file(1, 1).unwrap() == file);
}
