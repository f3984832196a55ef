//! The desk's engine: publishes prekeys, recognises what is in the inbox, answers, writes boards.
//!
//! One drainer per desk keeps its state in rows; each change names the rows it touched, which are
//! saved before anything is sent.

mod absence;
mod board;
mod case;
mod entry;
mod files;
mod identity;
mod inbox;
mod index;
mod luck;
mod pending;
mod prekeys;
mod round;
mod rows;
mod thread;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Published, day_of},
    conversation::Content,
    drain::Cursor,
    id::{Board, LineId},
    limits::{BODY_BYTES, FIRST_TEXT_BYTES, TWICE_BYTES},
    message::{Flags, Kind},
    seal::Reject,
    statement::{LineStatement, Policy},
};

pub use self::{
    absence::{Missed, Reach, missed, reach},
    case::Case,
    entry::{Attachment, Direction, Entry, Status},
    files::FileState,
    identity::{Identity, SigningKey},
    inbox::Batch,
    round::{Rounded, Rounds, Shared},
    rows::{Row, RowError, RowKeeper, Rows},
};
use self::{files::Files, inbox::Unopened, index::Index, luck::Luck, prekeys::Prekeys};
use crate::{
    attachment,
    keep::Unsaved,
    relay::Signer,
    text::{self, TextError},
    timetable::{Due, Progress, Timetable},
};

/// Everything one drainer knows.
pub struct Desk {
    identity: Identity,
    /// Its number in the line statement; 0 before it was seen there.
    number: u16,
    prekeys: Prekeys,
    progress: [Progress; 2],
    cursor: Option<Cursor>,
    cases: BTreeMap<u32, Case>,
    unopened: Unopened,
    files: Files,
    index: Index,
    /// Hashes of the bundles the relay has shown, with the UTC day of the last time.
    bundles: Vec<([u8; 32], u32)>,
    /// The UTC day on which what is past was last erased.
    expired: u32,
    changed: BTreeSet<Row>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk(..)")
    }
}

/// What is to be sent to the relay.
#[derive(Debug)]
pub enum Effect {
    /// PUT a statement of kind `desk`.
    Statement(Vec<u8>),
    /// PUT a page; then tell [`Desk::written`].
    Page(Due, Vec<u8>),
}

/// Why an analyst's command is refused. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Not a number that `list` shows.
    #[error("there is no conversation {0}; `sotto-desk list` shows them")]
    NoCase(u32),
    /// Not an attachment that `show` shows.
    #[error("there is no such attachment; `sotto-desk show` shows them with their numbers")]
    NoFile,
    /// Chunks are missing.
    #[error(
        "this attachment is still arriving: {done} of {total} parts are here. What is missing is asked for by itself",
        done = .0.done,
        total = .0.total
    )]
    Arriving(attachment::Progress),
    /// It does not fit its manifest.
    #[error(
        "this attachment is not what its sender described and cannot be opened; ask for it again in an answer"
    )]
    BrokenFile,
    /// The text cannot be sent.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Something in it cannot be sealed.
    #[error("the store is damaged; restore it from your copy")]
    Broken,
    /// The line statement does not name this device.
    #[error(
        "this device is not part of the line yet; give its card to the administrator and wait for `sotto line publish`"
    )]
    NotListed,
}

impl From<Reject> for DeskError {
    fn from(_: Reject) -> Self {
        Self::Broken
    }
}

/// Saves rows before giving the value away.
pub type Change<T> = Unsaved<Rows, T>;

impl Desk {
    /// A desk that has yet to publish anything.
    pub fn begin(identity: Identity) -> Self {
        let mut desk = Self::empty(identity);
        desk.changed.insert(Row::Meta);
        desk
    }

    fn empty(identity: Identity) -> Self {
        Self {
            identity,
            number: 0,
            prekeys: Prekeys::default(),
            progress: [Progress::default(); 2],
            cursor: None,
            cases: BTreeMap::new(),
            unopened: Unopened::default(),
            files: Files::default(),
            index: Index::default(),
            bundles: Vec::new(),
            expired: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Everything that has yet to be saved.
    pub fn saved(&mut self) -> Change<()> {
        self.change(())
    }

    /// Who this device is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How this device signs its requests to the relay that the line statement names.
    pub fn signer(&self, line: &LineStatement) -> Signer {
        self.identity.signer(&line.relay.x25519)
    }

    /// What is due at `now`: statements to publish and pages to write.
    pub fn duties(
        &mut self,
        published: &Published,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<Vec<Effect>>, DeskError> {
        let listed = self.identity.desk_of(&published.line);
        self.number = listed.ok_or(DeskError::NotListed)?;
        self.remember_bundle(published.hash, day_of(now));
        let mut effects: Vec<Effect> = self
            .publish(published, now, rng)
            .into_iter()
            .map(Effect::Statement)
            .collect();
        let policy = &published.line.policy;
        for board in Board::ALL {
            for due in self.due(policy, board, now) {
                let page = self.compose(policy, due, now, rng)?;
                effects.push(Effect::Page(due, page));
            }
        }
        Ok(self.change(effects))
    }

    /// The relay has taken these pages.
    pub fn written(&mut self, pages: &[Due]) -> Change<()> {
        for due in pages {
            let count = self.pages(due.board, due.cycle).unwrap_or(1);
            *self.progress_mut(due.board) = due.after(count);
        }
        self.changed.insert(Row::Meta);
        self.change(())
    }

    /// Seconds from `now` until the next page is due, at most `most`.
    pub fn idle(&self, policy: &Policy, now: u64, most: u64) -> u64 {
        let next = Board::ALL.into_iter().filter_map(|board| {
            timetable(policy, board).next(self.progress(board), |cycle| self.pages(board, cycle))
        });
        next.map(|moment| moment.saturating_sub(now))
            .fold(most, u64::min)
    }

    /// Where the next request to the inbox goes on.
    pub const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Conversations by number.
    pub const fn cases(&self) -> &BTreeMap<u32, Case> {
        &self.cases
    }

    /// The analyst has seen a conversation.
    pub fn read(&mut self, number: u32) -> Result<Change<()>, DeskError> {
        let case = self.cases.get_mut(&number);
        case.ok_or(DeskError::NoCase(number))?.mark_read();
        self.changed.insert(Row::Case(number));
        Ok(self.change(()))
    }

    /// Queues an answer; it stands on the boards from the next page on until it is acknowledged.
    pub fn reply(
        &mut self,
        number: u32,
        text: &str,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<()>, DeskError> {
        let parts = text::split(text)?;
        let case = self.cases.get_mut(&number);
        let case = case.ok_or(DeskError::NoCase(number))?;
        let (id, luck) = (rng.next_u64(), Luck::make(rng));
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        for (part, body) in (0..).zip(parts) {
            let content = Content {
                kind: Kind::Text,
                flags: Flags::None,
                id,
                part,
                parts: count,
                body,
            };
            case.answer(content, now, &luck);
        }
        self.index.enter(number, case);
        self.changed.insert(Row::Case(number));
        Ok(self.change(()))
    }

    fn remember_bundle(&mut self, hash: [u8; 32], today: u32) {
        let known = self.bundles.iter_mut().find(|(known, _)| *known == hash);
        match known {
            Some((_, day)) if *day == today => return,
            Some((_, day)) => *day = today,
            None => self.bundles.push((hash, today)),
        }
        self.bundles
            .retain(|(_, day)| day.saturating_add(BUNDLE_DAYS) > today);
        self.changed.insert(Row::Meta);
    }

    /// A tip sealed under a bundle this desk never saw raises an alarm: somebody may have been shown
    /// keys of their own.
    fn see_bundle(&mut self, number: u32, hash: &[u8; 32]) {
        let is_known = self.bundles.iter().any(|(known, _)| known == hash);
        if let Some(case) = self.cases.get_mut(&number).filter(|_| !is_known) {
            case.is_foreign = true;
        }
    }

    const fn line(&self) -> LineId {
        self.identity.line()
    }

    const fn progress(&self, board: Board) -> Progress {
        let [new, old] = self.progress;
        match board {
            Board::New => new,
            Board::Old => old,
        }
    }

    const fn progress_mut(&mut self, board: Board) -> &mut Progress {
        let [new, old] = &mut self.progress;
        match board {
            Board::New => new,
            Board::Old => old,
        }
    }

    fn pages(&self, board: Board, cycle: u64) -> Option<u32> {
        self.prekeys.boards.pages(board, cycle)
    }

    fn due(&self, policy: &Policy, board: Board, now: u64) -> Vec<Due> {
        timetable(policy, board).due(self.progress(board), now, |cycle| self.pages(board, cycle))
    }

    fn change<T>(&mut self, value: T) -> Change<T> {
        let rows = self.rows();
        Unsaved::new(rows, value)
    }
}

const fn timetable(policy: &Policy, board: Board) -> Timetable {
    Timetable {
        board,
        seconds: policy.cycle_seconds(board),
    }
}

/// Days for which bundles are remembered: longer than the relay keeps what was sealed under one.
const BUNDLE_DAYS: u32 = 30;
const _: () = assert!(FIRST_TEXT_BYTES + TWICE_BYTES <= BODY_BYTES);
