//! The real world for native programs: network, disk, clock, randomness and a person at a terminal.

mod ask;
mod files;
mod http;
mod shelf;
mod stop;

use std::{
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use getrandom::SysRng;
use rand_core::UnwrapErr;

pub use self::{
    ask::{code_and_rest, codes, confirm, passphrase, text},
    files::{Lock, StateDir},
    http::{Http, Ways, ways},
    stop::Stop,
};
use crate::pace::Pace;

/// The operating system's randomness.
pub type Entropy = UnwrapErr<SysRng>;

/// The operating system's randomness, after asking it once: where it works once it keeps working.
pub fn entropy() -> Result<Entropy, Stop> {
    match getrandom::u32() {
        Ok(_) => Ok(UnwrapErr(SysRng)),
        Err(_) => Err(Stop::refused("this machine gives no randomness")),
    }
}

/// Unix seconds.
pub fn now() -> u64 {
    since_1970().as_secs()
}

fn since_1970() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that programs hand to engines"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The clock of this machine, and waiting by it.
#[derive(Debug, Clone, Copy)]
pub struct RealTime;

impl Pace for RealTime {
    fn now(&self) -> u64 {
        u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait_until(&self, moment: u64) {
        pause(Duration::from_millis(moment.saturating_sub(self.now())));
    }
}

/// Waits, in a program that has nothing else to do.
pub fn pause(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "programs of one thread wait here and nowhere else"
    )]
    thread::sleep(time);
}
