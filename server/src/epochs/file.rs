//! One small file, shared by all relay processes of a store on one machine.
//!
//! It is replaced as a whole: written beside, synced, renamed, and the folder synced, before anything
//! new in it is used. What it replaced is then written over. That is all a program can do: a file
//! system that copies on write, flash storage and backups may keep what was there.

mod rows;

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use async_trait::async_trait;
use zeroize::Zeroizing;

use self::rows::State;
use super::{EpochError, EpochKey, EpochKeys, Found, Scope};

/// Keys in a file. Blocks for a write or two a day.
pub struct FileKeys {
    path: PathBuf,
    state: RwLock<State>,
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKeys(..)")
    }
}

impl FileKeys {
    /// Reads the file.
    ///
    /// # Errors
    /// [`EpochError::Missing`] where there is none, also not a moment later.
    pub fn open(path: &Path) -> Result<Self, EpochError> {
        let _lock = lock(path)?;
        let state = RwLock::new(read(path)?);
        // A copy that a power cut left half way.
        let beside = beside(path, ".new");
        if let Ok(left) = OpenOptions::new().write(true).open(&beside) {
            overwrite(left);
            fs::remove_file(beside).map_err(|_| EpochError::Unwritable)?;
        }
        Ok(Self {
            path: path.to_owned(),
            state,
        })
    }

    /// Makes the file, or reads the one that another process has just made.
    pub fn create(path: &Path) -> Result<Self, EpochError> {
        {
            let _lock = lock(path)?;
            if !path.exists() {
                write(path, &State::new(EpochKey::make()?))?;
            }
        }
        Self::open(path)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the file as it is now, which another process may have written, if `change` says that
    /// it did; then knows what it says.
    fn update<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<(bool, T), EpochError>,
    ) -> Result<T, EpochError> {
        let _lock = lock(&self.path)?;
        let mut state = read(&self.path)?;
        let (is_changed, value) = change(&mut state)?;
        if is_changed {
            write(&self.path, &state)?;
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(value)
    }
}

#[async_trait]
impl EpochKeys for FileKeys {
    async fn naming(&self) -> Result<Arc<EpochKey>, EpochError> {
        Ok(self.state().naming())
    }

    async fn current(&self, scope: Scope, day: u32) -> Result<(u32, Arc<EpochKey>), EpochError> {
        let known = self.state().current(scope, day);
        match known {
            Some(current) => Ok(current),
            None => self.update(|state| Ok((true, state.make_current(scope, day)?))),
        }
    }

    async fn get(&self, scope: Scope, epoch: u32) -> Result<Found, EpochError> {
        let known = self.state().get(scope, epoch);
        match known {
            Found::Unknown => self.update(|state| Ok((false, state.get(scope, epoch)))),
            known => Ok(known),
        }
    }

    async fn scopes(&self) -> Result<Vec<Scope>, EpochError> {
        Ok(self.state().scopes())
    }

    async fn oldest(&self, scope: Scope) -> Result<Option<u32>, EpochError> {
        Ok(self.state().oldest(scope))
    }

    async fn destroy(&self, scope: Scope, before: u32) -> Result<(), EpochError> {
        self.update(|state| Ok((state.destroy(scope, before), ())))
    }

    async fn settle(&self, scope: Scope, today: u32) -> Result<(), EpochError> {
        let is_settled = self.state().is_settled(scope, today);
        if is_settled {
            return Ok(());
        }
        self.update(|state| Ok((state.settle(scope, today)?, ())))
    }
}

/// Held while the file is read or replaced; released by the system if the process dies.
fn lock(path: &Path) -> Result<File, EpochError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = open_own(options, &beside(path, ".lock")).map_err(|_| EpochError::Unwritable)?;
    file.lock().map_err(|_| EpochError::Unwritable)?;
    Ok(file)
}

fn read(path: &Path) -> Result<State, EpochError> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => EpochError::Missing,
        _ => EpochError::Unreadable,
    })?;
    let length = file.metadata().map_err(|_| EpochError::Unreadable)?.len();
    let length = usize::try_from(length.min(MAX_BYTES)).map_err(|_| EpochError::Damaged)?;
    // At its size from the beginning: what grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut bytes)
        .map_err(|_| EpochError::Unreadable)?;
    State::from_bytes(&bytes).ok_or(EpochError::Damaged)
}

fn write(path: &Path, state: &State) -> Result<(), EpochError> {
    let replaced = replace(path, &state.to_bytes());
    replaced.map_err(|_| EpochError::Unwritable)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path, ".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = open_own(options, &beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let before = OpenOptions::new().write(true).open(path).ok();
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    if let Some(before) = before {
        overwrite(before);
    }
    Ok(())
}

/// As well as it can be done; nothing depends on it but how much a thief of the disk may find.
fn overwrite(mut file: File) {
    let Ok(length) = file.metadata().map(|data| data.len()) else {
        return;
    };
    let zeros = vec![0; usize::try_from(length.min(MAX_BYTES)).unwrap_or(0)];
    let _best_effort = file
        .rewind()
        .and_then(|()| file.write_all(&zeros))
        .and_then(|()| file.sync_all());
}

/// Only its owner may read it.
fn open_own(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Far more than all days of all logs of a few lines.
const MAX_BYTES: u64 = 1 << 24;
