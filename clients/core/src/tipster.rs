//! The tipster's engine: what a phone does for one person with one code.
//!
//! It never asks for anything that depends on whether there is mail: its pages are its own by a PRF,
//! and it only fills turns that would otherwise be cover. The same engine serves a person who keeps
//! nothing on a phone: then everything is made from the code, and the state is thrown away.

mod files;
mod inbox;
mod outbox;
mod post;
mod state;
mod thread;
mod view;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Seen, day_of},
    code::CodeKeys,
    conversation::Conversation,
    id::{Board, LineId},
    limits::CYCLE_PAST_SECONDS,
    message::{Flags, Kind},
};
use zeroize::Zeroizing;

use self::{
    files::File,
    inbox::Incoming,
    outbox::Item,
    thread::Thread,
    view::{served, set_served},
};
pub use self::{
    files::{AttachError, Attached, MAX_ATTACHED},
    outbox::{Sent, Stage},
    post::{Post, seal_cover},
    view::View,
};
use crate::{
    draws::Drawn,
    keep::Unsaved,
    text::{self, TextError},
};

/// The bytes a vault keeps.
pub type State = Zeroizing<Vec<u8>>;

/// One person with one line, under one code.
pub struct Tipster {
    line: LineId,
    keys: CodeKeys,
    desk: u16,
    seen: Seen,
    cycles: [u64; 2],
    /// In order of their beginning: more than one only while an earlier one may still be answered.
    threads: Vec<Thread>,
    outbox: Vec<Item>,
    inbox: Vec<Incoming>,
    /// Messages and parts that were read, oldest first.
    known: Vec<(u64, u8)>,
    /// Confirmations the desk has opened.
    confirmed: Vec<u64>,
    sent: Vec<Sent>,
    files: Vec<File>,
    must_acknowledge: bool,
    /// How often the app was opened with this code.
    openings: u32,
    /// Messages of this person that the desk says it has opened, as a receipt counts them.
    receipts: u32,
}

impl std::fmt::Debug for Tipster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tipster(..)")
    }
}

/// Envelopes that wait or are not known to be opened: more than half of a compartment's room.
const MAX_WAITING: usize = 16;
/// Texts and files that are remembered by their receipts.
const MAX_SENT: usize = 64;

impl Tipster {
    /// A person who has never written before. `desk` 0 is the line's first.
    pub fn begin(
        line: LineId,
        keys: CodeKeys,
        desk: u16,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let conversation = Conversation::begin(line, day_of(now), false, rng);
        Self::with(line, keys, desk, conversation)
    }

    /// A person whose phone is lost and who keeps the conversation on this one from now on.
    pub fn come_back(
        line: LineId,
        keys: CodeKeys,
        desk: u16,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let conversation = Conversation::begin(line, day_of(now), true, rng);
        Self::with(line, keys, desk, conversation)
    }

    /// A person who keeps nothing: everything is made from the code, for one sitting.
    pub fn recall(line: LineId, keys: CodeKeys, desk: u16) -> Self {
        let conversation = Conversation::leave_nothing(line, &keys.leave);
        Self::with(line, keys, desk, conversation)
    }

    fn with(line: LineId, keys: CodeKeys, desk: u16, conversation: Conversation) -> Self {
        Self {
            line,
            keys,
            desk,
            seen: Seen::default(),
            cycles: [0; 2],
            threads: vec![Thread::new(conversation)],
            outbox: Vec::new(),
            inbox: Vec::new(),
            known: Vec::new(),
            confirmed: Vec::new(),
            sent: Vec::new(),
            files: Vec::new(),
            must_acknowledge: false,
            openings: 0,
            receipts: 0,
        }
    }

    /// Tells the desk that this person will keep nothing from now on. Once it is posted, the vault
    /// may be wiped.
    pub fn leave(&mut self) -> Unsaved<State, ()> {
        if !self.keeps_nothing() {
            let conversation = Conversation::leave_nothing(self.line, &self.keys.leave);
            self.threads.push(Thread::new(conversation));
        }
        self.unsaved(())
    }

    /// Whether nothing of this is meant to be kept.
    pub fn keeps_nothing(&self) -> bool {
        let newest = self.threads.last();
        newest.is_some_and(|thread| thread.conversation.beginning() == Flags::LeaveNothing)
    }

    /// Puts a text into the outbox.
    pub fn write(
        &mut self,
        text: &str,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Unsaved<State, ()>, TextError> {
        let parts = text::split(text)?;
        let id = rng.next_u64();
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        if self.outbox.len() + parts.len() > MAX_WAITING {
            return Err(TextError::Backlog);
        }
        for (part, body) in (0..).zip(parts) {
            self.outbox
                .push(Item::new(Kind::Text, id, (part, count), body));
        }
        self.note_sent(Sent::new(id, now));
        Ok(self.unsaved(()))
    }

    fn note_sent(&mut self, sent: Sent) {
        self.sent.push(sent);
        let excess = self.sent.len().saturating_sub(MAX_SENT);
        self.sent.drain(..excess);
    }

    /// The app is open: what a verified bundle says to remember, and one opening more.
    pub fn opened(&mut self, view: &View) -> Unsaved<State, ()> {
        self.openings = self.openings.saturating_add(1);
        // The word of somebody who came back may have been lost: it is sent again, ever more rarely.
        if let Some(newest) = self.threads.last_mut()
            && self.openings.is_power_of_two()
            && !newest.has_spoken
        {
            newest.is_announced &= !newest.conversation.beginning().is_recontact();
        }
        self.seen = view.bundle.seen.clone();
        self.saw(view)
    }

    /// Takes the cycles last named; never goes back to an older one.
    pub fn saw(&mut self, view: &View) -> Unsaved<State, ()> {
        for board in Board::ALL {
            let named = view.served(board);
            if named > served(self.cycles, board) && view.is_credible(board, named) {
                set_served(&mut self.cycles, board, named);
            }
        }
        let days = Board::ALL.map(|board| {
            let cycle = served(self.cycles, board);
            view.cycle(board, cycle).day()
        });
        let [new, old] = days;
        let oldest = day_of(view.now.saturating_sub(CYCLE_PAST_SECONDS));
        for thread in &mut self.threads {
            let conversation = &mut thread.conversation;
            conversation.forget_pages_before(new.min(old).max(oldest));
        }
        self.unsaved(())
    }

    /// What each of this person's conversations has drawn, for [`crate::draws::Draws`].
    pub fn drawn(&self) -> impl Iterator<Item = Drawn> {
        self.threads.iter().map(|thread| thread.drawn)
    }

    /// Remembers what the conversation at `place` has drawn, before the page is asked for.
    pub fn draw(&mut self, place: usize, drawn: Drawn) -> Unsaved<State, ()> {
        if let Some(thread) = self.threads.get_mut(place) {
            thread.drawn = drawn;
        }
        self.unsaved(())
    }

    /// The own page of the conversation at `place`; `None` in an older cycle than before, or where
    /// the page key of its day is gone.
    pub fn own_page(&self, view: &View, board: Board, place: usize, choice: u8) -> Option<u32> {
        let cycle = view.served(board);
        if cycle == 0 || cycle != served(self.cycles, board) {
            return None;
        }
        let at = view.cycle(board, cycle);
        let conversation = &self.threads.get(place)?.conversation;
        conversation.own_page(board, at, choice, view.pages(board))
    }

    /// Highest serials seen, against rolled-back bundles.
    pub const fn seen(&self) -> &Seen {
        &self.seen
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

    /// What became of this person's texts and files, oldest first.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// How often the text at `place` of [`Self::sent`] was given to the relay in the newest
    /// conversation; 0 once it is opened.
    pub fn sendings(&self, place: usize) -> u32 {
        let id = self.sent.get(place).map(|sent| sent.id);
        let items = self.outbox.iter().filter(|item| Some(item.id) == id);
        items.map(Item::sendings).max().unwrap_or(0)
    }

    /// How many messages the desk says it has opened, as its last receipt counts them: all there is
    /// to know for somebody who keeps nothing.
    pub const fn receipts(&self) -> u32 {
        self.receipts
    }

    /// Texts and files still say where they are.
    fn restage(&mut self) {
        let unannounced: Vec<u64> = self
            .sent
            .iter()
            .map(|sent| sent.id)
            .filter(|id| self.is_unannounced(*id))
            .collect();
        for sent in &mut self.sent {
            if unannounced.contains(&sent.id) {
                // Its manifest is not in the outbox yet.
                continue;
            }
            let mut left = self.outbox.iter().filter(|item| item.id == sent.id);
            let stage = match (left.clone().next(), left.all(Item::is_held)) {
                (None, _) => Stage::Opened,
                (Some(_), true) => Stage::Held,
                (Some(_), false) => Stage::Waiting,
            };
            sent.stage = match stage {
                Stage::Opened => sent.stage.max(Stage::Opened),
                other => other,
            };
        }
    }

    fn unsaved<T>(&self, value: T) -> Unsaved<State, T> {
        Unsaved::new(self.to_bytes(), value)
    }
}
