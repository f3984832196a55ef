//! Envelopes that were of no use, or wait to be of some: remembered for a while, so that one which is
//! read again costs a look-up and is not opened. Never kept: after a start they are opened once more.

use std::collections::HashSet;

use sotto_protocol::limits::REREAD_SECONDS;

/// Marks of addresses, in two generations of which the older one goes.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: HashSet<[u8; 16]>,
    old: HashSet<[u8; 16]>,
    /// When the young generation began, in unix seconds.
    since: u64,
}

/// Long enough for what is read again, whose arrival is known to ten minutes.
const GENERATION_SECONDS: u64 = 2 * REREAD_SECONDS;
/// Marks of one generation at most: about 3 MB.
const MOST: usize = 1 << 17;

impl Recent {
    pub(super) fn contains(&self, mark: &[u8; 16]) -> bool {
        self.young.contains(mark) || self.old.contains(mark)
    }

    pub(super) fn insert(&mut self, mark: [u8; 16], now: u64) {
        let is_over = now.abs_diff(self.since) >= GENERATION_SECONDS;
        if is_over || self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        self.young.insert(mark);
    }
}
