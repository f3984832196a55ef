//! The vault as a file: always there, always the same size, never telling whether it is used.

use std::cell::RefCell;

use sotto_core::{
    keep::{KeepError, Keeper},
    native::{Entropy, StateDir, Stop},
    tipster::{State, Tipster},
    vault::{Compartment, Vault, VaultError},
};
use sotto_protocol::{code::CodeKeys, secret::Secret};

/// Its name says as little as its bytes.
const NAME: &str = "vault";

/// The vault of one directory.
#[derive(Debug)]
pub(crate) struct VaultFile {
    dir: StateDir,
    vault: RefCell<Vault>,
    rng: RefCell<Entropy>,
    was_there: bool,
}

impl VaultFile {
    /// Reads the vault, or begins one with nothing in it. Writes nothing yet.
    pub(crate) fn open(dir: StateDir, mut rng: Entropy) -> Result<Self, Stop> {
        let kept = dir.read(NAME)?;
        let vault = match &kept {
            Some(blob) => Vault::parse(blob)?,
            None => Vault::empty(&mut rng),
        };
        Ok(Self {
            dir,
            vault: RefCell::new(vault),
            rng: RefCell::new(rng),
            was_there: kept.is_some(),
        })
    }

    /// Whether there was a vault before. What is in it, nobody can tell without the words.
    pub(crate) const fn was_there(&self) -> bool {
        self.was_there
    }

    /// The person these words belong to, if their conversation is kept here, and where.
    pub(crate) fn unlock(&self, keys: &CodeKeys) -> Result<Option<(Tipster, Place<'_>)>, Stop> {
        self.unlock_with(&keys.vault)
    }

    /// The same by the words' vault key, or by a key from a file.
    pub(crate) fn unlock_with(&self, key: &Secret) -> Result<Option<(Tipster, Place<'_>)>, Stop> {
        let mut vault = self.vault.borrow_mut();
        let Some(compartment) = vault.unlock(key) else {
            return Ok(None);
        };
        let tipster = Tipster::from_bytes(&vault.state(compartment)?);
        let place = Place {
            file: self,
            key: key.clone(),
            compartment: Some(compartment),
        };
        Ok(Some((tipster.map_err(|_| VaultError::Newer)?, place)))
    }

    /// A place for a conversation that is not kept here yet. It is taken at the first save, from
    /// whatever is not unlocked.
    pub(crate) fn place(&self, keys: &CodeKeys) -> Place<'_> {
        Place {
            file: self,
            key: keys.vault.clone(),
            compartment: None,
        }
    }

    /// As at every start, whatever for: what is unlocked is sealed anew, and everything is written.
    pub(crate) fn rewrite(&self) -> Result<(), Stop> {
        self.vault.borrow_mut().rewrite(&mut *self.rng.borrow_mut());
        Ok(self.write()?)
    }

    fn write(&self) -> Result<(), KeepError> {
        let vault = self.vault.borrow();
        self.dir
            .write(NAME, vault.as_bytes())
            .map_err(|_| KeepError)
    }
}

/// Where one conversation is kept.
#[derive(Debug)]
pub(crate) struct Place<'v> {
    file: &'v VaultFile,
    key: Secret,
    compartment: Option<Compartment>,
}

impl Place<'_> {
    /// Forgets the conversation.
    pub(crate) fn wipe(&mut self) -> Result<(), Stop> {
        if let Some(compartment) = self.compartment.take() {
            let rng = &mut *self.file.rng.borrow_mut();
            self.file.vault.borrow_mut().forget(compartment, rng);
        }
        Ok(self.file.write()?)
    }

    /// Lets a second key open the conversation, or none any more; it must be open by its words.
    pub(crate) fn set_external(&self, key: Option<Secret>) -> Result<(), Stop> {
        let compartment = self.compartment.ok_or(VaultError::Closed)?;
        let rng = &mut *self.file.rng.borrow_mut();
        let mut vault = self.file.vault.borrow_mut();
        vault.set_external(compartment, key, rng)?;
        drop(vault);
        Ok(self.file.write()?)
    }

    fn put(&mut self, state: &State) -> Result<(), VaultError> {
        let mut vault = self.file.vault.borrow_mut();
        let rng = &mut *self.file.rng.borrow_mut();
        if let Some(compartment) = self.compartment {
            return vault.put(compartment, state, rng);
        }
        self.compartment = Some(vault.place(&self.key, state, rng)?);
        Ok(())
    }
}

impl Keeper<State> for Place<'_> {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        self.put(state).map_err(|_| KeepError)?;
        self.file.write()
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
