//! Which key is in use when: one a week, named by the week (SPEC 6.2).

use crate::limits::{DAY_SECONDS, OBLIVIOUS_KEY_DAYS};

/// The week of an instant in unix seconds; the first one began with 1970. A key's id is its lowest byte.
pub fn week_of(now: u64) -> u64 {
    now / (u64::from(OBLIVIOUS_KEY_DAYS) * DAY_SECONDS)
}

/// The weeks whose keys are good at `now`, the running one first: a phone may have read the week from
/// a clock that is up to a day ahead or behind, or just before the week ended.
pub fn weeks_around(now: u64) -> impl Iterator<Item = u64> {
    let running = week_of(now);
    let others = [
        now.saturating_sub(DAY_SECONDS),
        now.saturating_add(DAY_SECONDS),
    ];
    let others = others.map(week_of).into_iter();
    core::iter::once(running).chain(others.filter(move |week| *week != running))
}
