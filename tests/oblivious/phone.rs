//! A phone that goes through an oblivious relay: what it does, and what can be seen of it.

use std::cell::RefCell;

use data_encoding::BASE64;
use rand_core::SeedableRng as _;
use sotto_core::{
    link::Link,
    oblivious::Ways,
    relay::Relay,
    sitting::SittingError,
    transport::{Method, Request, Response, Transport, Unreachable},
};
use sotto_protocol::{
    bundle::{Bundle, Seen, Untrusted},
    id::Board,
    limits::{
        OBLIVIOUS_ASK_BYTES, OBLIVIOUS_CHUNK_BYTES, OBLIVIOUS_DONE_BYTES, OBLIVIOUS_POST_BYTES,
        OBLIVIOUS_READ_BYTES, OBLIVIOUS_REQUEST_OVERHEAD_BYTES,
    },
    oblivious::ObliviousError,
    statement::RelayStatement,
};
use sotto_tests::{
    machines::{DeskMachine, Phone},
    world::{Backend, World},
};

use super::hops::{Hops, Observed, Only, Shape};

/// Over real connections: a tip, its answer, and a follow-up, none of them openly.
#[test]
fn a_conversation_through_an_oblivious_relay() {
    let mut hops = Hops::begin(21);
    let way = hops.way();
    let mut phone = Phone::new(&mut hops.world);
    phone.write("somebody dumps waste by the river");
    phone.sit_over(&hops.world, &way, 200).unwrap();
    assert_eq!(hops.desk.round(&hops.world).unwrap().texts, 1);
    hops.desk.reply(&hops.world, 1, "where is the warehouse?");
    hops.desk.run(&hops.world, 600);
    let answers = phone.sit_over(&hops.world, &way, 200).unwrap();
    assert_eq!(answers, ["where is the warehouse?"]);
    phone.write("on the north bank");
    phone.sit_over(&hops.world, &way, 200).unwrap();
    assert_eq!(hops.desk.round(&hops.world).unwrap().texts, 1);
}

/// One size of whatever is read and one of whatever is posted, both ways, whoever is there and
/// whatever for.
#[test]
fn an_observer_sees_the_same_sizes_whatever_is_asked() {
    const SECONDS: u64 = 400;
    let mut world = World::new(Backend::Embedded, 22);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    let mut phone = Phone::new(&mut world);
    let mut stranger = Phone::new(&mut world);
    let (shapes, seed) = (RefCell::default(), world.seed());
    let sit = |world: &World, phone: &mut Phone| {
        let link = Link {
            ohttp: Some("http://oblivious.test/".into()),
            ..world.link()
        };
        let way = Ways::new(&link, |_: &str| Observed::new(world, &shapes), seed.clone());
        let found = phone.sit_over(world, &Only(way), SECONDS).unwrap();
        (found, shapes.take())
    };
    let mut sittings = vec![sit(&world, &mut stranger).1];
    phone.write(&"a tip of four envelopes ".repeat(700));
    sittings.push(sit(&world, &mut phone).1);
    desk.round(&world).unwrap();
    desk.reply(&world, 1, "an answer");
    desk.run(&world, 600);
    let (found, with_answer) = sit(&world, &mut phone);
    assert_eq!(found, ["an answer"]);
    sittings.push(with_answer);
    let mut recalled = Phone::of_somebody_who_keeps_nothing(&mut world, &phone.code);
    sittings.push(sit(&world, &mut recalled).1);

    let sealed = |bytes: usize| bytes + OBLIVIOUS_REQUEST_OVERHEAD_BYTES;
    let read = (
        Method::Post,
        sealed(OBLIVIOUS_ASK_BYTES),
        OBLIVIOUS_READ_BYTES + 48,
    );
    let posted = (
        Method::Post,
        sealed(OBLIVIOUS_POST_BYTES),
        OBLIVIOUS_DONE_BYTES + 48,
    );
    for sitting in &sittings {
        let (keys, rest) = sitting.split_first().unwrap();
        assert_eq!((keys.0, keys.1), (Method::Get, 0));
        assert_eq!(rest[..3], [read; 3], "bundle and two pages");
        let count = |of: Shape| rest.iter().filter(|shape| **shape == of).count();
        assert!(count(posted) > 10 && count(read) > 5);
        assert_eq!(count(posted) + count(read), rest.len());
    }
}

/// A chunk has a size of its own, which is the longest there is.
#[test]
fn chunks_have_one_size_too() {
    let mut world = World::new(Backend::Embedded, 23);
    world.publish();
    let (shapes, rng) = (RefCell::default(), world.seed());
    let link = Link {
        ohttp: Some("http://oblivious.test/".into()),
        ..world.link()
    };
    let way = Ways::new(&link, |_: &str| Observed::new(&world, &shapes), rng);
    let mut chunk = vec![7; sotto_protocol::limits::CHUNK_BYTES];
    chunk[..4].copy_from_slice(&[1, 1, 1, 0]);
    Relay::new(&way, world.pin().line)
        .post(chunk, None)
        .unwrap();
    let longest = OBLIVIOUS_CHUNK_BYTES + OBLIVIOUS_REQUEST_OVERHEAD_BYTES;
    assert_eq!(
        shapes.take()[1],
        (Method::Post, longest, OBLIVIOUS_DONE_BYTES + 48)
    );
    let too_long = vec![0; OBLIVIOUS_CHUNK_BYTES];
    assert!(
        Relay::new(&way, world.pin().line)
            .post(too_long, None)
            .is_err()
    );
    assert!(shapes.take().is_empty(), "given to nobody");
}

/// Somebody who answers by name, and writes down who was asked.
struct Named<'a> {
    name: String,
    asked: &'a RefCell<Vec<String>>,
    is_there: bool,
}

impl Transport for Named<'_> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        let what = format!("{} {}{}", request.method.name(), self.name, request.target);
        self.asked.borrow_mut().push(what);
        if !self.is_there {
            return Err(Unreachable::NotGiven);
        }
        Ok(Response {
            status: 503,
            cycles: None,
            body: Vec::new(),
        })
    }
}

fn bundle(world: &World) -> Bundle {
    let json = world.relay().bundle().unwrap().json;
    let untrusted = Untrusted::parse(&json).unwrap();
    let now = world.clock.read();
    untrusted
        .verify(world.pin(), now, &Seen::default())
        .unwrap()
}

/// The line names whom phones ask; the relay's statement gives the key; without it nothing is asked.
#[test]
fn there_is_no_way_back_to_asking_openly() {
    let mut world = World::new(Backend::Embedded, 24);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    let (asked, rng) = (RefCell::default(), world.seed());
    let now = world.clock.read();
    let make = |name: &str| Named {
        name: name.to_owned(),
        asked: &asked,
        is_there: !name.contains("first"),
    };
    let way = Ways::new(&world.link(), make, rng);
    let relay = Relay::new(&way, world.pin().line);
    let ask = || relay.page(Board::New, 0).unwrap_err();
    let mut bundle = bundle(&world);
    relay.offered(&bundle, now).unwrap();
    ask();
    let openly = format!(
        "GET http://relay.test/v1/{}/out/new/0",
        world.pin().line.to_text()
    );
    assert_eq!(asked.take(), [openly]);

    let named = ["https://first.test/", "https://second.test/"].map(str::to_owned);
    bundle.line.ohttp = named.to_vec();
    assert_eq!(relay.offered(&bundle, now), Err(ObliviousError::NoKey));
    let mut statement = RelayStatement {
        line: world.pin().line,
        serial: now,
        issued: now,
        expires: now + 1,
        tokens: Vec::new(),
        ohttp: None,
    };
    bundle.relay = Some(statement.clone());
    assert_eq!(relay.offered(&bundle, now), Err(ObliviousError::NoKey));
    statement.ohttp = Some("no list".into());
    bundle.relay = Some(statement.clone());
    assert_eq!(relay.offered(&bundle, now), Err(ObliviousError::NoKey));
    statement.ohttp = Some(BASE64.encode(&world.secrets().ohttp_keys(now)));
    bundle.relay = Some(statement);
    relay.offered(&bundle, now).unwrap();
    ask();
    // The second one takes the place of the first, which cannot be reached.
    assert_eq!(asked.take(), named.clone().map(|url| format!("POST {url}")));
    ask();
    assert_eq!(asked.take(), [format!("POST {}", named[1])]);
}

/// The world's own way.
struct Openly<'w>(&'w World);

impl Transport for Openly<'_> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        self.0.send(request)
    }
}

/// A published line that names oblivious relays and whose relay says nothing of a key.
#[test]
fn a_sitting_without_a_key_asks_for_nothing_further() {
    let mut world = World::new(Backend::Embedded, 25);
    let mut desk = DeskMachine::join(&mut world);
    let relays = vec!["https://oblivious.test/".to_owned()];
    world.line.name_oblivious_relays(relays.clone()).unwrap();
    world.publish();
    desk.run(&world, 600);
    assert_eq!(bundle(&world).line.ohttp, relays);
    world.seen();
    let rng = world.seed();
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    let way = Ways::new(&world.link(), |_: &str| Openly(&world), rng);
    let stopped = phone.sit_over(&world, &way, 200).unwrap_err();
    assert_eq!(stopped, SittingError::Way(ObliviousError::NoKey));
    let seen: Vec<String> = world.seen().into_iter().map(|seen| seen.what).collect();
    assert_eq!(seen, ["GET bundle"]);
    assert!(phone.tipster().is_waiting(), "the tip is kept");
}

/// As a line's people see it: the relay says its key, the desk repeats it, the administrator names who
/// passes requests on, and phones ask nobody else.
#[test]
fn the_key_comes_with_the_bundle() {
    let mut world = World::new(Backend::Embedded, 26);
    let mut desk = DeskMachine::join(&mut world);
    desk.run(&world, 600);
    world.announce();
    desk.round(&world).unwrap();
    world.settle();
    let relays = vec!["https://oblivious.test/".to_owned()];
    world.line.name_oblivious_relays(relays).unwrap();
    world.publish();
    world.settle();
    let (shapes, rng) = (RefCell::default(), world.seed());
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    let make = |name: &str| Hop {
        is_open: name == world.link().base,
        world: &world,
        observed: Observed::new(&world, &shapes),
    };
    let way = Ways::new(&world.link(), make, rng);
    phone.sit_over(&world, &way, 200).unwrap();
    let shapes = shapes.take();
    assert!(shapes.len() > 10 && shapes.iter().all(|shape| shape.0 == Method::Post));
    assert_eq!(desk.round(&world).unwrap().texts, 1);
}

/// The bundle alone is asked for openly, as the link names nobody to go through.
struct Hop<'w> {
    is_open: bool,
    world: &'w World,
    observed: Observed<'w>,
}

impl Transport for Hop<'_> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        if !self.is_open {
            return self.observed.send(request);
        }
        assert!(request.target.ends_with("/bundle"), "asked openly");
        self.world.send(request)
    }
}

/// What is not an answer to the request, whoever made it, counts as none.
#[test]
fn other_answers_count_as_none() {
    struct Answers(RefCell<Vec<(u16, Vec<u8>)>>, Vec<u8>);
    impl Transport for &Answers {
        fn send(&self, request: &Request) -> Result<Response, Unreachable> {
            let (status, body) = match request.method {
                Method::Get => (200, self.1.clone()),
                _ => self.0.borrow_mut().remove(0),
            };
            Ok(Response {
                status,
                cycles: None,
                body,
            })
        }
    }
    let world = World::new(Backend::Embedded, 26);
    let keys = world.secrets().ohttp_keys(world.clock.read());
    let cases = vec![
        (200, Vec::new()),
        (200, vec![0; 40]),
        (200, vec![1; 70_000]),
        (400, Vec::new()),
        (429, Vec::new()),
        (502, Vec::new()),
        (302, Vec::new()),
    ];
    let count = cases.len();
    let answers = Answers(RefCell::new(cases), keys);
    let link = Link {
        ohttp: Some("http://oblivious.test/".into()),
        ..world.link()
    };
    let rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let way = Ways::new(&link, |_: &str| &answers, rng);
    let relay = Relay::new(&way, world.pin().line);
    for _ in 0..count {
        let error = relay.page(Board::New, 0).unwrap_err();
        assert_eq!(error, Unreachable::NoAnswer.into());
    }
}

#[test]
fn links_name_an_oblivious_relay() {
    let world = World::new(Backend::Embedded, 27);
    let plain = world.link();
    let named = Link {
        ohttp: Some("https://oblivious.test/".into()),
        ..plain.clone()
    };
    let text = named.to_text();
    assert_eq!(
        text,
        format!("{}&ohttp=https://oblivious.test/", plain.to_text())
    );
    assert_eq!(Link::parse(&text).unwrap(), named);
    assert_eq!(Link::parse(&plain.to_text()).unwrap(), plain);
    for bad in ["oblivious.test", "", "https://", "https://a?b"] {
        assert!(Link::parse(&format!("{}&ohttp={bad}", plain.to_text())).is_err());
    }
}
