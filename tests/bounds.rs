//! What one caller can take from the relay: nothing beyond its size, its time and its turn.

use std::time::Duration;

use axum::{Router, body::Bytes, extract::DefaultBodyLimit, routing::post};
use sotto_core::transport::{
    Method::{Get, Post, Put},
    Request, Transport as _,
};
use sotto_protocol::limits::{CHUNK_BYTES, ENVELOPE_BYTES, STATEMENT_BYTES};
use sotto_relay::serve::{Connections, serve};
use sotto_tests::world::{Backend, World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
};

const BOUNDS: Connections = Connections {
    most: 2,
    head: Duration::from_millis(200),
    life: Duration::from_secs(20),
    stop: Duration::from_secs(20),
};

/// A server on a free port, and what stops it.
async fn start(
    app: Router,
    bounds: Connections,
) -> (u16, oneshot::Sender<()>, oneshot::Receiver<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let metrics = std::sync::Arc::default();
        serve(listener, app, bounds, metrics, async {
            stopped.await.ok();
        })
        .await;
        ended.send(()).ok();
    });
    tasks.detach_all();
    (port, stop, has_ended)
}

async fn say(port: u16, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(text).await.unwrap();
    stream
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn echo() -> Router {
    Router::new().route(
        "/",
        post(|body: Bytes| async move { body }).layer(DefaultBodyLimit::max(64)),
    )
}

const GOOD: &[u8] =
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

#[tokio::test]
async fn a_head_that_does_not_end_is_hung_up_on() {
    let (port, _stop, _) = start(echo(), BOUNDS).await;
    for beginning in [&b""[..], b"POST", b"POST / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = say(port, beginning).await;
        let said = answer(&mut stream).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
    }
    assert!(answer(&mut say(port, GOOD).await).await.ends_with("hi"));
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let (port, _stop, _) = start(echo(), BOUNDS).await;
    let first = say(port, b"").await;
    let second = say(port, b"").await;
    let mut third = say(port, GOOD).await;
    // The first two say nothing and are hung up on; then it is the third one's turn.
    assert!(answer(&mut third).await.ends_with("hi"));
    drop((first, second));
}

#[tokio::test]
async fn what_is_in_progress_is_finished() {
    let started = std::sync::Arc::new(Notify::new());
    let go_on = std::sync::Arc::new(Notify::new());
    let (tell, wait) = (started.clone(), go_on.clone());
    let handler = move || {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            tell.notify_one();
            wait.notified().await;
            "finished"
        }
    };
    let app = Router::new().route("/", post(handler));
    let (port, stop, has_ended) = start(app, BOUNDS).await;
    let mut stream = say(port, GOOD).await;
    started.notified().await;
    stop.send(()).unwrap();
    // New connections are no longer taken, the old request is still answered.
    go_on.notify_one();
    assert!(answer(&mut stream).await.ends_with("finished"));
    has_ended.await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[test]
fn bodies_have_a_size() {
    let mut world = World::new(Backend::Embedded, 1);
    world.publish();
    let line = world.pin().line.to_text();
    let status = |method, target: &str, size: usize| {
        let request = Request {
            method,
            target: format!("/v1/{line}{target}"),
            headers: Vec::new(),
            body: vec![1; size],
        };
        world.send(&request).unwrap().status
    };
    assert_eq!(status(Post, "/in", CHUNK_BYTES + 1), 413);
    assert_eq!(status(Post, "/in", 0), 400);
    assert_eq!(status(Post, "/in", 8_127), 400);
    assert_eq!(status(Put, "/statement/line", STATEMENT_BYTES + 1), 413);
    assert_eq!(status(Put, "/statement/line", STATEMENT_BYTES), 400);
    assert_eq!(status(Put, "/statement/nothing", 2), 400);
    assert_eq!(status(Get, "/nothing", 0), 404);
    assert_eq!(status(Put, "/in", 0), 405);
    assert_eq!(status(Get, "/out/new/65536", 0), 400);
    assert_eq!(status(Get, "/out/new/00", 0), 400);
    assert_eq!(status(Get, "/out/third/0", 0), 400);
    assert_eq!(status(Get, "/out/new/%FF", 0), 400);
    for seen in world.seen() {
        assert_eq!(seen.sizes.1, 0, "errors have no body");
    }
}

/// SPEC 6: which of several things that are wrong is answered.
#[test]
fn checks_have_an_order() {
    let mut world = World::new(Backend::Embedded, 2);
    world.publish();
    let ours = world.pin().line.to_text();
    let (unknown, none) = ("a".repeat(26), "not-a-line".to_owned());
    let garbage = || {
        ["content-digest", "signature-input", "signature"]
            .map(|name| (name, "garbage".to_owned()))
            .into()
    };
    let status = |method, line: &str, target: &str, (headers, body): (Vec<_>, Vec<u8>)| {
        let request = Request {
            method,
            target: format!("/v1/{line}{target}"),
            headers,
            body,
        };
        world.send(&request).unwrap().status
    };
    let plain = |size: usize| (Vec::new(), vec![1; size]);
    let signed = |size: usize| (garbage(), vec![1; size]);
    // A post: how the line is spelled, size, content, whether the line is there.
    assert_eq!(status(Post, &none, "/in", plain(CHUNK_BYTES + 1)), 404);
    assert_eq!(status(Post, &unknown, "/in", plain(CHUNK_BYTES + 1)), 413);
    assert_eq!(status(Post, &unknown, "/in", plain(3)), 400);
    let mut envelope = vec![0; ENVELOPE_BYTES];
    envelope[..2].copy_from_slice(&[1, 1]);
    let good = || (Vec::new(), envelope.clone());
    assert_eq!(status(Post, &unknown, "/in", good()), 404);
    assert_eq!(status(Post, &ours, "/in", good()), 204);
    // A page: board and number, how the line is spelled, the largest number.
    assert_eq!(status(Get, &none, "/out/third/0", plain(0)), 400);
    assert_eq!(status(Get, &none, "/out/new/65536", plain(0)), 404);
    assert_eq!(status(Get, &unknown, "/out/new/65536", plain(0)), 400);
    assert_eq!(status(Get, &unknown, "/out/new/0", plain(0)), 200);
    // A statement: kind, how the line is spelled, size, whether the line is served.
    let long = STATEMENT_BYTES + 1;
    assert_eq!(status(Put, &none, "/statement/no", plain(long)), 400);
    assert_eq!(status(Put, &none, "/statement/line", plain(long)), 404);
    assert_eq!(status(Put, &unknown, "/statement/line", plain(long)), 413);
    assert_eq!(status(Put, &unknown, "/statement/line", plain(2)), 404);
    // A device: whether it signs, size, how the line is spelled, whether the signature is one.
    assert_eq!(status(Post, &none, "/in/ack", plain(25)), 401);
    assert_eq!(status(Post, &none, "/in/ack", signed(25)), 413);
    assert_eq!(status(Post, &none, "/in/ack", signed(3)), 404);
    assert_eq!(status(Post, &unknown, "/in/ack", signed(3)), 401);
    assert_eq!(status(Get, &ours, "/in?max=0", signed(0)), 401);
    assert_eq!(status(Put, &ours, "/out/third/x/y", signed(3)), 401);
    assert_eq!(status(Post, &ours, "/log/0", signed(3)), 401);
}
