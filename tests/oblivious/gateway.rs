//! The gateway of the relay: what is let through, what is refused, and how large everything is.

use std::time::Duration;

use axum::{Router, body::Body};
use bhttp::{Message, Mode};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use rand_chacha::ChaCha20Rng;
use sotto_protocol::{
    limits::{
        ENVELOPE_BYTES, OBLIVIOUS_ASK_BYTES, OBLIVIOUS_CHUNK_BYTES, OBLIVIOUS_DONE_BYTES,
        OBLIVIOUS_READ_BYTES, PAGE_BYTES,
    },
    oblivious::{GatewayKey, week_of},
};
use sotto_relay::http::Bounds;
use sotto_tests::{
    machines::DeskMachine,
    storm::envelope,
    world::{Backend, World},
};
use tower::ServiceExt as _;

/// What came back: status, kind, body.
type Answer = (StatusCode, String, Vec<u8>);

struct Gateway {
    world: World,
    app: Router,
    rng: ChaCha20Rng,
}

impl Gateway {
    fn begin(seed: u64) -> Self {
        let mut world = World::new(Backend::Embedded, seed);
        let mut desk = DeskMachine::join(&mut world);
        desk.run(&world, 600);
        let bounds = Bounds {
            in_flight: 4,
            request_timeout: Duration::from_secs(30),
        };
        let app = world.another(&world.store, bounds);
        let rng = world.seed();
        Self { world, app, rng }
    }

    fn ask(&self, request: Request<Body>) -> Answer {
        let call = self.app.clone().oneshot(request);
        self.world.block_on(async {
            let answer = call.await.unwrap();
            let status = answer.status();
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let kind = answer.headers().get("content-type");
            let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, kind, body.into())
        })
    }

    fn keys(&self) -> Vec<u8> {
        let request = Request::get("/ohttp-keys").body(Body::empty()).unwrap();
        let (status, kind, list) = self.ask(request);
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "application/ohttp-keys")
        );
        list
    }

    fn key(&self) -> GatewayKey {
        GatewayKey::choose(&self.keys(), self.world.clock.read()).unwrap()
    }

    fn post(&self, sealed: Vec<u8>) -> Answer {
        let request = Request::post("/ohttp").header("content-type", "message/ohttp-req");
        self.ask(request.body(Body::from(sealed)).unwrap())
    }

    /// Status and padded answer to what is sealed as it is.
    fn inside(&mut self, plain: &[u8]) -> (u16, Vec<u8>, Message) {
        let (sealed, waiting) = self.key().seal(plain, &mut self.rng).unwrap();
        let (status, kind, answer) = self.post(sealed);
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "message/ohttp-res")
        );
        let bytes = waiting.open(&answer).unwrap();
        let message = Message::read_bhttp(&mut std::io::Cursor::new(&bytes)).unwrap();
        let status = message.control().status().unwrap().code();
        (status, bytes, message)
    }

    fn inside_of(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>, Message) {
        self.inside(&plain(method, path, body))
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/{}{rest}", self.world.pin().line.to_text())
    }
}

fn plain(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Message::request(
        method.into(),
        b"https".into(),
        b"relay.test".into(),
        path.into(),
    );
    message.write_content(body);
    let mut bytes = Vec::new();
    message.write_bhttp(Mode::KnownLength, &mut bytes).unwrap();
    bytes
}

#[test]
fn every_route_of_a_phone_works_alike() {
    let mut gateway = Gateway::begin(1);
    let (status, bundle, message) = gateway.inside_of("GET", &gateway.path("/bundle"), b"");
    assert_eq!(status, 200);
    let cycles = message.header().get(b"sotto-cycles").unwrap();
    let openly = gateway.world.relay().bundle().unwrap();
    assert_eq!(
        cycles,
        format!("{},{}", openly.cycles[0], openly.cycles[1]).as_bytes()
    );
    assert_eq!(message.content(), openly.json);

    let (status, page, message) = gateway.inside_of("GET", &gateway.path("/out/new/3"), b"");
    assert_eq!((status, message.content().len()), (200, PAGE_BYTES));
    assert_eq!(bundle.len(), page.len());
    assert_eq!(page.len(), OBLIVIOUS_READ_BYTES);

    let envelope = envelope(&mut gateway.rng);
    let posted = |gateway: &mut Gateway| gateway.inside_of("POST", &gateway.path("/in"), &envelope);
    for _ in 0..2 {
        let (status, done, _) = posted(&mut gateway);
        assert_eq!((status, done.len()), (204, OBLIVIOUS_DONE_BYTES));
    }
}

/// An error is as long as the answer it stands for.
#[test]
fn errors_have_the_size_of_answers() {
    let mut gateway = Gateway::begin(2);
    let nowhere = "/v1/aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let cases = [
        (
            "GET",
            format!("{nowhere}/bundle"),
            404,
            OBLIVIOUS_READ_BYTES,
        ),
        (
            "GET",
            gateway.path("/out/new/65536"),
            400,
            OBLIVIOUS_READ_BYTES,
        ),
        ("POST", gateway.path("/in"), 400, OBLIVIOUS_DONE_BYTES),
        ("POST", format!("{nowhere}/in"), 404, OBLIVIOUS_DONE_BYTES),
    ];
    let junk = vec![0; ENVELOPE_BYTES];
    let mut sealed = junk.clone();
    sealed[..4].copy_from_slice(&[1, 1, 0, 0]);
    for (method, path, expected, length) in cases {
        let body = match (method, expected) {
            ("GET", _) => &[][..],
            (_, 404) => &sealed,
            _ => &junk,
        };
        let (status, bytes, message) = gateway.inside_of(method, &path, body);
        assert_eq!((status, bytes.len()), (expected, length), "{method} {path}");
        assert!(message.content().is_empty());
    }
}

/// What devices sign, what administrators put, and a sealed request inside of another.
#[test]
fn only_what_phones_ask_for_is_let_through() {
    let mut gateway = Gateway::begin(3);
    for (method, path) in [
        ("GET", gateway.path("/in?after=&max=1")),
        ("GET", gateway.path("/roster")),
        ("GET", gateway.path("/log/1")),
        ("POST", gateway.path("/in/ack")),
        ("POST", gateway.path("/log/1")),
        ("PUT", gateway.path("/out/new/1/1")),
        ("PUT", gateway.path("/statement/line")),
        ("POST", "/ohttp".to_owned()),
        ("GET", "/ohttp-keys".to_owned()),
        ("GET", "/".to_owned()),
        ("GET", "/v1//bundle".to_owned()),
        ("HEAD", gateway.path("/bundle")),
        ("CONNECT", gateway.path("/bundle")),
    ] {
        let (status, _, message) = gateway.inside_of(method, &path, b"");
        assert_eq!(status, 404, "{method} {path}");
        assert!(message.content().is_empty());
    }
}

/// Whatever cannot be opened gets one answer, of the standard's kind, before anything else is done.
#[test]
fn what_cannot_be_opened_is_told_so() {
    let mut gateway = Gateway::begin(4);
    let request = plain("GET", &gateway.path("/bundle"), b"");
    let (sealed, _) = gateway.key().seal(&request, &mut gateway.rng).unwrap();
    let (refused, kind, problem) = gateway.post(Vec::new());
    assert_eq!(refused, StatusCode::BAD_REQUEST);
    assert_eq!(kind, "application/problem+json");
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    let name = "https://iana.org/assignments/http-problem-types#ohttp-key";
    assert_eq!(problem["type"], name);

    let first = gateway.post(Vec::new());
    let mut other_key = sealed.clone();
    other_key[0] ^= 0x80;
    let mut other_suite = sealed.clone();
    other_suite[6] = 2;
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let mut no_point = sealed.clone();
    no_point[7..39].fill(0);
    let mut cases = vec![other_key, other_suite, changed, no_point, vec![0; 9_000]];
    cases.extend(
        (1..sealed.len())
            .step_by(7)
            .map(|cut| sealed[..cut].to_vec()),
    );
    for case in cases {
        assert_eq!(gateway.post(case), first);
    }
    assert_eq!(gateway.post(sealed).0, StatusCode::OK);
}

#[test]
fn longer_ones_and_others_are_refused_unopened() {
    let mut gateway = Gateway::begin(5);
    let most = vec![0; OBLIVIOUS_CHUNK_BYTES];
    let (sealed, _) = gateway.key().seal(&most, &mut gateway.rng).unwrap();
    assert_eq!(gateway.post(sealed.clone()).0, StatusCode::OK);
    let mut longer = sealed;
    longer.push(0);
    assert_eq!(gateway.post(longer).0, StatusCode::PAYLOAD_TOO_LARGE);
    for kind in [
        "application/octet-stream",
        "message/bhttp",
        "message/ohttp-res",
    ] {
        let request = Request::post("/ohttp").header("content-type", kind);
        let (status, _, body) = gateway.ask(request.body(Body::from(vec![0; 100])).unwrap());
        assert_eq!((status, body.len()), (StatusCode::BAD_REQUEST, 0));
    }
    let get = Request::get("/ohttp").body(Body::empty()).unwrap();
    assert_eq!(gateway.ask(get).0, StatusCode::METHOD_NOT_ALLOWED);
}

/// Sealed well and malformed inside: a sealed 400, whatever it is.
#[test]
fn what_is_no_request_inside_is_refused_inside() {
    let mut gateway = Gateway::begin(6);
    let good = plain("GET", &gateway.path("/bundle"), b"");
    let mut padded = good.clone();
    padded.resize(OBLIVIOUS_ASK_BYTES, 0);
    assert_eq!(gateway.inside(&padded).0, 200);
    let mut dirty = padded.clone();
    *dirty.last_mut().unwrap() = 1;
    let mut response = Vec::new();
    Message::response(bhttp::StatusCode::OK)
        .write_bhttp(Mode::KnownLength, &mut response)
        .unwrap();
    let mut connection = Message::request(b"GET".into(), b"https".into(), b"".into(), b"/".into());
    connection.put_header("connection", "close");
    let mut of_connection = Vec::new();
    connection
        .write_bhttp(Mode::KnownLength, &mut of_connection)
        .unwrap();
    let mut huge = good.clone();
    huge[1] = 0xff;
    let cases = [
        Vec::new(),
        vec![9],
        vec![0xff; 300],
        good[..10].to_vec(),
        dirty,
        response,
        of_connection,
        huge,
        plain("GET", "https://elsewhere.test/", b""),
        plain("GET", "", b""),
        plain("G T", "/", b""),
    ];
    for (at, case) in cases.into_iter().enumerate() {
        // Nothing at all is no request either, and too short to be opened.
        let case = if case.is_empty() { vec![0] } else { case };
        let (status, bytes, _) = gateway.inside(&case);
        assert_eq!(
            (status, bytes.len()),
            (400, OBLIVIOUS_DONE_BYTES),
            "case {at}"
        );
    }
    // The relay goes on.
    assert_eq!(gateway.inside(&good).0, 200);
}

/// Relays that share their key file agree, each week has its key, and a day more on either side.
#[test]
fn keys_change_with_the_week() {
    let mut gateway = Gateway::begin(7);
    let bounds = Bounds {
        in_flight: 4,
        request_timeout: Duration::from_secs(30),
    };
    let now = gateway.world.clock.read();
    let next = (week_of(now) + 1) * 7 * 86_400;
    let stated = gateway.world.secrets().ohttp_keys(now);
    gateway.world.clock.jump(next - now - 86_400 - 10);
    let one = gateway.keys();
    assert_eq!(one, stated[..47]);
    let this_week = gateway.key();
    let request = plain("GET", &gateway.path("/out/new/0"), b"");
    let ask = |gateway: &mut Gateway, key: &GatewayKey| {
        let (sealed, _) = key.seal(&request, &mut gateway.rng).unwrap();
        gateway.post(sealed).0
    };
    let of_next_week = GatewayKey::choose(&stated, next).unwrap();
    assert_eq!(ask(&mut gateway, &of_next_week), StatusCode::BAD_REQUEST);
    gateway.world.clock.jump(20);
    assert_eq!(gateway.keys(), stated[..94], "the next one on the last day");
    assert_eq!(ask(&mut gateway, &of_next_week), StatusCode::OK);
    gateway.world.clock.jump(86_400 + 80_000);
    assert_eq!(gateway.keys().len(), 94, "and the one before on the first");
    assert_eq!(gateway.key(), of_next_week);
    assert_eq!(ask(&mut gateway, &this_week), StatusCode::OK);
    let twin = gateway.world.another(&gateway.world.store, bounds);
    let one = std::mem::replace(&mut gateway.app, twin);
    assert_eq!(gateway.key(), of_next_week);
    gateway.app = one;
    gateway.world.clock.jump(6_500);
    assert_eq!(ask(&mut gateway, &this_week), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&mut gateway, &of_next_week), StatusCode::OK);
    assert_eq!(gateway.keys().len(), 47);
}

/// A sealed request takes one turn, not two: as many as there are turns succeed at once.
#[test]
fn a_sealed_request_takes_one_turn() {
    let mut gateway = Gateway::begin(8);
    let bounds = Bounds {
        in_flight: 1,
        request_timeout: Duration::from_secs(30),
    };
    gateway.app = gateway.world.another(&gateway.world.store, bounds);
    assert_eq!(
        gateway.inside_of("GET", &gateway.path("/bundle"), b"").0,
        200
    );
}
