//! A Redis the operator runs.
//!
//! Bodies never pass through a script: an atomic pipeline sets the body and runs a small script
//! that enters it into the index. Whatever is retried changes nothing the second time.

mod connections;
mod keys;
mod logs;
mod values;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{FromRedisValue, Pipeline, pipe};
use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    id::{Board, DeviceId, LineId},
    limits::{DAY_SECONDS, RETENTION_DAYS},
    log::LogPage,
};

use self::{
    connections::Connections,
    keys::Keys,
    values::{Row, accepted, incarnation, stored},
};
use super::{Durability, PageSlot, Post, Served, Store, StoreError, Stored, arrival};

/// A store in Redis.
pub struct Redis {
    connections: Connections,
    seed: u64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

/// Bodies and marks outlive retention by a day, then Redis drops them itself.
const LIFETIME_MS: u64 = (RETENTION_DAYS + 1) * DAY_SECONDS * 1_000;
/// Bodies asked for in one command.
const FETCH: usize = 16;

impl Redis {
    /// Connects with `connections` multiplexed connections; two are right for everything but
    /// `appendfsync always`. `seed` is any random number, used if the line is new to this Redis.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where nobody answers or the address is none.
    pub async fn connect(url: &str, connections: usize, seed: u64) -> Result<Self, StoreError> {
        let connections = Connections::open(url, connections).await?;
        Ok(Self { connections, seed })
    }

    async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, StoreError> {
        self.connections.run(pipeline).await
    }

    /// Adds to a pipeline what [`incarnation`] needs. Reads only, and outside of a transaction: a Redis
    /// that is full refuses both to write and to queue, and has to be drained all the same. One
    /// connection leads to one run of one Redis, whose answers belong together.
    fn ask_incarnation(pipeline: &mut Pipeline, keys: &Keys) {
        pipeline.cmd("HGET").arg(keys.meta()).arg("seed");
        pipeline.cmd("INFO").arg("server");
    }

    /// What [`Self::ask_incarnation`] came to; draws the line's seed where it has none yet.
    async fn incarnation(
        &self,
        keys: &Keys,
        (seed, info): (Option<String>, String),
    ) -> Result<u64, StoreError> {
        if let Some(seed) = seed {
            return incarnation(&seed, &info);
        }
        let mut pipeline = pipe();
        pipeline
            .cmd("EVAL")
            .arg(include_str!("redis/seed.lua"))
            .arg(1)
            .arg(keys.meta())
            .arg(self.seed);
        let (seed,): (String,) = self.run(&pipeline).await?;
        incarnation(&seed, &info)
    }

    async fn check_cursor(&self, keys: &Keys, cursor: Cursor) -> Result<(), StoreError> {
        let mut pipeline = pipe();
        Self::ask_incarnation(&mut pipeline, keys);
        let asked = self.run(&pipeline).await?;
        if cursor.shard == 0 && cursor.incarnation == self.incarnation(keys, asked).await? {
            Ok(())
        } else {
            Err(StoreError::Incarnation)
        }
    }

    async fn bodies(&self, keys: &Keys, rows: Vec<Row>) -> Result<Vec<Drained>, StoreError> {
        let mut records = Vec::with_capacity(rows.len());
        for rows in rows.chunks(FETCH) {
            let mut pipeline = pipe();
            for row in rows {
                pipeline.cmd("GET").arg(keys.body(&row.address));
            }
            let bodies: Vec<Option<Vec<u8>>> = self.run(&pipeline).await?;
            for (row, body) in rows.iter().zip(bodies) {
                // A body may have been acknowledged away since the index was read.
                records.extend(body.map(|body| row.drained(body)).transpose()?);
            }
        }
        Ok(records)
    }
}

#[async_trait]
impl Store for Redis {
    async fn append(&self, line: LineId, post: Post, now: u64) -> Result<(), StoreError> {
        let keys = Keys::of(line);
        let address = &post.address.0;
        let mut pipeline = pipe();
        pipeline.atomic();
        pipeline
            .cmd("SET")
            .arg(keys.body(address))
            .arg(post.body.as_ref())
            .arg("NX")
            .arg("PX")
            .arg(LIFETIME_MS)
            .ignore();
        pipeline
            .cmd("EVALSHA")
            .arg(self.connections.append.get_hash())
            .arg(4)
            .arg(keys.body(address))
            .arg(keys.mark(address))
            .arg(keys.meta())
            .arg(keys.index())
            .arg(arrival(now))
            .arg(LIFETIME_MS)
            .arg(address.as_slice())
            .ignore();
        self.run(&pipeline).await
    }

    async fn read(
        &self,
        line: LineId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, StoreError> {
        let keys = Keys::of(line);
        let position = after.map_or(0, |cursor| cursor.position);
        let mut pipeline = pipe();
        Self::ask_incarnation(&mut pipeline, &keys);
        pipeline
            .cmd("XRANGE")
            .arg(keys.index())
            .arg(format!("{}-0", position.saturating_add(1)))
            .arg("+")
            .arg("COUNT")
            .arg(max);
        let (seed, info, rows): (Option<String>, String, Vec<(String, Vec<Vec<u8>>)>) =
            self.run(&pipeline).await?;
        let incarnation = self.incarnation(&keys, (seed, info)).await?;
        if after.is_some_and(|cursor| cursor.shard != 0 || cursor.incarnation != incarnation) {
            return Err(StoreError::Incarnation);
        }
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|(id, fields)| Row::parse(&id, fields).ok_or(StoreError::Corrupt))
            .collect::<Result<_, _>>()?;
        let position = rows.last().map_or(position, |row| row.position);
        let cursor = Cursor {
            shard: 0,
            incarnation,
            position,
        };
        let records = self.bodies(&keys, rows).await?;
        Ok(DrainPage { cursor, records })
    }

    async fn acknowledge(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError> {
        let keys = Keys::of(line);
        self.check_cursor(&keys, cursor).await?;
        let mut pipeline = pipe();
        let command = pipeline
            .cmd("EVAL")
            .arg(include_str!("redis/acknowledge.lua"))
            .arg(3)
            .arg(keys.meta())
            .arg(keys.acks())
            .arg(keys.index())
            .arg(cursor.position)
            .arg(keys.bodies())
            .arg(&device.0);
        for drainer in drainers {
            command.arg(&drainer.0);
        }
        loop {
            let (state,): (i64,) = self.run(&pipeline).await?;
            match state {
                -1 => return Err(StoreError::Incarnation),
                0 => return Ok(()),
                _ => {}
            }
        }
    }

    async fn write_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: Bytes,
    ) -> Result<(), StoreError> {
        let keys = Keys::of(line);
        let cycle = keys.cycle(slot.board, slot.cycle);
        let mut pipeline = pipe();
        pipeline.atomic();
        pipeline
            .cmd("HSETNX")
            .arg(&cycle)
            .arg(slot.page)
            .arg(body.as_ref())
            .ignore();
        pipeline
            .cmd("EVALSHA")
            .arg(self.connections.serve.get_hash())
            .arg(3)
            .arg(&cycle)
            .arg(keys.meta())
            .arg(keys.cycles(slot.board))
            .arg(slot.cycle)
            .arg(pages)
            .arg(slot.board.name())
            .arg(keys.cycle_prefix(slot.board))
            .ignore();
        self.run(&pipeline).await
    }

    async fn read_page(&self, line: LineId, board: Board, page: u32) -> Result<Served, StoreError> {
        let [new, old] = self.served(line).await?;
        let cycle = match board {
            Board::New => new,
            Board::Old => old,
        };
        let mut pipeline = pipe();
        pipeline
            .cmd("HGET")
            .arg(Keys::of(line).cycle(board, cycle))
            .arg(page);
        let (body,): (Option<Vec<u8>>,) = self.run(&pipeline).await?;
        Ok(Served {
            cycle,
            body: body.map(Bytes::from),
        })
    }

    async fn served(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        let mut pipeline = pipe();
        pipeline
            .cmd("HMGET")
            .arg(Keys::of(line).meta())
            .arg(Board::New.name())
            .arg(Board::Old.name());
        let ((new, old),): ((Option<u64>, Option<u64>),) = self.run(&pipeline).await?;
        Ok([new.unwrap_or(0), old.unwrap_or(0)])
    }

    async fn spend(
        &self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut pipeline = pipe();
        pipeline
            .cmd("EVAL")
            .arg(include_str!("redis/spend.lua"))
            .arg(1)
            .arg(Keys::of(line).spent(&token))
            .arg(until.saturating_sub(now).max(1));
        let (first,): (bool,) = self.run(&pipeline).await?;
        Ok(first)
    }

    async fn put_statement(&self, line: LineId, statement: Stored) -> Result<(), StoreError> {
        let mut pipeline = pipe();
        pipeline
            .cmd("EVAL")
            .arg(include_str!("redis/put_statement.lua"))
            .arg(1)
            .arg(Keys::of(line).statements())
            .arg(statement.name)
            .arg(format!("{:016x}", statement.serial))
            .arg(statement.json.as_ref());
        accepted(self.run(&pipeline).await?)
    }

    async fn statements(&self, line: LineId) -> Result<Vec<Stored>, StoreError> {
        let mut pipeline = pipe();
        pipeline.cmd("HGETALL").arg(Keys::of(line).statements());
        let (rows,): (Vec<(String, Vec<u8>)>,) = self.run(&pipeline).await?;
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
        let mut pipeline = pipe();
        pipeline
            .cmd("HDEL")
            .arg(Keys::of(line).statements())
            .arg(names)
            .ignore();
        self.run(&pipeline).await
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
        let keys = Keys::of(line);
        let mut pipeline = pipe();
        pipeline
            .cmd("EVAL")
            .arg(include_str!("redis/sweep.lua"))
            .arg(2)
            .arg(keys.meta())
            .arg(keys.index())
            .arg(before)
            .arg(keys.bodies());
        while self.run::<(i64,)>(&pipeline).await? == (1,) {}
        Ok(())
    }

    async fn check(&self) -> Result<Durability, StoreError> {
        self.connections.examine().await
    }
}
