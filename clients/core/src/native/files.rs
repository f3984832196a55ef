//! A directory for one program's state: private, locked while in use, every write whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::Stop;

/// A state directory.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// Held while this process works with the directory.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl StateDir {
    /// Makes the directory, for its owner only, unless it is there.
    pub fn open(path: &Path) -> Result<Self, Stop> {
        let dir = Self(path.to_path_buf());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(path)
            .map_err(|_| dir.failed("cannot be made"))?;
        Ok(dir)
    }

    /// Where a file of that name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Waits until no other process works with the directory.
    pub fn lock(&self) -> Result<Lock, Stop> {
        let file = private()
            .create(true)
            .truncate(false)
            .open(self.path("lock"))
            .map_err(|_| self.failed("cannot be written"))?;
        file.lock().map_err(|_| self.failed("cannot be locked"))?;
        Ok(Lock(file))
    }

    /// A file's bytes, or `None` where there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(self.failed("cannot be read")),
        }
    }

    /// Replaces a file. After this returns, a crash leaves the new bytes; before, the old ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.path(&format!("{name}.new"));
        let mut file = private().create(true).truncate(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(name))?;
        File::open(&self.0)?.sync_all()
    }

    fn failed(&self, what: &str) -> Stop {
        Stop::refused(format!(
            "the state directory {} {what}; check its owner and permissions",
            self.0.display()
        ))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
