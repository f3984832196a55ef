//! Copies of everything, from before and after a key's end.

use std::{io::Read as _, sync::Arc};

use bytes::Bytes;
use redis::cmd;
use sotto_protocol::{
    id::Board,
    limits::{ENVELOPE_BYTES, LOG_RECORD_BYTES, PAGE_BODY_BYTES},
};
use sotto_relay::{
    epochs::{EpochKeys as _, FileKeys, Scope},
    store::{Embedded, PageSlot, Store as _},
};
use sotto_tests::hunt::Planted;

use super::{DAY, HOUR, KEPT, LINE, Stand, candidates, opened, random};
use crate::store::DRAINERS;

const SLOT: PageSlot = PageSlot {
    board: Board::New,
    cycle: 5,
    page: 0,
};

/// What is bound to the page and to the log record below.
fn places() -> [Vec<u8>; 2] {
    let page = [&[1][..], &5_u64.to_le_bytes(), &0_u32.to_le_bytes()].concat();
    let log = [&1_u16.to_le_bytes()[..], &0_u64.to_le_bytes()].concat();
    [page, log]
}

/// A stolen copy of every file, and the keys of that moment: then everything opens. The same copy and
/// every byte of the keys a day later: nothing does.
async fn what_is_past_is_closed(stand: Stand) {
    let posts: Vec<_> = (0..8).map(random).collect();
    for post in &posts {
        stand.append(post).await;
    }
    let page: Bytes = posts.iter().flat_map(|post| post.body.clone()).collect();
    assert_eq!(page.len(), PAGE_BODY_BYTES);
    stand
        .store
        .write_page(LINE, SLOT, 1, page.clone())
        .await
        .unwrap();
    let record =
        Bytes::from([random(9).body, random(10).body].concat()).slice(..LOG_RECORD_BYTES - 64);
    stand
        .store
        .append_log(LINE, 1, 0, record.clone())
        .await
        .unwrap();

    let (stolen, keys) = (stand.files(), stand.keys());
    nothing_is_in_clear(&stolen, &posts);
    let [of_page, of_log] = places();
    let all = |keys: &[u8]| {
        let mut found = Vec::new();
        for key in candidates(keys) {
            found.extend(opened(&stolen, key, 1, (ENVELOPE_BYTES, &[])));
            found.extend(opened(&stolen, key, 2, (PAGE_BODY_BYTES, &of_page)));
            found.extend(opened(&stolen, key, 3, (record.len(), &of_log)));
        }
        found
    };
    let found = all(&keys);
    let bodies = posts.iter().map(|post| &post.body).chain([&page, &record]);
    for body in bodies {
        assert!(found.iter().any(|plain| plain == body), "the theft works");
    }

    // A day before its end everything is there.
    stand.clock.pass(KEPT);
    let now = stand.clock.read();
    stand
        .store
        .sweep(LINE, now - KEPT - DAY, now)
        .await
        .unwrap();
    assert_eq!(stand.waiting().await, 8);
    assert!(all(&stand.keys()).len() >= 10);

    // At its end the relay has nothing, and no file of the keys opens the copy.
    stand.clock.pass(DAY);
    let held = stand
        .store
        .acknowledge_log(LINE, 1, (DRAINERS[0], 1), &DRAINERS[..1]);
    held.await.unwrap();
    stand
        .store
        .append_log(LINE, 1, 1, record.clone())
        .await
        .unwrap();
    let held = stand
        .store
        .acknowledge_log(LINE, 1, (DRAINERS[0], 2), &DRAINERS[..1]);
    held.await.unwrap();
    stand.sweep().await;
    assert_eq!(stand.waiting().await, 0);
    let served = stand.store.read_page(LINE, Board::New, 0).await.unwrap();
    assert_eq!(
        (served.cycle, served.body),
        (5, None),
        "as if nobody had written it"
    );
    assert_eq!(all(&stand.keys()), Vec::<Vec<u8>>::new());
    nothing_is_in_clear(&stand.files(), &posts);
    // Keys there are: those of today.
    assert!(candidates(&stand.keys()).count() > 64);
}

fn nothing_is_in_clear(files: &[Vec<u8>], posts: &[sotto_relay::store::Post]) {
    for post in posts {
        for (name, bytes) in [
            ("an address", &post.address.0[..]),
            ("a body", &post.body[36..100]),
        ] {
            let planted = Planted::new(name, bytes);
            for file in files {
                planted.must_not_be_in("the store's files", file);
            }
        }
    }
}

#[tokio::test]
async fn what_is_past_is_closed_in_every_copy_of_the_embedded_store() {
    what_is_past_is_closed(Stand::embedded().await).await;
}

#[tokio::test]
async fn what_is_past_is_closed_in_every_copy_of_redis() {
    what_is_past_is_closed(Stand::redis().await).await;
}

/// That addresses and bodies can be found in these files at all.
#[tokio::test]
async fn without_seal_the_same_files_show_everything() {
    for stand in [Stand::embedded().await, Stand::redis().await] {
        let post = random(1);
        let appended = stand
            .below
            .store
            .append(LINE, post.clone(), stand.clock.read());
        appended.await.unwrap();
        let files = stand.files().concat();
        assert!(Planted::new("the address", &post.address.0).is_in(&files));
        assert!(Planted::new("the body", &post.body[36..100]).is_in(&files));
    }
}

/// The store is away, for ever: its keys go all the same.
#[tokio::test]
async fn keys_are_destroyed_without_the_store() {
    let mut stand = Stand::redis().await;
    stand.append(&random(1)).await;
    let before = stand.keys();
    drop(stand.below.redis.take());
    stand.clock.pass(KEPT + DAY);
    let now = stand.clock.read();
    stand.store.sweep(LINE, now - KEPT, now).await.unwrap_err();
    let left = stand.keys();
    let is_of_that_day = |row: &&[u8]| row[0] == 1 && row[4..8] == super::today().to_le_bytes();
    let mut gone = before[64..].chunks_exact(64).filter(is_of_that_day);
    let key = &gone.next().unwrap()[32..];
    let is_in = |file: &[u8]| file.windows(32).any(|window| window == key);
    assert!(is_in(&before) && !is_in(&left));
}

/// A log keeps what one device has not seen, however long, and no longer.
#[tokio::test]
async fn a_log_is_readable_for_as_long_as_it_is_kept() {
    let stand = Stand::embedded().await;
    let record = random(1).body;
    for position in 0..40 {
        let appended = stand.store.append_log(LINE, 1, position, record.clone());
        appended.await.unwrap();
        stand.clock.pass(DAY);
        stand.sweep().await;
    }
    let [first, second] = DRAINERS;
    let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
    let oldest = async || {
        let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
        keys.oldest(Scope::Log(LINE, 1)).await.unwrap().unwrap() - super::today()
    };
    assert_eq!(keys.scopes().await.unwrap(), [Scope::Log(LINE, 1)]);
    let page = stand
        .process()
        .await
        .read_log(LINE, 1, 0, 64)
        .await
        .unwrap();
    assert_eq!(page.records.len(), 40);
    assert_eq!(oldest().await, 0);
    for (device, position) in [(first, 30), (second, 25)] {
        let held = stand
            .store
            .acknowledge_log(LINE, 1, (device, position), &DRAINERS);
        held.await.unwrap();
    }
    stand.sweep().await;
    assert_eq!(oldest().await, 25);
    let page = stand
        .process()
        .await
        .read_log(LINE, 1, 0, 64)
        .await
        .unwrap();
    assert_eq!(page.records.len(), 15);
    assert_eq!(stand.store.append_log(LINE, 1, 30, record).await, Ok(()));
}

/// A repeated record is the same record in every epoch, and in every process.
#[tokio::test]
async fn a_log_record_may_be_appended_again_days_later() {
    let stand = Stand::redis().await;
    let record = random(1).body;
    stand
        .store
        .append_log(LINE, 1, 0, record.clone())
        .await
        .unwrap();
    stand.clock.pass(3 * DAY);
    let again = stand.process().await;
    again.append_log(LINE, 1, 0, record).await.unwrap();
    let other = again.append_log(LINE, 1, 0, random(2).body).await;
    assert_eq!(other, Err(sotto_relay::store::StoreError::Conflict));
}

/// An address stays written once when the key of its day is another.
#[tokio::test]
async fn an_address_is_written_once_across_days() {
    for stand in [Stand::embedded().await, Stand::redis().await] {
        stand.append(&random(1)).await;
        stand.hours(13 * 24).await;
        stand.append(&random(1)).await;
        assert_eq!(stand.waiting().await, 1);
    }
}

/// 48 bytes more than what is inside, and in Redis at most a twentieth in all.
#[tokio::test]
async fn an_envelope_costs_little_more_than_itself() {
    let stand = Stand::redis().await;
    let redis = stand.below.redis.as_ref().unwrap();
    let used = || {
        let info: String = cmd("INFO")
            .arg("memory")
            .query(&mut redis.connection())
            .unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_dataset:"));
        line.unwrap().trim().parse::<f64>().unwrap()
    };
    // Buffers and tables have their size afterwards.
    for seed in 0..1_100 {
        stand.append(&random(seed)).await;
    }
    let before = used();
    for seed in 1_100..2_000 {
        stand.append(&random(seed)).await;
    }
    let each = (used() - before) / 900.0;
    assert!(
        each < 8_128.0 * 1.05,
        "{each} bytes of Redis for an envelope"
    );
}

/// The file that is replaced is written over, in whatever snapshot of the folder it still stands.
#[tokio::test]
async fn what_is_replaced_is_written_over() {
    let stand = Stand::embedded().await;
    stand.append(&random(1)).await;
    let path = stand.below.dir.path().join("epochs");
    let mut file = std::fs::File::open(&path).unwrap();
    stand.hours(24).await;
    let mut left = Vec::new();
    file.read_to_end(&mut left).unwrap();
    assert!(left.len() > 128 && left.iter().all(|byte| *byte == 0));
    assert_eq!(stand.waiting().await, 1);
    let keys = Arc::new(FileKeys::open(&path).unwrap());
    assert_eq!(format!("{keys:?}"), "FileKeys(..)");
}

/// The boards of a line that was never written to and of one whose key is gone are alike.
#[tokio::test]
async fn a_page_whose_key_is_gone_is_one_nobody_wrote() {
    let stand = Stand::embedded().await;
    let page = Bytes::from(vec![7; PAGE_BODY_BYTES]);
    stand.store.write_page(LINE, SLOT, 1, page).await.unwrap();
    stand.clock.pass(15 * DAY + HOUR);
    stand.sweep().await;
    let ours = stand.store.read_page(LINE, Board::New, 0).await.unwrap();
    let theirs = stand
        .store
        .read_page(super::STRANGER, Board::New, 0)
        .await
        .unwrap();
    assert_eq!((ours.body, theirs.body), (None, None));
    let keys = FileKeys::open(&stand.below.dir.path().join("epochs")).unwrap();
    assert_eq!(
        keys.scopes().await.unwrap(),
        [Scope::Line(LINE)],
        "reading makes no keys"
    );
}

/// A store put back from a copy has again what was past: nobody sees it, and nobody is stopped by it.
#[tokio::test]
async fn what_a_copy_brings_back_stays_past() {
    let stand = Stand::embedded().await;
    let dir = stand.below.dir.path();
    stand.append(&random(1)).await;
    for position in 0..20 {
        let appended = stand.store.append_log(LINE, 1, position, random(2).body);
        appended.await.unwrap();
    }
    std::fs::copy(dir.join("store"), dir.join("copy")).unwrap();
    let hold = async |position| {
        let held = stand
            .store
            .acknowledge_log(LINE, 1, (DRAINERS[0], position), &DRAINERS[..1]);
        held.await.unwrap();
    };
    stand.clock.pass(KEPT + DAY);
    stand
        .store
        .append_log(LINE, 1, 20, random(3).body)
        .await
        .unwrap();
    hold(21).await;
    stand.sweep().await;
    let inner = Arc::new(Embedded::open(&dir.join("copy"), 1).unwrap());
    let copy = crate::store::sealed(inner, dir, &stand.clock).await;
    assert!(copy.read(LINE, None, 64).await.unwrap().records.is_empty());
    let page = copy.read_log(LINE, 1, 0, 16).await.unwrap();
    assert_eq!((page.next, page.records.len()), (20, 0));
    copy.append(LINE, random(4), stand.clock.read())
        .await
        .unwrap();
    copy.append_log(LINE, 1, 20, random(3).body).await.unwrap();
    assert_eq!(copy.read(LINE, None, 1).await.unwrap().records.len(), 1);
    let page = copy.read_log(LINE, 1, 0, 16).await.unwrap();
    assert_eq!((page.next, page.records.len()), (21, 1));
}
