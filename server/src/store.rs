//! What the relay keeps, as a few whole domain operations.
//!
//! Every operation is atomic and may be repeated: an answer that was lost costs nothing but asking
//! again. Time is an argument. Contents are opaque here; what may be stored is decided in `relay`.
//! The contract below is tested on every backend by `tests/store.rs`.

pub mod backup;
mod embedded;
pub mod format;
mod redis;
pub mod sealed;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use sotto_protocol::{
    drain::{Cursor, DrainPage},
    envelope::Class,
    hash,
    id::{Address, Board, DeviceId, LineId},
    limits::TOKEN_CHUNKS,
    log::LogPage,
};

pub use self::{
    embedded::{Embedded, Medium},
    redis::{Redis, RedisSettings, RedisTls},
    sealed::Sealed,
};
use crate::epochs::EpochError;

/// Arrival times are kept in steps of this many seconds.
pub const ARRIVAL_STEP_SECONDS: u64 = 600;

/// An envelope or chunk on its way in.
#[derive(Debug, Clone)]
pub struct Post {
    /// What size it has.
    pub class: Class,
    /// Written once: a second post to an address changes nothing.
    pub address: Address,
    /// The whole body, header included; to a store opaque, but that its third byte is its class.
    pub body: Bytes,
}

/// One page of one cycle of one board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSlot {
    /// The board.
    pub board: Board,
    /// The cycle.
    pub cycle: u64,
    /// From 0.
    pub page: u32,
}

/// A page as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The newest whole cycle of the board, 0 before the first.
    pub cycle: u64,
    /// The 8 envelopes; `None` where nobody wrote them.
    pub body: Option<Bytes>,
}

/// What waits for a line's drainers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// How many records.
    pub records: u64,
    /// When the oldest arrived, rounded as it is kept.
    pub oldest: Option<u64>,
}

/// A signed statement under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Unique within the line, for example `desk.1.20780`.
    pub name: String,
    /// A lower one never replaces a higher one.
    pub serial: u64,
    /// DSSE JSON as it was put.
    pub json: Bytes,
}

/// What a token is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// Hash of it: the same for every repeat.
    pub what: [u8; 32],
    /// How much of a token it takes, of [`SHARES`].
    pub share: u8,
    /// When the token is good for nothing any more, in unix seconds.
    pub until: u64,
}

/// What a whole token is.
pub const SHARES: u8 = TOKEN_CHUNKS;

/// How much a backend promises; printed at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk before the answer.
    Synced,
    /// On disk within a second; a crash of the store's machine may lose that second.
    EverySecond,
    /// Written ahead, but this relay may not ask how often it reaches the disk.
    Unknown,
    /// In memory only.
    Volatile,
    /// On one node of several before the answer: when it dies, what its replica had not got is lost.
    Failover,
    /// On as many replicas as asked for before the answer.
    Replicated,
}

impl Durability {
    /// What an acknowledged message survives, for the operator.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Synced => "every message is on disk before it is acknowledged",
            Self::EverySecond => "a crash of the store's machine may lose the last second",
            Self::Unknown => "written ahead; how often it is synced is not visible from here",
            Self::Failover => {
                "when a node of the store dies, what its replica had not got yet is lost"
            }
            Self::Replicated => "every message is held by replicas too before it is acknowledged",
            Self::Volatile => "IN MEMORY ONLY: a restart of the store loses every message",
        }
    }
}

/// Why an operation did not happen, or is not known to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer; the operation may or may not have happened and is safe to repeat.
    #[error("the store does not answer")]
    Unavailable,
    /// Too much is waiting; nothing happened.
    #[error("the store is busy")]
    Full,
    /// What is stored has taken all the room there is; nothing happened.
    #[error(
        "the store has no room left and refuses what is new until there is; enlarge the disk (or Redis's maxmemory), or call the desks to drain"
    )]
    NoRoom,
    /// What was read back is not what was written.
    #[error("the store holds something this relay did not write")]
    Corrupt,
    /// Its layout is of a version this relay does not know yet.
    #[error(
        "the store was written by a newer sotto-relay; run that version, or restore a backup into a new store"
    )]
    Newer,
    /// It carries no version that ever was.
    #[error(
        "the store carries no format number that a sotto-relay ever wrote; name an empty place, or the right one"
    )]
    Foreign,
    /// The store is set up to throw messages away when it is full.
    #[error("the store evicts keys when full; set Redis's maxmemory-policy to noeviction")]
    Evicts,
    /// The cursor belongs to another life of the store; read from the start.
    #[error("the cursor is of another incarnation")]
    Incarnation,
    /// The retention keys cannot be read or written.
    #[error("{0}")]
    Keys(EpochError),
    /// It belongs to another key file.
    #[error(
        "it was written with another retention key file than the one at retention_keys. Put that file back; if it is lost, nothing that waits in the store can be read any more: start with an empty store, and let every line and desk publish again"
    )]
    OtherKeys,
    /// A key is missing that was not destroyed on time.
    #[error(
        "a retention key is missing, so that some of what waits cannot be read; put the newest copy of the retention key file back"
    )]
    Keyless,
    /// What is in it was stored in clear, by a version from before retention keys.
    #[error(
        "it was written by a version that kept messages without retention keys. Let every desk drain it with that version, then start this one with an empty store, and let every line and desk publish again"
    )]
    Unsealed,
    /// A lower serial, or a log position already taken by another record.
    #[error("something newer is stored already")]
    Conflict,
    /// The user of this relay may not do what it has to.
    #[error(
        "Redis refuses this relay's user or password; give it the user of server/deploy/redis/users.acl"
    )]
    Denied,
    /// A URL or a certificate cannot be read.
    #[error(
        "a url or certificate of [store] is none; urls are redis://, rediss:// or redis+unix://, certificates PEM"
    )]
    Address,
    /// A Cluster was expected.
    #[error("this Redis is no Cluster; set cluster-enabled there, or kind = \"redis\" here")]
    NoCluster,
    /// A single Redis was expected.
    #[error("this Redis is a node of a Cluster; set kind = \"redis-cluster\" and urls here")]
    IsCluster,
    /// Nothing could be acknowledged.
    #[error(
        "a master has fewer replicas than replicas_acknowledge asks for; add replicas or lower it"
    )]
    Replicas,
}

/// The relay's memory.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Appends to the line's inbox once per address. `Ok` means durable as configured. An address is
    /// remembered at least until its arrival is past in a [`Self::sweep`].
    async fn append(&self, line: LineId, post: Post, now: u64) -> Result<(), StoreError>;

    /// Up to `max` records of one shard after the cursor, oldest first; of shard 0 from the start
    /// without one, and from the start for position 0. Positions rise within a shard, and across
    /// shards in the order of arrival as far as it is known.
    ///
    /// # Errors
    /// [`StoreError::Incarnation`] for a cursor of another incarnation, or of no shard.
    async fn read(
        &self,
        line: LineId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, StoreError>;

    /// How much waits in the inbox. Positions in between have no gaps, so that looking for the last
    /// one takes a few reads of one record; a backend that can count may do so.
    async fn waiting(&self, line: LineId) -> Result<Waiting, StoreError> {
        let first = self.read(line, None, 1).await?;
        let Some(oldest) = first.records.first() else {
            return Ok(Waiting::default());
        };
        let last = last_position(self, line, first.cursor).await?;
        Ok(Waiting {
            records: last.saturating_sub(oldest.position).saturating_add(1),
            oldest: Some(oldest.arrived),
        })
    }

    /// Remembers how far `device` has read a shard, and deletes what all of `drainers` have read.
    async fn acknowledge(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError>;

    /// Writes a page once. When all `pages` of a cycle newer than the served one are there, that
    /// cycle is served in the same step, and older ones are deleted; the one served before may stay
    /// until the next.
    async fn write_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: Bytes,
    ) -> Result<(), StoreError>;

    /// The page of the served cycle.
    async fn read_page(&self, line: LineId, board: Board, page: u32) -> Result<Served, StoreError>;

    /// The served cycles of *new* and *old*.
    async fn served(&self, line: LineId) -> Result<[u64; 2], StoreError>;

    /// Whether `token` was never spent before; remembered until `until`.
    async fn spend(
        &self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, StoreError>;

    /// Spends of a token what `spending` takes. Whether it may be: the same was spent before, or so
    /// much of the token is left. Write-once, and remembered until it is good for nothing any more.
    async fn redeem(
        &self,
        line: LineId,
        token: [u8; 32],
        spending: Spending,
        now: u64,
    ) -> Result<bool, StoreError>;

    /// Puts a statement unless one of a higher serial, or another one of the same, has its name.
    async fn put_statement(&self, line: LineId, statement: Stored) -> Result<(), StoreError>;

    /// All statements of a line, ordered by name.
    async fn statements(&self, line: LineId) -> Result<Vec<Stored>, StoreError>;

    /// Forgets statements that are past.
    async fn remove_statements(&self, line: LineId, names: &[String]) -> Result<(), StoreError>;

    /// Appends a log record at `position`. The same record there already is success.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another record stands there, or stood there and is deleted, or
    /// one before it is missing.
    async fn append_log(
        &self,
        line: LineId,
        log: u16,
        position: u64,
        record: Bytes,
    ) -> Result<(), StoreError>;

    /// Remembers that `device` holds every record of a log before `position`, and deletes what all of
    /// `devices` hold, but never the newest record.
    async fn acknowledge_log(
        &self,
        line: LineId,
        log: u16,
        (device, position): (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError>;

    /// Up to `max` records from position `from` on, as far as they are not deleted.
    async fn read_log(
        &self,
        line: LineId,
        log: u16,
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError>;

    /// Deletes inbox records that arrived before `before`, and whatever else is past at `now`.
    async fn sweep(&self, line: LineId, before: u64, now: u64) -> Result<(), StoreError>;

    /// Whether the store answers and may be trusted with messages.
    async fn check(&self) -> Result<Durability, StoreError>;
}

/// The shard of an address: the same for every repeat of it, whichever relay takes it. No key is in
/// it, since one that got lost would send a repeat elsewhere; who chooses addresses for one shard
/// makes a flood no larger.
pub(crate) fn shard_of(line: LineId, address: Address, shards: u16) -> u16 {
    let hash = hash::digest(&[b"sotto/1 shard", &line.0, &address.0]);
    let [a, b, ..] = hash;
    u16::from_le_bytes([a, b]) % shards.max(1)
}

/// The highest position of an inbox that has a record at `first`: ever larger steps, then halves.
async fn last_position<S: Store + ?Sized>(
    store: &S,
    line: LineId,
    first: Cursor,
) -> Result<u64, StoreError> {
    let is_after = async |position| {
        let after = Cursor { position, ..first };
        let page = store.read(line, Some(after), 1).await?;
        Ok::<bool, StoreError>(page.cursor.position > position)
    };
    let (mut low, mut step) = (first.position, 1_u64);
    while is_after(low.saturating_add(step).saturating_sub(1)).await? {
        low = low.saturating_add(step);
        step = step.saturating_mul(2);
    }
    // There is a record at `low`, and none after `low + step - 1`.
    let mut high = low.saturating_add(step).saturating_sub(1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_after(middle).await? {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Seconds rounded down to what is kept of an arrival time.
pub(crate) const fn arrival(now: u64) -> u64 {
    now - now % ARRIVAL_STEP_SECONDS
}

/// The class of a body as it is stored, sealed or not.
pub(crate) fn class_of(body: &[u8]) -> Result<u8, StoreError> {
    let class = body.get(2).copied();
    class
        .filter(|class| *class <= Class::Chunk.byte())
        .ok_or(StoreError::Corrupt)
}

/// What was spent of a token: 32 bytes of what and one of share, again and again. What it is once
/// `spending` is in it, itself where it was before, or `None` where too little is left.
pub(crate) fn redeemed(spent: &[u8], spending: &Spending) -> Result<Option<Vec<u8>>, StoreError> {
    let (entries, rest) = spent.as_chunks::<33>();
    if !rest.is_empty() {
        return Err(StoreError::Corrupt);
    }
    let mut left = SHARES;
    for [what @ .., share] in entries {
        if *what == spending.what {
            return Ok(Some(spent.to_vec()));
        }
        left = left.saturating_sub(*share);
    }
    let is_left = spending.share <= left;
    Ok(is_left.then(|| [spent, &spending.what, &[spending.share]].concat()))
}
