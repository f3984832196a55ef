//! The default store: one file on disk, no service beside the relay.
//!
//! redb has one writer at a time, so one thread owns writing and commits for everybody who is
//! waiting (group commit). An operation is answered after its commit has reached the disk.

mod backup;
mod place;
mod tables;
mod writer;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use redb::ReadableDatabase;
use sotto_protocol::{
    drain::{Cursor, DrainPage},
    id::{Board, DeviceId, LineId},
    log::LogPage,
};

pub use self::place::Medium;
use self::{
    place::{OneFile, Place},
    tables::{Reading, Tables},
    writer::{Fault, Writer},
};
use super::{Durability, PageSlot, Post, Served, Spending, Store, StoreError, Stored};

/// A store in one file.
#[derive(Clone)]
pub struct Embedded {
    place: Arc<Place>,
    writer: Writer,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded(..)")
    }
}

impl Embedded {
    /// Opens or makes the file. `incarnation` is used if it is made: any random number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the file cannot be opened, also because another relay has
    /// it open; [`StoreError::Corrupt`] where it is no store; those of [`super::format::steps`].
    pub fn open(path: &Path, incarnation: u64) -> Result<Self, StoreError> {
        Self::open_on(OneFile::at(path), incarnation)
    }

    /// The same on something else than a file: tests count, record and fail what is written there.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(medium: impl Medium, incarnation: u64) -> Result<Self, StoreError> {
        let place = Arc::new(Place::open(medium, incarnation)?);
        let writer = Writer::start(Arc::clone(&place)).map_err(|_| StoreError::Unavailable)?;
        Ok(Self { place, writer })
    }

    /// Resolves if the store can do nothing any more in this process: redb panicked, and what it has in
    /// memory is not to be relied on. What is on disk is.
    pub async fn ended(&self) {
        self.writer.ended().await;
    }

    async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        apply: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit((bytes, false), apply).await
    }

    /// As [`Self::write`], for what strangers may send and what is written anew anyway: refused where
    /// there is no room, so that desks can always drain, log and acknowledge.
    async fn write_where_there_is_room<T: Send + 'static>(
        &self,
        bytes: usize,
        apply: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit((bytes, true), apply).await
    }

    async fn read_with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reading) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.place.database().is_err() {
            self.recover().await?;
        }
        let place = Arc::clone(&self.place);
        let work = move || {
            // The handle goes before reading begins: a file that failed has to be closed by all.
            let database = place.database().map_err(Fault::Refused)?;
            let transaction = database.begin_read().map_err(Fault::disk)?;
            drop(database);
            read(&Reading(transaction))
        };
        let result = tokio::task::spawn_blocking(work).await;
        match result.map_err(|_| StoreError::Unavailable)? {
            Err(Fault::Disk(failed)) => {
                // The next one finds it open again.
                self.recover().await?;
                Err(Fault::Disk(failed).into_error())
            }
            result => result.map_err(Fault::into_error),
        }
    }

    /// Writes nothing, by which the writing thread finds out whether the file is good.
    async fn recover(&self) -> Result<(), StoreError> {
        self.write(0, |_| Ok(())).await
    }

    fn check_cursor(&self, cursor: Cursor) -> Result<(), StoreError> {
        let is_start = cursor.position == 0;
        let is_this_life = cursor.incarnation == self.place.incarnation();
        if cursor.shard == 0 && (is_start || is_this_life) {
            Ok(())
        } else {
            Err(StoreError::Incarnation)
        }
    }
}

fn unopened(error: redb::DatabaseError) -> StoreError {
    match error {
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(_)) => StoreError::Corrupt,
        redb::DatabaseError::Storage(redb::StorageError::Io(io))
            if io.kind() == std::io::ErrorKind::InvalidData =>
        {
            StoreError::Corrupt
        }
        redb::DatabaseError::UpgradeRequired(_) => StoreError::Foreign,
        _ => StoreError::Unavailable,
    }
}

#[async_trait]
impl Store for Embedded {
    async fn append(&self, line: LineId, post: Post, now: u64) -> Result<(), StoreError> {
        let bytes = post.body.len();
        self.write_where_there_is_room(bytes, move |tables| tables.append(line, &post, now))
            .await
    }

    async fn read(
        &self,
        line: LineId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, StoreError> {
        after.map_or(Ok(()), |cursor| self.check_cursor(cursor))?;
        let position = after.map_or(0, |cursor| cursor.position);
        let records = self
            .read_with(move |tables| tables.inbox_after(line, position, max))
            .await?;
        let position = records.last().map_or(position, |record| record.position);
        let cursor = Cursor {
            shard: 0,
            incarnation: self.place.incarnation(),
            position,
        };
        Ok(DrainPage {
            cursor,
            last_shard: 0,
            records,
        })
    }

    async fn acknowledge(
        &self,
        line: LineId,
        device: DeviceId,
        cursor: Cursor,
        drainers: &[DeviceId],
    ) -> Result<(), StoreError> {
        self.check_cursor(cursor)?;
        let drainers = drainers.to_vec();
        self.write(0, move |tables| {
            tables.acknowledge(line, device, cursor.position, &drainers)
        })
        .await
    }

    async fn write_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: Bytes,
    ) -> Result<(), StoreError> {
        self.write_where_there_is_room(body.len(), move |tables| {
            tables.write_page(line, slot, pages, &body)
        })
        .await
    }

    async fn read_page(&self, line: LineId, board: Board, page: u32) -> Result<Served, StoreError> {
        self.read_with(move |tables| tables.page(line, board, page))
            .await
    }

    async fn served(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        self.read_with(move |tables| {
            Ok([
                tables.served(line, Board::New)?,
                tables.served(line, Board::Old)?,
            ])
        })
        .await
    }

    async fn spend(
        &self,
        line: LineId,
        token: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.write(0, move |tables| tables.spend(line, token, until, now))
            .await
    }

    async fn redeem(
        &self,
        line: LineId,
        token: [u8; 32],
        spending: Spending,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.write_where_there_is_room(0, move |tables| tables.redeem(line, token, &spending, now))
            .await
    }

    async fn put_statement(&self, line: LineId, statement: Stored) -> Result<(), StoreError> {
        self.write(statement.json.len(), move |tables| {
            tables.put_statement(line, &statement)
        })
        .await
    }

    async fn statements(&self, line: LineId) -> Result<Vec<Stored>, StoreError> {
        self.read_with(move |tables| tables.statements(line)).await
    }

    async fn remove_statements(&self, line: LineId, names: &[String]) -> Result<(), StoreError> {
        let names = names.to_vec();
        self.write(0, move |tables| tables.remove_statements(line, &names))
            .await
    }

    async fn append_log(
        &self,
        line: LineId,
        log: u16,
        position: u64,
        record: Bytes,
    ) -> Result<(), StoreError> {
        self.write(record.len(), move |tables| {
            tables.append_log(line, log, position, &record)
        })
        .await
    }

    async fn acknowledge_log(
        &self,
        line: LineId,
        log: u16,
        (device, position): (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError> {
        let devices = devices.to_vec();
        self.write(0, move |tables| {
            tables.acknowledge_log((line, log), device, position, &devices)
        })
        .await
    }

    async fn read_log(
        &self,
        line: LineId,
        log: u16,
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError> {
        let incarnation = self.place.incarnation();
        self.read_with(move |tables| {
            let (next, records) = tables.log_from(line, log, from, max)?;
            Ok(LogPage {
                log,
                incarnation,
                next,
                records,
            })
        })
        .await
    }

    async fn sweep(&self, line: LineId, before: u64, now: u64) -> Result<(), StoreError> {
        // Bounded steps, so that a long sweep never holds up those who post.
        while self
            .write(0, move |tables| tables.sweep(line, before, now))
            .await?
        {}
        Ok(())
    }

    async fn check(&self) -> Result<Durability, StoreError> {
        // So that a disk that is full is said.
        self.write_where_there_is_room(0, |_| Ok(Durability::Synced))
            .await
    }
}
