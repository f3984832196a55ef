//! How fast keys may be destroyed, since a clock that jumped ahead would destroy them all.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use sotto_protocol::id::LineId;

/// One day's keys of a line within this many seconds of running, and none right after a start: by
/// then a clock that is wrong has stopped every signed request of the line, so that somebody knows.
const PACE_SECONDS: u64 = 3_600;

/// When keys were last destroyed, by a clock that never jumps.
#[derive(Debug)]
pub(super) struct Pace {
    begun: u64,
    last: Mutex<BTreeMap<LineId, u64>>,
}

impl Pace {
    pub(super) const fn begin(steady: u64) -> Self {
        let last = Mutex::new(BTreeMap::new());
        Self {
            begun: steady,
            last,
        }
    }

    pub(super) fn may_destroy(&self, line: LineId, steady: u64) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.get(&line).copied().unwrap_or(self.begun);
        steady.saturating_sub(last) >= PACE_SECONDS
    }

    pub(super) fn destroyed(&self, line: LineId, steady: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(line, steady);
    }
}
