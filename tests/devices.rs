//! Device requests: signed by who is in the roster, once, now, for exactly what is asked.

use rand_chacha::ChaCha20Rng;
use sotto_core::{
    desk::{Identity, Shared as _},
    relay::{RelayError, Signer},
    timetable::Due,
    transport::{Method, Request, Transport as _},
};
use sotto_protocol::{
    bundle::{Untrusted, VerifyError},
    drain::Cursor,
    dsse::Dsse,
    id::Board,
    limits::{LOG_RECORD_BYTES, PAGE_BODY_BYTES},
    log::{LogHeader, LogPage},
    request::RequestParts,
    secret::random,
    statement::DeviceRole,
};
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World},
};

struct Scene {
    world: World,
    signer: Signer,
    rng: ChaCha20Rng,
}

fn begin(seed: u64) -> Scene {
    let mut world = World::new(Backend::Embedded, seed);
    let mut desk = DeskMachine::join(&mut world);
    desk.round(&world).unwrap();
    let relay = relay_key(&world);
    let signer = desk.with(|desk, _| Ok(desk.signer(&relay))).unwrap();
    let rng = world.seed();
    Scene { world, signer, rng }
}

pub(crate) fn relay_key(world: &World) -> sotto_protocol::statement::LineStatement {
    let bundle = Untrusted::parse(&world.relay().bundle().unwrap().json).unwrap();
    bundle
        .verify_line(world.pin(), world.clock.read())
        .unwrap()
        .line
}

impl Scene {
    fn drain(&mut self) -> Result<(), RelayError> {
        let stamp = self.signer.stamp(self.world.clock.read(), &mut self.rng);
        self.world
            .relay()
            .drain(&stamp, Cursor::default())
            .map(drop)
    }

    /// A signed request whose parts can be bent before it is sent; the status.
    fn bent(
        &mut self,
        method: &str,
        target: &str,
        body: &[u8],
        bend: impl Fn(&mut Request),
    ) -> u16 {
        let line = self.world.pin().line.to_text();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = format!("/v1/{line}{path}");
        let parts = RequestParts {
            method,
            path: &path,
            query,
            body,
        };
        let signed = self.signer.key.sign(
            parts,
            self.signer.device,
            self.world.clock.read(),
            random(&mut self.rng),
        );
        let mut request = Request {
            method: match method {
                "GET" => Method::Get,
                "POST" => Method::Post,
                _ => Method::Put,
            },
            target: format!("/v1/{line}{target}"),
            headers: vec![
                ("content-digest", signed.content_digest),
                ("signature-input", signed.signature_input),
                ("signature", signed.signature),
            ],
            body: body.to_vec(),
        };
        bend(&mut request);
        self.world.send(&request).unwrap().status
    }
}

#[test]
fn a_drainer_of_the_roster_may() {
    let mut scene = begin(1);
    scene.drain().unwrap();
    assert_eq!(scene.bent("GET", "/in?after=&max=64", b"", |_| {}), 200);
    assert_eq!(scene.bent("GET", "/in", b"", |_| {}), 200);
}

#[test]
fn the_roster_is_for_those_who_are_in_it() {
    let mut scene = begin(12);
    let stamp = scene.signer.stamp(scene.world.clock.read(), &mut scene.rng);
    let json = scene.world.relay().roster(&stamp).unwrap();
    let bundle = Untrusted::parse(&scene.world.relay().bundle().unwrap().json).unwrap();
    let (pin, now) = (scene.world.pin(), scene.world.clock.read());
    let (roster, hash) = bundle.verify_roster(&json, pin, now).unwrap();
    assert_eq!(roster.devices[0].id(), scene.signer.device);
    let signed = Dsse::parse(&json).unwrap();
    assert_eq!(hash, signed.payload_hash());
    assert_eq!(scene.bent("GET", "/roster", b"", |_| {}), 200);
    let unsigned = scene.bent("GET", "/roster", b"", |r| r.headers.clear());
    assert_eq!(unsigned, 401);
    let late = bundle.verify_roster(&json, pin, roster.expires);
    assert_eq!(late.unwrap_err(), VerifyError::Expired);
    let other = World::new(Backend::Embedded, 13).pin();
    bundle.verify_roster(&json, other, now).unwrap_err();
}

#[test]
fn nobody_else_may() {
    let mut scene = begin(2);
    let stranger = Identity::make(scene.world.link(), &mut scene.rng);
    let mut rng = scene.rng.clone();
    let line = relay_key(&scene.world);
    let memory = sotto_core::desk::Desk::begin(stranger);
    let stamp_of = memory.signer(&line);
    let stamp = stamp_of.stamp(scene.world.clock.read(), &mut rng);
    assert_eq!(
        scene
            .world
            .relay()
            .drain(&stamp, Cursor::default())
            .unwrap_err(),
        RelayError::Unauthorised
    );
}

#[test]
fn what_is_signed_is_what_is_asked() {
    type Bend = fn(&mut Request);
    let mut scene = begin(3);
    let bends: [(&str, Bend); 9] = [
        ("no digest", |r| drop(r.headers.remove(0))),
        ("no input", |r| drop(r.headers.remove(1))),
        ("no signature", |r| drop(r.headers.remove(2))),
        ("other query", |r| r.target.push_str("&x=1")),
        ("other body", |r| r.body = vec![1]),
        ("signature twice", |r| r.headers.push(r.headers[2].clone())),
        ("other device", |r| {
            r.headers[1].1 = r.headers[1].1.replace("keyid=\"", "keyid=\"0");
        }),
        ("later", |r| {
            r.headers[1].1 = r.headers[1].1.replace("created=", "created=1");
        }),
        ("other signature", |r| {
            r.headers[2].1 = format!("sotto=:{}:", "A".repeat(43) + "=");
        }),
    ];
    for (name, bend) in bends {
        assert_eq!(scene.bent("GET", "/in?max=1", b"", bend), 401, "{name}");
    }
    assert_eq!(scene.bent("GET", "/in?max=1", b"", |_| {}), 200);
}

#[test]
fn a_request_is_good_once() {
    let mut scene = begin(4);
    let stamp = scene.signer.stamp(scene.world.clock.read(), &mut scene.rng);
    let relay = scene.world.relay();
    relay.drain(&stamp, Cursor::default()).unwrap();
    assert_eq!(
        relay.drain(&stamp, Cursor::default()).unwrap_err(),
        RelayError::Unauthorised
    );
    // Neither is it good again when its nonce has been swept away.
    scene.world.clock.pass(700);
    scene.world.block_on(async {
        let line = scene.world.pin().line;
        let now = scene.world.clock.read();
        scene.world.store.sweep(line, 0, now).await.unwrap();
    });
    assert_eq!(
        relay.drain(&stamp, Cursor::default()).unwrap_err(),
        RelayError::Unauthorised
    );
}

#[test]
fn a_clock_may_be_five_minutes_off() {
    let mut scene = begin(5);
    let now = scene.world.clock.read();
    for (created, is_good) in [
        (now - 300, true),
        (now + 300, true),
        (now - 301, false),
        (now + 301, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let stamp = scene.signer.stamp(created, &mut scene.rng);
        let drained = scene.world.relay().drain(&stamp, Cursor::default());
        assert_eq!(drained.is_ok(), is_good, "{created}");
    }
}

#[test]
fn a_roster_expires() {
    let mut scene = begin(6);
    scene.world.clock.pass(60 * 86_400);
    assert_eq!(scene.drain().unwrap_err(), RelayError::Unauthorised);
}

#[test]
fn a_reader_sees_its_log_and_not_the_inbox() {
    let mut scene = begin(7);
    let reader = Identity::make(scene.world.link(), &mut scene.rng);
    let card = reader.card();
    scene
        .world
        .line
        .add_device(card, 1, DeviceRole::Device)
        .unwrap();
    scene.world.clock.pass(5);
    scene.world.publish();
    let line = relay_key(&scene.world);
    scene.signer = sotto_core::desk::Desk::begin(reader).signer(&line);
    assert_eq!(scene.drain().unwrap_err(), RelayError::Unauthorised);
    assert_eq!(scene.bent("GET", "/log/1", b"", |_| {}), 200);
    assert_eq!(scene.bent("GET", "/log/2", b"", |_| {}), 401);
    assert_eq!(scene.bent("GET", "/log/line", b"", |_| {}), 401);
    assert_eq!(
        scene.bent("POST", "/in/ack", &Cursor::default().to_bytes(), |_| {}),
        401
    );
    let page = vec![0; PAGE_BODY_BYTES];
    assert_eq!(scene.bent("PUT", "/out/new/1/0", &page, |_| {}), 401);
}

#[test]
fn a_log_takes_each_position_once() {
    let mut scene = begin(8);
    // At position 0 stands the record with which the desk began its log.
    let record = |position: u64, fill: u8| {
        let header = LogHeader {
            position,
            previous: [fill; 32],
            key_id: [0; 16],
        };
        let mut record = header.to_bytes();
        record.resize(LOG_RECORD_BYTES, fill);
        record
    };
    assert_eq!(scene.bent("POST", "/log/1", &record(1, 1), |_| {}), 204);
    assert_eq!(
        scene.bent("POST", "/log/1", &record(1, 1), |_| {}),
        204,
        "the same"
    );
    assert_eq!(
        scene.bent("POST", "/log/1", &record(1, 2), |_| {}),
        409,
        "another"
    );
    assert_eq!(
        scene.bent("POST", "/log/1", &record(3, 1), |_| {}),
        409,
        "a gap"
    );
    assert_eq!(scene.bent("POST", "/log/1", &record(2, 3), |_| {}), 204);
    assert_eq!(scene.bent("POST", "/log/1", b"short", |_| {}), 400);
    let page = LogPage::from_bytes(&scene.body("/log/1?from=1&max=16")).unwrap();
    assert_eq!((page.next, page.records.len()), (3, 2));
    assert_eq!(page.records[1], record(2, 3));
    let page = LogPage::from_bytes(&scene.body("/log/1?from=9&max=1")).unwrap();
    assert_eq!((page.next, page.records.len()), (3, 0));
}

impl Scene {
    fn body(&mut self, target: &str) -> Vec<u8> {
        let body = std::cell::RefCell::new(Vec::new());
        let kept = std::rc::Rc::new(body);
        let to = std::rc::Rc::clone(&kept);
        self.world.tamper(move |_, response| {
            to.borrow_mut().clone_from(&response.body);
            response
        });
        assert_eq!(self.bent("GET", target, b"", |_| {}), 200);
        kept.take()
    }
}

#[test]
fn pages_are_taken_near_the_clock_and_within_the_board() {
    let mut scene = begin(9);
    let now = scene.world.clock.read();
    let cycle = now / 300;
    // Eight envelopes with genuine headers.
    let envelope = [&[1, 1, 0, 0][..], &[5; 8_124]].concat();
    let page = envelope.repeat(8);
    assert_eq!(page.len(), PAGE_BODY_BYTES);
    let put = |scene: &mut Scene, cycle: u64, number: u32, page: &[u8]| {
        let target = format!("/out/new/{cycle}/{number}");
        scene.bent("PUT", &target, page, |_| {})
    };
    assert_eq!(put(&mut scene, cycle, 0, &page), 204);
    assert_eq!(put(&mut scene, cycle, 0, &page), 204, "again");
    assert_eq!(put(&mut scene, cycle, 4, &page), 400, "no such page");
    assert_eq!(put(&mut scene, cycle + 289, 0, &page), 409, "too far ahead");
    assert_eq!(put(&mut scene, cycle - 289, 0, &page), 409, "too long ago");
    assert_eq!(put(&mut scene, u64::MAX, 0, &page), 400, "no time");
    assert_eq!(put(&mut scene, cycle, 1, &page[1..]), 400, "short");
    assert_eq!(
        put(&mut scene, cycle, 1, &vec![0; PAGE_BODY_BYTES]),
        400,
        "no envelopes"
    );
    let due = Due {
        board: Board::Old,
        cycle: now / 21_600,
        page: 1,
    };
    let stamp = scene.signer.stamp(now, &mut scene.rng);
    scene.world.relay().put_page(&stamp, due, page).unwrap();
}

#[test]
fn malformed_questions_are_told_so() {
    let mut scene = begin(10);
    for target in [
        "/in?after=x",
        "/in?after=0.0",
        "/in?max=0",
        "/in?max=65",
        "/in?max=-1",
        "/log/1?max=17",
        "/log/1?from=-1",
        "/log/0",
        "/log/x",
        "/log/70000",
    ] {
        assert_eq!(scene.bent("GET", target, b"", |_| {}), 400, "{target}");
    }
    assert_eq!(scene.bent("POST", "/in/ack", b"short", |_| {}), 400);
    let ahead = Cursor {
        shard: 0,
        incarnation: 1,
        position: 1,
    };
    assert_eq!(
        scene.bent("POST", "/in/ack", &ahead.to_bytes(), |_| {}),
        409
    );
    assert_eq!(scene.bent("GET", "/in?after=0.1.1", b"", |_| {}), 409);
}
