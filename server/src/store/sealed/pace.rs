//! How fast keys may be destroyed, since a clock that jumped ahead would destroy them all.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sotto_protocol::{id::LineId, limits::CLOCK_SKEW_SECONDS};

use crate::clock::Clock;

/// One day's keys of a line in this many seconds, and none so soon after a start or a jump: by then a
/// clock that is wrong has stopped every signed request of the line, so that somebody knows.
const PACE_SECONDS: u64 = 3_600;

/// When keys were last destroyed, by a clock that never jumps, and since when the other agrees with it.
#[derive(Debug)]
pub(super) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Of both clocks when they were last looked at.
    now: u64,
    steady: u64,
    /// When they began to agree, on the steady one.
    since: u64,
    last: BTreeMap<LineId, u64>,
}

impl Pace {
    pub(super) fn begin(clock: &dyn Clock) -> Self {
        Self(Mutex::new(State {
            now: clock.now(),
            steady: clock.steady(),
            since: clock.steady(),
            last: BTreeMap::new(),
        }))
    }

    /// Whether a day's keys of the line may go now.
    pub(super) fn may_destroy(&self, line: LineId, clock: &dyn Clock) -> bool {
        let mut state = self.state();
        state.look(clock);
        let last = state.last.get(&line).copied().unwrap_or(0);
        state.steady.saturating_sub(last.max(state.since)) >= PACE_SECONDS
    }

    pub(super) fn destroyed(&self, line: LineId) {
        let mut state = self.state();
        let steady = state.steady;
        state.last.insert(line, steady);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, clock: &dyn Clock) {
        let (now, steady) = (clock.now(), clock.steady());
        let expected = self.now.saturating_add(steady.saturating_sub(self.steady));
        if now.abs_diff(expected) > CLOCK_SKEW_SECONDS {
            self.since = steady;
        }
        (self.now, self.steady) = (now, steady);
    }
}
