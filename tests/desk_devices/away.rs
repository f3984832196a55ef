//! Devices that are off: for a day, and for good.

use std::sync::Arc;

use sotto_protocol::statement::DeviceRole;
use sotto_relay::store::Embedded;
use sotto_tests::world::Backend;
use tempfile::TempDir;

use super::team::{READER, Team};

#[test]
fn a_device_that_was_off_for_a_day_catches_up() {
    let mut team = Team::new(Backend::Embedded, 911);
    let mut phone = team.tip("yesterday");
    let off = team.members.remove(READER);
    team.run(3);
    team.run_every(1_800, 24);
    phone.write("at noon");
    phone.sit(&team.world).unwrap();
    team.run_every(1_800, 24);
    team.members.push(off);
    assert_eq!(team.counts(), [1, 1, 0]);
    team.run(6);
    assert_eq!(team.counts(), [1, 1, 1]);
    assert_eq!(team.members[READER].texts(1), ["yesterday", "at noon"]);
    team.assert_equal();
}

#[test]
fn another_drainer_takes_over() {
    let mut team = Team::new(Backend::Embedded, 912);
    let keeper = team.keeper();
    team.members.remove(keeper);
    let mut phone = team.tip("Is anybody there?");
    team.run(25);
    assert_eq!(team.counts(), [1, 1]);
    team.keeper();
    let world = &team.world;
    team.members[1].reply(world, 1, "Yes.");
    assert_eq!(team.look(&mut phone), ["Yes."]);
    team.assert_equal();
}

#[test]
fn keys_are_published_whoever_does_it() {
    let mut team = Team::new(Backend::Embedded, 913);
    let keeper = team.keeper();
    team.run_every(3_600, 24);
    team.members.remove(keeper);
    team.run_every(3_600, 24);
    team.run(3);
    // Sealed to today's prekey, which the one that is left has published and can open.
    let _phone = team.tip("the day after");
    team.run(3);
    assert_eq!(team.counts(), [1, 1]);
    team.assert_equal();
}

#[test]
fn a_device_that_is_alone_outlives_the_loss_of_its_log() {
    let mut team = Team::alone(914);
    let _phone = team.tip("before");
    team.run(5);
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(&dir.path().join("relay.redb"), 914).unwrap();
    team.world.store = Arc::new(store);
    team.world.restart(team.world.secrets(), team.world.pin());
    team.world.publish();
    // Ten quiet minutes, an alarm that nobody else could be hurt by, and a new log.
    team.run(15);
    let _other = team.tip("after");
    team.run(2);
    assert_eq!(team.counts(), [2]);
    team.hire(DeviceRole::Device);
    team.run(10);
    assert_eq!(team.counts(), [2, 2]);
    team.assert_equal();
}
