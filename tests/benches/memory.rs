//! What a relay needs at rest, per connection, and per envelope in Redis.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sotto_protocol::limits::ENVELOPE_BYTES;
use sotto_relay::store::Redis;
use sotto_tests::redis::{AppendFsync, RedisServer};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, runtime::Runtime};

use crate::{
    clock,
    line::Line,
    load,
    measure::{Effort, Measured},
    pages,
    process::{Server, Storage},
};

/// Resident memory of a relay that nobody calls, and what each idle connection adds.
pub fn idle(effort: Effort) -> Vec<Measured> {
    let count = 4_000 / effort.scale;
    let line = Line::make(5, 4);
    let (mut rest, mut each) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds.min(3) {
        let relay = Server::relay(&line, Storage::Embedded);
        clock::pause(SETTLE);
        let before = relay.resident();
        rest.push(before / 1e6);
        let crowd = Crowd::gather(relay.address, &line, count);
        clock::pause(SETTLE);
        each.push((relay.resident() - before) / count as f64);
        drop(crowd);
    }
    vec![
        Measured::alone("rss_idle_mb", "MB", rest),
        Measured::alone("bytes_per_idle_connection", "bytes", each),
    ]
}

/// Stored as a relay does, seal, index and key included; a fraction of its size.
pub fn redis(effort: Effort) -> Vec<Measured> {
    let count = 20_000 / effort.scale;
    let line = Line::make(6, 4);
    let runtime = runtime();
    let overheads = (0..effort.rounds.min(3)).map(|_| {
        let server = RedisServer::start(AppendFsync::EverySecond);
        let bare = runtime.block_on(Redis::connect(&server.url(), 2, 1));
        let (bare, keys) = (Arc::new(bare.unwrap()), TempDir::new().unwrap());
        let keys = keys.path().join("relay.epochs");
        let store = runtime.block_on(pages::sealed(bare, &keys, line.pin.line));
        let before = used(&server);
        runtime.block_on(pages::append(store, line.pin.line, count));
        let each = (used(&server) - before) / count as f64;
        each / ENVELOPE_BYTES as f64 - 1.0
    });
    vec![Measured::alone(
        "redis_overhead_per_envelope",
        "of an envelope's bytes",
        overheads.collect(),
    )]
}

const SETTLE: Duration = Duration::from_millis(500);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn used(server: &RedisServer) -> f64 {
    let mut connection = server.connection();
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query(&mut connection)
        .unwrap();
    let mut lines = info.lines();
    let line = lines.find_map(|line| line.strip_prefix("used_memory:"));
    line.unwrap().trim().parse().unwrap()
}

/// Connections that have asked for the bundle once and say nothing more.
#[derive(Debug)]
pub struct Crowd {
    _streams: Vec<TcpStream>,
    _runtime: Runtime,
}

impl Crowd {
    /// `count` of them.
    pub fn gather(relay: SocketAddr, line: &Line, count: usize) -> Self {
        let runtime = runtime();
        let path = format!("/v1/{}/bundle", line.pin.line.to_text());
        let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n");
        let streams = runtime.block_on(async {
            let mut streams = Vec::with_capacity(count);
            let mut buffer = vec![0; 64 * 1024];
            for _ in 0..count {
                let mut stream = TcpStream::connect(relay).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                let answer = load::read_answer(&mut stream, &mut buffer).await;
                assert_eq!(answer.status, 200);
                streams.push(stream);
            }
            streams
        });
        Self {
            _streams: streams,
            _runtime: runtime,
        }
    }
}
