//! The oblivious relay: what goes on and what does not, what it lets through, and what it writes down.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use sotto_relay::forward::{self, Forwarder, GatewayError, Settings};
use sotto_tests::{
    machines::Phone,
    programs::{Programs, free_port, until},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::mpsc,
    task::JoinSet,
};

use super::hops::{Hops, listen, settings};

/// An oblivious relay, and somebody in place of its gateway who hears exactly what arrives there.
struct Bench {
    runtime: Runtime,
    port: u16,
    heard: mpsc::UnboundedReceiver<String>,
    _tasks: JoinSet<()>,
}

const SEALED: &str = "HTTP/1.1 200 OK\r\ncontent-type: message/ohttp-res\r\nserver: gateway\r\nset-cookie: who=you\r\ncontent-length: 6\r\n\r\nsealed";
const KEYS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/ohttp-keys\r\ncontent-length: 4\r\n\r\nkeys";

impl Bench {
    fn begin(answer: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut tasks = JoinSet::new();
        let (say, heard) = mpsc::unbounded_channel();
        let port = runtime.block_on(async {
            let (listener, gateway) = listen().await;
            tasks.spawn(play(listener, answer, say));
            let (listener, address) = listen().await;
            let mut settings = settings(gateway);
            change(&mut settings);
            let forwarder = Arc::new(Forwarder::new(settings).unwrap());
            tasks.spawn(forward::serve(listener, forwarder, std::future::pending()));
            address.port()
        });
        Self {
            runtime,
            port,
            heard,
            _tasks: tasks,
        }
    }

    /// Sends bytes over a connection of its own; everything that comes back.
    fn send(&self, bytes: &[u8]) -> String {
        self.runtime.block_on(send(self.port, bytes))
    }

    fn post(&self, headers: &str, body: &str) -> String {
        let length = body.len();
        self.send(
            format!("POST / HTTP/1.1\r\nhost: oblivious.test\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
                .as_bytes(),
        )
    }

    fn heard(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

async fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // Who is refused early may be hung up on before everything is written.
    let _written = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ended = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Answers everything alike, and says what it heard: the connection's number, then the request.
async fn play(listener: TcpListener, answer: &'static str, say: mpsc::UnboundedSender<String>) {
    let mut open = JoinSet::new();
    for connection in 0_u32.. {
        let Ok((mut stream, _)) = listener.accept().await else {
            return;
        };
        let say = say.clone();
        open.spawn(async move {
            while let Some(request) = hear(&mut stream).await {
                say.send(format!("{connection} {request}")).unwrap();
                let keys = request.starts_with("GET /ohttp-keys ").then_some(KEYS);
                let answer = keys.unwrap_or(answer).as_bytes();
                stream.write_all(answer).await.unwrap();
            }
        });
    }
}

/// One request, or the end.
async fn hear(stream: &mut TcpStream) -> Option<String> {
    let mut heard = String::new();
    let mut buffer = [0; 4_096];
    loop {
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if is_whole(&heard) {
            return Some(heard);
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

const SEALED_REQUEST: &str = "content-type: message/ohttp-req\r\n";
/// Everything that describes a person or a program.
const IDENTIFYING: &str = "user-agent: a browser\r\naccept-language: nn\r\ncookie: who=me\r\nreferer: https://elsewhere.test/\r\nx-forwarded-for: 192.0.2.7\r\nforwarded: for=192.0.2.7\r\nvia: 1.1 somebody\r\norigin: https://elsewhere.test\r\nx-request-id: 17\r\ntraceparent: 00-1-1-01\r\n";

#[test]
fn nothing_of_a_caller_goes_on() {
    let mut bench = Bench::begin(SEALED, |_| {});
    let answer = bench.post(&format!("{SEALED_REQUEST}{IDENTIFYING}"), "a request");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "sealed");
    let mut lines: Vec<&str> = head.lines().collect();
    lines.retain(|line| !line.starts_with("date: "));
    lines.sort_unstable();
    let expected = [
        "HTTP/1.1 200 OK",
        "cache-control: no-store",
        "connection: close",
        "content-length: 6",
        "content-type: message/ohttp-res",
    ];
    assert_eq!(lines, expected, "and nothing of the gateway's comes back");

    // Other callers, over connections of their own.
    for _ in 0..3 {
        bench.post(SEALED_REQUEST, "a request");
    }
    let heard = bench.heard();
    assert_eq!(heard.len(), 4);
    for request in heard {
        let (connection, request) = request.split_once(' ').unwrap();
        assert_eq!(connection, "0", "all callers share a connection");
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "a request");
        let mut lines: Vec<&str> = head.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines[0], "POST /ohttp HTTP/1.1");
        assert_eq!(
            lines[1..3],
            ["content-length: 9", "content-type: message/ohttp-req"]
        );
        assert!(lines[3].starts_with("host: 127.0.0.1:"));
        assert_eq!(lines.len(), 4, "{lines:?}");
    }
}

#[test]
fn everybody_gets_the_same_keys() {
    let mut bench = Bench::begin(SEALED, |_| {});
    for _ in 0..3 {
        let ask = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{IDENTIFYING}\r\n");
        let answer = bench.send(ask.as_bytes());
        assert!(answer.contains("content-type: application/ohttp-keys\r\n"));
        assert!(answer.ends_with("\r\n\r\nkeys"));
    }
    let heard = bench.heard();
    let [request] = heard.as_slice() else {
        panic!("asked for once: {heard:?}");
    };
    assert!(request.starts_with("0 GET /ohttp-keys HTTP/1.1\r\nhost: 127.0.0.1:"));
    assert_eq!(request.trim_end().lines().count(), 2, "{request}");
}

#[test]
fn only_sealed_requests_go_on() {
    let mut bench = Bench::begin(SEALED, |_| {});
    let status = |answer: String| answer.split(' ').nth(1).unwrap_or("").to_owned();
    assert_eq!(status(bench.post("", "x")), "415");
    assert_eq!(
        status(bench.post("content-type: text/plain\r\n", "x")),
        "415"
    );
    let most = "x".repeat(66_615);
    assert_eq!(status(bench.post(SEALED_REQUEST, &most)), "200");
    assert_eq!(
        status(bench.post(SEALED_REQUEST, &format!("{most}x"))),
        "413"
    );
    for head in [
        "GET /v1/a/bundle HTTP/1.1",
        "POST /ohttp HTTP/1.1",
        "GET /metrics HTTP/1.1",
        "GET http://elsewhere.test/x HTTP/1.1",
    ] {
        let request = format!("{head}\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert_eq!(status(bench.send(request.as_bytes())), "404", "{head}");
    }
    let put = b"PUT / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(status(bench.send(put)), "405");
    let connect = b"CONNECT elsewhere.test:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(!bench.send(connect).starts_with("HTTP/1.1 200"));
    assert!(
        !bench
            .send(b"\x16\x03\x01garbage\r\n\r\n")
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(bench.heard().len(), 1, "the one that was sealed");
}

#[test]
fn slow_bodies_take_nobodys_turn() {
    let mut bench = Bench::begin(SEALED, |settings| {
        settings.in_flight = 1;
        settings.patience = Duration::from_secs(1);
    });
    let head = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: message/ohttp-req\r\ncontent-length: 900\r\n\r\n";
    let slow: Vec<_> = (0..5)
        .map(|_| bench.runtime.spawn(send(bench.port, head.as_bytes())))
        .collect();
    assert!(bench.post(SEALED_REQUEST, "quick").ends_with("sealed"));
    for answer in slow {
        let answer = bench.runtime.block_on(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert_eq!(bench.heard().len(), 1);
}

#[test]
fn an_address_has_a_limit_and_others_do_not_feel_it() {
    let three = |settings: &mut Settings| {
        settings.per_minute = NonZeroU32::MIN;
        settings.burst = NonZeroU32::new(3).unwrap();
        settings.caller = Some(http::HeaderName::from_static("x-forwarded-for"));
    };
    let mut bench = Bench::begin(SEALED, three);
    let mut ask = |address: &str| {
        let named = format!("{SEALED_REQUEST}x-forwarded-for: 203.0.113.9, {address}\r\n");
        let answer = bench.post(&named, "a request");
        (
            answer.split(' ').nth(1).unwrap().to_owned(),
            bench.heard().len(),
        )
    };
    for _ in 0..3 {
        assert_eq!(ask("192.0.2.7"), ("200".to_owned(), 1));
    }
    assert_eq!(ask("192.0.2.7"), ("429".to_owned(), 0));
    assert_eq!(ask("192.0.2.8"), ("200".to_owned(), 1));
    // A network of the newer kind counts as one caller, whatever address of it is used.
    for last in 1..=3 {
        assert_eq!(ask(&format!("2001:db8:1:2::{last}")).0, "200");
    }
    assert_eq!(ask("2001:db8:1:2:ffff::1").0, "429");
    assert_eq!(ask("2001:db8:1:3::1").0, "200");
}

#[test]
fn a_gateway_that_answers_otherwise_shows_nothing() {
    for (answer, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi",
            "502",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 0\r\n\r\n",
            "502",
        ),
        (
            "HTTP/1.1 413 Too Long\r\ncontent-length: 2\r\n\r\nhi",
            "413",
        ),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\nhi", "503"),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nhi", "502"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: message/ohttp-res\r\ncontent-length: 700000\r\n\r\n",
            "502",
        ),
        ("nothing of the kind\r\n\r\n", "502"),
        ("", "504"),
    ] {
        let bench = Bench::begin(answer, |settings| {
            settings.patience = Duration::from_secs(1);
        });
        let heard = bench.post(SEALED_REQUEST, "a request");
        assert_eq!(heard.split(' ').nth(1), Some(expected), "{answer}");
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "");
        assert!(!head.contains("location"));
    }
    let problem = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}";
    let bench = Bench::begin(problem, |_| {});
    let heard = bench.post(SEALED_REQUEST, "a request");
    assert!(heard.starts_with("HTTP/1.1 400 "));
    assert!(heard.contains("content-type: application/problem+json\r\n"));
    assert!(heard.ends_with("{}"));
}

#[test]
fn a_gateway_is_an_address_of_the_web() {
    let try_with = |gateway: &str| {
        let gateway = gateway.parse().unwrap();
        let settings = settings("127.0.0.1:1".parse().unwrap());
        Forwarder::new(Settings {
            gateway,
            ..settings
        })
        .map(drop)
    };
    for bad in [
        "relay.example",
        "/ohttp",
        "ftp://relay.example",
        "https://relay.example/?a=b",
    ] {
        assert_eq!(try_with(bad), Err(GatewayError::Address), "{bad}");
    }
    try_with("https://relay.example/").unwrap();
}

/// The program, with a good phone, callers who say who they are, and people who try their luck.
#[test]
fn the_program_writes_nothing_down() {
    let mut hops = Hops::begin(31);
    let (mut programs, port) = (Programs::new(), free_port());
    let gateway = format!("http://{}", hops.relay);
    let address = format!("127.0.0.1:{port}");
    let arguments = [
        "ohttp",
        "--gateway",
        &gateway,
        "--listen",
        &address,
        "--per-minute",
        "600",
    ];
    programs.start("sotto-relay", &arguments);
    until("it listens", || {
        std::net::TcpStream::connect(&address).is_ok()
    });
    hops.oblivious = address.parse().unwrap();
    let way = hops.way();
    let mut phone = Phone::new(&mut hops.world);
    phone.write("somebody dumps waste by the river");
    phone.sit_over(&hops.world, &way, 200).unwrap();
    assert_eq!(hops.desk.round(&hops.world).unwrap().texts, 1);
    let runtime = Runtime::new().unwrap();
    for bytes in [
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{SEALED_REQUEST}{IDENTIFYING}content-length: 4\r\n\r\nfour"
        ),
        "GET /etc/passwd HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(),
        "garbage\r\n\r\n".to_owned(),
    ] {
        let answer = runtime.block_on(send(port, bytes.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(programs.terminate("sotto-relay"), "it ends well");
    assert_eq!(
        programs.files("sotto-relay.log"),
        b"",
        "nothing is written down"
    );
    let names = std::fs::read_dir(programs.path()).unwrap();
    assert_eq!(names.count(), 2, "its log and the passphrase of the tests");
}
