//! A relay whose store was put back from a backup: devices have gone on since.

use std::{fs::File, sync::Arc};

use sotto_protocol::limits::{LOG_HELD, LOG_QUIET_SECONDS};
use sotto_relay::store::{Embedded, Store as _};
use sotto_tests::world::Backend;
use tempfile::TempDir;

use super::{
    office,
    office::{Fate, Office},
};

/// Devices on a store of which a backup can be taken.
fn begin(seed: u64, count: usize) -> (Office, Embedded, TempDir) {
    let dir = TempDir::new().unwrap();
    let mut office = Office::new(Backend::Embedded, seed, count);
    let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
    serve(&mut office, store.clone());
    office.world.publish();
    office.run(8);
    (office, store, dir)
}

fn serve(office: &mut Office, store: Embedded) {
    office.world.store = Arc::new(store);
    let (secrets, pin) = (office.world.secrets(), office.world.pin());
    office.world.restart(secrets, pin);
}

fn put_back(office: &mut Office, dir: &TempDir) -> Embedded {
    let path = dir.path().join("restored");
    Embedded::restore(&path, &dir.path().join("backup"), 8).unwrap();
    let store = Embedded::open(&path, 9).unwrap();
    serve(office, store.clone());
    office.world.publish();
    store
}

fn take(store: &Embedded, dir: &TempDir) {
    let mut file = File::create(dir.path().join("backup")).unwrap();
    store.backup(&mut file).unwrap();
}

/// Far more is lost than devices hold; they go on where they were, each with everything.
#[test]
fn a_log_goes_on_where_its_devices_are() {
    let (mut office, store, dir) = begin(60, 3);
    take(&store, &dir);
    office.say(0, "after the backup");
    office.run(LOG_HELD);
    // One device is a few records behind the others.
    office.tick(0, Fate::Arrives);
    let next = office.members[0].log.from();
    put_back(&mut office, &dir);
    let rounds = usize::try_from(LOG_QUIET_SECONDS / 60).unwrap() + 2;
    office.say(1, "after it was put back");
    office.run(rounds);
    for which in 0..3 {
        office.read(which);
        let seen = office.seen(which);
        assert_eq!(seen, ["after the backup", "after it was put back"]);
    }
    assert!(office.members[0].log.from() > next);
}

/// Nobody else may choose where a log goes on, and nobody may do it twice.
#[test]
fn a_log_is_taken_up_once() {
    let (mut office, store, dir) = begin(61, 2);
    take(&store, &dir);
    office.run(LOG_HELD);
    let store_now = put_back(&mut office, &dir);
    office.tick(0, Fate::Arrives);
    let line = office.world.pin().line;
    let (log, world) = (office.desk, &office.world);
    let read = || {
        world
            .block_on(store_now.read_log(line, log, 0, 99))
            .unwrap()
    };
    let page = read();
    assert_eq!(
        page.records.len(),
        1,
        "it begins anew with what was put first"
    );
    let append = |position| {
        let record = vec![1; 64].into();
        world.block_on(store_now.append_log(line, log, position, record))
    };
    assert!(append(page.next + 1).is_err());
    assert!(append(page.next - 2).is_err());
    append(page.next).unwrap();
    // A log of a store that was not put back never leaves anything out.
    let mut office = office_of_its_own();
    office.tick(0, Fate::Arrives);
    let (log, line) = (office.desk, office.world.pin().line);
    let next = office.members[0].log.from();
    let record = vec![1; 64].into();
    let appended = office.world.store.append_log(line, log, next + 1, record);
    assert!(office.world.block_on(appended).is_err());
}

fn office_of_its_own() -> Office {
    office(Backend::Embedded, 62, 2)
}
