//! A store around any other: what it is given to keep is sealed under the key of the day, so that it is
//! unreadable in every copy there is (logs that are not rewritten, snapshots, replicas, backups)
//! once that key is destroyed.
//!
//! Sealed are bodies of the inbox, board pages and log records. Addresses become names that only the
//! holder of the key file can match. In clear stay what is public or says nothing alone: statements,
//! hashes of used nonces, positions, cycles, arrivals in steps of ten minutes.

mod log;
mod mark;
mod pace;
mod record;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    hash,
    id::{Address, Board, DeviceId, LineId},
    limits::{DAY_SECONDS, RETENTION_DAYS},
    log::LogPage,
};

use self::{
    pace::Pace,
    record::{Kept, Place},
};
use super::{
    Durability, PageSlot, Post, Served, Spending, Store, StoreError, Stored, Waiting, class_of,
};
use crate::{
    clock::Clock,
    epochs::{EpochError, EpochKey, EpochKeys, Found, Scope},
};

pub use self::mark::is_marked;

/// Seals on the way in, opens on the way out.
pub struct Sealed {
    inner: Arc<dyn Store>,
    keys: Arc<dyn EpochKeys>,
    clock: Arc<dyn Clock>,
    naming: Arc<EpochKey>,
    pace: Pace,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

impl Sealed {
    /// Puts `inner` under seal. An empty store is marked as belonging to these keys.
    ///
    /// # Errors
    /// [`StoreError::OtherKeys`] where it belongs to others, [`StoreError::Unsealed`] where one of
    /// `lines` has something in it that was stored in clear.
    pub async fn open(
        inner: Arc<dyn Store>,
        keys: Arc<dyn EpochKeys>,
        clock: Arc<dyn Clock>,
        lines: &[LineId],
    ) -> Result<Self, StoreError> {
        let naming = keys.naming().await?;
        mark::check(&*inner, &naming, lines).await?;
        Ok(Self {
            inner,
            keys,
            pace: Pace::begin(&*clock),
            clock,
            naming,
        })
    }

    /// What the store calls an address: the same in every epoch, because an address is written once
    /// for as long as its mark lives.
    fn name(&self, line: LineId, address: &Address) -> Address {
        let info: [&[u8]; 3] = [b"sotto-relay address", &line.0, &address.0];
        Address(hash::expand(self.naming.bytes(), &info))
    }

    async fn seal(
        &self,
        (line, scope): (LineId, Scope),
        place: Place,
        plain: &[u8],
    ) -> Result<Bytes, StoreError> {
        let today = day_of(self.clock.now());
        let (epoch, key) = self.keys.current(scope, today).await?;
        record::seal(&key, epoch, (line, place), plain)
    }

    /// What was sealed, or `None` where its key was destroyed.
    async fn unseal(
        &self,
        (line, scope): (LineId, Scope),
        place: Place,
        stored: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let kept = Kept::parse(stored).ok_or(StoreError::Corrupt)?;
        match self.keys.get(scope, kept.epoch).await? {
            Found::Key(key) => Ok(Some(kept.open(&key, (line, place))?)),
            Found::Destroyed => Ok(None),
            Found::Unknown => Err(StoreError::Keyless),
        }
    }

    async fn drained(
        &self,
        line: LineId,
        mut record: Drained,
    ) -> Result<Option<Drained>, StoreError> {
        let place = Place::Inbox(class_of(&record.body)?);
        let at = (line, Scope::Line(line));
        let Some(body) = self.unseal(at, place, &record.body).await? else {
            return Ok(None);
        };
        record.body = body;
        Ok(Some(record))
    }

    /// Destroys what is past, whatever the store says. Lines that are no longer served too, after the
    /// longest time there is.
    async fn destroy_past(&self, line: LineId, before: u64, now: u64) -> Result<(), EpochError> {
        let today = day_of(now);
        let mut outcome = Ok(());
        for scope in self.keys.scopes().await? {
            let Scope::Line(of) = scope else { continue };
            let past = if of == line {
                day_of(before)
            } else {
                today.saturating_sub(LONGEST_DAYS)
            };
            outcome = self.destroy_day(of, past, today).await.and(outcome);
        }
        outcome
    }

    /// The keys of one day at most: the oldest that is due, if there is one.
    async fn destroy_day(&self, line: LineId, past: u32, today: u32) -> Result<(), EpochError> {
        let scope = Scope::Line(line);
        let may_destroy = self.pace.may_destroy(line, &*self.clock);
        let oldest = self.keys.oldest(scope).await?;
        match oldest.filter(|day| *day < past) {
            None => self.keys.settle(scope, today).await?,
            Some(due) if may_destroy => {
                self.keys.destroy(scope, due.saturating_add(1)).await?;
                self.pace.destroyed(line);
            }
            Some(_) => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Sealed {
    async fn append(&self, line: LineId, post: Post, now: u64) -> Result<(), StoreError> {
        let place = Place::Inbox(post.class.byte());
        let at = (line, Scope::Line(line));
        let sealed = Post {
            class: post.class,
            address: self.name(line, &post.address),
            body: self.seal(at, place, &post.body).await?,
        };
        self.inner.append(line, sealed, now).await
    }

    async fn read(
        &self,
        line: LineId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, StoreError> {
        let mut page = self.inner.read(line, after, max).await?;
        loop {
            let is_end = page.records.is_empty();
            let mut records = Vec::with_capacity(page.records.len());
            for record in std::mem::take(&mut page.records) {
                records.extend(self.drained(line, record).await?);
            }
            // A page of nothing but what is past is not the end.
            if is_end || !records.is_empty() {
                return Ok(DrainPage { records, ..page });
            }
            page = self.inner.read(line, Some(page.cursor), max).await?;
        }
    }

    async fn waiting(&self, line: LineId) -> Result<Waiting, StoreError> {
        self.inner.waiting(line).await
    }

    async fn acknowledge(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError> {
        self.inner.acknowledge(line, device, cursor, drainers).await
    }

    async fn write_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: Bytes,
    ) -> Result<(), StoreError> {
        let at = (line, Scope::Line(line));
        let sealed = self.seal(at, Place::Page(slot), &body).await?;
        self.inner.write_page(line, slot, pages, sealed).await
    }

    async fn read_page(&self, line: LineId, board: Board, page: u32) -> Result<Served, StoreError> {
        let served = self.inner.read_page(line, board, page).await?;
        let cycle = served.cycle;
        let slot = PageSlot { board, cycle, page };
        let at = (line, Scope::Line(line));
        let body = match served.body {
            Some(stored) => self.unseal(at, Place::Page(slot), &stored).await?,
            None => None,
        };
        let body = body.map(Bytes::from);
        Ok(Served { cycle, body })
    }

    async fn served(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        self.inner.served(line).await
    }

    async fn spend(
        &self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.inner.spend(line, token, until, now).await
    }

    async fn redeem(
        &self,
        line: LineId,
        token: [u8; 32],
        spending: Spending,
        now: u64,
    ) -> Result<bool, StoreError> {
        // Who has recorded envelopes could otherwise find in the store which of them came with which
        // token.
        let info: [&[u8]; 4] = [b"sotto-relay spending", &line.0, &token, &spending.what];
        let spending = Spending {
            what: hash::expand(self.naming.bytes(), &info),
            ..spending
        };
        self.inner.redeem(line, token, spending, now).await
    }

    async fn put_statement(&self, line: LineId, statement: Stored) -> Result<(), StoreError> {
        self.inner.put_statement(line, statement).await
    }

    async fn statements(&self, line: LineId) -> Result<Vec<Stored>, StoreError> {
        self.inner.statements(line).await
    }

    async fn remove_statements(&self, line: LineId, names: &[String]) -> Result<(), StoreError> {
        self.inner.remove_statements(line, names).await
    }

    async fn append_log(
        &self,
        line: LineId,
        log: u16,
        position: u64,
        record: Bytes,
    ) -> Result<(), StoreError> {
        self.append_sealed((line, log), position, &record).await
    }

    async fn acknowledge_log(
        &self,
        line: LineId,
        log: u16,
        holds: (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError> {
        self.inner.acknowledge_log(line, log, holds, devices).await
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

    async fn sweep(&self, line: LineId, before: u64, now: u64) -> Result<(), StoreError> {
        // Keys first: they are destroyed on time whether the store answers or not.
        let destroyed = self.destroy_past(line, before, now).await;
        let swept = self.inner.sweep(line, before, now).await;
        destroyed?;
        swept?;
        self.destroy_of_logs(line, day_of(now)).await
    }

    async fn check(&self) -> Result<Durability, StoreError> {
        self.inner.check().await
    }
}

impl From<EpochError> for StoreError {
    fn from(error: EpochError) -> Self {
        Self::Keys(error)
    }
}

/// No line keeps anything longer.
#[expect(clippy::cast_possible_truncation, reason = "a fortnight")]
#[expect(clippy::as_conversions, reason = "no other conversion is constant")]
const LONGEST_DAYS: u32 = RETENTION_DAYS as u32;

/// The UTC day, which numbers its epoch.
fn day_of(seconds: u64) -> u32 {
    u32::try_from(seconds / DAY_SECONDS).unwrap_or(u32::MAX)
}
