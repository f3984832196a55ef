//! The vault as a file: always there, always the same size, never telling whether it is used.

use sotto_core::{
    keep::{KeepError, Keeper},
    native::{Entropy, StateDir, Stop},
    tipster::{State, Tipster},
    vault,
};
use sotto_protocol::code::CodeKeys;

/// Its name says as little as its bytes.
const NAME: &str = "vault";

/// Where a conversation is kept, and under which key.
#[derive(Debug)]
pub(crate) struct VaultFile {
    dir: StateDir,
    keys: CodeKeys,
    rng: Entropy,
}

impl VaultFile {
    pub(crate) const fn new(dir: StateDir, keys: CodeKeys, rng: Entropy) -> Self {
        Self { dir, keys, rng }
    }

    /// Whether a vault is there; what is in it, nobody can tell without the code.
    pub(crate) fn is_there(dir: &StateDir) -> Result<bool, Stop> {
        Ok(dir.read(NAME)?.is_some())
    }

    /// Whether something may be kept there.
    pub(crate) fn is_used(&self) -> Result<bool, Stop> {
        Self::is_there(&self.dir)
    }

    /// Forgets whatever is kept.
    pub(crate) fn wipe(&mut self) -> Result<(), Stop> {
        let blob = vault::empty(&mut self.rng)?;
        Ok(self.dir.write(NAME, &blob).map_err(|_| KeepError)?)
    }

    /// The conversation these words belong to, if it is kept here.
    pub(crate) fn open(&self) -> Result<Option<Tipster>, Stop> {
        let Some(blob) = self.dir.read(NAME)? else {
            return Ok(None);
        };
        let Ok(state) = vault::open(&self.keys.vault, &blob) else {
            return Ok(None);
        };
        let tipster = Tipster::from_bytes(&state);
        tipster.map(Some).map_err(|_| {
            Stop::refused("the vault was written by a newer version of this program; update it")
        })
    }

    /// As on the first start of every install: a vault with nothing in it.
    pub(crate) fn ensure(&mut self) -> Result<(), Stop> {
        if Self::is_there(&self.dir)? {
            return Ok(());
        }
        self.wipe()
    }
}

/// Keeps nothing: for people whose words bring everything back.
#[derive(Debug)]
pub(crate) struct Forgetful;

impl Keeper<State> for Forgetful {
    fn keep(&mut self, _: &State) -> Result<(), KeepError> {
        Ok(())
    }
}

impl Keeper<State> for VaultFile {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        let blob = vault::seal(&self.keys.vault, state, &mut self.rng).map_err(|_| KeepError)?;
        self.dir.write(NAME, &blob).map_err(|_| KeepError)
    }
}
