//! State is saved before anything is sent: the types see to it.

/// Makes a change of state durable.
pub trait Keeper<S> {
    /// Returns once the change would survive a crash.
    ///
    /// # Errors
    /// [`KeepError`]; then nothing has been sent and nothing is lost.
    fn keep(&mut self, change: &S) -> Result<(), KeepError>;
}

/// The state could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the state cannot be written; is the disk full, or the directory read-only? Nothing was sent"
)]
pub struct KeepError;

/// Something that may only be used once the change it came with is saved.
#[must_use = "a change of state that is not saved is lost"]
#[derive(Debug)]
pub struct Unsaved<S, T> {
    change: S,
    value: T,
}

impl<S, T> Unsaved<S, T> {
    pub(crate) const fn new(change: S, value: T) -> Self {
        Self { change, value }
    }

    /// For a larger change that this one is a part of.
    pub(crate) fn into_value(self) -> T {
        self.value
    }

    /// Saves, then gives the value away.
    pub fn save(self, keeper: &mut (impl Keeper<S> + ?Sized)) -> Result<T, KeepError> {
        keeper.keep(&self.change)?;
        Ok(self.value)
    }
}
