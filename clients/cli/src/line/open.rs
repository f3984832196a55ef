//! The administrator's files, unlocked.

use std::path::PathBuf;

use clap::Args;
use sotto_core::{
    ceremony::{LineKeys, Roots},
    keep::KeepError,
    native::{self, Entropy, StateDir, Stop},
    sealed,
};
use zeroize::Zeroizing;

use crate::say::Say;

/// Needed to begin, for a new line key and for new roots; belongs on a medium of its own, offline.
pub(super) const ROOTS: &str = "roots.sealed";
pub(super) const LINE: &str = "line.sealed";

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// A file whose first line is the passphrase [default: ask].
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

/// Where the root keys are.
#[derive(Debug, Args)]
pub(crate) struct RootsFile {
    /// The root keys, from the medium they are kept on [default: roots.sealed in the state directory].
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// A file whose first line is their passphrase [default: that of the line, or ask].
    #[arg(long, value_name = "FILE")]
    roots_passphrase_file: Option<PathBuf>,
}

/// The line's keys, and where they are written back to.
pub(super) struct Open<'d> {
    dir: &'d StateDir,
    passphrase: Zeroizing<String>,
    pub(super) keys: LineKeys,
}

impl<'d> Open<'d> {
    pub(super) fn read(dir: &'d StateDir, unlock: &Unlock) -> Result<Self, Stop> {
        let sealed = dir.read(LINE)?.ok_or_else(|| {
            Stop::refused("there is no line in this directory; `sotto line init` makes one")
        })?;
        let passphrase = native::passphrase(unlock.passphrase_file.as_deref(), false)?;
        let bytes = sealed::open_file(&passphrase, &sealed)?;
        let keys = LineKeys::from_bytes(&bytes)?;
        Ok(Self {
            dir,
            passphrase,
            keys,
        })
    }

    pub(super) fn write(&self, rng: &mut Entropy) -> Result<(), Stop> {
        let sealed = sealed::seal_file(&self.passphrase, &self.keys.to_bytes(), rng)?;
        Ok(self.dir.write(LINE, &sealed).map_err(|_| KeepError)?)
    }

    /// Opens the root keys, and the passphrase they are under.
    pub(super) fn roots(
        &self,
        file: &RootsFile,
        say: Say,
    ) -> Result<(Roots, Zeroizing<String>), Stop> {
        let path = file.roots.clone();
        let path = path.unwrap_or_else(|| self.dir.path(ROOTS));
        let sealed = std::fs::read(&path).map_err(|_| {
            Stop::usage(format!(
                "{} cannot be read; name the file with the root keys with --roots",
                path.display()
            ))
        })?;
        let own = file.roots_passphrase_file.as_deref();
        let same = own
            .is_none()
            .then(|| sealed::open_file(&self.passphrase, &sealed));
        let (bytes, passphrase) = if let Some(Ok(bytes)) = same {
            (bytes, self.passphrase.clone())
        } else {
            if own.is_none() {
                say.note("The root keys have a passphrase of their own.");
            }
            let passphrase = native::passphrase(own, false)?;
            (sealed::open_file(&passphrase, &sealed)?, passphrase)
        };
        Ok((Roots::from_bytes(&bytes)?, passphrase))
    }
}
