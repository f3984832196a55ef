//! How time passes for whoever follows a schedule. A trait, because tests have a clock of their own.

/// A clock that can be waited with.
pub trait Pace {
    /// Unix milliseconds.
    fn now(&self) -> u64;

    /// Returns once it is `moment` (unix milliseconds), or later.
    fn wait_until(&self, moment: u64);
}
