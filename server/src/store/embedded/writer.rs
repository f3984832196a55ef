//! The writing thread: takes what is waiting, applies it in one transaction, commits, answers.

use std::{io, sync::Arc, thread};

use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::{super::StoreError, place::Place, tables::Tables};

/// Operations waiting at most; further ones are refused as [`StoreError::Full`].
const QUEUE: usize = 4_096;
/// Operations committed together at most.
const BATCH: usize = 1_024;
/// Bytes committed together, about.
const BATCH_BYTES: usize = 1 << 20;

/// Why one operation in a batch failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operation was refused before it changed anything; the batch goes on.
    Refused(StoreError),
    /// The file failed; the whole batch is given up.
    Disk(Box<redb::Error>),
}

impl Fault {
    pub(super) fn disk(error: impl Into<redb::Error>) -> Self {
        Self::Disk(Box::new(error.into()))
    }

    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Disk(error) if matches!(*error, redb::Error::Corrupted(_)) => StoreError::Corrupt,
            Self::Disk(_) => StoreError::Unavailable,
        }
    }
}

impl From<redb::StorageError> for Fault {
    fn from(error: redb::StorageError) -> Self {
        Self::disk(error)
    }
}

impl From<redb::TableError> for Fault {
    fn from(error: redb::TableError) -> Self {
        Self::disk(error)
    }
}

/// Sends the answer once the commit is on disk. Dropped instead, the caller learns "unavailable".
type Answer = Box<dyn FnOnce() + Send>;
type Apply = Box<dyn FnOnce(&mut Tables<'_>, HasRoom) -> Result<Answer, Fault> + Send>;
type HasRoom = bool;

struct Job {
    bytes: usize,
    apply: Apply,
}

/// Hands operations to the writing thread, which ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(place: Arc<Place>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store".into())
            .spawn(move || run(&place, receiver))?;
        Ok(Self(sender))
    }

    /// Resolves when the thread is gone, which it is before its time only if redb panics.
    pub(super) async fn ended(&self) {
        self.0.closed().await;
    }

    /// Applies an operation and waits for its commit. Where there is no room, what `needs_room` is
    /// refused; the rest makes room, or is needed for that.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        (bytes, needs_room): (usize, bool),
        apply: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let apply: Apply = Box::new(move |tables, has_room| {
            let result = if needs_room && !has_room {
                Err(Fault::Refused(StoreError::NoRoom))
            } else {
                apply(tables)
            };
            let result = match result {
                Ok(value) => Ok(value),
                Err(Fault::Refused(error)) => Err(error),
                Err(fault) => return Err(fault),
            };
            let answer: Answer = Box::new(move || {
                // Nobody listens any more when the client hung up; the work is done all the same.
                let _gone = sender.send(result);
            });
            Ok(answer)
        });
        self.0
            .try_send(Job { bytes, apply })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Full,
                mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable,
            })?;
        receiver.await.unwrap_or(Err(StoreError::Unavailable))
    }
}

fn run(place: &Place, mut jobs: mpsc::Receiver<Job>) {
    let _whatever_happens = Panicked(place);
    while let Some(first) = jobs.blocking_recv() {
        let mut bytes = first.bytes;
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(job) = jobs.try_recv() else { break };
            bytes = bytes.saturating_add(job.bytes);
            batch.push(job);
        }
        // On failure the answers are dropped unsent, and everybody in the batch asks again.
        let Ok(database) = place.recover() else {
            continue;
        };
        let has_room = place.has_room();
        let committed = commit(&database, batch, has_room);
        drop(database);
        match committed {
            Ok(answers) => answers.into_iter().for_each(|answer| answer()),
            Err(_) => place.give_up(),
        }
    }
}

/// After a panic closing the file would panic again, and hide what the process has to say at its end.
struct Panicked<'p>(&'p Place);

impl Drop for Panicked<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.leak();
        }
    }
}

fn commit(database: &Database, batch: Vec<Job>, has_room: HasRoom) -> Result<Vec<Answer>, Fault> {
    let transaction = database.begin_write().map_err(Fault::disk)?;
    let mut tables = Tables::open(&transaction)?;
    let answers = batch
        .into_iter()
        .map(|job| (job.apply)(&mut tables, has_room))
        .collect::<Result<_, _>>()?;
    drop(tables);
    transaction.commit().map_err(Fault::disk)?;
    Ok(answers)
}
