//! Forward secrecy: who recorded everything and seizes machines later opens nothing that is past.
//!
//! The attacker takes states apart: every conversation and every waiting answer in them is used
//! through its own interface, every 32 bytes of a desk's keys are tried as a prekey. The same attack
//! with the states of that time succeeds, so that it is one.

use std::{cell::RefCell, rc::Rc};

use sotto_core::transport::{Method, Request, Response};
use sotto_protocol::{
    conversation::{Conversation, Cycle, Outgoing, Slot},
    id::{Board, LineId},
    limits::ENVELOPE_BYTES,
    seal::{self, Envelope, Receiver},
    secret::SealingSecret,
};
use sotto_tests::{
    hunt::Planted,
    machines::{DeskMachine, Phone},
    world::{Backend, World},
};

const DAY: u64 = 86_400;

/// What crossed the wire: each envelope and where it was put.
#[derive(Default, Clone)]
struct Wire(Vec<(Slot, Envelope)>);

impl Wire {
    fn note(&mut self, request: &Request, response: &Response) {
        if !matches!(response.status, 200 | 204) {
            return;
        }
        let path: Vec<&str> = request.target.split('/').skip(3).collect();
        let slot = match (request.method, path.as_slice()) {
            (Method::Post, ["in"]) => Slot::Inbox,
            (Method::Put, ["out", board, cycle, _]) => {
                let named = |b: &Board| b.name() == *board;
                let board = Board::ALL.into_iter().find(named).unwrap();
                Slot::Board(board, cycle.parse().unwrap())
            }
            _ => return,
        };
        for envelope in request.body.as_chunks::<ENVELOPE_BYTES>().0 {
            let envelope = Envelope::parse(envelope.to_vec()).unwrap();
            self.0.push((slot, envelope));
        }
    }

    fn towards_the_desk(&self) -> impl Iterator<Item = &Envelope> {
        let posts = self.0.iter().filter(|(slot, _)| *slot == Slot::Inbox);
        posts.map(|(_, envelope)| envelope)
    }
}

/// Every part of a state that is preceded by its length and read by `read`.
fn parts<T>(state: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    let at = |place: usize| {
        let (length, rest) = state.get(place..)?.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
        read(rest.get(..length)?)
    };
    (0..state.len()).filter_map(at).collect()
}

fn conversations(state: &[u8]) -> Vec<Conversation> {
    parts(state, |bytes| Conversation::from_bytes(bytes).ok())
}

fn waiting(state: &[u8]) -> Vec<Outgoing> {
    parts(state, |bytes| Outgoing::from_bytes(bytes).ok())
}

/// How many envelopes of the wire some conversation of the state opens, by address and by trying
/// every index it has a key for.
fn opened(state: &[u8], wire: &Wire) -> usize {
    let all = conversations(state);
    let opens = |conversation: &Conversation, (slot, envelope): &(Slot, Envelope)| {
        let by_address = conversation.expected(*slot).into_iter();
        let mut by_address = by_address.filter(|e| e.address == envelope.address());
        by_address.any(|e| conversation.peek(e.number, envelope).is_ok())
    };
    let mut wire = wire.0.iter().collect::<Vec<_>>();
    wire.retain(|sent| all.iter().any(|conversation| opens(conversation, sent)));
    wire.len()
}

/// How many of the envelopes some 32 bytes of the state open as a prekey would.
fn opened_as_prekey(state: &[u8], envelopes: &[Envelope], line: LineId) -> usize {
    let keys = state.windows(32).map(|bytes| {
        Receiver::new(&SealingSecret::from_bytes(*bytes.first_chunk().unwrap())).unwrap()
    });
    let mut opened = vec![false; envelopes.len()];
    for receiver in keys {
        for (envelope, is_open) in envelopes.iter().zip(&mut opened) {
            *is_open = *is_open || seal::open_with(envelope, &receiver, None, line).is_ok();
        }
    }
    opened.into_iter().filter(|is_open| *is_open).count()
}

/// A line with everything recorded.
struct Recorded {
    world: World,
    desk: DeskMachine,
    phone: Phone,
    wire: Rc<RefCell<Wire>>,
}

impl Recorded {
    fn begin(seed: u64) -> Self {
        let mut world = World::new(Backend::Embedded, seed);
        let mut desk = DeskMachine::join(&mut world);
        desk.run(&world, 600);
        let wire = Rc::new(RefCell::new(Wire::default()));
        let note = Rc::clone(&wire);
        world.tamper(move |request, response| {
            note.borrow_mut().note(request, &response);
            response
        });
        let phone = Phone::new(&mut world);
        Self {
            world,
            desk,
            phone,
            wire,
        }
    }

    fn tip(&mut self, text: &str) {
        self.phone.write(text);
        self.phone.sit(&self.world).unwrap();
        self.desk.run(&self.world, 600);
    }

    fn round_trip(&mut self, number: u32) {
        let (question, answer) = (format!("question {number}"), format!("answer {number}"));
        self.desk.reply(&self.world, 1, &question);
        self.desk.run(&self.world, 600);
        assert_eq!(self.phone.look(&self.world, &mut self.desk), [question]);
        self.tip(&answer);
    }

    /// Days on which the desk works and nobody writes.
    fn days(&mut self, count: u32) {
        for _ in 0..count {
            self.world.clock.pass(DAY);
            self.world.publish();
            self.desk.run(&self.world, 600);
        }
    }
}

#[test]
fn what_is_past_stays_closed() {
    let mut recorded = Recorded::begin(1);
    recorded.tip("the tip");
    let cycle = recorded.world.clock.read() / 300;
    recorded.desk.reply(&recorded.world, 1, "who was it?");
    recorded.desk.run(&recorded.world, 600);
    // The answer stands on the board and is not yet found.
    let phone_then = recorded.phone.state();
    let found = recorded.phone.look(&recorded.world, &mut recorded.desk);
    assert_eq!(found, ["who was it?"]);
    recorded.phone.write("it was him");
    recorded.phone.sit(&recorded.world).unwrap();
    // What the phone said is at the relay and not yet drained.
    let desk_then = recorded.desk.rows();
    let wire = recorded.wire.borrow().clone();
    let keys: Vec<Planted> = waiting(&desk_then)
        .iter()
        .map(|answer| Planted::new("a message key", &answer.to_bytes().unwrap()[1..33]))
        .collect();
    // The attack is one: with the states of that time it opens what was on its way.
    assert!(opened(&phone_then, &wire) >= 2, "the answer in each cycle");
    assert!(opened(&desk_then, &wire) >= 1, "what the phone said");
    assert!(keys.iter().all(|key| key.is_in(&desk_then)));
    let page = |state: &[u8]| {
        let seconds = 300;
        let number = cycle;
        let cycle = Cycle { number, seconds };
        let all = conversations(state);
        let pages = all.iter().map(|c| c.own_page(Board::New, cycle, 0, 4));
        pages.flatten().count()
    };
    assert_eq!((page(&phone_then), page(&desk_then)), (1, 1));
    recorded.desk.run(&recorded.world, 600);
    for number in 0..2 {
        recorded.round_trip(number);
    }
    recorded.days(3);
    recorded.phone.sit(&recorded.world).unwrap();
    recorded.desk.run(&recorded.world, 600);
    let (phone, desk) = (recorded.phone.state(), recorded.desk.rows());
    assert_eq!(conversations(&phone).len(), 1);
    assert_eq!(conversations(&desk).len(), 1);
    for state in [&*phone, &*desk, &[&*phone, &*desk].concat()] {
        assert_eq!(opened(state, &wire), 0, "something old was opened");
        assert_eq!(page(state), 0, "which pages were this conversation's");
        for key in &keys {
            key.must_not_be_in("a later state", state);
        }
    }
}

#[test]
fn a_first_contact_stays_closed_once_the_prekey_of_its_day_is_erased() {
    let mut recorded = Recorded::begin(2);
    recorded.tip("the tip");
    let wire = recorded.wire.borrow().clone();
    let posts: Vec<Envelope> = wire.towards_the_desk().cloned().collect();
    let (desk_then, phone_then) = (recorded.desk.meta(), recorded.phone.state());
    let line = recorded.world.pin().line;
    assert_eq!(
        opened_as_prekey(&desk_then, &posts, line),
        posts.len(),
        "the tip and all cover"
    );
    recorded.round_trip(0);
    recorded.days(4);
    let desk = recorded.desk.meta();
    assert_eq!(opened_as_prekey(&desk, &posts, line), 0);
    // A phone never could.
    let own = conversations(&phone_then)[0].to_bytes();
    assert_eq!(opened_as_prekey(&own, &posts, line), 0);
}
