//! Random operations: whatever their order, a store does what a few lines of plain code do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use proptest::prelude::*;
use sotto_protocol::{drain::Cursor, id::Board};
use sotto_relay::store::{PageSlot, Store, StoreError};
use sotto_tests::{cases, cluster::RedisCluster, redis::AppendFsync};

use super::{DRAINERS, Fixture, LINE, NOW, envelope};

#[derive(Debug, Clone)]
enum Op {
    Append(u64),
    Acknowledge(usize, u64),
    Page(u64, u32),
    Log(u64, u8),
    Hold(usize, u64),
    Pass(u64),
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..24_u64).prop_map(Op::Append),
        3 => (0..2_usize, 0..16_u64).prop_map(|(who, position)| Op::Acknowledge(who, position)),
        4 => (1..4_u64, 0..2_u32).prop_map(|(cycle, page)| Op::Page(cycle, page)),
        2 => (0..4_u64, 0..2_u8).prop_map(|(position, fill)| Op::Log(position, fill)),
        1 => (0..2_usize, 0..6_u64).prop_map(|(who, position)| Op::Hold(who, position)),
        1 => (1..900_u64).prop_map(Op::Pass),
        1 => Just(Op::Sweep),
    ]
}

/// Seconds an envelope is kept in this test.
const KEPT: u64 = 1_200;

#[derive(Debug, Default)]
struct Model {
    now: u64,
    head: u64,
    inbox: BTreeMap<u64, u64>,
    arrived: BTreeMap<u64, u64>,
    marks: BTreeMap<u64, u64>,
    acks: [u64; 2],
    pages: BTreeSet<(u64, u32)>,
    served: u64,
    swept: u64,
    log: Vec<u8>,
    holds: [usize; 2],
    first: usize,
}

impl Model {
    fn append(&mut self, address: u64) {
        if self.marks.contains_key(&address) {
            return;
        }
        self.head += 1;
        self.inbox.insert(self.head, address);
        self.arrived.insert(self.head, self.now - self.now % 600);
        self.marks.insert(address, self.head);
    }

    fn is_swept(&self, address: u64) -> bool {
        let position = self.marks.get(&address);
        position.is_some_and(|position| self.arrived[position] < self.swept)
    }

    fn acknowledge(&mut self, who: usize, position: u64) -> bool {
        if position > self.head {
            return false;
        }
        self.acks[who] = self.acks[who].max(position);
        let floor = self.acks[0].min(self.acks[1]);
        self.inbox.retain(|position, _| *position > floor);
        true
    }

    fn page(&mut self, cycle: u64, page: u32) {
        if cycle < self.served {
            return;
        }
        self.pages.insert((cycle, page));
        let whole = (0..2).all(|page| self.pages.contains(&(cycle, page)));
        if whole && cycle > self.served {
            self.served = cycle;
        }
    }

    fn log(&mut self, position: u64, fill: u8) -> bool {
        let place = usize::try_from(position).unwrap();
        match self.log.get(place) {
            Some(_) if place < self.first => false,
            Some(known) => *known == fill,
            None if place == self.log.len() => {
                self.log.push(fill);
                true
            }
            None => false,
        }
    }

    fn hold(&mut self, who: usize, position: u64) {
        let position = usize::try_from(position).unwrap().min(self.log.len());
        if position <= self.holds[who] {
            return;
        }
        self.holds[who] = position;
        let all = self.holds[0].min(self.holds[1]);
        self.first = all.min(self.log.len().saturating_sub(1)).max(self.first);
    }

    fn sweep(&mut self) {
        let before = self.now - KEPT;
        self.swept = before;
        self.inbox
            .retain(|position, _| self.arrived[position] >= before);
    }
}

async fn run(store: &dyn Store, ops: Vec<Op>) {
    let mut model = Model {
        now: NOW,
        ..Model::default()
    };
    let cursor = store.read(LINE, None, 1).await.unwrap().cursor;
    for op in ops {
        step(store, &mut model, cursor, op).await;
        let page = store.read(LINE, None, 64).await.unwrap();
        let inbox: BTreeMap<u64, u64> = page
            .records
            .iter()
            .map(|record| {
                let address = record.body[4..12].try_into().unwrap();
                (record.position, u64::from_le_bytes(address))
            })
            .collect();
        assert_eq!(inbox, model.inbox);
        assert_eq!(store.served(LINE).await.unwrap(), [model.served, 0]);
        let page = store.read_log(LINE, 1, 0, 16).await.unwrap();
        let log: Vec<u8> = page.records.iter().map(|record| record[0]).collect();
        assert_eq!(log, model.log[model.first..]);
    }
}

async fn step(store: &dyn Store, model: &mut Model, cursor: Cursor, op: Op) {
    match op {
        // Whether an address is still remembered once it was swept is left open.
        Op::Append(address) if model.is_swept(address) => {}
        Op::Append(address) => {
            model.append(address);
            let done = store.append(LINE, envelope(address), model.now).await;
            done.unwrap();
        }
        Op::Acknowledge(who, position) => {
            let cursor = Cursor { position, ..cursor };
            let done = store.acknowledge(LINE, DRAINERS[who], cursor, &DRAINERS);
            let expected = model.acknowledge(who, position);
            assert_eq!(done.await.is_ok(), expected);
        }
        Op::Page(cycle, page) => {
            model.page(cycle, page);
            let slot = PageSlot {
                board: Board::New,
                cycle,
                page,
            };
            store
                .write_page(LINE, slot, 2, "page".into())
                .await
                .unwrap();
        }
        Op::Log(position, fill) => {
            let record = Bytes::from(vec![fill; 32]);
            let done = store.append_log(LINE, 1, position, record).await;
            let expected = if model.log(position, fill) {
                Ok(())
            } else {
                Err(StoreError::Conflict)
            };
            assert_eq!(done, expected);
        }
        Op::Hold(who, position) => {
            model.hold(who, position);
            let held = store.acknowledge_log(LINE, 1, (DRAINERS[who], position), &DRAINERS);
            held.await.unwrap();
        }
        Op::Pass(seconds) => model.now += seconds,
        Op::Sweep => {
            model.sweep();
            let before = model.now - KEPT;
            store.sweep(LINE, before, model.now).await.unwrap();
        }
    }
}

fn on_each(fixture: impl AsyncFn() -> Fixture) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = cases::runner(16);
    let ops = proptest::collection::vec(op(), 1..60);
    runner
        .run(&ops, |ops| {
            let fixture = runtime.block_on(fixture());
            runtime.block_on(run(&*fixture.store, ops));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_embedded_store_is_the_model() {
    on_each(async || Fixture::embedded());
}

#[test]
fn a_cluster_is_the_model() {
    let cluster = Arc::new(RedisCluster::start(3, false));
    on_each(async || Fixture::cluster(&cluster, 1).await);
}

#[test]
fn redis_is_the_model() {
    on_each(async || Fixture::redis(AppendFsync::EverySecond).await);
}

#[test]
fn the_sealed_embedded_store_is_the_model() {
    on_each(Fixture::sealed_embedded);
}

#[test]
fn sealed_redis_is_the_model() {
    on_each(|| Fixture::sealed_redis(AppendFsync::EverySecond));
}
