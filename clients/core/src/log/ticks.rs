//! When a device appends: once per tick, whether it has anything to say or not.

use sotto_protocol::{
    id::DeviceId,
    limits::{LOG_BUSY_TICK_SECONDS, LOG_TICK_SECONDS},
};

/// How quick the ticks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nobody works at the device.
    Idle,
    /// Somebody does.
    Busy,
}

impl Pace {
    /// Seconds of a tick.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Idle => LOG_TICK_SECONDS,
            Self::Busy => LOG_BUSY_TICK_SECONDS,
        }
    }
}

/// One device's timetable. Devices tick at moments of their own, so that they seldom meet.
#[derive(Debug, Clone, Copy)]
pub struct Ticks(u64);

impl Ticks {
    /// The timetable of `device`.
    pub fn of(device: DeviceId) -> Self {
        let [first, ..] = device.0;
        Self(u64::from(first) % LOG_TICK_SECONDS)
    }

    /// The number of the tick that `now` (unix seconds) lies in.
    pub const fn number(self, now: u64, pace: Pace) -> u64 {
        (now.saturating_add(self.0)) / pace.seconds()
    }

    /// Whether a tick has begun since the one at `last`. What was slept through is not made up for.
    pub const fn is_due(self, last: u64, now: u64, pace: Pace) -> bool {
        self.number(now, pace) > self.number(last, pace)
    }

    /// The moment after `now` at which the next tick begins.
    pub const fn next(self, now: u64, pace: Pace) -> u64 {
        let seconds = pace.seconds();
        let into = (now.saturating_add(self.0)) % seconds;
        now.saturating_add(seconds - into)
    }
}
