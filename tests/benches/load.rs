//! Makes load: keep-alive HTTP/1.1 connections, one request in flight on each, one thread for all.
//!
//! Lean on purpose. It shares the processors with what it measures, and the less it needs, the more
//! of the difference between two servers can be seen.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

use crate::clock;

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Requests {
    /// Posts copies of an envelope, each at a new address.
    Posts {
        /// Path of the inbox.
        path: String,
        /// A real one.
        envelope: Vec<u8>,
    },
    /// Reads random pages.
    Pages {
        /// Path of a board, ending with a slash.
        path: String,
        /// How many it has.
        pages: u32,
    },
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// Answers with the right status.
    pub done: u64,
    /// Seconds they took.
    pub seconds: f64,
}

impl Tally {
    /// Answers a second.
    pub fn rate(self) -> f64 {
        self.done as f64 / self.seconds
    }
}

/// Not counted: connections are made and filled in this time.
const WARM_UP: Duration = Duration::from_millis(200);

/// Keeps `in_flight` requests in flight for `seconds` and counts what is answered in them. `begun` is
/// called when counting begins.
pub fn run(
    address: SocketAddr,
    requests: &Requests,
    in_flight: usize,
    seconds: f64,
    begun: impl FnOnce(),
) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let mut streams = Vec::new();
        for _ in 0..in_flight {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let from = Instant::from_std(clock::now()) + WARM_UP;
        let span = (from, from + Duration::from_secs_f64(seconds));
        for stream in streams {
            tasks.spawn(client(stream, requests.clone(), span));
        }
        tokio::time::sleep_until(from).await;
        begun();
        let done = tasks.join_all().await.into_iter().sum();
        Tally { done, seconds }
    })
}

/// Another one for every client of every run: an address that was used is not written again.
pub fn next_seed() -> u64 {
    (clock::unix() << 24) + TURN.fetch_add(1, Ordering::Relaxed)
}

static TURN: AtomicU64 = AtomicU64::new(0);

async fn client(
    mut stream: TcpStream,
    requests: Requests,
    (from, until): (Instant, Instant),
) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(next_seed());
    let mut request = Request::new(requests);
    let mut buffer = vec![0; 128 * 1024];
    let mut done = 0;
    loop {
        let bytes = request.next(&mut rng);
        stream.write_all(bytes).await.unwrap();
        let answer = read_answer(&mut stream, &mut buffer).await;
        assert!(
            answer.status == 200 || answer.status == 204,
            "status {}",
            answer.status
        );
        let now = Instant::from_std(clock::now());
        if now >= until {
            return done;
        }
        done += u64::from(now >= from);
    }
}

struct Request {
    requests: Requests,
    bytes: Vec<u8>,
    /// Where the address stands in `bytes`.
    address: usize,
}

impl Request {
    fn new(requests: Requests) -> Self {
        let (mut bytes, mut address) = (Vec::new(), 0);
        if let Requests::Posts { path, envelope } = &requests {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: relay\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                envelope.len()
            );
            bytes.extend_from_slice(head.as_bytes());
            address = bytes.len() + 4;
            bytes.extend_from_slice(envelope);
        }
        Self {
            requests,
            bytes,
            address,
        }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> &[u8] {
        match &self.requests {
            Requests::Posts { .. } => {
                rng.fill_bytes(&mut self.bytes[self.address..self.address + 32]);
            }
            Requests::Pages { path, pages } => {
                let page = rng.next_u32() % pages;
                self.bytes =
                    format!("GET {path}{page} HTTP/1.1\r\nhost: relay\r\n\r\n").into_bytes();
            }
        }
        &self.bytes
    }
}

/// Status and length of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub length: usize,
}

/// Reads one answer to its end.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Answer {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed a connection");
        filled += read;
        if let Some((answer, head)) = parse(&buffer[..filled]) {
            let total = head + answer.length;
            while filled < total {
                let read = stream.read(&mut buffer[filled..]).await.unwrap();
                assert!(read > 0, "the server closed a connection");
                filled += read;
            }
            return answer;
        }
    }
}

/// The answer and the length of its head, once the head is whole.
fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = str::from_utf8(&bytes[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(Some(0), |text| text.parse().ok())?;
    Some((Answer { status, length }, end + 4))
}
