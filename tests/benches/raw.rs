//! Drivers without a gateway: the same writes as the relay's stores, from one process.

use std::{sync::Arc, thread, time::Duration};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use redb::{Database, ReadableTable as _, TableDefinition};
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
    pipe,
};
use sotto_tests::redis::RedisServer;
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use crate::{
    clock,
    load::{self, Tally},
};

/// Not counted, as with load over HTTP.
const WARM_UP: Duration = Duration::from_millis(200);
/// Fifteen days, as the relay's.
const LIFETIME_MS: u64 = 15 * 86_400_000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Appends over `connections` multiplexed connections: body, position and index in one atomic
/// pipeline, without a script.
pub fn redis(
    server: &RedisServer,
    connections: usize,
    in_flight: usize,
    seconds: f64,
    envelope: &[u8],
) -> Tally {
    let runtime = runtime();
    runtime.block_on(async {
        let client = Client::open(server.url()).unwrap();
        let config = ConnectionManagerConfig::new().set_response_timeout(None);
        let mut all = Vec::new();
        for _ in 0..connections {
            let connection = ConnectionManager::new_with_config(client.clone(), config.clone());
            all.push(connection.await.unwrap());
        }
        let all = Arc::new(all);
        in_turns(in_flight, seconds, envelope, move |task, body| {
            let mut connection = all[task % connections].clone();
            async move {
                let key = [b"s1:{raw}:b:", &body[4..36]].concat();
                let mut pipeline = pipe();
                pipeline.atomic();
                pipeline
                    .cmd("SET")
                    .arg(key)
                    .arg(&body)
                    .arg("NX")
                    .arg("PX")
                    .arg(LIFETIME_MS)
                    .ignore();
                pipeline
                    .cmd("HINCRBY")
                    .arg("s1:{raw}:meta")
                    .arg("head")
                    .arg(1)
                    .ignore();
                pipeline
                    .cmd("XADD")
                    .arg("s1:{raw}:index")
                    .arg("*")
                    .arg("a")
                    .arg(&body[4..36])
                    .ignore();
                pipeline.query_async::<()>(&mut connection).await.unwrap();
            }
        })
        .await
    })
}

type Line<'a> = &'a [u8; 16];
type Row = (Line<'static>, u64);
const INBOX: TableDefinition<'_, Row, &[u8]> = TableDefinition::new("inbox");
const HEADS: TableDefinition<'_, Line<'_>, u64> = TableDefinition::new("heads");
const MARKS: TableDefinition<'_, (Line<'_>, &[u8; 32]), u64> = TableDefinition::new("marks");
const MARK_TIMES: TableDefinition<'_, (Line<'_>, u64, &[u8; 32]), ()> =
    TableDefinition::new("mark_times");

struct Job {
    body: Vec<u8>,
    done: oneshot::Sender<()>,
}

/// Group commit of redb: one thread writes for everybody who waits, up to 1,024 appends or 1 MiB at once.
pub fn redb(in_flight: usize, seconds: f64, envelope: &[u8]) -> Tally {
    let dir = TempDir::new().unwrap();
    let database = Database::create(dir.path().join("raw.redb")).unwrap();
    let (sender, receiver) = mpsc::channel::<Job>(4_096);
    let writer = thread::spawn(move || write(&database, receiver));
    let sender = Arc::new(sender);
    let runtime = runtime();
    let tally = runtime.block_on(in_turns(in_flight, seconds, envelope, move |_, body| {
        let sender = Arc::clone(&sender);
        async move {
            let (done, answered) = oneshot::channel();
            assert!(sender.try_send(Job { body, done }).is_ok());
            answered.await.unwrap();
        }
    }));
    drop(runtime);
    writer.join().unwrap();
    tally
}

fn write(database: &Database, mut jobs: mpsc::Receiver<Job>) {
    let line = &[1; 16];
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        // 1 MiB.
        while batch.len() < 129 {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        let transaction = database.begin_write().unwrap();
        {
            let mut inbox = transaction.open_table(INBOX).unwrap();
            let mut heads = transaction.open_table(HEADS).unwrap();
            let mut marks = transaction.open_table(MARKS).unwrap();
            let mut times = transaction.open_table(MARK_TIMES).unwrap();
            let mut head = heads.get(line).unwrap().map_or(0, |value| value.value());
            for job in &batch {
                let address: &[u8; 32] = job.body[4..36].try_into().unwrap();
                head += 1;
                let value = [&[0; 8], job.body.as_slice()].concat();
                inbox.insert((line, head), value.as_slice()).unwrap();
                marks.insert((line, address), head).unwrap();
                times.insert((line, 0, address), ()).unwrap();
            }
            heads.insert(line, head).unwrap();
        }
        transaction.commit().unwrap();
        for job in batch {
            job.done.send(()).ok();
        }
    }
}

/// `in_flight` tasks, each of which appends one body after another, every one at a new address.
async fn in_turns<F: Future<Output = ()> + Send + 'static>(
    in_flight: usize,
    seconds: f64,
    envelope: &[u8],
    append: impl Fn(usize, Vec<u8>) -> F + Clone + Send + 'static,
) -> Tally {
    let from = Instant::from_std(clock::now()) + WARM_UP;
    let until = from + Duration::from_secs_f64(seconds);
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let (append, envelope) = (append.clone(), envelope.to_vec());
        tasks.spawn(one_by_one(envelope, (from, until), move |body| {
            append(task, body)
        }));
    }
    let done = tasks.join_all().await.into_iter().sum();
    Tally { done, seconds }
}

async fn one_by_one<F: Future<Output = ()>>(
    envelope: Vec<u8>,
    (from, until): (Instant, Instant),
    append: impl Fn(Vec<u8>) -> F,
) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(load::next_seed());
    let mut done = 0;
    loop {
        let mut body = envelope.clone();
        rng.fill_bytes(&mut body[4..36]);
        append(body).await;
        let now = Instant::from_std(clock::now());
        if now >= until {
            return done;
        }
        done += u64::from(now >= from);
    }
}
