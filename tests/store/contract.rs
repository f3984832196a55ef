//! One case per sentence of `server/src/store.rs`.

use std::sync::Arc;

use bytes::Bytes;
use sotto_protocol::{
    drain::{Cursor, DrainPage},
    envelope::Class,
    id::{Board, DeviceId},
    limits::LOG_RECORD_BYTES,
};
use sotto_relay::store::{PageSlot, SHARES, Spending, Store, StoreError, Stored, Waiting};
use sotto_tests::{cluster::RedisCluster, redis::AppendFsync};

use super::{DRAINERS, Fixture, LINE, NOW, OTHER, envelope, post};

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        /// All of it on one Cluster, since making one takes a second.
        #[tokio::test]
        async fn on_a_cluster() {
            let cluster = Arc::new(RedisCluster::start(3, false));
            $(
                let fixture = Fixture::cluster(&cluster, 1).await;
                $name(&*fixture.store).await;
            )*
        }

        $(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                super::$name(&*Fixture::embedded().store).await;
            }

            #[tokio::test]
            async fn redis() {
                let fixture = Fixture::redis(AppendFsync::EverySecond).await;
                super::$name(&*fixture.store).await;
            }

            #[tokio::test]
            async fn sealed_embedded() {
                super::$name(&*Fixture::sealed_embedded().await.store).await;
            }

            #[tokio::test]
            async fn sealed_redis() {
                let fixture = Fixture::sealed_redis(AppendFsync::EverySecond).await;
                super::$name(&*fixture.store).await;
            }
        }
        )*
    };
}

contract!(
    an_address_is_written_once,
    many_write_one_address_at_once,
    positions_have_no_gaps,
    records_come_in_order_and_in_pages,
    a_cursor_of_another_life_is_refused,
    all_drainers_must_have_read,
    what_was_deleted_does_not_come_back,
    both_classes_come_back_whole,
    a_page_is_written_once,
    a_board_moves_on_when_a_cycle_is_whole,
    boards_and_lines_are_apart,
    a_token_is_spent_once,
    what_a_token_is_spent_on_is_written_once,
    a_token_pays_for_sixteen_chunks_or_one_envelope,
    a_token_is_remembered_while_it_is_good,
    many_spend_one_token_at_once,
    a_statement_never_gets_older,
    statements_can_be_removed,
    a_log_has_one_record_per_position,
    a_log_forgets_what_all_devices_hold,
    a_sweep_takes_what_is_old_and_nothing_else,
    an_unknown_line_is_empty,
    what_waits_is_counted,
);

async fn read(store: &dyn Store, after: Option<Cursor>, max: usize) -> DrainPage {
    store.read(LINE, after, max).await.unwrap()
}

async fn positions(store: &dyn Store) -> Vec<u64> {
    let page = read(store, None, 10_000).await;
    page.records.iter().map(|record| record.position).collect()
}

async fn an_address_is_written_once(store: &dyn Store) {
    for fill in [5, 5, 6] {
        let post = post(Class::Envelope, 1, fill);
        store.append(LINE, post, NOW).await.unwrap();
    }
    let page = read(store, None, 64).await;
    assert_eq!(page.records.len(), 1);
    assert_eq!(page.records[0].body, envelope(1).body, "the first one wins");
    assert_eq!(page.records[0].position, 1);
    assert_eq!(page.records[0].arrived, NOW - NOW % 600);
}

async fn many_write_one_address_at_once(store: &dyn Store) {
    let writes = (0..64).map(|_| store.append(LINE, envelope(1), NOW));
    for write in futures(writes).await {
        write.unwrap();
    }
    assert_eq!(positions(store).await, [1]);
}

async fn positions_have_no_gaps(store: &dyn Store) {
    let writes = (0..300).map(|address| store.append(LINE, envelope(address), NOW));
    for write in futures(writes).await {
        write.unwrap();
    }
    assert_eq!(positions(store).await, (1..=300).collect::<Vec<u64>>());
}

/// Polls all of them together on this task.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, out) in waiting.iter_mut().zip(&mut done) {
            let Some(future) = slot else { continue };
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *out = Some(value);
                *slot = None;
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn records_come_in_order_and_in_pages(store: &dyn Store) {
    for address in 0..10 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = read(store, cursor, 3).await;
        assert_eq!(
            page,
            read(store, cursor, 3).await,
            "reading changes nothing"
        );
        if page.records.is_empty() {
            assert_eq!(Some(page.cursor), cursor);
            break;
        }
        assert!(page.records.len() <= 3);
        seen.extend(page.records.iter().map(|record| record.position));
        cursor = Some(page.cursor);
    }
    assert_eq!(seen, (1..=10).collect::<Vec<u64>>());
}

async fn a_cursor_of_another_life_is_refused(store: &dyn Store) {
    store.append(LINE, envelope(1), NOW).await.unwrap();
    let good = read(store, None, 1).await.cursor;
    let bad = [
        Cursor { shard: 1, ..good },
        Cursor {
            incarnation: good.incarnation ^ 1,
            ..good
        },
    ];
    for cursor in bad {
        let refused = store.read(LINE, Some(cursor), 1).await.unwrap_err();
        assert_eq!(refused, StoreError::Incarnation);
        let refused = store.acknowledge(LINE, DRAINERS[0], cursor, &DRAINERS);
        assert_eq!(refused.await.unwrap_err(), StoreError::Incarnation);
    }
    let ahead = Cursor {
        position: 2,
        ..good
    };
    let refused = store.acknowledge(LINE, DRAINERS[0], ahead, &DRAINERS);
    assert_eq!(refused.await.unwrap_err(), StoreError::Incarnation);
}

async fn all_drainers_must_have_read(store: &dyn Store) {
    for address in 0..600 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let cursor = read(store, None, 1).await.cursor;
    let at = |position| Cursor { position, ..cursor };
    let [first, second] = DRAINERS;
    store
        .acknowledge(LINE, first, at(500), &DRAINERS)
        .await
        .unwrap();
    assert_eq!(positions(store).await.len(), 600, "one has not read");
    store
        .acknowledge(LINE, second, at(300), &DRAINERS)
        .await
        .unwrap();
    assert_eq!(positions(store).await[0], 301);
    store
        .acknowledge(LINE, second, at(100), &DRAINERS)
        .await
        .unwrap();
    assert_eq!(positions(store).await[0], 301, "nobody reads backwards");
    store
        .acknowledge(LINE, second, at(600), &DRAINERS)
        .await
        .unwrap();
    assert_eq!(positions(store).await[0], 501);
    store
        .acknowledge(LINE, first, at(600), &[first])
        .await
        .unwrap();
    assert!(positions(store).await.is_empty());
    store.append(LINE, envelope(1_000), NOW).await.unwrap();
    assert_eq!(positions(store).await, [601]);
}

async fn what_was_deleted_does_not_come_back(store: &dyn Store) {
    store.append(LINE, envelope(1), NOW).await.unwrap();
    let cursor = read(store, None, 1).await.cursor;
    let [drainer, _] = DRAINERS;
    store
        .acknowledge(LINE, drainer, cursor, &[drainer])
        .await
        .unwrap();
    store.append(LINE, envelope(1), NOW + 5).await.unwrap();
    store.append(LINE, envelope(2), NOW + 5).await.unwrap();
    assert_eq!(positions(store).await, [2]);
}

async fn both_classes_come_back_whole(store: &dyn Store) {
    let posts = [post(Class::Chunk, 1, 9), post(Class::Envelope, 2, 8)];
    for post in posts.clone() {
        store.append(LINE, post, NOW).await.unwrap();
    }
    let page = read(store, None, 2).await;
    for (record, post) in page.records.iter().zip(&posts) {
        assert_eq!(
            (record.class, &record.body[..]),
            (post.class.byte(), &post.body[..])
        );
    }
    assert_eq!(DrainPage::from_bytes(&page.to_bytes()), Ok(page));
}

fn slot(board: Board, cycle: u64, page: u32) -> PageSlot {
    PageSlot { board, cycle, page }
}

fn body(fill: u8) -> Bytes {
    Bytes::from(vec![fill; 64])
}

async fn a_page_is_written_once(store: &dyn Store) {
    let page = slot(Board::New, 5, 0);
    store.write_page(LINE, page, 1, body(1)).await.unwrap();
    store.write_page(LINE, page, 1, body(2)).await.unwrap();
    let served = store.read_page(LINE, Board::New, 0).await.unwrap();
    assert_eq!((served.cycle, served.body), (5, Some(body(1))));
    let beside = store.read_page(LINE, Board::New, 1).await.unwrap();
    assert_eq!((beside.cycle, beside.body), (5, None));
}

async fn a_board_moves_on_when_a_cycle_is_whole(store: &dyn Store) {
    let board = Board::Old;
    let write = async |cycle, page, fill| {
        let written = store.write_page(LINE, slot(board, cycle, page), 2, body(fill));
        written.await.unwrap();
    };
    let read = async |page| {
        let served = store.read_page(LINE, board, page).await.unwrap();
        (served.cycle, served.body.map(|body| body[0]))
    };
    assert_eq!(read(0).await, (0, None));
    write(5, 0, 1).await;
    assert_eq!(read(0).await, (0, None), "not whole yet");
    write(5, 0, 1).await;
    assert_eq!(read(0).await, (0, None), "the same page twice is one page");
    write(5, 1, 2).await;
    assert_eq!((read(0).await, read(1).await), ((5, Some(1)), (5, Some(2))));
    write(7, 1, 4).await;
    assert_eq!(read(0).await, (5, Some(1)), "the next is being written");
    write(6, 0, 9).await;
    write(6, 1, 9).await;
    assert_eq!(read(1).await, (6, Some(9)));
    write(7, 0, 3).await;
    assert_eq!((read(0).await, read(1).await), ((7, Some(3)), (7, Some(4))));
    write(5, 0, 8).await;
    write(5, 1, 8).await;
    assert_eq!(read(0).await, (7, Some(3)), "a board never goes back");
    assert_eq!(store.served(LINE).await.unwrap(), [0, 7]);
}

async fn boards_and_lines_are_apart(store: &dyn Store) {
    let written = store.write_page(LINE, slot(Board::New, 5, 0), 1, body(1));
    written.await.unwrap();
    store.append(LINE, envelope(1), NOW).await.unwrap();
    store.append_log(LINE, 1, 0, record(1)).await.unwrap();
    assert_eq!(store.served(LINE).await.unwrap(), [5, 0]);
    let other = store.read_page(LINE, Board::Old, 0).await.unwrap();
    assert_eq!((other.cycle, other.body), (0, None));
    assert_eq!(store.served(OTHER).await.unwrap(), [0, 0]);
    assert!(store.read(OTHER, None, 9).await.unwrap().records.is_empty());
    assert_eq!(store.read_log(OTHER, 1, 0, 9).await.unwrap().next, 0);
    assert_eq!(store.read_log(LINE, 2, 0, 9).await.unwrap().next, 0);
    store.append(OTHER, envelope(1), NOW).await.unwrap();
    assert_eq!(
        store.read(OTHER, None, 9).await.unwrap().records[0].position,
        1
    );
}

async fn a_token_is_spent_once(store: &dyn Store) {
    let spend = async |line, token| store.spend(line, token, NOW + 600, NOW).await.unwrap();
    assert!(spend(LINE, [1; 32]).await);
    assert!(!spend(LINE, [1; 32]).await);
    assert!(spend(LINE, [2; 32]).await);
    assert!(spend(OTHER, [1; 32]).await);
}

const fn spending(what: u8, share: u8) -> Spending {
    Spending {
        what: [what; 32],
        share,
        until: NOW + 600,
    }
}

/// Repeating the same post is no second spending, however often; anything else is.
async fn what_a_token_is_spent_on_is_written_once(store: &dyn Store) {
    let redeem = async |line, token, what| {
        let redeemed = store.redeem(line, [token; 32], spending(what, SHARES), NOW);
        redeemed.await.unwrap()
    };
    assert!(redeem(LINE, 1, 1).await);
    assert!(!redeem(LINE, 1, 2).await);
    assert!(redeem(LINE, 1, 1).await, "the same post again");
    assert!(!redeem(LINE, 1, 3).await);
    assert!(redeem(LINE, 2, 2).await, "another token");
    assert!(
        redeem(LINE, 3, 1).await,
        "the same post under another token"
    );
    assert!(redeem(OTHER, 1, 2).await, "another line");
    // What is spent on a nonce is apart.
    assert!(store.spend(LINE, [1; 32], NOW + 9, NOW).await.unwrap());
}

async fn a_token_pays_for_sixteen_chunks_or_one_envelope(store: &dyn Store) {
    let redeem = async |token, what, share| {
        let redeemed = store.redeem(LINE, [token; 32], spending(what, share), NOW);
        redeemed.await.unwrap()
    };
    for chunk in 0..SHARES {
        assert!(redeem(1, chunk, 1).await, "chunk {chunk}");
        assert!(redeem(1, 0, 1).await, "the first one again");
    }
    assert!(!redeem(1, SHARES, 1).await, "one more");
    assert!(redeem(1, SHARES - 1, 1).await, "the last one again");
    assert!(!redeem(1, 99, SHARES).await, "an envelope");
    assert!(redeem(2, 1, SHARES).await);
    assert!(!redeem(2, 2, 1).await, "a chunk after an envelope");
    assert!(redeem(3, 1, 1).await);
    assert!(!redeem(3, 2, SHARES).await, "an envelope after a chunk");
}

async fn a_token_is_remembered_while_it_is_good(store: &dyn Store) {
    let redeem = async |what, now| {
        let redeemed = store.redeem(LINE, [1; 32], spending(what, SHARES), now);
        redeemed.await.unwrap()
    };
    assert!(redeem(1, NOW).await);
    store.sweep(LINE, NOW, NOW + 599).await.unwrap();
    assert!(!redeem(2, NOW + 599).await);
    assert!(redeem(1, NOW + 599).await);
}

/// Of many different posts under one token one is let through, whoever asks at the same time, and
/// stays the one.
async fn many_spend_one_token_at_once(store: &dyn Store) {
    for token in 0..8 {
        let attempts =
            (0..24_u8).map(|what| store.redeem(LINE, [token; 32], spending(what, SHARES), NOW));
        let spent = futures(attempts).await;
        let spent: Vec<bool> = spent.into_iter().map(Result::unwrap).collect();
        assert_eq!(spent.iter().filter(|good| **good).count(), 1);
        let winner = u8::try_from(spent.iter().position(|good| *good).unwrap()).unwrap();
        for what in 0..24 {
            let again = store.redeem(LINE, [token; 32], spending(what, SHARES), NOW);
            assert_eq!(again.await.unwrap(), what == winner);
        }
    }
}

fn statement(name: &str, serial: u64, json: &'static str) -> Stored {
    Stored {
        name: name.into(),
        serial,
        json: Bytes::from(json),
    }
}

async fn a_statement_never_gets_older(store: &dyn Store) {
    let put = async |serial, json| {
        store
            .put_statement(LINE, statement("line", serial, json))
            .await
    };
    put(5, "five").await.unwrap();
    put(5, "five").await.unwrap();
    assert_eq!(put(5, "other").await.unwrap_err(), StoreError::Conflict);
    assert_eq!(put(4, "four").await.unwrap_err(), StoreError::Conflict);
    put(6, "six").await.unwrap();
    put(u64::MAX, "last").await.unwrap();
    assert_eq!(put(7, "seven").await.unwrap_err(), StoreError::Conflict);
    let all = store.statements(LINE).await.unwrap();
    assert_eq!(all, [statement("line", u64::MAX, "last")]);
}

async fn statements_can_be_removed(store: &dyn Store) {
    for name in ["root.2", "desk.1", "line", "desk.2"] {
        store
            .put_statement(LINE, statement(name, 1, "x"))
            .await
            .unwrap();
    }
    store
        .put_statement(OTHER, statement("line", 1, "y"))
        .await
        .unwrap();
    let names = ["desk.1".to_owned(), "nothing".to_owned()];
    store.remove_statements(LINE, &names).await.unwrap();
    store.remove_statements(LINE, &[]).await.unwrap();
    let all = store.statements(LINE).await.unwrap();
    let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["desk.2", "line", "root.2"], "ordered by name");
    assert_eq!(store.statements(OTHER).await.unwrap().len(), 1);
}

fn record(fill: u8) -> Bytes {
    Bytes::from(vec![fill; LOG_RECORD_BYTES])
}

async fn a_log_has_one_record_per_position(store: &dyn Store) {
    let append = async |position, fill| store.append_log(LINE, 1, position, record(fill)).await;
    assert_eq!(
        append(1, 1).await.unwrap_err(),
        StoreError::Conflict,
        "a gap"
    );
    for position in 0..5 {
        append(position, 10).await.unwrap();
    }
    append(2, 10).await.unwrap();
    assert_eq!(append(2, 11).await.unwrap_err(), StoreError::Conflict);
    assert_eq!(append(u64::MAX, 1).await.unwrap_err(), StoreError::Conflict);
    let page = store.read_log(LINE, 1, 3, 16).await.unwrap();
    assert_eq!((page.log, page.next, page.records.len()), (1, 5, 2));
    let page = store.read_log(LINE, 1, 1, 2).await.unwrap();
    assert_eq!(page.records, [record(10), record(10)]);
    for from in [5, 6, u64::MAX] {
        let page = store.read_log(LINE, 1, from, 16).await.unwrap();
        assert_eq!((page.next, page.records.len()), (5, 0));
    }
}

async fn a_log_forgets_what_all_devices_hold(store: &dyn Store) {
    for position in 0..6 {
        let appended = store.append_log(LINE, 1, position, record(10));
        appended.await.unwrap();
    }
    let [first, second] = DRAINERS;
    let holds = async |device, position| {
        let held = store.acknowledge_log(LINE, 1, (device, position), &DRAINERS);
        held.await.unwrap();
        let page = store.read_log(LINE, 1, 0, 16).await.unwrap();
        assert_eq!(page.next, 6);
        page.records.len()
    };
    assert_eq!(holds(first, 4).await, 6, "one holds nothing yet");
    assert_eq!(holds(second, 2).await, 4);
    assert_eq!(holds(second, 1).await, 4, "nobody holds less than before");
    assert_eq!(holds(DeviceId([9; 16]), 6).await, 4, "who is no member");
    let page = store.read_log(LINE, 1, 1, 1).await.unwrap();
    assert_eq!(page.records.len(), 1, "reads begin where the log begins");
    let append = async |position, fill| store.append_log(LINE, 1, position, record(fill)).await;
    assert_eq!(append(1, 10).await.unwrap_err(), StoreError::Conflict);
    append(3, 10).await.unwrap();
    assert_eq!(append(3, 11).await.unwrap_err(), StoreError::Conflict);
    assert_eq!(holds(second, u64::MAX).await, 2);
    assert_eq!(holds(first, 6).await, 1, "the newest stays");
    append(5, 10).await.unwrap();
    append(6, 11).await.unwrap();
    let page = store.read_log(LINE, 1, 6, 16).await.unwrap();
    assert_eq!((page.next, page.records), (7, vec![record(11).to_vec()]));
    let held = store.acknowledge_log(LINE, 1, (first, 7), &[]);
    held.await.unwrap();
    let page = store.read_log(LINE, 1, 0, 16).await.unwrap();
    assert_eq!(page.records.len(), 2, "a log without devices keeps all");
    let alone = [first];
    let held = store.acknowledge_log(LINE, 2, (first, 7), &alone);
    held.await.unwrap();
    assert_eq!(store.read_log(LINE, 2, 0, 9).await.unwrap().next, 0);
}

async fn a_sweep_takes_what_is_old_and_nothing_else(store: &dyn Store) {
    for address in 0..700 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    for address in 700..710 {
        store
            .append(LINE, envelope(address), NOW + 1_200)
            .await
            .unwrap();
    }
    store.append(OTHER, envelope(1), NOW).await.unwrap();
    store.sweep(LINE, NOW - 600, NOW).await.unwrap();
    assert_eq!(positions(store).await.len(), 710);
    store.sweep(LINE, NOW + 600, NOW).await.unwrap();
    assert_eq!(positions(store).await, (701..=710).collect::<Vec<u64>>());
    assert_eq!(store.read(OTHER, None, 9).await.unwrap().records.len(), 1);
    store.append(LINE, envelope(2_000), NOW).await.unwrap();
    assert_eq!(positions(store).await.last(), Some(&711));
    let cursor = read(store, None, 64).await.cursor;
    let [drainer, _] = DRAINERS;
    store
        .acknowledge(LINE, drainer, cursor, &[drainer])
        .await
        .unwrap();
    assert!(positions(store).await.is_empty());
}

async fn an_unknown_line_is_empty(store: &dyn Store) {
    let page = read(store, None, 64).await;
    assert!(page.records.is_empty());
    assert_eq!(page.cursor.position, 0);
    assert!(read(store, Some(page.cursor), 64).await.records.is_empty());
    assert!(store.statements(LINE).await.unwrap().is_empty());
    assert_eq!(store.served(LINE).await.unwrap(), [0, 0]);
    let served = store.read_page(LINE, Board::New, 65_535).await.unwrap();
    assert_eq!((served.cycle, served.body), (0, None));
    store.sweep(LINE, NOW, NOW).await.unwrap();
}

async fn what_waits_is_counted(store: &dyn Store) {
    let waiting = async || store.waiting(LINE).await.unwrap();
    assert_eq!(waiting().await, Waiting::default());
    for address in 0..70 {
        let later = NOW + address * 60;
        store.append(LINE, envelope(address), later).await.unwrap();
        let waiting = waiting().await;
        assert_eq!(waiting.records, address + 1);
        assert_eq!(waiting.oldest, Some(NOW - NOW % 600));
    }
    let page = read(store, None, 33).await;
    for drainer in DRAINERS {
        let read = store.acknowledge(LINE, drainer, page.cursor, &DRAINERS);
        read.await.unwrap();
    }
    let left = waiting().await;
    assert_eq!(left.records, 37);
    let arrived = NOW + 33 * 60;
    assert_eq!(left.oldest, Some(arrived - arrived % 600));
    store.sweep(LINE, NOW + 100 * 60, NOW).await.unwrap();
    assert_eq!(waiting().await, Waiting::default());
    assert_eq!(store.waiting(OTHER).await, Ok(Waiting::default()));
}
