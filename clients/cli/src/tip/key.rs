//! A file that opens a conversation in place of its words: for a stick in a drawer, or for people who
//! come back so often that typing the words has become the risk.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use serde_json::json;
use sotto_core::native::{StateDir, Stop};
use sotto_protocol::secret::Secret;

use super::visit::{Visit, not_here};

impl Visit {
    /// Makes `file`, which opens the conversation of the words that are asked for. Asks the relay
    /// for nothing.
    pub(super) fn add_key(&mut self, dir: StateDir, file: &Path) -> Result<(), Stop> {
        let (keys, vault) = self.words_and_vault(dir)?;
        let (_, place) = vault.unlock(&keys)?.ok_or_else(not_here)?;
        let key = Secret::make(&mut self.rng);
        // On disk first: a vault that names a key nobody has would be no loss, but no help either.
        write(file, &key)?;
        if let Err(stop) = place.set_external(Some(key)) {
            fs::remove_file(file).ok();
            return Err(stop);
        }
        self.say.done(
            &format!(
                "{} now opens this conversation without its words: use it with --key-file. Keep it apart from this machine, and keep your words: only they bring the conversation back when this machine is lost.",
                file.display()
            ),
            &json!({ "key": file.display().to_string() }),
        );
        Ok(())
    }

    /// Only the words open the conversation from now on.
    pub(super) fn remove_key(&self, dir: StateDir) -> Result<(), Stop> {
        let (keys, vault) = self.words_and_vault(dir)?;
        let (_, place) = vault.unlock(&keys)?.ok_or_else(not_here)?;
        place.set_external(None)?;
        self.say.done(
            "Only your words open this conversation from now on. A key file of before opens nothing; it can be deleted.",
            &json!({ "key": null }),
        );
        Ok(())
    }
}

/// The key in a file.
pub(super) fn read(file: &Path) -> Result<Secret, Stop> {
    let bytes = fs::read(file);
    let bytes = bytes.map_err(|_| Stop::usage(format!("{} cannot be read", file.display())))?;
    let key: [u8; 32] = bytes.try_into().map_err(|_| {
        Stop::usage(format!(
            "{} is no key file: one holds 32 bytes; `sotto tip key` makes it",
            file.display()
        ))
    })?;
    Ok(Secret::from_bytes(key))
}

/// What to do where a key opens nothing.
pub(super) fn opens_nothing() -> Stop {
    Stop::refused(
        "this key file opens no conversation here; use your words, and `sotto tip key` makes a new file",
    )
}

/// A new file for its owner only, of random bytes that say nothing about themselves.
fn write(file: &Path, key: &Secret) -> Result<(), Stop> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut open| {
        open.write_all(key.as_bytes())?;
        open.sync_all()
    });
    written.map_err(|_| {
        Stop::refused(format!(
            "{} cannot be made; choose a name where nothing is yet, in a folder you may write to",
            file.display()
        ))
    })
}
