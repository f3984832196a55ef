//! The tables of the file, and each operation on them. Atomicity is the transaction's.

mod copy;
mod logs;
mod redeemed;

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use sotto_protocol::{
    drain::Drained,
    id::{Board, DeviceId, LineId},
};

use super::{
    super::{
        PageSlot, Post, Served, StoreError, Stored, arrival, class_of,
        format::{self, FORMAT, Found},
    },
    writer::Fault,
};

type Line<'a> = &'a [u8; 16];

/// Arrival time (u64, little-endian), then the body.
const INBOX: TableDefinition<'_, (Line<'_>, u64), &[u8]> = TableDefinition::new("inbox");
/// Position of the newest record.
const HEADS: TableDefinition<'_, Line<'_>, u64> = TableDefinition::new("heads");
/// Addresses already written, kept until retention has passed.
const MARKS: TableDefinition<'_, (Line<'_>, &[u8; 32]), u64> = TableDefinition::new("marks");
/// The same by arrival, for the sweep.
const MARK_TIMES: TableDefinition<'_, (Line<'_>, u64, &[u8; 32]), ()> =
    TableDefinition::new("mark_times");
/// How far each device has read.
const ACKS: TableDefinition<'_, (Line<'_>, &[u8; 16]), u64> = TableDefinition::new("acks");
const PAGES: TableDefinition<'_, (Line<'_>, u8, u64, u32), &[u8]> = TableDefinition::new("pages");
/// Pages written of a cycle.
const COUNTS: TableDefinition<'_, (Line<'_>, u8, u64), u32> = TableDefinition::new("counts");
/// The newest whole cycle.
const SERVED: TableDefinition<'_, (Line<'_>, u8), u64> = TableDefinition::new("served");
const SPENT: TableDefinition<'_, (Line<'_>, &[u8; 32]), u64> = TableDefinition::new("spent");
const SPENT_TIMES: TableDefinition<'_, (Line<'_>, u64, &[u8; 32]), ()> =
    TableDefinition::new("spent_times");
/// When the token is past (u64, little-endian), then what was spent of it. Its time is in `SPENT_TIMES`.
const REDEEMED: TableDefinition<'_, (Line<'_>, &[u8; 32]), &[u8]> =
    TableDefinition::new("redeemed");
const STATEMENTS: TableDefinition<'_, (Line<'_>, &str), (u64, &[u8])> =
    TableDefinition::new("statements");
const LOGS: TableDefinition<'_, (Line<'_>, u16, u64), &[u8]> = TableDefinition::new("logs");
/// The first position of a log that a device does not hold.
const LOG_ACKS: TableDefinition<'_, (Line<'_>, u16, &[u8; 16]), u64> =
    TableDefinition::new("log_acks");
/// Logs of a restored file, until a device has appended to them.
const REOPENED: TableDefinition<'_, (Line<'_>, u16), ()> = TableDefinition::new("reopened");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const INCARNATION_KEY: &str = "incarnation";

/// Entries one sweep removes before it lets others write.
const SWEEP_STEP: usize = 512;

/// How a file leaves each version, the first one first, each within the transaction that opens it.
const STEPS: &[Step] = &[];

type Step = fn(&WriteTransaction) -> Result<(), Fault>;

/// Makes missing tables and brings older ones up; returns the file's incarnation.
pub(super) fn create(database: &Database, incarnation: u64) -> Result<u64, Fault> {
    let transaction = database.begin_write().map_err(Fault::disk)?;
    let (found, tables) = (found(&transaction)?, transaction.list_tables()?.count());
    let steps = format::steps(found, FORMAT).map_err(Fault::Refused)?;
    for version in steps {
        let step = usize::try_from(version - 1).ok();
        let step = step.and_then(|step| STEPS.get(step));
        step.ok_or(Fault::Refused(StoreError::Foreign))?(&transaction)?;
    }
    let kept = {
        Tables::open(&transaction)?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_KEY, FORMAT)?;
        let kept = meta.get(INCARNATION_KEY)?.map(|value| value.value());
        if kept.is_none() {
            meta.insert(INCARNATION_KEY, incarnation)?;
        }
        kept
    };
    let is_whole = found == Found::Version(FORMAT) && transaction.list_tables()?.count() == tables;
    if let (Some(kept), true) = (kept, is_whole) {
        // On a full disk a commit could fail where there is nothing to be done.
        transaction.abort().map_err(Fault::disk)?;
        return Ok(kept);
    }
    transaction.commit().map_err(Fault::disk)?;
    Ok(kept.unwrap_or(incarnation))
}

fn found(transaction: &WriteTransaction) -> Result<Found, Fault> {
    if transaction.list_tables()?.next().is_none() {
        return Ok(Found::Nothing);
    }
    let meta = transaction.open_table(META)?;
    let version = meta.get(FORMAT_KEY)?.map(|value| value.value());
    Ok(version.map_or(Found::Unmarked, Found::Version))
}

/// Every table, open for one batch.
pub(super) struct Tables<'t> {
    inbox: Table<'t, (Line<'static>, u64), &'static [u8]>,
    heads: Table<'t, Line<'static>, u64>,
    marks: Table<'t, (Line<'static>, &'static [u8; 32]), u64>,
    mark_times: Table<'t, (Line<'static>, u64, &'static [u8; 32]), ()>,
    acks: Table<'t, (Line<'static>, &'static [u8; 16]), u64>,
    pages: Table<'t, (Line<'static>, u8, u64, u32), &'static [u8]>,
    counts: Table<'t, (Line<'static>, u8, u64), u32>,
    served: Table<'t, (Line<'static>, u8), u64>,
    spent: Table<'t, (Line<'static>, &'static [u8; 32]), u64>,
    spent_times: Table<'t, (Line<'static>, u64, &'static [u8; 32]), ()>,
    redeemed: Table<'t, (Line<'static>, &'static [u8; 32]), &'static [u8]>,
    statements: Table<'t, (Line<'static>, &'static str), (u64, &'static [u8])>,
    logs: Table<'t, (Line<'static>, u16, u64), &'static [u8]>,
    log_acks: Table<'t, (Line<'static>, u16, &'static [u8; 16]), u64>,
    reopened: Table<'t, (Line<'static>, u16), ()>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            inbox: transaction.open_table(INBOX)?,
            heads: transaction.open_table(HEADS)?,
            marks: transaction.open_table(MARKS)?,
            mark_times: transaction.open_table(MARK_TIMES)?,
            acks: transaction.open_table(ACKS)?,
            pages: transaction.open_table(PAGES)?,
            counts: transaction.open_table(COUNTS)?,
            served: transaction.open_table(SERVED)?,
            spent: transaction.open_table(SPENT)?,
            spent_times: transaction.open_table(SPENT_TIMES)?,
            redeemed: transaction.open_table(REDEEMED)?,
            statements: transaction.open_table(STATEMENTS)?,
            logs: transaction.open_table(LOGS)?,
            log_acks: transaction.open_table(LOG_ACKS)?,
            reopened: transaction.open_table(REOPENED)?,
        })
    }

    pub(super) fn append(&mut self, line: LineId, post: &Post, now: u64) -> Result<(), Fault> {
        let mark = (&line.0, &post.address.0);
        if self.marks.get(mark)?.is_some() {
            return Ok(());
        }
        let head = self.heads.get(&line.0)?.map_or(0, |value| value.value());
        let position = head.saturating_add(1);
        let arrived = arrival(now);
        let mut value = Vec::with_capacity(post.body.len() + 8);
        value.extend_from_slice(&arrived.to_le_bytes());
        value.extend_from_slice(&post.body);
        self.inbox.insert((&line.0, position), value.as_slice())?;
        self.heads.insert(&line.0, position)?;
        self.marks.insert(mark, position)?;
        self.mark_times
            .insert((&line.0, arrived, &post.address.0), ())?;
        Ok(())
    }

    pub(super) fn acknowledge(
        &mut self,
        line: LineId,
        device: DeviceId,
        position: u64,
        drainers: &[DeviceId],
    ) -> Result<(), Fault> {
        let head = self.heads.get(&line.0)?.map_or(0, |value| value.value());
        if position > head {
            return Err(Fault::Refused(StoreError::Incarnation));
        }
        let before = self.acked(line, device)?;
        self.acks
            .insert((&line.0, &device.0), before.max(position))?;
        let mut floor = u64::MAX;
        for drainer in drainers {
            floor = floor.min(self.acked(line, *drainer)?);
        }
        if !drainers.is_empty() {
            self.inbox
                .retain_in((&line.0, 0)..=(&line.0, floor), |_, _| false)?;
        }
        Ok(())
    }

    fn acked(&self, line: LineId, device: DeviceId) -> Result<u64, Fault> {
        let value = self.acks.get((&line.0, &device.0))?;
        Ok(value.map_or(0, |value| value.value()))
    }

    pub(super) fn write_page(
        &mut self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: &[u8],
    ) -> Result<(), Fault> {
        let (board, cycle) = (slot.board.byte(), slot.cycle);
        let served = self.served.get((&line.0, board))?.map(|v| v.value());
        let key = (&line.0, board, cycle, slot.page);
        if served.is_some_and(|served| cycle < served) || self.pages.get(key)?.is_some() {
            return Ok(());
        }
        self.pages.insert(key, body)?;
        let count = self.counts.get((&line.0, board, cycle))?;
        let count = count.map_or(0, |value| value.value()).saturating_add(1);
        self.counts.insert((&line.0, board, cycle), count)?;
        if count >= pages && served.is_none_or(|served| cycle > served) {
            self.served.insert((&line.0, board), cycle)?;
            let older = (&line.0, board, 0, 0)..(&line.0, board, cycle, 0);
            self.pages.retain_in(older, |_, _| false)?;
            let older = (&line.0, board, 0)..(&line.0, board, cycle);
            self.counts.retain_in(older, |_, _| false)?;
        }
        Ok(())
    }

    pub(super) fn spend(
        &mut self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, Fault> {
        let key = (&line.0, &token);
        if self
            .spent
            .get(key)?
            .is_some_and(|value| value.value() > now)
        {
            return Ok(false);
        }
        self.spent.insert(key, until)?;
        self.spent_times.insert((&line.0, until, &token), ())?;
        Ok(true)
    }

    pub(super) fn put_statement(&mut self, line: LineId, new: &Stored) -> Result<(), Fault> {
        let key = (&line.0, new.name.as_str());
        if let Some(stored) = self.statements.get(key)? {
            let (serial, json) = stored.value();
            if serial == new.serial && json == new.json {
                return Ok(());
            }
            if serial >= new.serial {
                return Err(Fault::Refused(StoreError::Conflict));
            }
        }
        self.statements.insert(key, (new.serial, &*new.json))?;
        Ok(())
    }

    pub(super) fn remove_statements(
        &mut self,
        line: LineId,
        names: &[String],
    ) -> Result<(), Fault> {
        for name in names {
            self.statements.remove((&line.0, name.as_str()))?;
        }
        Ok(())
    }

    /// Removes a bounded number of entries; whether more may be left.
    pub(super) fn sweep(&mut self, line: LineId, before: u64, now: u64) -> Result<bool, Fault> {
        let mut marks = Vec::new();
        let past = (&line.0, 0, &[0; 32])..(&line.0, before, &[0; 32]);
        for entry in self
            .mark_times
            .extract_from_if(past, |_, ()| true)?
            .take(SWEEP_STEP)
        {
            marks.push(*entry?.0.value().2);
        }
        for address in &marks {
            let Some(position) = self.marks.remove((&line.0, address))? else {
                continue;
            };
            self.inbox.remove((&line.0, position.value()))?;
        }
        let mut tokens = Vec::new();
        let past = (&line.0, 0, &[0; 32])..(&line.0, now, &[0; 32]);
        for entry in self
            .spent_times
            .extract_from_if(past, |_, ()| true)?
            .take(SWEEP_STEP)
        {
            tokens.push(*entry?.0.value().2);
        }
        for token in &tokens {
            self.spent.remove((&line.0, token))?;
            self.redeemed.remove((&line.0, token))?;
        }
        Ok(marks.len() == SWEEP_STEP || tokens.len() == SWEEP_STEP)
    }
}

/// A consistent view for reading.
pub(super) struct Reading(pub(super) ReadTransaction);

impl Reading {
    pub(super) fn inbox_after(
        &self,
        line: LineId,
        position: u64,
        max: usize,
    ) -> Result<Vec<Drained>, Fault> {
        let inbox = self.0.open_table(INBOX)?;
        let from = (&line.0, position.saturating_add(1));
        let mut records = Vec::new();
        for entry in inbox.range(from..=(&line.0, u64::MAX))?.take(max) {
            let (key, value) = entry?;
            records.push(record(key.value().1, value.value())?);
        }
        Ok(records)
    }

    pub(super) fn served(&self, line: LineId, board: Board) -> Result<u64, Fault> {
        let served = self.0.open_table(SERVED)?;
        let value = served.get((&line.0, board.byte()))?;
        Ok(value.map_or(0, |value| value.value()))
    }

    pub(super) fn page(&self, line: LineId, board: Board, page: u32) -> Result<Served, Fault> {
        let cycle = self.served(line, board)?;
        let pages = self.0.open_table(PAGES)?;
        let body = pages
            .get((&line.0, board.byte(), cycle, page))?
            .map(|value| Bytes::copy_from_slice(value.value()));
        Ok(Served { cycle, body })
    }

    pub(super) fn statements(&self, line: LineId) -> Result<Vec<Stored>, Fault> {
        let statements = self.0.open_table(STATEMENTS)?;
        let mut all = Vec::new();
        for entry in statements.range((&line.0, "")..)? {
            let (key, value) = entry?;
            let (of, name) = key.value();
            if of != &line.0 {
                break;
            }
            let (serial, json) = value.value();
            all.push(Stored {
                name: name.into(),
                serial,
                json: Bytes::copy_from_slice(json),
            });
        }
        Ok(all)
    }
}

fn record(position: u64, value: &[u8]) -> Result<Drained, Fault> {
    let corrupt = || Fault::Refused(StoreError::Corrupt);
    let (arrived, body) = value.split_first_chunk::<8>().ok_or_else(corrupt)?;
    Ok(Drained {
        class: class_of(body).map_err(Fault::Refused)?,
        position,
        arrived: u64::from_le_bytes(*arrived),
        body: body.to_vec(),
    })
}
