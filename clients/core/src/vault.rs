//! What a phone keeps: one blob of constant size that looks random, whether anything is in it or not.
//!
//! It has four compartments, each for one conversation with its own code. Which of them are in use
//! is not written anywhere: only a key tells, and only of its own compartment. So the vault exists
//! from the first start of every install and is written anew at every start. What is not open stays
//! as it is then: somebody with copies from two days sees which compartments were used in between.

mod body;
mod compartment;
mod sealing;
mod v1;

use std::fmt;

use rand_core::CryptoRng;
use sotto_protocol::secret::Secret;
use zeroize::Zeroizing;

use self::compartment::{COMPARTMENT_BYTES, Kept, Slot};
use crate::sealed::Locked;

/// Compartments of a vault.
pub const COMPARTMENTS: usize = 4;
/// Bytes of the blob, used or not.
pub const VAULT_BYTES: usize = COMPARTMENTS * COMPARTMENT_BYTES;
/// Bytes of state a compartment has room for.
pub const VAULT_ROOM: usize = v1::ROOM;

/// Why the vault does not do what it was asked. The blob is then as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The blob is not [`VAULT_BYTES`] long.
    #[error(
        "the vault has the wrong size, so it is damaged; restore it from a backup or remove it"
    )]
    Size,
    /// The state is longer than [`VAULT_ROOM`].
    #[error(
        "this conversation has grown too large to be kept; delete drafts or history and try again"
    )]
    TooLarge,
    /// Every compartment is open, so that none can be given to another conversation.
    #[error("there is no place for another conversation; forget one and try again")]
    Full,
    /// The compartment is not open.
    #[error("this conversation is locked; enter its words and try again")]
    Closed,
    /// The compartment was opened by another key than its code, which must be there for this.
    #[error("this needs the words of the conversation; enter them and try again")]
    CodeNeeded,
    /// What is kept there is not what was put there.
    #[error("what is kept of this conversation is damaged; restore it from a backup")]
    Damaged,
    /// What is kept there has a version this program does not know.
    #[error("the vault was written by a newer version of this program; update it")]
    Newer,
}

impl From<Locked> for VaultError {
    /// Sealing refuses nothing but what is too large.
    fn from(_: Locked) -> Self {
        Self::TooLarge
    }
}

/// A compartment that is open in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compartment(usize);

/// The blob, and the keys of what is open.
pub struct Vault {
    blob: Vec<u8>,
    open: [Option<Open>; COMPARTMENTS],
}

/// Keys of one open compartment.
struct Open {
    data: Secret,
    code: Option<Secret>,
    external: Option<Secret>,
}

impl fmt::Debug for Vault {
    // What is open is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// A vault with nothing in it, as a new install makes it: random bytes.
    pub fn empty(rng: &mut impl CryptoRng) -> Self {
        let mut blob = vec![0; VAULT_BYTES];
        rng.fill_bytes(&mut blob);
        Self::closed(blob)
    }

    /// Takes up what [`Self::as_bytes`] gave. Whether anything is in it shows only with a key.
    ///
    /// # Errors
    /// [`VaultError::Size`].
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        if bytes.len() == VAULT_BYTES {
            Ok(Self::closed(bytes.to_vec()))
        } else {
            Err(VaultError::Size)
        }
    }

    /// The blob, to be written: [`VAULT_BYTES`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.blob
    }

    /// The compartment of a code's vault key or of an external key. Tries all of them both ways,
    /// found or not, so that the work tells nothing.
    pub fn unlock(&mut self, key: &Secret) -> Option<Compartment> {
        let mut found = None;
        let slots = (0..COMPARTMENTS).flat_map(|number| Slot::ALL.map(|slot| (number, slot)));
        for (number, slot) in slots {
            let kept = self.kept(number);
            let data = kept.and_then(|kept| kept.unwrap(slot, key));
            let opened = data.map(|data| (number, slot, data));
            found = found.or(opened);
        }
        let (number, slot, data) = found?;
        let compartment = Compartment(number);
        if self.body(compartment).is_err() {
            *self.open.get_mut(number)? = Some(Open {
                data,
                code: None,
                external: None,
            });
        } else if self.kept(number)?.open_body(&data).is_none() {
            // A slot from an older copy of the blob: what it holds opens nothing any more.
            return None;
        }
        let open = self.opened_mut(compartment).ok()?;
        match slot {
            Slot::Code => open.code = Some(key.clone()),
            Slot::External => open.external = Some(key.clone()),
        }
        Some(compartment)
    }

    /// The state that was put there last.
    ///
    /// # Errors
    /// [`VaultError::Closed`], [`VaultError::Damaged`], [`VaultError::Newer`].
    pub fn state(&self, compartment: Compartment) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        body::read(&self.body(compartment)?)
    }

    /// Puts the state of a new conversation, whose code's vault key is `code`, into any of the
    /// compartments that are not open, with equal chances. Nobody can know whether another
    /// conversation was there, so people must be asked for all their words before.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], [`VaultError::Full`].
    pub fn place(
        &mut self,
        code: &Secret,
        state: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Compartment, VaultError> {
        let body = body::write(state).ok_or(VaultError::TooLarge)?;
        let closed = (0..COMPARTMENTS).map(Compartment);
        let closed: Vec<_> = closed.filter(|c| self.opened(*c).is_err()).collect();
        let count = u64::try_from(closed.len()).map_err(|_| VaultError::Full)?;
        let chosen = rng.next_u64().checked_rem(count).ok_or(VaultError::Full)?;
        let chosen = usize::try_from(chosen).map_err(|_| VaultError::Full)?;
        let compartment = *closed.get(chosen).ok_or(VaultError::Full)?;
        let open = Open {
            data: Secret::make(rng),
            code: Some(code.clone()),
            external: None,
        };
        self.seal_new(compartment, open, &body, rng)?;
        Ok(compartment)
    }

    /// Puts a state there, in place of the one before, damaged or not.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], [`VaultError::Closed`]; [`VaultError::Newer`] where the one before
    /// would be lost to a newer program.
    pub fn put(
        &mut self,
        compartment: Compartment,
        state: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let body = body::write(state).ok_or(VaultError::TooLarge)?;
        match self.state(compartment) {
            Ok(_) | Err(VaultError::Damaged) => self.seal_again(compartment, &body, rng),
            Err(error) => Err(error),
        }
    }

    /// Lets a second key open this compartment, for example one from a passkey, or none any more.
    /// The data key changes, so that the second key of before opens nothing from now on, even with
    /// an older copy of the blob at hand.
    ///
    /// # Errors
    /// [`VaultError::CodeNeeded`] where it was opened by the external key alone;
    /// [`VaultError::Closed`], [`VaultError::Damaged`].
    pub fn set_external(
        &mut self,
        compartment: Compartment,
        external: Option<Secret>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let code = self.opened(compartment)?.code.clone();
        let code = code.ok_or(VaultError::CodeNeeded)?;
        let body = self.body(compartment)?;
        let open = Open {
            data: Secret::make(rng),
            code: Some(code),
            external,
        };
        self.seal_new(compartment, open, &body, rng)
    }

    /// Overwrites a compartment with random bytes and closes it.
    pub fn forget(&mut self, compartment: Compartment, rng: &mut impl CryptoRng) {
        if self.opened(compartment).is_ok() {
            if let Some(bytes) = self.bytes_mut(compartment.0) {
                rng.fill_bytes(bytes);
            }
            self.close(compartment);
        }
    }

    /// Drops the keys of a compartment; the blob stays as it is.
    pub fn close(&mut self, compartment: Compartment) {
        if let Some(open) = self.open.get_mut(compartment.0) {
            *open = None;
        }
    }

    /// Seals anew everything whose keys are here, so that nothing of it looks as before, and leaves
    /// the rest as it is. The blob, to be written.
    pub fn rewrite(&mut self, rng: &mut impl CryptoRng) -> &[u8] {
        for number in 0..COMPARTMENTS {
            let compartment = Compartment(number);
            if let Ok(body) = self.body(compartment) {
                // What was opened has the right size, so that it can be sealed again.
                let _unchanged = self.seal_again(compartment, &body, rng);
            }
        }
        &self.blob
    }

    const fn closed(blob: Vec<u8>) -> Self {
        Self {
            blob,
            open: [const { None }; COMPARTMENTS],
        }
    }

    fn opened(&self, compartment: Compartment) -> Result<&Open, VaultError> {
        let open = self.open.get(compartment.0).and_then(Option::as_ref);
        open.ok_or(VaultError::Closed)
    }

    fn opened_mut(&mut self, compartment: Compartment) -> Result<&mut Open, VaultError> {
        let open = self.open.get_mut(compartment.0).and_then(Option::as_mut);
        open.ok_or(VaultError::Closed)
    }

    fn kept(&self, number: usize) -> Option<Kept<'_>> {
        let bytes = self.blob.chunks_exact(COMPARTMENT_BYTES).nth(number)?;
        Kept::new(number, bytes)
    }

    fn bytes_mut(&mut self, number: usize) -> Option<&mut [u8]> {
        self.blob.chunks_exact_mut(COMPARTMENT_BYTES).nth(number)
    }
}
