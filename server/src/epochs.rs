//! Keys under which the store's contents are sealed: one per day, kept outside the store, destroyed
//! on time.
//!
//! Whoever keeps a copy of the store (a log that is not rewritten, a replica, a backup) has
//! nothing once the key of its day is gone. [`FileKeys`] keeps them in one small file; a key management
//! service implements [`EpochKeys`].

mod file;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use sotto_protocol::id::LineId;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use self::file::FileKeys;

/// Whose keys. Each scope has its own, because each keeps its contents for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Inbox and boards of a line: as long as the line's retention says.
    Line(LineId),
    /// One log of a line: until every device holds what was sealed.
    Log(LineId, u16),
}

/// A key of one scope and one day, or the one that addresses are named with. Moved without copies.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct EpochKey(Box<[u8; 32]>);

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

impl EpochKey {
    /// From 32 random bytes, copied straight into their place.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Box::new([0; 32]);
        key.copy_from_slice(bytes);
        Self(key)
    }

    pub(crate) fn make() -> Result<Self, EpochError> {
        let mut key = Self(Box::new([0; 32]));
        random(key.0.as_mut_slice())?;
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What became of a key.
#[derive(Debug, Clone)]
pub enum Found {
    /// Here it is.
    Key(Arc<EpochKey>),
    /// It was destroyed on time.
    Destroyed,
    /// It was never here, or is lost.
    Unknown,
}

/// Why there is no key, or one that should be gone may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// No such file.
    #[error(
        "the retention key file is missing, and the store was written with it. Put the file back; if it is lost, nothing that waits in the store can be read any more: start with an empty store, and let every line and desk publish again"
    )]
    Missing,
    /// There, but this user may not read it.
    #[error("the retention key file cannot be read; check its permissions")]
    Unreadable,
    /// The folder is full or not writable.
    #[error(
        "the retention key file cannot be written; check its folder, permissions and free space"
    )]
    Unwritable,
    /// Not what this version writes.
    #[error("the retention key file is damaged or of another version")]
    Damaged,
    /// No randomness for a new key.
    #[error("the machine gives no randomness")]
    Random,
}

/// Keeps the keys.
#[async_trait]
pub trait EpochKeys: Send + Sync + fmt::Debug {
    /// What addresses are named with in the store: the same for as long as the store lives.
    async fn naming(&self) -> Result<Arc<EpochKey>, EpochError>;

    /// The epoch (a UTC day since 1970) to seal under on `day`, and its key: never an epoch before
    /// one that was settled. A new key is safe on disk, for every process of this store, before it is
    /// returned.
    async fn current(&self, scope: Scope, day: u32) -> Result<(u32, Arc<EpochKey>), EpochError>;

    /// The key of an epoch.
    async fn get(&self, scope: Scope, epoch: u32) -> Result<Found, EpochError>;

    /// Everything there are keys for.
    async fn scopes(&self) -> Result<Vec<Scope>, EpochError>;

    /// The day that the oldest key of a scope counts as.
    async fn oldest(&self, scope: Scope) -> Result<Option<u32>, EpochError>;

    /// Destroys the keys of a scope that count as of a day before `before`, for ever.
    async fn destroy(&self, scope: Scope, before: u32) -> Result<(), EpochError>;

    /// Everything due on `today` is destroyed. From now on nothing is sealed under an earlier day,
    /// tomorrow's key is made, and a key of a line that a clock made too far ahead counts as
    /// tomorrow's, so that it does not outlive the others.
    async fn settle(&self, scope: Scope, today: u32) -> Result<(), EpochError>;
}

/// Fills with what only this machine knows.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), EpochError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "keys and nonces at rest are no part of any test's outcome; a generator that could be seeded could repeat one"
    )]
    getrandom::fill(bytes).map_err(|_| EpochError::Random)
}
