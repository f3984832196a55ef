//! The desk's engine: publishes prekeys, recognises what is in the inbox, answers, writes boards.
//!
//! A device keeps its state in rows; each change names the rows it touched, which are saved before
//! anything is sent. What the devices of a desk share changes by events alone, in the order of
//! their log.

mod absence;
mod apply;
mod board;
mod case;
mod entry;
mod event;
mod files;
mod identity;
mod inbox;
mod index;
mod keeper;
mod luck;
mod membership;
mod pending;
mod places;
mod prekeys;
mod queue;
mod recent;
mod round;
mod rows;
mod shards;
mod snapshot;
mod stood;
mod thread;
mod tick;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Published, day_of},
    drain::Cursor,
    id::{Board, DeviceId, LineId},
    limits::{BODY_BYTES, FIRST_TEXT_BYTES, TWICE_BYTES},
    message::Kind,
    seal::Reject,
    statement::{LineStatement, Policy},
};

pub use self::{
    absence::{Missed, Reach, missed, reach},
    board::seal_filler,
    case::Case,
    entry::{Attachment, Direction, Entry, Status},
    files::FileState,
    identity::{Identity, SigningKey},
    inbox::Batch,
    membership::LiveLog,
    round::{Rounded, Rounds, Shared},
    rows::{Row, RowError, RowKeeper, Rows},
    tick::SignedRoster,
};
use self::{
    event::{Answer, Event},
    files::Files,
    inbox::Unopened,
    index::Index,
    luck::Luck,
    membership::Membership,
    prekeys::Prekeys,
    queue::Queue,
    recent::Recent,
    shards::Shards,
    stood::Stood,
};
use crate::{
    attachment,
    keep::Unsaved,
    log::{Alarm, ReplayError},
    relay::Signer,
    text::{self, TextError},
    timetable::{Due, Progress, Timetable},
};

/// Everything one device knows.
pub struct Desk {
    identity: Identity,
    /// Its number in the line statement; 0 before it was seen there.
    number: u16,
    prekeys: Prekeys,
    progress: [Progress; 2],
    shards: Shards,
    recent: Recent,
    cases: BTreeMap<u32, Case>,
    unopened: Unopened,
    files: Files,
    index: Index,
    /// Hashes of the bundles the relay has shown, with the UTC day of the last time.
    bundles: Vec<([u8; 32], u32)>,
    /// The UTC day on which what is past was last erased.
    expired: u32,
    /// Who writes the boards, and since when in unix seconds.
    keeper: Option<(DeviceId, u64)>,
    /// When somebody worked at this device last, in unix seconds.
    used: u64,
    membership: Membership,
    queue: Queue,
    stood: Stood,
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
    /// The desk's log says that the relay or a device does not play fair.
    #[error(transparent)]
    Log(Alarm),
    /// What the relay answered does not go on with the desk's log.
    #[error(transparent)]
    Replay(ReplayError),
    /// The line statement does not name this device.
    #[error(
        "this device is not part of the line yet; give its card to the administrator and wait for `sotto line publish`"
    )]
    NotListed,
    /// The line statement is older than one seen before.
    #[error(
        "the relay sent older keys than this desk has seen before; nothing was published, ask its operator"
    )]
    RolledBack,
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
            membership: Membership::of(identity.id()),
            queue: Queue::default(),
            stood: Stood::default(),
            keeper: None,
            used: 0,
            identity,
            number: 0,
            prekeys: Prekeys::default(),
            progress: [Progress::default(); 2],
            shards: Shards::default(),
            recent: Recent::default(),
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

    /// What is due at `now`: statements to publish and pages to write. `served` is the cycle of
    /// *new* that the relay serves.
    pub fn duties(
        &mut self,
        published: &Published,
        served: u64,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<Vec<Effect>>, DeskError> {
        self.note_line(published.line.serial)?;
        let listed = self.identity.desk_of(&published.line);
        self.number = listed.ok_or(DeskError::NotListed)?;
        self.submit(Event::Bundle {
            hash: published.hash,
            day: day_of(now),
        });
        self.claim_boards(&published.line.policy, served, now);
        self.take_boards_over(&published.line.policy, now);
        let mut effects: Vec<Effect> = self
            .publish(published, now, rng)
            .into_iter()
            .map(Effect::Statement)
            .collect();
        let policy = &published.line.policy;
        let boards: &[Board] = if self.keeps_boards() {
            &Board::ALL
        } else {
            &[]
        };
        for board in boards.iter().copied() {
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
            self.stood.written(*due);
        }
        self.changed.extend([Row::Meta, Row::Stood]);
        self.change(())
    }

    /// Seconds from `now` until the next page or record is due, at most `most`.
    pub fn idle(&self, policy: &Policy, now: u64, most: u64) -> u64 {
        let most = most.min(self.until_tick(now));
        let boards = Board::ALL.into_iter().filter(|_| self.keeps_boards());
        let next = boards.filter_map(|board| {
            timetable(policy, board).next(self.progress(board), |cycle| self.pages(board, cycle))
        });
        next.map(|moment| moment.saturating_sub(now))
            .fold(most, u64::min)
    }

    /// Up to where a shard of the inbox was read.
    pub fn cursor(&self, shard: u16) -> Option<Cursor> {
        self.shards.cursor(shard)
    }

    /// Conversations by number.
    pub const fn cases(&self) -> &BTreeMap<u32, Case> {
        &self.cases
    }

    /// The analyst has seen a conversation.
    pub fn read(&mut self, number: u32) -> Result<Change<()>, DeskError> {
        let case = self.cases.get(&number);
        let texts = case.ok_or(DeskError::NoCase(number))?.entries().len();
        let texts = u32::try_from(texts).unwrap_or(u32::MAX);
        self.submit(Event::Read {
            case: number,
            texts,
        });
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
        let texts = text::split(text)?;
        if !self.cases.contains_key(&number) {
            return Err(DeskError::NoCase(number));
        }
        let id = rng.next_u64();
        let parts = u8::try_from(texts.len()).unwrap_or(u8::MAX);
        for (part, body) in (0..).zip(texts) {
            self.submit(Event::Answer(Answer {
                case: number,
                kind: Kind::Text,
                id,
                part,
                parts,
                at: now,
                luck: Luck::make(rng),
                body: body.to_vec().into(),
            }));
        }
        Ok(self.change(()))
    }

    /// A tip sealed under a bundle this desk never saw raises an alarm: somebody may have been shown
    /// keys of their own.
    fn is_foreign(&self, hash: &[u8; 32]) -> bool {
        let mut known = self.bundles.iter();
        known.all(|(known, _)| known != hash) && !self.queue.has_bundle(hash)
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
