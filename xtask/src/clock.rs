//! The one place that looks at a real clock: tasks time what they run, and nothing else does.
use std::{
    thread,
    time::{Duration, Instant},
};

#[expect(
    clippy::disallowed_methods,
    reason = "a build tool measures real time; no test depends on it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo waits for programs that run beside it"
)]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
