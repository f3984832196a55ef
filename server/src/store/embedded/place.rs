//! The open file, and how it is opened again after it failed.
//!
//! After a failed sync nobody knows what of a commit is on disk, and the pages the system still shows
//! need not be: it takes them for written. So a file that failed once is closed, forgotten by the
//! system, read anew from the disk, and what it holds then is the truth. Whoever was not answered
//! asks again.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use redb::{Database, DatabaseError};
use rustix::fs::{Advice, fadvise, statvfs};
use tokio::time::Instant;

use super::{super::StoreError, tables, unopened, writer::Fault};

/// What a store stands on: a file, or whatever a test puts in its place.
pub trait Medium: Send + 'static {
    /// Opens it, or makes it, as it is on disk and not as something above remembers it.
    ///
    /// # Errors
    /// Those of redb.
    fn open(&mut self) -> Result<Database, DatabaseError>;

    /// Bytes that may still be written there.
    fn room(&self) -> u64;
}

/// A file of its own.
#[derive(Debug, Clone)]
pub(super) struct OneFile(PathBuf);

impl OneFile {
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Medium for OneFile {
    fn open(&mut self) -> Result<Database, DatabaseError> {
        if let Ok(file) = File::open(&self.0) {
            // Where the system keeps no pages there is nothing to forget.
            let _forgotten = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Database::create(&self.0)
    }

    fn room(&self) -> u64 {
        // Where the system does not say, the first write that fails does.
        statvfs(&self.0).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// The database while it is good. Readers take it for a moment; the writing thread replaces it.
pub(super) struct Place {
    database: RwLock<Option<Arc<Database>>>,
    medium: Mutex<Box<dyn Medium>>,
    tried: Mutex<Option<Instant>>,
    incarnation: u64,
}

impl Place {
    pub(super) fn open(medium: impl Medium, incarnation: u64) -> Result<Self, StoreError> {
        let mut medium: Box<dyn Medium> = Box::new(medium);
        let database = medium.open().map_err(unopened)?;
        let incarnation = tables::create(&database, incarnation).map_err(Fault::into_error)?;
        Ok(Self {
            database: RwLock::new(Some(Arc::new(database))),
            medium: Mutex::new(medium),
            tried: Mutex::new(None),
            incarnation,
        })
    }

    pub(super) const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// To be held no longer than one read or commit.
    pub(super) fn database(&self) -> Result<Arc<Database>, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or(StoreError::Unavailable)
    }

    /// Whether there is room for more than what makes room.
    pub(super) fn has_room(&self) -> bool {
        let medium = self.medium.lock().unwrap_or_else(PoisonError::into_inner);
        medium.room() >= RESERVE_BYTES
    }

    /// The file failed: nobody gets it any more.
    pub(super) fn give_up(&self) {
        *self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The file is never closed any more; the end of the process does.
    pub(super) fn leak(&self) {
        let mut place = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = place.take() {
            let _for_ever = Box::leak(Box::new(database));
        }
    }

    /// The database, opened again if it was given up; at most once a second where that fails.
    pub(super) fn recover(&self) -> Result<Arc<Database>, StoreError> {
        if let Ok(database) = self.database() {
            return Ok(database);
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return Err(StoreError::Unavailable);
        }
        *tried = Some(Instant::now());
        let mut medium = self.medium.lock().unwrap_or_else(PoisonError::into_inner);
        let database = medium.open().map_err(unopened)?;
        let found = tables::create(&database, self.incarnation).map_err(Fault::into_error)?;
        if found != self.incarnation {
            // Cursors of drainers would point into another store.
            return Err(StoreError::Foreign);
        }
        let database = Arc::new(database);
        let mut place = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::clone(&database));
        Ok(database)
    }
}

/// Kept free for acknowledging and deleting, which make room; more than a commit or two can take.
const RESERVE_BYTES: u64 = 64 << 20;
/// Reading a file that was not closed well takes a while.
const PAUSE: Duration = Duration::from_secs(1);
