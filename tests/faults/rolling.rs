//! Two relays on one store, started anew one after the other while people post: everybody gets one
//! 204 in the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use sotto_protocol::id::LineId;
use sotto_relay::{
    http::Bounds,
    serve::{Connections, serve},
    store::{Redis, Store},
};
use sotto_tests::{
    cases,
    redis::{AppendFsync, RedisServer},
    world::World,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinSet,
};

use super::{drain, envelope};

const CONNECTIONS: Connections = Connections {
    most: 64,
    head: Duration::from_secs(5),
    life: Duration::from_mins(1),
    stop: Duration::from_secs(20),
};

/// A relay on a port that it gives back when it stops.
struct Running {
    stop: oneshot::Sender<()>,
    served: JoinSet<()>,
}

impl Running {
    async fn start(port: u16, app: Router) -> Self {
        let listener = loop {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                break listener;
            }
            tokio::task::yield_now().await;
        };
        let (stop, stopped) = oneshot::channel();
        let mut served = JoinSet::new();
        served.spawn(serve(listener, app, CONNECTIONS, Arc::default(), async {
            stopped.await.ok();
        }));
        Self { stop, served }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.join_all().await;
    }
}

/// One post, over a connection of its own; the status, if there was an answer.
async fn post(port: u16, line: LineId, number: u64) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let body = envelope(number).body;
    let head = format!(
        "POST /v1/{}/in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        line.to_text(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

async fn post_until_told_to_stop(
    ports: [u16; 2],
    line: LineId,
    next: Arc<AtomicU64>,
    over: watch::Receiver<bool>,
) {
    while !*over.borrow() {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let mut turn = usize::try_from(number % 2).unwrap();
        // Whichever is there, as behind a proxy.
        while post(ports[turn], line, number).await != Some(204) {
            turn = 1 - turn;
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn everybody_gets_one_204_while_relays_are_started_anew() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let url = server.url();
    let mut world = World::on(3, |(runtime, seed)| {
        Arc::new(runtime.block_on(Redis::connect(&url, 2, seed)).unwrap())
    });
    world.publish();
    let (line, next) = (world.pin().line, Arc::new(AtomicU64::new(0)));
    let rounds = cases::count(3);
    world.block_on(async {
        let bounds = Bounds {
            in_flight: 64,
            request_timeout: Duration::from_secs(30),
        };
        let mut ports = [0; 2];
        for port in &mut ports {
            let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            *port = free.local_addr().unwrap().port();
        }
        let start = async |port| {
            // A new process has connections of its own.
            let store: Arc<dyn Store> = Arc::new(Redis::connect(&url, 2, 9).await.unwrap());
            let sealed = world.seal(store).await;
            Running::start(port, world.another(&sealed, bounds)).await
        };
        let mut relays = Vec::new();
        for port in ports {
            relays.push(start(port).await);
        }
        let (tell, over) = watch::channel(false);
        let mut posting = JoinSet::new();
        for _ in 0..8 {
            posting.spawn(post_until_told_to_stop(
                ports,
                line,
                Arc::clone(&next),
                over.clone(),
            ));
        }
        for round in 0..rounds * 2 {
            let reached = next.load(Ordering::SeqCst) + 100;
            while next.load(Ordering::SeqCst) < reached {
                tokio::task::yield_now().await;
            }
            relays.remove(0).stop().await;
            let place = usize::try_from(round % 2).unwrap();
            relays.push(start(ports[place]).await);
        }
        tell.send(true).unwrap();
        posting.join_all().await;
        for relay in relays {
            relay.stop().await;
        }
    });
    let all: Vec<u64> = world
        .block_on(drain(&*world.store, line))
        .into_keys()
        .collect();
    assert_eq!(all, (0..next.load(Ordering::SeqCst)).collect::<Vec<_>>());
    assert!(all.len() >= 200 * rounds as usize);
}
