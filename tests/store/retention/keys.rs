//! The key file: shared, replaced whole, and never emptied by a clock that is wrong.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use sotto_protocol::limits::PAGE_BODY_BYTES;
use sotto_relay::{
    epochs::{EpochError, EpochKeys as _, FileKeys, Found, Scope},
    store::{Embedded, Sealed, Store as _, StoreError, sealed::is_marked},
};
use tempfile::TempDir;

use super::{DAY, HOUR, KEPT, LINE, NOW, Stand, random, today};
use crate::store::{Fixture, OTHER};

const SCOPE: Scope = Scope::Line(LINE);

async fn oldest(stand: &Stand) -> Option<u32> {
    let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
    keys.oldest(SCOPE).await.unwrap()
}

#[test]
fn processes_that_start_at_once_share_one_file_and_one_key() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("epochs");
    let rows: Vec<_> = std::thread::scope(|scope| {
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let keys = FileKeys::create(&path).unwrap();
            let (epoch, _) = runtime.block_on(keys.current(SCOPE, today())).unwrap();
            assert_eq!(epoch, today());
            fs::read(&path).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    // Today's and tomorrow's key, in the file before the first was returned, and none made twice.
    assert_eq!(rows[0].len(), 64 + 3 * 64 + 32);
    assert!(rows.iter().all(|file| *file == rows[0]));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_one_process_seals_another_opens() {
    let stand = Stand::embedded().await;
    let other = stand.process().await;
    for day in 0..3 {
        stand.append(&random(2 * day)).await;
        let now = stand.clock.read();
        other.append(LINE, random(2 * day + 1), now).await.unwrap();
        stand.clock.pass(DAY);
    }
    for store in [&stand.store, &other, &stand.process().await] {
        assert_eq!(store.read(LINE, None, 64).await.unwrap().records.len(), 6);
    }
}

/// At any moment of a replacement the power may go: what is beside the file counts for nothing, and
/// what was returned is in the file.
#[tokio::test]
async fn a_power_cut_while_a_key_is_made_loses_nothing() {
    let stand = Stand::embedded().await;
    stand.append(&random(1)).await;
    let path = stand.below.dir.path().join("epochs");
    let before = fs::read(&path).unwrap();
    stand.clock.pass(3 * DAY);
    stand.append(&random(2)).await;
    let after = fs::read(&path).unwrap();
    assert_ne!(before, after);
    // Cut before the renaming, wherever: the key was not used yet.
    for length in [0, 1, 64, after.len() - 1, after.len()] {
        fs::write(&path, &before).unwrap();
        let beside = path.with_extension("new");
        fs::write(&beside, &after[..length]).unwrap();
        let keys = FileKeys::open(&path).unwrap();
        assert!(!beside.exists());
        assert!(matches!(keys.get(SCOPE, today()).await, Ok(Found::Key(_))));
        let (epoch, _) = keys.current(SCOPE, today() + 3).await.unwrap();
        assert_eq!(epoch, today() + 3);
    }
    // Cut after it.
    fs::write(&path, &after).unwrap();
    let waiting = stand.process().await.read(LINE, None, 64).await.unwrap();
    assert_eq!(waiting.records.len(), 2);
}

#[tokio::test]
async fn one_day_an_hour_is_destroyed_and_none_right_after_a_start() {
    let stand = Stand::embedded().await;
    for day in 0..3 {
        stand.append(&random(day)).await;
        stand.clock.pass(DAY);
    }
    // The relay is off for a long time.
    stand.clock.jump(60 * DAY);
    let stand = Stand {
        store: stand.process().await,
        ..stand
    };
    stand.sweep().await;
    assert_eq!(oldest(&stand).await, Some(today()));
    for gone in 1..=3 {
        stand.clock.pass(HOUR - 1);
        stand.sweep().await;
        assert_eq!(oldest(&stand).await, Some(today() + gone - 1));
        stand.clock.pass(1);
        stand.sweep().await;
        assert_eq!(oldest(&stand).await, Some(today() + gone));
    }
}

/// Ten years ahead for an hour: nothing is destroyed, and what was sealed meanwhile is kept no
/// longer than the rest.
#[tokio::test]
async fn a_clock_that_jumps_ahead_destroys_nothing_for_an_hour() {
    const YEARS: u64 = 3_650 * DAY;
    let stand = Stand::embedded().await;
    stand.hours(2).await;
    for seed in 0..4 {
        stand.append(&random(seed)).await;
        stand.clock.pass(DAY);
    }
    stand.clock.jump(YEARS);
    for _ in 0..6 {
        let now = stand.clock.read();
        // The store keeps what it has here, so that it can be read.
        stand.store.sweep(OTHER, now - KEPT, now).await.unwrap();
        stand.clock.pass(600);
    }
    stand.append(&random(9)).await;
    stand.clock.back(YEARS);
    stand.sweep().await;
    assert_eq!(stand.waiting().await, 5);
    let keys = stand.keys();
    assert_eq!(oldest(&stand).await, Some(today()));
    stand.hours(17 * 24).await;
    let first = oldest(&stand).await.unwrap();
    assert!(first > today() + 5, "{first}");
    let left = stand.keys();
    let rows = keys[64..].chunks_exact(64).filter(|row| row[0] == 1);
    assert!(rows.clone().count() >= 6);
    for row in rows {
        assert!(!left.windows(32).any(|window| window == &row[32..]));
    }
}

/// Decades behind, as after a start without a battery: what arrives is not taken for old.
#[tokio::test]
async fn a_clock_that_is_behind_loses_nothing() {
    let stand = Stand::embedded().await;
    stand.append(&random(1)).await;
    stand.hours(24).await;
    stand.clock.back(20_000 * DAY);
    stand.append(&random(2)).await;
    stand.clock.jump(20_000 * DAY);
    stand.hours(2 * 24).await;
    let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
    assert_eq!(keys.oldest(SCOPE).await, Ok(Some(today())));
    let (epoch, _) = keys.current(SCOPE, 1).await.unwrap();
    assert_eq!(epoch, today() + 3);
    // By its arrival the store itself thinks it old.
    assert_eq!(stand.waiting().await, 1);
}

/// Each line keeps for a time of its own, and one that is served no more for the longest.
#[tokio::test]
async fn each_line_has_its_own_retention() {
    let stand = Stand::embedded().await;
    for line in [LINE, OTHER] {
        let now = stand.clock.read();
        stand.store.append(line, random(1), now).await.unwrap();
    }
    let has = async |line| {
        let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
        matches!(
            keys.get(Scope::Line(line), today()).await,
            Ok(Found::Key(_))
        )
    };
    let sweep = async |days: u64| {
        let now = stand.clock.read();
        let swept = stand.store.sweep(LINE, now - days * DAY, now);
        swept.await.unwrap();
    };
    stand.clock.pass(2 * DAY);
    sweep(2).await;
    assert!(has(LINE).await, "yesterday's last second is not past yet");
    stand.clock.pass(DAY);
    sweep(2).await;
    assert!(!has(LINE).await);
    assert!(has(OTHER).await);
    stand.clock.pass(12 * DAY);
    sweep(2).await;
    assert!(!has(OTHER).await);
}

#[tokio::test]
async fn a_store_with_another_key_file_or_none_is_refused() {
    let stand = Stand::embedded().await;
    let open = async |keys: FileKeys| {
        let (store, clock) = (
            Arc::clone(&stand.below.store),
            Arc::new(stand.clock.clone()),
        );
        Sealed::open(store, Arc::new(keys), clock, &[LINE]).await
    };
    let path = stand.below.dir.path().join("epochs");
    open(FileKeys::open(&path).unwrap()).await.unwrap();
    let other = FileKeys::create(&stand.below.dir.path().join("epochs-of-another")).unwrap();
    assert_eq!(open(other).await.unwrap_err(), StoreError::OtherKeys);
    assert!(is_marked(&*stand.below.store).await.unwrap());
    fs::remove_file(&path).unwrap();
    assert_eq!(FileKeys::open(&path).unwrap_err(), EpochError::Missing);
    // While it runs, nothing is made in its place.
    stand.clock.pass(2 * DAY);
    let refused = stand.store.append(LINE, random(1), NOW).await;
    assert_eq!(refused, Err(StoreError::Keys(EpochError::Missing)));
    assert!(!path.exists());
}

/// An older copy of the key file lacks keys: that is said, and nothing passes for past.
#[tokio::test]
async fn an_older_copy_of_the_key_file_hides_nothing() {
    let stand = Stand::embedded().await;
    stand.append(&random(1)).await;
    let path = stand.below.dir.path().join("epochs");
    let copy = fs::read(&path).unwrap();
    stand.clock.pass(5 * DAY);
    stand.append(&random(2)).await;
    fs::write(&path, &copy).unwrap();
    let store = stand.process().await;
    let read = store.read(LINE, None, 64).await;
    assert_eq!(read.unwrap_err(), StoreError::Keyless);
}

#[tokio::test]
async fn a_damaged_key_file_is_refused() {
    let stand = Stand::embedded().await;
    stand.append(&random(1)).await;
    let path = stand.below.dir.path().join("epochs");
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        assert_eq!(FileKeys::open(&path).unwrap_err(), EpochError::Damaged);
    };
    for at in (0..whole.len()).step_by(7) {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        refused(&bent);
        refused(&whole[..at]);
    }
}

/// What was stored in clear, by whatever of it there is.
#[tokio::test]
async fn a_store_from_before_is_refused() {
    for part in 0..3 {
        let below = Fixture::embedded();
        let store: &Embedded = &Embedded::open(&below.dir.path().join("clear"), 1).unwrap();
        match part {
            0 => store.append(LINE, random(1), NOW).await.unwrap(),
            1 => {
                let slot = sotto_relay::store::PageSlot {
                    board: sotto_protocol::id::Board::Old,
                    cycle: 1,
                    page: 0,
                };
                let page = vec![0; PAGE_BODY_BYTES].into();
                store.write_page(LINE, slot, 1, page).await.unwrap();
            }
            _ => {
                let statement = sotto_relay::store::Stored {
                    name: "line".into(),
                    serial: 1,
                    json: "{}".into(),
                };
                store.put_statement(LINE, statement).await.unwrap();
            }
        }
        let keys = FileKeys::create(&below.dir.path().join("epochs")).unwrap();
        let clock = sotto_tests::world::TestClock::at(NOW);
        let inner = Arc::new(store.clone());
        let refused = Sealed::open(inner, Arc::new(keys), Arc::new(clock), &[OTHER, LINE]).await;
        assert_eq!(refused.unwrap_err(), StoreError::Unsealed);
        assert!(!is_marked(store).await.unwrap());
    }
}
