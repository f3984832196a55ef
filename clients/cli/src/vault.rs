//! The vault as a file: always there, always the same size, never telling whether it is used.

use sotto_core::{
    keep::{KeepError, Keeper},
    native::{Entropy, StateDir, Stop},
    tipster::{State, Tipster},
    vault::{Compartment, Vault, VaultError},
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
    open: Option<(Vault, Compartment)>,
}

impl VaultFile {
    /// Nothing is opened yet: what is saved before [`Self::open`] begins a vault of its own.
    pub(crate) const fn new(dir: StateDir, keys: CodeKeys, rng: Entropy) -> Self {
        Self {
            dir,
            keys,
            rng,
            open: None,
        }
    }

    /// Whether a vault is there; what is in it, nobody can tell without the code.
    pub(crate) fn is_there(dir: &StateDir) -> Result<bool, Stop> {
        Ok(dir.read(NAME)?.is_some())
    }

    /// The conversation these words belong to, if it is kept here.
    pub(crate) fn open(&mut self) -> Result<Option<Tipster>, Stop> {
        let Some(blob) = self.dir.read(NAME)? else {
            return Ok(None);
        };
        let mut vault = Vault::parse(&blob)?;
        let Some(compartment) = vault.unlock(&self.keys.vault) else {
            return Ok(None);
        };
        let state = vault.state(compartment)?;
        let tipster = Tipster::from_bytes(&state, self.keys.clone());
        let tipster = tipster.map_err(|_| VaultError::Newer)?;
        self.open = Some((vault, compartment));
        Ok(Some(tipster))
    }

    /// As at every start, whatever for: a vault is there afterwards, and was just written.
    pub(crate) fn rewrite(&mut self) -> Result<(), Stop> {
        let written = match (&mut self.open, self.dir.read(NAME)?) {
            (Some((vault, _)), _) => self.dir.write(NAME, vault.rewrite(&mut self.rng)),
            (None, Some(blob)) => self.dir.write(NAME, &blob),
            (None, None) => {
                let vault = Vault::empty(&mut self.rng);
                self.dir.write(NAME, vault.as_bytes())
            }
        };
        Ok(written.map_err(|_| KeepError)?)
    }

    fn put(&mut self, state: &State) -> Result<&Vault, VaultError> {
        if let Some((vault, compartment)) = &mut self.open {
            vault.put(*compartment, state, &mut self.rng)?;
        } else {
            let mut vault = Vault::empty(&mut self.rng);
            let compartment = vault.place(&self.keys.vault, state, &mut self.rng)?;
            self.open = Some((vault, compartment));
        }
        let open = self.open.as_ref().ok_or(VaultError::Closed)?;
        Ok(&open.0)
    }
}

impl Keeper<State> for VaultFile {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        let dir = self.dir.clone();
        let vault = self.put(state).map_err(|_| KeepError)?;
        dir.write(NAME, vault.as_bytes()).map_err(|_| KeepError)
    }
}
