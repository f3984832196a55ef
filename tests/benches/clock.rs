//! The one place that looks at a real clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, to subtract from.
#[expect(clippy::disallowed_methods, reason = "a measurement is of real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Unix seconds, for statements that a real relay has to believe.
#[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
pub fn unix() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Waits for something a program does by itself.
#[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Seconds of processor that this thread has used.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap().parse::<f64>();
    nanoseconds.unwrap() / 1e9
}

/// Seconds of processor that something takes on this thread; who else is running hardly matters.
pub fn used(work: impl FnOnce()) -> f64 {
    let before = processor();
    work();
    processor() - before
}
