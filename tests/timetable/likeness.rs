//! Looked only, sent a tip, read an answer: the same requests at the same times, whatever chance
//! decided about the schedule.

use std::cell::{Cell, RefCell};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    keep::{KeepError, Keeper},
    pace::Pace,
    relay::Relay,
    sitting::{Person, Sitting},
    tipster::{State, Tipster},
    transport::{Method, Request, Response, Transport, Unreachable},
};
use sotto_protocol::{
    bundle::{Pin, Seen},
    id::Board,
};
use sotto_tests::{machines::Phone, world::World};

use super::{Alone, begin};

/// A relay as it stood at one moment, which writes down what it is asked for.
struct Mirror {
    bundle: Response,
    pages: [Vec<Response>; 2],
    pace: Alone,
    asked: RefCell<Vec<Asked>>,
}

/// When, what, and the sizes of request and answer.
type Asked = (u64, Method, String, usize, usize);

const PAGES: u32 = 4;

impl Mirror {
    fn of(world: &World) -> Self {
        let ask = |path: String| {
            let request = Request {
                method: Method::Get,
                target: format!("/v1/{}{path}", world.pin().line.to_text()),
                headers: Vec::new(),
                body: Vec::new(),
            };
            world.send(&request).unwrap()
        };
        let pages = |board: Board| {
            let pages = (0..PAGES).map(|page| ask(format!("/out/{}/{page}", board.name())));
            pages.collect()
        };
        Self {
            bundle: ask("/bundle".into()),
            pages: Board::ALL.map(pages),
            pace: Alone(Cell::new(Pace::now(&world.clock))),
            asked: RefCell::default(),
        }
    }

    fn answer(&self, path: &[&str]) -> Response {
        match path {
            ["bundle"] => self.bundle.clone(),
            ["in"] => Response {
                status: 204,
                cycles: None,
                body: Vec::new(),
            },
            ["out", board, page] => {
                let pages = &self.pages[usize::from(*board == Board::Old.name())];
                pages[page.parse::<usize>().unwrap()].clone()
            }
            other => panic!("nobody asks for {other:?}"),
        }
    }
}

impl Transport for Mirror {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        assert!(request.headers.is_empty());
        let path: Vec<&str> = request.target.split('/').skip(3).collect();
        let answer = self.answer(&path);
        // The number of a page is what `draws` looks at.
        let digits = |part: &&&str| !part.bytes().all(|byte| byte.is_ascii_digit());
        let shape: Vec<&str> = path.iter().filter(digits).copied().collect();
        self.asked.borrow_mut().push((
            self.pace.now(),
            request.method,
            shape.join("/"),
            request.body.len(),
            answer.body.len(),
        ));
        Ok(answer)
    }
}

struct Nowhere;

impl Keeper<State> for Nowhere {
    fn keep(&mut self, _: &State) -> Result<(), KeepError> {
        Ok(())
    }
}

/// One opening of 220 seconds from `state`, or of nobody's: what was asked for, and what came of it.
fn open(
    mirror: &Mirror,
    pin: Pin,
    state: Option<&State>,
    seed: u64,
) -> (Vec<Asked>, Tipster, usize) {
    let opened = mirror.pace.now();
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x55);
    let nobody = Tipster::recall(pin.line, keys(), 0);
    let mut tipster = state.map_or(nobody, |state| Tipster::from_bytes(state).unwrap());
    let mut keeper = Nowhere;
    let mut people = vec![Person {
        tipster: &mut tipster,
        keeper: &mut keeper,
    }];
    if state.is_none() {
        people.clear();
    }
    let mut sitting = Sitting {
        relay: Relay::new(mirror, pin.line),
        pin,
        pace: &mirror.pace,
        rng: &mut rng,
    };
    let times = ChaCha20Rng::seed_from_u64(seed);
    let (_, progress) = sitting
        .sit(&mut people, &Seen::default(), times, |progress| {
            progress.elapsed > 220_000
        })
        .unwrap();
    let mut asked = mirror.asked.take();
    for asked in &mut asked {
        asked.0 -= opened;
    }
    mirror.pace.0.set(opened);
    (asked, tipster, progress.found)
}

fn keys() -> sotto_protocol::code::CodeKeys {
    let stretched = sotto_protocol::secret::Secret::from_bytes([3; 32]);
    sotto_protocol::code::CodeKeys::from_stretched(stretched)
}

#[test]
fn two_hundred_openings_ask_for_the_same_whatever_for() {
    let (mut world, mut desk) = begin(1);
    let mut phone = Phone::new(&mut world);
    phone.write("a tip");
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    let looks = Phone::new(&mut world).state();
    let mut other = Phone::new(&mut world);
    other.write(&"a tip of three envelopes ".repeat(450));
    let sends = other.state();
    desk.reply(&world, 1, "an answer");
    desk.run(&world, 600);
    let reads = phone.state();
    let (mirror, pin) = (Mirror::of(&world), world.pin());
    let mut before = Vec::new();
    for seed in 0..200 {
        let (nobody, ..) = open(&mirror, pin, None, seed);
        assert_ne!(nobody, before, "chance decides about the moments");
        let (looked, _, found) = open(&mirror, pin, Some(&looks), seed);
        assert_eq!(found, 0);
        let (sent, tipster, _) = open(&mirror, pin, Some(&sends), seed);
        assert!(!tipster.has_unsent(), "three envelopes took their turns");
        let (read, tipster, found) = open(&mirror, pin, Some(&reads), seed);
        assert_eq!((found, tipster.unread().len()), (1, 1));
        assert!(nobody.len() > 15);
        for asked in [looked, sent, read] {
            assert_eq!(asked, nobody, "seed {seed}");
        }
        before = nobody;
    }
}
