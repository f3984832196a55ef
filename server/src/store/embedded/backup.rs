//! Backups of the file: taken while it is in use, and put back into a new one.

use std::{
    fs::{self, File},
    io::{BufReader, Write},
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase as _};

use super::{
    super::{
        StoreError,
        backup::{self, BackupError, Counts, RowWriter},
    },
    Embedded,
    tables::{self, Reading, Tables},
    unopened,
    writer::Fault,
};

impl Embedded {
    /// Writes a backup of this moment. Whoever posts and reads meanwhile is not held up; the file
    /// grows by what is deleted meanwhile. Blocks until `out` has taken everything.
    pub fn backup(&self, out: &mut dyn Write) -> Result<Counts, BackupError> {
        let transaction = self.place.database()?.begin_read().map_err(Fault::disk);
        let reading = Reading(transaction.map_err(Fault::into_error)?);
        let mut rows = RowWriter::begin(out)?;
        reading.copy(&mut rows)?;
        Ok(rows.finish()?)
    }

    /// Makes a store at `path` from a backup, as another life of it: drainers read it from the start,
    /// and logs may go on where devices are. `incarnation` is any random number.
    ///
    /// # Errors
    /// Also [`BackupError::Io`] where something is at `path` already. Then nothing was changed.
    pub fn restore(path: &Path, from: &Path, incarnation: u64) -> Result<Counts, BackupError> {
        if path.try_exists()? {
            return Err(BackupError::Io);
        }
        let open = || File::open(from).map(BufReader::new);
        backup::read::<BackupError>(&mut open()?, |_, _, _| Ok(()))?;
        let unfinished = Unfinished(beside(path, "restoring"));
        // Of a restore that was stopped.
        let _left = fs::remove_file(&unfinished.0);
        let database = Database::create(&unfinished.0).map_err(unopened)?;
        let counts = fill(&database, &mut open()?, incarnation).map_err(|failed| failed.0)?;
        drop(database);
        fs::rename(&unfinished.0, path)?;
        Ok(counts)
    }
}

/// The same path with something after its name.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// A file that is removed again unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After success it is not there any more.
        let _gone = fs::remove_file(&self.0);
    }
}

fn fill(
    database: &Database,
    input: &mut BufReader<File>,
    incarnation: u64,
) -> Result<Counts, Failed> {
    tables::create(database, incarnation)?;
    let transaction = database.begin_write().map_err(Fault::disk)?;
    let mut tables = Tables::open(&transaction)?;
    let counts = backup::read(input, |table, key, value| {
        tables.put_back(table, key, value).map_err(Failed::from)
    })?;
    tables.reopen_logs()?;
    drop(tables);
    transaction.commit().map_err(Fault::disk)?;
    Ok(counts)
}

struct Failed(BackupError);

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self(BackupError::Store(fault.into_error()))
    }
}

impl From<BackupError> for Failed {
    fn from(error: BackupError) -> Self {
        Self(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}
