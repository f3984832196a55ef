//! The one place where the relay learns what time it is.

use std::{
    fmt,
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Gives unix seconds.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;

    /// Seconds since some moment before the program began to count, by a clock that never jumps.
    fn steady(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock everything else takes"
        )]
        let now = SystemTime::now();
        now.duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
    fn steady(&self) -> u64 {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock everything else takes"
        )]
        let begun = BEGUN.get_or_init(Instant::now);
        begun.elapsed().as_secs()
    }
}
