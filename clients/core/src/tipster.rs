//! The tipster's engine: what a phone does with one conversation.
//!
//! It never asks for anything that depends on whether there is mail. Its pages are its own by a PRF,
//! and every look at the line posts one envelope, real or cover.

mod post;
mod state;
mod view;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Seen, day_of},
    code::CodeKeys,
    conversation::{Conversation, Slot},
    id::{Board, LineId},
    limits::{CYCLE_PAST_SECONDS, ENVELOPE_BYTES},
    message::{Kind, Message},
    page::PageHeader,
    seal::{Envelope, Reject},
    secret::random,
};
use zeroize::Zeroizing;

pub use self::{post::seal_cover, view::View};
use self::{
    state::{Drawn, Incoming, Waiting},
    view::{served, set_served},
};
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
            let day = |cycle| view.cycle(board, cycle).day();
            let (kept, named) = (served(self.cycles, board), view.served(board));
            if named > kept && view.is_credible(board) && day(named) >= day(kept) {
                set_served(&mut self.cycles, board, named);
            }
        }
        let whole = Board::ALL.map(|board| {
            let cycle = served(self.cycles, board);
            if cycle == 0 {
                self.first_day
            } else {
                view.cycle(board, cycle).day()
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
        let cycle = view.served(board);
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
            _ => view.draw_uniform(board, rng),
        };
        self.unsaved(page)
    }

    /// Opens what is for this conversation on a page. How many messages were new.
    pub fn read_page(&mut self, view: &View, board: Board, bytes: &[u8]) -> Unsaved<State, usize> {
        let mut found = 0;
        if let Ok((header, envelopes)) = PageHeader::parse(bytes) {
            let named = view.served(board);
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
            None => seal_cover(self.line, view, self.desk, rng)?,
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
        let cycle = view.served(board);
        if cycle == 0 || cycle != served(self.cycles, board) {
            return None;
        }
        let cycle = view.cycle(board, cycle);
        self.conversation
            .own_page(board, cycle, choice, view.pages(board))
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

    fn unsaved<T>(&self, value: T) -> Unsaved<State, T> {
        Unsaved::new(self.to_bytes(), value)
    }
}
