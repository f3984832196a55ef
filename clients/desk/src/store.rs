//! The desk's store: one file of sealed rows, under a random key that a passphrase opens.
//!
//! Several processes may use it in turn (the drainer that always runs, an analyst's command): each
//! holds the directory's lock for one change, and a generation tells whether what it remembers is
//! still true.

use redb::{Database, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition};
use sotto_core::{
    desk::{Desk, Identity, Row, RowKeeper, Rows, Shared},
    keep::{KeepError, Keeper},
    native::{Entropy, StateDir, Stop},
    sealed,
};
use sotto_protocol::secret::Secret;
use zeroize::Zeroizing;

const KEY: &str = "desk.key";
const FILE: &str = "desk.redb";
/// Sealed rows by number.
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
/// How often anything was written.
const GENERATION: TableDefinition<'_, (), u64> = TableDefinition::new("generation");

/// An unlocked store.
pub(crate) struct Store {
    dir: StateDir,
    key: Secret,
    rng: Entropy,
    remembered: Option<(u64, Desk)>,
}

impl Store {
    /// Makes a new store with a new device in it.
    pub(crate) fn make(
        dir: StateDir,
        passphrase: &str,
        identity: Identity,
        mut rng: Entropy,
    ) -> Result<Self, Stop> {
        if dir.read(KEY)?.is_some() {
            return Err(Stop::refused(
                "there is a desk in this directory already; it is left as it is. Use another --state",
            ));
        }
        let key = Secret::make(&mut rng);
        let sealed = sealed::seal_file(passphrase, key.as_bytes(), &mut rng)?;
        let store = Self {
            dir,
            key,
            rng,
            remembered: None,
        };
        let database = store.database()?;
        let mut desk = Desk::begin(identity);
        desk.saved().save(&mut store.keeper(&database))?;
        drop(database);
        store.dir.write(KEY, &sealed).map_err(|_| KeepError)?;
        Ok(store)
    }

    /// Whether the directory holds a desk.
    pub(crate) fn is_there(dir: &StateDir) -> Result<bool, Stop> {
        Ok(dir.read(KEY)?.is_some())
    }

    /// Unlocks a store that [`Self::make`] made.
    pub(crate) fn open(dir: StateDir, passphrase: &str, rng: Entropy) -> Result<Self, Stop> {
        let file = dir.read(KEY)?.ok_or_else(|| {
            Stop::refused("there is no desk in this directory; `sotto-desk init` makes one")
        })?;
        let key = sealed::open_file(passphrase, &file)?;
        let key: [u8; 32] = key.as_slice().try_into().map_err(|_| sealed::Locked)?;
        Ok(Self {
            dir,
            key: Secret::from_bytes(key),
            rng,
            remembered: None,
        })
    }

    fn database(&self) -> Result<Database, Stop> {
        Database::create(self.dir.path(FILE)).map_err(|_| broken())
    }

    const fn keeper<'s>(&'s self, database: &'s Database) -> Transactions<'s> {
        Transactions {
            database,
            key: &self.key,
            rng: self.rng,
            generation: None,
        }
    }

    fn rows(&self, database: &Database) -> Result<Rows, Stop> {
        let read = || -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(ROWS)?;
            let rows = table.range(..Row::LOOSE)?.map(|entry| {
                let (number, sealed) = entry?;
                Ok((number.value(), sealed.value().to_vec()))
            });
            rows.collect()
        };
        let sealed = read().map_err(|_| broken())?;
        sealed
            .into_iter()
            .map(|(number, sealed)| {
                let row = Row::from_number(number).ok_or_else(broken)?;
                let bytes = sealed::open(&self.key, &place(row), &sealed).map_err(|_| broken())?;
                Ok((row, bytes))
            })
            .collect()
    }
}

impl Shared for Store {
    type Error = Stop;

    /// After an error nothing unsaved is remembered.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Desk, &mut dyn RowKeeper) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let _lock = self.dir.lock()?;
        let database = self.database()?;
        let generation = generation(&database).ok_or_else(broken)?;
        let mut desk = match self.remembered.take() {
            Some((at, desk)) if at == generation => desk,
            _ => Desk::from_rows(&self.rows(&database)?)?,
        };
        let mut keeper = self.keeper(&database);
        let done = work(&mut desk, &mut keeper)?;
        let generation = keeper.generation.unwrap_or(generation);
        self.remembered = Some((generation, desk));
        Ok(done)
    }
}

/// Writes the rows of one change in one transaction.
pub(crate) struct Transactions<'s> {
    database: &'s Database,
    key: &'s Secret,
    rng: Entropy,
    /// After the last write.
    generation: Option<u64>,
}

impl Transactions<'_> {
    fn write(&self, sealed: Vec<(u64, Vec<u8>)>) -> Result<u64, redb::Error> {
        let transaction = self.database.begin_write()?;
        let generation = {
            let mut rows = transaction.open_table(ROWS)?;
            for (number, bytes) in &sealed {
                put(&mut rows, *number, bytes)?;
            }
            let mut table = transaction.open_table(GENERATION)?;
            let before = table.get(())?.map_or(0, |value| value.value());
            let generation = before.wrapping_add(1);
            table.insert((), generation)?;
            generation
        };
        transaction.commit()?;
        Ok(generation)
    }
}

/// Writes a sealed row; no bytes remove it.
fn put(
    rows: &mut Table<'_, u64, &[u8]>,
    number: u64,
    sealed: &[u8],
) -> Result<(), redb::StorageError> {
    match sealed {
        [] => rows.remove(number).map(drop),
        sealed => rows.insert(number, sealed).map(drop),
    }
}

impl Keeper<Rows> for Transactions<'_> {
    fn keep(&mut self, change: &Rows) -> Result<(), KeepError> {
        if change.is_empty() {
            return Ok(());
        }
        let mut sealed = Vec::with_capacity(change.len());
        for (row, bytes) in change {
            let bytes = match bytes.as_slice() {
                // To be removed.
                [] => Vec::new(),
                bytes => sealed::seal(self.key, &place(*row), bytes, &mut self.rng)
                    .map_err(|_| KeepError)?,
            };
            sealed.push((row.number(), bytes));
        }
        self.generation = Some(self.write(sealed).map_err(|_| KeepError)?);
        Ok(())
    }
}

impl RowKeeper for Transactions<'_> {
    fn row(&mut self, row: Row) -> Result<Option<Zeroizing<Vec<u8>>>, KeepError> {
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.database.begin_read()?.open_table(ROWS)?;
            let sealed = table.get(row.number())?;
            Ok(sealed.map(|sealed| sealed.value().to_vec()))
        };
        let sealed = read().map_err(|_| KeepError)?;
        // One that was changed is as good as lost.
        Ok(sealed.and_then(|sealed| sealed::open(self.key, &place(row), &sealed).ok()))
    }
}

/// Binds a sealed row to its number, so that rows cannot be exchanged.
fn place(row: Row) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"sotto/1 row".as_slice(), &row.number().to_le_bytes()].concat())
}

fn generation(database: &Database) -> Option<u64> {
    let transaction = database.begin_read().ok()?;
    let table = transaction.open_table(GENERATION).ok()?;
    let value = table.get(()).ok()??;
    Some(value.value())
}

fn broken() -> Stop {
    Stop::refused("the desk's store cannot be read; restore the directory from your copy")
}
