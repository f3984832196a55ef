//! A drainer reads again what came lately, so that nothing a store gave again is missed, and drops
//! by a look-up what it has read before (SPEC 5.5).

use std::{cell::RefCell, rc::Rc};

use sotto_core::desk::Shared as _;
use sotto_protocol::{
    bundle::{Untrusted, day_of},
    drain::{Cursor, DrainPage, Drained},
    envelope::EnvelopeHeader,
    limits::REREAD_SECONDS,
    message::{Flags, Kind, Message},
    seal::{self, Place},
    secret::{SealingSecret, Secret},
};
use sotto_tests::{
    machines::{DeskMachine, Phone},
    world::{Backend, World},
};

fn begin(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    (world, desk)
}

/// The tip of a phone as the relay has it.
fn tip(world: &mut World) -> Drained {
    let mut phone = Phone::new(world);
    phone.write("They meet at the mill.");
    phone.sit_at_once(world).unwrap();
    let all = world.block_on(world.store.read(world.pin().line, None, 64));
    all.unwrap().records.remove(0)
}

fn page(records: Vec<Drained>) -> [DrainPage; 1] {
    [DrainPage {
        cursor: Cursor {
            shard: 0,
            incarnation: 1,
            position: records.last().map_or(0, |record| record.position),
        },
        last_shard: 0,
        records,
    }]
}

/// Something of no use at the address of another envelope.
fn cover_at(world: &mut World, other: &Drained) -> Drained {
    let bundle = world.relay().bundle().unwrap().json;
    let bundle = Untrusted::parse(&bundle).unwrap();
    let published = bundle.verify_line(world.pin(), world.clock.read()).unwrap();
    let day = day_of(world.clock.read());
    let prekey = published.desks.iter().find(|desk| desk.day == day);
    let mut rng = world.seed();
    let message = Message {
        kind: Kind::Cover,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 9,
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::from_bytes([3; 32]),
        ratchet_key: SealingSecret::from_bytes([4; 32]).public(),
        body: Vec::new().into(),
    };
    let place = Place {
        line: world.pin().line,
        day,
        address: EnvelopeHeader::parse(&other.body).unwrap().address,
    };
    let sealed = seal::seal(&message, &prekey.unwrap().prekey, None, place, &mut rng).unwrap();
    Drained {
        body: sealed.into_bytes(),
        ..other.clone()
    }
}

/// What was of no use is not opened again: even what could be opened at its address is not.
#[test]
fn what_is_read_again_is_not_opened_again() {
    let (mut world, mut desk) = begin(1);
    let tip = tip(&mut world);
    let cover = cover_at(&mut world, &tip);
    let now = world.clock.read();
    let mut rng = world.seed();
    let texts = desk.with(|desk, rows| {
        let first = desk
            .take(&page(vec![cover.clone()]), now, &mut rng)
            .save(rows)?;
        assert_eq!(first.texts, 0);
        Ok(desk
            .take(&page(vec![tip.clone()]), now, &mut rng)
            .save(rows)?
            .texts)
    });
    assert_eq!(texts.unwrap(), 0, "dropped by its address");
    // Only the memory of the running program knows, and only for a while.
    let taken = desk.with(|desk, rows| {
        Ok(desk
            .take(&page(vec![tip.clone()]), now, &mut rng)
            .save(rows)?)
    });
    assert_eq!(taken.unwrap().texts, 1);
    let taken =
        desk.with(|desk, rows| Ok(desk.take(&page(vec![tip]), now, &mut rng).save(rows)?));
    assert_eq!(taken.unwrap().texts, 0, "a message is remembered for good");
}

/// Where a round begins, as the relay sees it.
#[test]
fn what_came_lately_is_read_again_and_what_came_before_is_not() {
    let (mut world, mut desk) = begin(2);
    tip(&mut world);
    desk.round(&world).unwrap();
    let asked: Rc<RefCell<Vec<u64>>> = Rc::default();
    let noted = Rc::clone(&asked);
    world.intercept(move |request| {
        let (_, after) = request.target.split_once("after=")?;
        let cursor = Cursor::parse(after.split('&').next()?)?;
        noted.borrow_mut().push(cursor.position);
        None
    });
    let end = desk.with(|desk, _| Ok(desk.cursor(0).unwrap().position));
    let end = end.unwrap();
    let mut first = || {
        asked.borrow_mut().clear();
        desk.round(&world).unwrap();
        asked.borrow()[0]
    };
    assert!(first() < end, "from before the tip, which came just now");
    world.clock.pass(REREAD_SECONDS + 600);
    assert_eq!(first(), end, "it came long ago");
}
