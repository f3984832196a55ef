//! What is put where it was not written does not open.

use bytes::Bytes;
use redis::cmd;
use sotto_protocol::{
    id::{Board, LineId},
    limits::PAGE_BODY_BYTES,
};
use sotto_relay::store::{PageSlot, Store as _, StoreError};

use super::{LINE, Stand, random};
use crate::store::OTHER;

fn key(line: LineId, part: &str, rest: &str) -> Vec<u8> {
    format!("s1:{{{}/{part}}}:{rest}", line.to_text()).into_bytes()
}

fn page(line: LineId, board: Board, (cycle, page): (u64, u32)) -> Vec<u8> {
    let part = format!("{}/{page}", board.name());
    key(line, &part, &format!("p:{cycle}:{page}"))
}

/// One page in the place of another, of another board, cycle and line.
#[tokio::test]
async fn pages_open_nowhere_else() {
    let stand = Stand::redis().await;
    let boards = [Board::New, Board::Old];
    for (line, board, cycle) in [
        (LINE, boards[0], 4),
        (LINE, boards[0], 5),
        (LINE, boards[1], 5),
        (OTHER, boards[0], 5),
    ] {
        for page in 0..2 {
            let slot = PageSlot { board, cycle, page };
            let body = Bytes::from(vec![9; PAGE_BODY_BYTES]);
            stand.store.write_page(line, slot, 2, body).await.unwrap();
        }
    }
    let connection = &mut stand.below.redis.as_ref().unwrap().connection();
    let at = page(LINE, Board::New, (5, 0));
    let written: Vec<u8> = cmd("GET").arg(&at).query(connection).unwrap();
    let mut read = async |from: Vec<u8>| {
        let bytes: Vec<u8> = cmd("GET").arg(from).query(connection).unwrap();
        put(connection, &at, &bytes);
        stand.store.read_page(LINE, Board::New, 0).await
    };
    let elsewhere = [
        page(LINE, Board::New, (5, 1)),
        page(LINE, Board::New, (4, 0)),
        page(LINE, Board::Old, (5, 0)),
        page(OTHER, Board::New, (5, 0)),
    ];
    for from in elsewhere {
        assert_eq!(read(from).await.unwrap_err(), StoreError::Corrupt);
    }
    put(connection, &at, &written);
    stand.store.read_page(LINE, Board::New, 0).await.unwrap();
    for bit in [0, 8, 16, 24, 32, 64, 300, 8 * 65_000, 8 * 65_071] {
        let mut bent = written.clone();
        bent[bit / 8] ^= 1;
        put(connection, &at, &bent);
        stand
            .store
            .read_page(LINE, Board::New, 0)
            .await
            .unwrap_err();
    }
}

fn put(connection: &mut redis::Connection, at: &[u8], bytes: &[u8]) {
    let set = cmd("SET").arg(at).arg(bytes).query(connection);
    let () = set.unwrap();
}

/// Records of a log in another order, twice, or of another log.
#[tokio::test]
async fn log_records_open_nowhere_else() {
    let stand = Stand::redis().await;
    for log in [1, 2] {
        for position in 0..3 {
            let appended = stand.store.append_log(LINE, log, position, random(7).body);
            appended.await.unwrap();
        }
    }
    let connection = &mut stand.below.redis.as_ref().unwrap().connection();
    let list = |log: u8| key(LINE, &format!("log/{log}"), "records");
    let all = |connection: &mut redis::Connection, log| -> Vec<Vec<u8>> {
        let range = cmd("LRANGE")
            .arg(list(log))
            .arg(0)
            .arg(-1)
            .query(connection);
        range.unwrap()
    };
    let (ours, theirs) = (all(connection, 1), all(connection, 2));
    let orders: [[&Vec<u8>; 3]; 4] = [
        [&ours[1], &ours[0], &ours[2]],
        [&ours[0], &ours[0], &ours[2]],
        [&ours[0], &ours[2], &ours[2]],
        [&ours[0], &theirs[1], &ours[2]],
    ];
    for order in orders {
        for (position, record) in order.into_iter().enumerate() {
            let set = cmd("LSET")
                .arg(list(1))
                .arg(position)
                .arg(record)
                .query(connection);
            let () = set.unwrap();
        }
        let read = stand.store.read_log(LINE, 1, 0, 16).await;
        assert_eq!(read.unwrap_err(), StoreError::Corrupt);
    }
    assert_eq!(
        stand
            .store
            .read_log(LINE, 2, 0, 16)
            .await
            .unwrap()
            .records
            .len(),
        3
    );
}

/// A body of the inbox is no other line's and no page.
#[tokio::test]
async fn bodies_open_nowhere_else() {
    let stand = Stand::redis().await;
    stand.append(&random(1)).await;
    let now = stand.clock.read();
    stand.store.append(OTHER, random(2), now).await.unwrap();
    let connection = &mut stand.below.redis.as_ref().unwrap().connection();
    let mut body = |line| -> (Vec<u8>, Vec<u8>) {
        let keys: Vec<Vec<u8>> = cmd("KEYS")
            .arg(key(line, "0", "b:*"))
            .query(connection)
            .unwrap();
        let value = cmd("GET").arg(&keys[0]).query(connection).unwrap();
        (keys[0].clone(), value)
    };
    let ((at, ours), (_, theirs)) = (body(LINE), body(OTHER));
    let mut bent = ours.clone();
    bent[2] = 1;
    for wrong in [theirs, bent, random(1).body.to_vec(), vec![2; 40]] {
        let set = cmd("SET").arg(&at).arg(wrong).query(connection);
        let () = set.unwrap();
        let read = stand.store.read(LINE, None, 64).await;
        assert_eq!(read.unwrap_err(), StoreError::Corrupt);
    }
}
