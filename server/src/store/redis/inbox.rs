//! The inbox: shards of a line, each on a slot of its own.

use redis::{Cmd, cmd};
use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    id::{DeviceId, LineId},
    limits::{DAY_SECONDS, RETENTION_DAYS, SHARDS_MAX},
};

use super::{
    super::{Post, StoreError, Waiting, arrival, shard_of},
    Redis,
    batch::Batch,
    keys::Keys,
    values::{Row, incarnation},
};

/// Bodies, and the names that are left of them, outlive retention by a day; then Redis drops them itself.
pub(super) const LIFETIME_MS: u64 = (RETENTION_DAYS + 1) * DAY_SECONDS * 1_000;
/// Of a stream: its id, its fields.
type Entry = (String, Vec<Vec<u8>>);

/// How far a position may be ahead of the line's order while many post at once.
const BEHIND: u64 = 64;
/// Bodies asked for in one command.
const FETCH: usize = 16;

impl Redis {
    /// How many shards a line has: what the settings said when it was new.
    pub(super) async fn shards(&self, line: LineId) -> Result<u16, StoreError> {
        if let Some(shards) = self.lines.known(line) {
            return Ok(shards);
        }
        let keys = Keys::line(line);
        let ask = Batch::of(command("HGET", &keys.meta(), &[b"shards"]));
        let (mut kept,): (Option<u16>,) = self.run(ask).await?;
        if kept.is_none() {
            let wanted = self.shards.to_string();
            let set = command("HSETNX", &keys.meta(), &[b"shards", wanted.as_bytes()]);
            let set = Batch::of(set)
                .add(command("HGET", &keys.meta(), &[b"shards"]))
                .kept(keys.beat());
            ((), kept) = self.run(set).await?;
        }
        let kept = kept.filter(|shards| (1..=SHARDS_MAX).contains(shards));
        let shards = kept.ok_or(StoreError::Corrupt)?;
        self.lines.learn(line, shards);
        Ok(shards)
    }

    pub(super) async fn append_post(
        &self,
        line: LineId,
        post: &Post,
        now: u64,
    ) -> Result<(), StoreError> {
        let address = &post.address.0;
        let shards = self.shards(line).await?;
        let shard = shard_of(line, post.address, shards);
        let least = self.place(line, shards).await?;
        let keys = Keys::shard(line, shard);
        let mut set = cmd("SET");
        set.arg(keys.body(address))
            .arg(post.body.as_ref())
            .arg("NX");
        let mut enter = cmd("EVALSHA");
        enter
            .arg(self.connections.append.get_hash())
            .arg(3)
            .arg(keys.body(address))
            .arg(keys.meta())
            .arg(keys.index())
            .arg(arrival(now))
            .arg(LIFETIME_MS)
            .arg(address.as_slice())
            .arg(least);
        let batch = Batch::atomic().add(set).add(enter).kept(keys.beat());
        let ((), position): ((), u64) = self.run(batch).await?;
        if shards > 1 && position > least.saturating_add(BEHIND) {
            self.raise(line, position).await;
        }
        Ok(())
    }

    /// The next place in the order of a whole line, so that shards can be read as one inbox. Where it
    /// was lost and goes back, positions of a shard still rise.
    async fn place(&self, line: LineId, shards: u16) -> Result<u64, StoreError> {
        if shards == 1 {
            return Ok(0);
        }
        let next = Batch::of(command("INCR", &Keys::line(line).order(), &[]));
        let (place,): (u64,) = self.run(next).await?;
        Ok(place)
    }

    async fn raise(&self, line: LineId, position: u64) {
        let mut raise = cmd("EVAL");
        raise
            .arg(include_str!("raise.lua"))
            .arg(1)
            .arg(Keys::line(line).order())
            .arg(position);
        // Only the order of what comes next depends on it.
        let _later = self.run::<((),)>(Batch::of(raise)).await;
    }

    pub(super) async fn read_shard(
        &self,
        line: LineId,
        after: Cursor,
        max: usize,
    ) -> Result<DrainPage, StoreError> {
        let shards = self.shards(line).await?;
        if after.shard >= shards {
            return Err(StoreError::Incarnation);
        }
        let keys = Keys::shard(line, after.shard);
        let mut range = cmd("XRANGE");
        range
            .arg(keys.index())
            .arg(format!("{}-0", after.position.saturating_add(1)))
            .arg("+")
            .arg("COUNT")
            .arg(max);
        let (incarnation, rows): (u64, Vec<Entry>) = self.with_incarnation(&keys, range).await?;
        if after.position > 0 && after.incarnation != incarnation {
            return Err(StoreError::Incarnation);
        }
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|(id, fields)| Row::parse(&id, fields).ok_or(StoreError::Corrupt))
            .collect::<Result<_, _>>()?;
        let cursor = Cursor {
            incarnation,
            position: rows.last().map_or(after.position, |row| row.position),
            ..after
        };
        Ok(DrainPage {
            cursor,
            last_shard: shards.saturating_sub(1),
            records: self.bodies(&keys, rows).await?,
        })
    }

    /// How much is in all shards, by length and oldest entry of each index.
    pub(super) async fn waiting_in(&self, line: LineId) -> Result<Waiting, StoreError> {
        let mut all = Waiting::default();
        for shard in 0..self.shards(line).await? {
            let index = Keys::shard(line, shard).index();
            let oldest = command("XRANGE", &index, &[b"-", b"+", b"COUNT", b"1"]);
            let ask = Batch::of(command("XLEN", &index, &[])).add(oldest);
            let (records, rows): (u64, Vec<Entry>) = self.run(ask).await?;
            all.records = all.records.saturating_add(records);
            for (id, fields) in rows {
                let row = Row::parse(&id, fields).ok_or(StoreError::Corrupt)?;
                let oldest = all.oldest.unwrap_or(row.arrived);
                all.oldest = Some(oldest.min(row.arrived));
            }
        }
        Ok(all)
    }

    pub(super) async fn acknowledge_shard(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError> {
        if cursor.shard >= self.shards(line).await? {
            return Err(StoreError::Incarnation);
        }
        let keys = Keys::shard(line, cursor.shard);
        let nothing = command("EXISTS", &keys.meta(), &[]);
        let (incarnation, ()): (u64, ()) = self.with_incarnation(&keys, nothing).await?;
        if cursor.incarnation != incarnation {
            return Err(StoreError::Incarnation);
        }
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("acknowledge.lua"))
            .arg(3)
            .arg(keys.meta())
            .arg(keys.acks())
            .arg(keys.index())
            .arg(cursor.position)
            .arg(keys.bodies())
            .arg(&device.0);
        for drainer in drainers {
            script.arg(&drainer.0);
        }
        // Not kept: who forgets it deletes later.
        let batch = Batch::of(script);
        loop {
            let (state,): (i64,) = self.run(batch.clone()).await?;
            match state {
                -1 => return Err(StoreError::Incarnation),
                0 => return Ok(()),
                _ => {}
            }
        }
    }

    pub(super) async fn sweep_shard(&self, keys: &Keys, before: u64) -> Result<(), StoreError> {
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("sweep.lua"))
            .arg(1)
            .arg(keys.index())
            .arg(before)
            .arg(keys.bodies());
        let batch = Batch::of(script);
        while self.run::<(i64,)>(batch.clone()).await? == (1,) {}
        Ok(())
    }

    /// What a command answers, and the incarnation of the slot just before. No transaction, which a
    /// full Redis refuses: should the incarnation end in between, its cursors are refused from then on.
    pub(super) async fn with_incarnation<T: redis::FromRedisValue>(
        &self,
        keys: &Keys,
        ask: Cmd,
    ) -> Result<(u64, T), StoreError> {
        let mut info = cmd("INFO");
        info.arg("replication");
        let batch = Batch::new()
            .add(command("HGET", &keys.meta(), &[b"seed"]))
            .add(info)
            .add(ask);
        loop {
            let (seed, info, answer): (Option<String>, String, T) = self.run(batch.clone()).await?;
            if let Some(seed) = seed {
                return Ok((incarnation(&seed, &info)?, answer));
            }
            let mut set = cmd("EVAL");
            set.arg(include_str!("seed.lua"))
                .arg(1)
                .arg(keys.meta())
                .arg(self.fresh());
            self.run::<((),)>(Batch::of(set)).await?;
        }
    }

    async fn bodies(&self, keys: &Keys, rows: Vec<Row>) -> Result<Vec<Drained>, StoreError> {
        let mut records = Vec::with_capacity(rows.len());
        for rows in rows.chunks(FETCH) {
            let batch = rows.iter().fold(Batch::new(), |batch, row| {
                batch.add(command("GET", &keys.body(&row.address), &[]))
            });
            let bodies: Vec<Option<Vec<u8>>> = self.run(batch).await?;
            for (row, body) in rows.iter().zip(bodies) {
                // A body may have been acknowledged away since the index was read.
                let body = body.filter(|body| !body.is_empty());
                records.extend(body.map(|body| row.drained(body)).transpose()?);
            }
        }
        Ok(records)
    }
}

/// A command on one key.
pub(super) fn command(name: &str, key: &[u8], rest: &[&[u8]]) -> Cmd {
    let mut command = cmd(name);
    command.arg(key);
    for part in rest {
        command.arg(*part);
    }
    command
}
