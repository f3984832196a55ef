//! What a desk reads back from its store, row by row, beside rows that are good.

use proptest::{collection::vec, prelude::*};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::desk::{Desk, Row, RowKeeper as _, Rows, seal_filler};
use sotto_protocol::{
    attachment::FileType,
    bundle::day_of,
    id::Address,
    seal::Place,
    secret::{SealingSecret, random},
    statement::DeviceRole,
};
use sotto_tests::{
    cases::runner,
    machines::{DeskMachine, Phone},
    shelf::MemoryShelf,
    world::{Backend, World},
};

use super::run;

/// The rows of a desk that has a conversation, an answer on the boards and a file that is arriving.
fn desk() -> Rows {
    let mut world = World::new(Backend::Embedded, 61);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    let (mut phone, mut shelf) = (Phone::new(&mut world), MemoryShelf::default());
    phone.write("a text");
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    desk.reply(&world, 1, "an answer");
    world.relay().post(for_nobody(&world), None).unwrap();
    desk.run(&world, 600);
    let file = vec![1; 100_000];
    let file = (file.as_slice(), FileType::Other);
    phone.attach(&world, &mut shelf, file).unwrap();
    phone.upload(&world, &shelf, |_| true).unwrap();
    desk.round(&world).unwrap();
    let strays = desk.memory.row(Row::Strays).unwrap().unwrap();
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    // With a second device what is written here waits for the log.
    DeskMachine::hire(&mut world, 1, DeviceRole::Drainer);
    desk.run(&world, 600);
    desk.reply(&world, 1, "another answer");
    let mut rows = desk.memory.kept().to_vec();
    rows.retain(|(row, _)| !row.is_loose() && *row != Row::Strays);
    rows.push((Row::Strays, strays));
    rows
}

/// An envelope that waits until somebody can open it.
fn for_nobody(world: &World) -> Vec<u8> {
    let rng = &mut ChaCha20Rng::seed_from_u64(61);
    let place = Place {
        line: world.pin().line,
        day: day_of(world.clock.read()),
        address: Address(random(rng)),
    };
    let nobody = SealingSecret::make(rng);
    seal_filler(place, &nobody, rng).unwrap().into_bytes()
}

/// The rows with other bytes in one of them.
fn with(rows: &Rows, place: usize, bytes: &[u8]) -> Rows {
    let mut rows = rows.clone();
    rows[place].1 = bytes.to_vec().into();
    rows
}

#[test]
fn damaged_rows_of_a_desk_never_panic() {
    let rows = desk();
    Desk::from_rows(&rows).unwrap();
    for kind in [
        Row::Meta,
        Row::Unopened,
        Row::Case(1),
        Row::Log,
        Row::Queue,
        Row::Stood,
        Row::Strays,
        Row::File(1),
    ] {
        let place = rows.iter().position(|(row, _)| *row == kind);
        let place = place.unwrap_or_else(|| panic!("the desk has kept no {kind:?}"));
        let good = &rows[place].1;
        let damage = (vec(any::<u8>(), 1..300), 0..good.len() * 8);
        run(&mut runner(128), &damage, |(noise, bit)| {
            let mut bent = good.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            drop(Desk::from_rows(&with(&rows, place, &bent)));
            let cut = &good[..bit / 8];
            let is_gone = matches!(kind, Row::Case(_)) && cut.is_empty();
            assert!(is_gone || Desk::from_rows(&with(&rows, place, cut)).is_err());
            let more = [good.as_slice(), &[0]].concat();
            assert!(
                Desk::from_rows(&with(&rows, place, &more)).is_err(),
                "{kind:?}"
            );
            assert!(
                Desk::from_rows(&with(&rows, place, &noise)).is_err(),
                "{kind:?}"
            );
        });
    }
}
