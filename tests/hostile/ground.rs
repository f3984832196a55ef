//! A relay on a port, and how honest people and others talk to it.

use std::{sync::Arc, time::Duration};

use sotto_protocol::{id::LineId, limits::ENVELOPE_BYTES};
use sotto_relay::{
    http::Bounds,
    serve::{Connections, serve},
};
use sotto_tests::world::{Backend, World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

/// A published line, served over real connections.
pub(super) struct Ground {
    pub(super) world: World,
    pub(super) port: u16,
    pub(super) line: LineId,
    _served: JoinSet<()>,
}

pub(super) const BOUNDS: Bounds = Bounds {
    in_flight: 16,
    request_timeout: Duration::from_secs(2),
};
pub(super) const CONNECTIONS: Connections = Connections {
    most: 2_000,
    head: Duration::from_secs(2),
    life: Duration::from_secs(20),
    stop: Duration::from_secs(1),
};

impl Ground {
    pub(super) fn prepare(connections: Connections) -> Self {
        let mut world = World::new(Backend::Embedded, 41);
        world.publish();
        let app = world.another(&world.store, BOUNDS);
        let line = world.pin().line;
        let mut served = JoinSet::new();
        let port = world.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            served.spawn(serve(
                listener,
                app,
                connections,
                Arc::default(),
                std::future::pending(),
            ));
            port
        });
        Self {
            world,
            port,
            line,
            _served: served,
        }
    }

    /// The head of a post, with `more` lines.
    pub(super) fn head(&self, more: &str) -> String {
        let line = self.line.to_text();
        format!("POST /v1/{line}/in HTTP/1.1\r\nhost: x\r\n{more}\r\n")
    }

    pub(super) async fn say(&self, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // A relay that has heard enough may hang up before all is said.
        stream.write_all(text).await.ok();
        stream
    }

    /// Everything that is answered until the relay hangs up.
    pub(super) async fn answers(&self, text: &[u8]) -> String {
        let mut stream = self.say(text).await;
        rest(&mut stream).await
    }

    /// An honest post beside others that take turns: 503 means to come back, as phones do.
    pub(super) async fn post_in_the_end(&self, number: u64) {
        let more = format!("connection: close\r\ncontent-length: {ENVELOPE_BYTES}\r\n");
        let text = [self.head(&more).into_bytes(), envelope(number)].concat();
        loop {
            let answer = self.answers(&text).await;
            if answer.starts_with("HTTP/1.1 204") {
                return;
            }
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        }
    }

    /// An honest post; how long it took.
    pub(super) async fn post(&self, number: u64) -> Duration {
        let begun = Instant::now();
        let more = format!("connection: close\r\ncontent-length: {ENVELOPE_BYTES}\r\n");
        let text = [self.head(&more).into_bytes(), envelope(number)].concat();
        let answer = self.answers(&text).await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        begun.elapsed()
    }

    /// The slowest but one in a hundred of some honest posts.
    pub(super) async fn p99(&self, from: u64, posts: u64) -> Duration {
        let mut times = Vec::new();
        for number in from..from + posts {
            times.push(self.post(number).await);
        }
        times.sort();
        times[times.len() * 99 / 100]
    }
}

/// What comes until the other end hangs up; a reset is an end too.
pub(super) async fn rest(stream: &mut TcpStream) -> String {
    let (mut all, mut bytes) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(read) => all.extend_from_slice(&bytes[..read]),
        }
    }
}

pub(super) fn envelope(number: u64) -> Vec<u8> {
    let mut body = vec![5; ENVELOPE_BYTES];
    body[..4].copy_from_slice(&[1, 1, 0, 0]);
    body[4..12].copy_from_slice(&number.to_le_bytes());
    body
}

/// Resident bytes of this process.
pub(super) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: u64 = line
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    kibibytes * 1_024
}
