//! A Redis or a Redis Cluster that the operator runs.
//!
//! Bodies never pass through a script: an atomic batch sets the body and runs a small script that
//! enters it into the index. Whatever is retried changes nothing the second time. Single node and
//! Cluster are one path: what a batch touches is always in one slot.

mod batch;
mod boards;
mod connections;
mod examine;
mod fault;
mod inbox;
mod keys;
mod lines;
mod logs;
mod settings;
mod tokens;
mod values;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use redis::{FromRedisValue, cmd};
use sotto_protocol::{
    drain::{Cursor, DrainPage},
    hash,
    id::{Board, DeviceId, LineId},
    limits::SHARDS_MAX,
    log::LogPage,
};

pub use self::settings::{RedisSettings, RedisTls};
use self::{
    batch::Batch,
    connections::Connections,
    inbox::command,
    keys::Keys,
    lines::Lines,
    values::{accepted, stored},
};
use super::{Durability, PageSlot, Post, Served, Spending, Store, StoreError, Stored, Waiting};

/// A store in Redis.
pub struct Redis {
    connections: Connections,
    lines: Lines,
    /// Of a line that is new.
    shards: u16,
    seed: u64,
    calls: AtomicU64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

impl Redis {
    /// Connects to one Redis with `connections` multiplexed connections; two are right for everything
    /// but `appendfsync always`. `seed` is any random number.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn connect(url: &str, connections: usize, seed: u64) -> Result<Self, StoreError> {
        Self::open(&RedisSettings::single(url, connections, seed)).await
    }

    /// Connects as the settings say.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where nobody answers, [`StoreError::Address`] where an address or
    /// certificate is none, [`StoreError::Denied`] where the user may not do what the relay does,
    /// [`StoreError::NoCluster`] where a Cluster was expected.
    pub async fn open(settings: &RedisSettings) -> Result<Self, StoreError> {
        Ok(Self {
            connections: Connections::open(settings).await?,
            lines: Lines::default(),
            shards: settings.shards.clamp(1, SHARDS_MAX),
            seed: settings.seed,
            calls: AtomicU64::new(0),
        })
    }

    async fn run<T: FromRedisValue>(&self, batch: Batch) -> Result<T, StoreError> {
        self.connections.run(batch).await
    }

    /// A number that was not there before.
    fn fresh(&self) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let hash = hash::digest(&[&self.seed.to_le_bytes(), &call.to_le_bytes()]);
        hash.first_chunk()
            .map_or(call, |bytes| u64::from_le_bytes(*bytes))
    }
}

#[async_trait]
impl Store for Redis {
    async fn append(&self, line: LineId, post: Post, now: u64) -> Result<(), StoreError> {
        self.append_post(line, &post, now).await
    }

    async fn read(
        &self,
        line: LineId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, StoreError> {
        self.read_shard(line, after.unwrap_or_default(), max).await
    }

    async fn waiting(&self, line: LineId) -> Result<Waiting, StoreError> {
        self.waiting_in(line).await
    }

    async fn acknowledge(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError> {
        self.acknowledge_shard(line, device, cursor, drainers).await
    }

    async fn write_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: Bytes,
    ) -> Result<(), StoreError> {
        self.put_page(line, slot, pages, &body).await
    }

    async fn read_page(&self, line: LineId, board: Board, page: u32) -> Result<Served, StoreError> {
        self.page(line, board, page).await
    }

    async fn served(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        self.cycles(line).await
    }

    async fn spend(
        &self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("redis/spend.lua"))
            .arg(1)
            .arg(Keys::spent(line, &token))
            .arg(self.fresh())
            .arg(until.saturating_sub(now).max(1));
        let (first,): (u8,) = self.run(Batch::of(script)).await?;
        Ok(first == 1)
    }

    async fn redeem(
        &self,
        line: LineId,
        token: [u8; 32],
        spending: Spending,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.redeem_token(line, &token, spending, now).await
    }

    async fn put_statement(&self, line: LineId, statement: Stored) -> Result<(), StoreError> {
        let keys = Keys::line(line);
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("redis/put_statement.lua"))
            .arg(1)
            .arg(keys.statements())
            .arg(statement.name)
            .arg(format!("{:016x}", statement.serial))
            .arg(statement.json.as_ref());
        accepted(self.run(Batch::of(script).kept(keys.beat())).await?)
    }

    async fn statements(&self, line: LineId) -> Result<Vec<Stored>, StoreError> {
        let ask = Batch::of(command("HGETALL", &Keys::line(line).statements(), &[]));
        let (rows,): (Vec<(String, Vec<u8>)>,) = self.run(ask).await?;
        let mut all: Vec<Stored> = rows
            .into_iter()
            .map(|(name, value)| stored(name, &value).ok_or(StoreError::Corrupt))
            .collect::<Result<_, _>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    async fn remove_statements(&self, line: LineId, names: &[String]) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let remove = Batch::of(command("HDEL", &Keys::line(line).statements(), &names));
        self.run::<((),)>(remove).await.map(drop)
    }

    async fn append_log(
        &self,
        line: LineId,
        log: u16,
        position: u64,
        record: Bytes,
    ) -> Result<(), StoreError> {
        self.append_record((line, log), position, &record).await
    }

    async fn acknowledge_log(
        &self,
        line: LineId,
        log: u16,
        holds: (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError> {
        self.acknowledge_records((line, log), holds, devices).await
    }

    async fn read_log(
        &self,
        line: LineId,
        log: u16,
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError> {
        self.records((line, log), from, max).await
    }

    async fn sweep(&self, line: LineId, before: u64, _now: u64) -> Result<(), StoreError> {
        for shard in 0..self.shards(line).await? {
            self.sweep_shard(&Keys::shard(line, shard), before).await?;
        }
        Ok(())
    }

    async fn check(&self) -> Result<Durability, StoreError> {
        self.connections.examine().await
    }
}
