//! Weeks of token keys, and of the statements that name them.

use sotto_protocol::limits::{DAY_SECONDS, TOKEN_AHEAD_DAYS, TOKEN_KEY_DAYS, TOKEN_OVERLAP_DAYS};

/// The week a statement is made for: it names the keys of the week before, of this one and of the
/// next, so that it may be followed late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(u64);

/// Seconds for which one key signs.
const WEEK: u64 = TOKEN_KEY_DAYS * DAY_SECONDS;
const AHEAD: u64 = TOKEN_AHEAD_DAYS * DAY_SECONDS;

impl Period {
    /// What a relay has to say at `now`: the next week's three days before it begins.
    pub(crate) const fn at(now: u64) -> Self {
        Self(now.saturating_add(AHEAD) / WEEK)
    }

    pub(crate) const fn issued(self) -> u64 {
        self.0.saturating_mul(WEEK).saturating_sub(AHEAD)
    }

    pub(crate) const fn expires(self) -> u64 {
        self.0.saturating_add(2).saturating_mul(WEEK)
    }

    /// The weeks whose keys it names.
    pub(crate) fn weeks(self) -> impl Iterator<Item = Week> {
        (self.0.saturating_sub(1)..=self.0.saturating_add(1)).map(Week)
    }
}

/// One week and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Week(pub(crate) u64);

impl Week {
    /// The one that signs at `now`.
    pub(crate) const fn at(now: u64) -> Self {
        Self(now / WEEK)
    }

    /// Those whose tokens are taken at `now`.
    pub(crate) fn taken(now: u64) -> impl Iterator<Item = Self> {
        let newest = Self::at(now);
        let before = newest.0.checked_sub(1).map(Self);
        let before = before.filter(|week| now < week.until());
        core::iter::once(newest).chain(before)
    }

    pub(crate) const fn from(self) -> u64 {
        self.0.saturating_mul(WEEK)
    }

    pub(crate) const fn until(self) -> u64 {
        let end = self.0.saturating_add(1).saturating_mul(WEEK);
        end.saturating_add(TOKEN_OVERLAP_DAYS * DAY_SECONDS)
    }
}
