//! The tipster's engine: what a phone does with one conversation.
//!
//! It never asks for anything that depends on whether there is mail. Its pages are its own by a PRF,
//! and every look at the line posts one envelope, real or cover.

mod state;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Bundle, Seen, day_of},
    code::CodeKeys,
    conversation::{Content, Conversation, Cycle, Slot},
    id::{Board, LineId},
    keys::SealingPublicKey,
    limits::{CYCLE_FUTURE_SECONDS, CYCLE_PAST_SECONDS, DAY_SECONDS, ENVELOPE_BYTES},
    message::{FirstContact, Kind, Message},
    page::PageHeader,
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret, random},
};
use zeroize::Zeroizing;

use self::state::{Drawn, Incoming, Waiting};
use crate::{
    keep::Unsaved,
    text::{self, TextError},
};

/// The bytes a vault keeps.
pub type State = Zeroizing<Vec<u8>>;

/// One conversation of one person with one line.
pub struct Tipster {
    line: LineId,
    keys: CodeKeys,
    conversation: Conversation,
    first_day: u32,
    desk: u16,
    seen: Seen,
    cycles: [u64; 2],
    drawn: Vec<Drawn>,
    outbox: Vec<Waiting>,
    inbox: Vec<Incoming>,
    known: Vec<(u64, u8)>,
    must_acknowledge: bool,
    opened: u32,
}

impl std::fmt::Debug for Tipster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tipster(..)")
    }
}

/// What one look at a line showed: its keys and which cycles are served.
#[derive(Debug, Clone)]
pub struct View {
    /// Verified.
    pub bundle: Bundle,
    /// Served cycles of *new* and *old*.
    pub cycles: [u64; 2],
    /// When, in unix seconds.
    pub now: u64,
}

/// Where the texts of a conversation are. Counts envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipts {
    /// Still here.
    pub waiting: usize,
    /// Taken by the relay, and not yet known to be opened.
    pub held: usize,
    /// Opened by the desk.
    pub opened: usize,
}

impl Tipster {
    /// A new conversation with nothing in it. `desk` 0 is the line's first.
    pub fn begin(
        line: LineId,
        keys: CodeKeys,
        desk: u16,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let first_day = day_of(now);
        let conversation = Conversation::begin(line, first_day, random(rng), rng);
        Self {
            line,
            keys,
            conversation,
            first_day,
            desk,
            seen: Seen::default(),
            cycles: [0; 2],
            drawn: Vec::new(),
            outbox: Vec::new(),
            inbox: Vec::new(),
            known: Vec::new(),
            must_acknowledge: false,
            opened: 0,
        }
    }

    /// Puts a text into the outbox.
    pub fn write(
        &mut self,
        text: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Unsaved<State, ()>, TextError> {
        let parts = text::split(text)?;
        let id = rng.next_u64();
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        for (part, body) in (0..).zip(parts) {
            self.outbox
                .push(Waiting::new(id, (part, count), body.to_vec()));
        }
        Ok(self.unsaved(()))
    }

    /// Remembers what a verified bundle says to remember.
    pub fn saw(&mut self, view: &View) -> Unsaved<State, ()> {
        self.seen = view.bundle.seen.clone();
        for board in Board::ALL {
            let day = |cycle| cycle_of(view, board, cycle).day();
            let (kept, named) = (served(self.cycles, board), served(view.cycles, board));
            if named > kept && is_credible(view, board) && day(named) >= day(kept) {
                set_served(&mut self.cycles, board, named);
            }
        }
        let whole = Board::ALL.map(|board| {
            let cycle = served(self.cycles, board);
            if cycle == 0 {
                self.first_day
            } else {
                cycle_of(view, board, cycle).day()
            }
        });
        let [new, old] = whole;
        let oldest = day_of(view.now.saturating_sub(CYCLE_PAST_SECONDS));
        self.conversation
            .forget_pages_before(new.min(old).max(oldest));
        self.unsaved(())
    }

    /// Highest serials seen, against rolled-back bundles.
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The page to look at: the conversation's own, mail or not, but never the same one twice.
    pub fn draw(
        &mut self,
        view: &View,
        board: Board,
        choice: u8,
        rng: &mut impl CryptoRng,
    ) -> Unsaved<State, u32> {
        let own = self.own_page(view, board, choice);
        let cycle = served(view.cycles, board);
        let draw = Drawn {
            board,
            cycle,
            choice,
        };
        let page = match own {
            Some(page) if !self.drawn.contains(&draw) => {
                self.drawn
                    .retain(|old| old.board != board || old.cycle == cycle);
                self.drawn.push(draw);
                page
            }
            _ => draw_uniform(pages(view, board), rng),
        };
        self.unsaved(page)
    }

    /// Opens what is for this conversation on a page. How many messages were new.
    pub fn read_page(&mut self, view: &View, board: Board, bytes: &[u8]) -> Unsaved<State, usize> {
        let mut found = 0;
        if let Ok((header, envelopes)) = PageHeader::parse(bytes) {
            let named = served(view.cycles, board);
            // A page of another cycle, or of an older one than before, is nobody's own.
            let counts = header.board == board
                && header.cycle == named
                && served(self.cycles, board) == named;
            if counts {
                found = self.open_all(Slot::Board(board, named), envelopes);
            }
        }
        self.unsaved(found)
    }

    /// The next envelope to post: what waits, else an acknowledgement that is due, else cover.
    ///
    /// # Errors
    /// [`Reject`] where the bundle has no usable prekey.
    pub fn next_post(
        &mut self,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<Unsaved<State, Envelope>, Reject> {
        let envelope = match self.outbox.iter().position(|item| !item.is_held) {
            Some(place) => self.seal_waiting(view, place, rng)?,
            None if self.must_acknowledge => self.seal_acknowledgement(view, rng)?,
            None => seal_cover(self.line, &view.bundle, self.desk, view.now, rng)?,
        };
        Ok(self.unsaved(envelope))
    }

    /// The relay has taken what [`Self::next_post`] gave out last.
    pub fn posted(&mut self) -> Unsaved<State, ()> {
        if let Some(item) = self.outbox.iter_mut().find(|item| !item.is_held) {
            item.is_held = !item.numbers.is_empty();
        }
        self.unsaved(())
    }

    /// Whether anything waits to be posted.
    pub fn is_waiting(&self) -> bool {
        self.outbox.iter().any(|item| !item.is_held)
    }

    /// Texts of which every part is there, oldest first, with their ids.
    pub fn unread(&self) -> Vec<(u64, String)> {
        let whole = self.inbox.iter().filter(|text| text.is_whole());
        whole.map(|text| (text.id, text.text())).collect()
    }

    /// The person has seen these: their text is erased here.
    pub fn shown(&mut self, ids: &[u64]) -> Unsaved<State, ()> {
        self.inbox.retain(|text| !ids.contains(&text.id));
        self.unsaved(())
    }

    /// Where this conversation's texts are.
    pub fn receipts(&self) -> Receipts {
        let waiting = self.outbox.iter().filter(|item| !item.is_held).count();
        Receipts {
            waiting,
            held: self.outbox.len() - waiting,
            opened: usize::try_from(self.opened).unwrap_or(usize::MAX),
        }
    }

    fn own_page(&self, view: &View, board: Board, choice: u8) -> Option<u32> {
        let cycle = served(view.cycles, board);
        if cycle == 0 || cycle != served(self.cycles, board) {
            return None;
        }
        let cycle = cycle_of(view, board, cycle);
        self.conversation
            .own_page(board, cycle, choice, pages(view, board))
    }

    fn open_all(&mut self, slot: Slot, envelopes: &[[u8; ENVELOPE_BYTES]]) -> usize {
        let mut found = 0;
        for bytes in envelopes {
            // Expected anew each time: opening one message brings the next ones into reach.
            let Ok(envelope) = Envelope::parse(bytes.to_vec()) else {
                continue;
            };
            let mut expected = self.conversation.expected(slot).into_iter();
            let address = envelope.address();
            let Some((_, epoch, index)) = expected.find(|(at, ..)| *at == address) else {
                continue;
            };
            if let Ok(message) = self.conversation.open((epoch, index), &envelope) {
                found += usize::from(self.take(&message));
            }
        }
        found
    }

    /// Whether the message was new.
    fn take(&mut self, message: &Message) -> bool {
        if let Some(received) = message.received {
            let before = self.outbox.len();
            self.outbox.retain(|item| {
                let mut numbers = item.numbers.iter();
                !numbers.any(|(epoch, index)| received.covers(*epoch, *index))
            });
            let opened = u32::try_from(before - self.outbox.len()).unwrap_or(0);
            self.opened = self.opened.saturating_add(opened);
        }
        let name = (message.id, message.part);
        if message.kind != Kind::Text || self.known.contains(&name) {
            return false;
        }
        self.known.push(name);
        self.must_acknowledge = true;
        match self.inbox.iter_mut().find(|text| text.id == message.id) {
            Some(text) => text.add(message),
            None => self.inbox.push(Incoming::new(message)),
        }
        true
    }

    fn seal_waiting(
        &mut self,
        view: &View,
        place: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let item = self.outbox.get(place).ok_or(Reject)?;
        let (id, part, parts) = (item.id, item.part, item.parts);
        let text = item.body.clone();
        let (number, envelope) = if self.conversation.is_first_contact() {
            let body = self.first_contact(view).with_text(&text);
            let content = Content {
                kind: Kind::Text,
                id,
                part,
                parts,
                body: &body,
            };
            let prekey = prekey(&view.bundle, self.desk, view.now).ok_or(Reject)?;
            let day = day_of(view.now);
            let sealed = self.conversation.seal_first(content, &prekey, day, rng)?;
            ((0, sealed.index), sealed.envelope)
        } else {
            let content = Content {
                kind: Kind::Text,
                id,
                part,
                parts,
                body: &text,
            };
            self.seal_later(content, view, rng)?
        };
        if let Some(item) = self.outbox.get_mut(place) {
            item.numbers.push(number);
        }
        Ok(envelope)
    }

    fn seal_acknowledgement(
        &mut self,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let content = Content {
            kind: Kind::Acknowledgement,
            id: rng.next_u64(),
            part: 0,
            parts: 1,
            body: &[],
        };
        Ok(self.seal_later(content, view, rng)?.1)
    }

    fn seal_later(
        &mut self,
        content: Content<'_>,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<((u32, u32), Envelope), Reject> {
        let outgoing = self.conversation.prepare(content, rng)?;
        let day = day_of(view.now);
        let envelope = outgoing.seal(self.line, day, Slot::Inbox, rng)?;
        // Every message acknowledges what was opened before it.
        self.must_acknowledge = false;
        Ok((outgoing.number(), envelope))
    }

    fn first_contact(&self, view: &View) -> FirstContact {
        FirstContact {
            nonce: *self.conversation.nonce(),
            first_day: self.first_day,
            bundle: view.bundle.hash,
            handle: self.keys.handle,
            continuity: self.keys.continuity.clone(),
            static_key: self.keys.static_key.public(),
        }
    }

    fn unsaved<T>(&self, value: T) -> Unsaved<State, T> {
        Unsaved::new(self.to_bytes(), value)
    }
}

/// An envelope that says nothing, made like a first contact so that nobody can tell.
pub fn seal_cover(
    line: LineId,
    bundle: &Bundle,
    desk: u16,
    now: u64,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let message = Message {
        kind: Kind::Cover,
        part: 0,
        parts: 1,
        id: rng.next_u64(),
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::make(rng),
        ratchet_key: SealingSecret::make(rng).public(),
        body: Zeroizing::default(),
    };
    let place = Place {
        line,
        day: day_of(now),
        address: sotto_protocol::id::Address(random(rng)),
    };
    let prekey = prekey(bundle, desk, now).ok_or(Reject)?;
    seal::seal(&message, &prekey, None, place, rng)
}

/// A page drawn by somebody without a conversation.
pub fn draw_uniform(pages: u32, rng: &mut impl CryptoRng) -> u32 {
    // Numbers of pages are powers of two, so that the remainder is uniform.
    rng.next_u32().checked_rem(pages).unwrap_or(0)
}

/// Pages of a board in the cycle that is served.
pub fn pages(view: &View, board: Board) -> u32 {
    let cycle = served(view.cycles, board);
    let boards = view.bundle.boards();
    boards
        .and_then(|boards| boards.pages(board, cycle))
        .unwrap_or(1)
}

fn prekey(bundle: &Bundle, desk: u16, now: u64) -> Option<SealingPublicKey> {
    let desk = match desk {
        0 => bundle.line.desks.first()?.id,
        desk => desk,
    };
    let statement = bundle.prekey(desk, day_of(now))?;
    Some(statement.prekey.clone())
}

/// Neither so old nor so far ahead that somebody is playing with it.
fn is_credible(view: &View, board: Board) -> bool {
    let begins = begin(view, board, served(view.cycles, board));
    begins >= view.now.saturating_sub(CYCLE_PAST_SECONDS)
        && begins <= view.now.saturating_add(CYCLE_FUTURE_SECONDS)
}

fn begin(view: &View, board: Board, cycle: u64) -> u64 {
    cycle.saturating_mul(cycle_of(view, board, cycle).seconds)
}

fn cycle_of(view: &View, board: Board, number: u64) -> Cycle {
    let seconds = view.bundle.line.policy.cycle_seconds(board);
    Cycle {
        number,
        seconds: seconds.min(DAY_SECONDS),
    }
}

const fn served(cycles: [u64; 2], board: Board) -> u64 {
    let [new, old] = cycles;
    match board {
        Board::New => new,
        Board::Old => old,
    }
}

const fn set_served(cycles: &mut [u64; 2], board: Board, cycle: u64) {
    let [new, old] = cycles;
    match board {
        Board::New => *new = cycle,
        Board::Old => *old = cycle,
    }
}
