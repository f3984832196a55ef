//! Boards held in memory: the same bytes as from the store, and never because somebody asked.

use std::sync::Arc;

use sotto_protocol::{
    id::Board,
    limits::{PAGE_BYTES, RETENTION_DAYS},
    page::PageHeader,
};
use sotto_relay::{admission::Admission, relay::Relay};
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World},
};

/// More than a small line's board has.
const PAGES: u32 = 9;

fn relay(world: &World, bytes: usize) -> Relay {
    let (store, clock) = (Arc::clone(&world.store), Arc::new(world.clock.clone()));
    let relay = Relay::new(
        store,
        clock,
        Admission::Open,
        world.secrets(),
        &[world.pin()],
    );
    relay.holding(bytes)
}

/// A line both of whose boards are served.
fn line(seed: u64) -> (World, DeskMachine) {
    let mut world = World::new(Backend::Embedded, seed);
    world.publish();
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    while cycles(&world, &relay(&world, 0)).contains(&0) {
        desk.run(&world, 3_600);
    }
    (world, desk)
}

fn cycles(world: &World, relay: &Relay) -> [u64; 2] {
    let bundle = world.block_on(relay.bundle(world.pin().line));
    bundle.unwrap().cycles
}

/// Every page there is, and some beyond the end.
fn all(world: &World, relay: &Relay) -> Vec<Vec<u8>> {
    let pages = Board::ALL.map(|board| (0..PAGES).map(move |page| (board, page)));
    let read = |(board, page)| world.block_on(relay.page(world.pin().line, board, page));
    let pages = pages.into_iter().flatten().map(read);
    pages.map(|page| page.unwrap().to_vec()).collect()
}

fn hold(world: &World, relay: &Relay) {
    world.block_on(relay.hold_boards()).unwrap();
}

fn cycle(page: &[u8]) -> u64 {
    PageHeader::parse(page).unwrap().0.cycle
}

#[test]
fn what_is_held_is_what_the_store_gives() {
    let (world, _desk) = line(1);
    let (holding, reading) = (relay(&world, 1 << 26), relay(&world, 0));
    let before = all(&world, &holding);
    hold(&world, &holding);
    assert_eq!(all(&world, &holding), before);
    assert_eq!(all(&world, &reading), before);
    assert_eq!(cycles(&world, &holding), cycles(&world, &reading));
}

/// The page and what stands beside the bundle name the same cycle, also while the store is ahead.
#[test]
fn a_new_cycle_is_served_once_all_of_it_was_read() {
    let (world, mut desk) = line(2);
    let (holding, reading) = (relay(&world, 1 << 26), relay(&world, 0));
    hold(&world, &holding);
    let before = all(&world, &holding);
    desk.run(&world, 900);
    assert!(cycles(&world, &reading)[0] > cycle(&before[0]));
    assert_eq!(cycles(&world, &holding)[0], cycle(&before[0]));
    assert_eq!(all(&world, &holding), before);
    hold(&world, &holding);
    assert_eq!(all(&world, &holding), all(&world, &reading));
    assert_eq!(cycles(&world, &holding), cycles(&world, &reading));
}

/// All of a board or nothing: that some pages come sooner than others would tell them apart.
#[test]
fn a_board_without_room_is_not_held() {
    let (world, mut desk) = line(3);
    let relay = relay(&world, 3 * PAGE_BYTES);
    hold(&world, &relay);
    let before = cycles(&world, &relay)[0];
    desk.run(&world, 900);
    assert!(cycles(&world, &relay)[0] > before);
}

/// What the store has lost is not served for ever.
#[test]
fn a_cycle_that_goes_on_for_long_is_read_again() {
    let (world, _desk) = line(4);
    let relay = relay(&world, 1 << 26);
    hold(&world, &relay);
    let before = all(&world, &relay);
    // The keys that its pages are sealed with end.
    world.clock.pass((RETENTION_DAYS + 2) * 86_400);
    world.sweep();
    assert_eq!(all(&world, &relay), before);
    hold(&world, &relay);
    assert_ne!(all(&world, &relay), before);
}
