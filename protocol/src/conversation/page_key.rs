//! Page keys: what decides on which page a conversation's answers stand (SPEC 3.3).

use crate::{hash, secret::Secret};

/// How far ahead a page key is derived at most; further, the clock is wrong.
const MAX_DAYS: u32 = 4_000;

/// How the key of a day is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PageKey {
    /// One per UTC day, each derived from the one before: the oldest still kept.
    Chain {
        /// Its UTC day.
        day: u32,
        /// `PK[day]`.
        key: Secret,
    },
    /// A phone that keeps nothing can erase nothing: every day derives from `PK*`.
    Fixed(Secret),
}

impl PageKey {
    pub(super) fn chain(root: &Secret, day: u32) -> Self {
        let key = of_root(root);
        Self::Chain { day, key }
    }

    pub(super) fn fixed(root: &Secret) -> Self {
        Self::Fixed(of_root(root))
    }

    /// `PK[day]`; `None` for days already erased or absurdly far ahead.
    pub(super) fn of_day(&self, day: u32) -> Option<Secret> {
        match self {
            Self::Fixed(key) => Some(next(key, &[LABEL, &day.to_le_bytes()])),
            Self::Chain { day: kept, key } => {
                let days = day.checked_sub(*kept).filter(|days| *days <= MAX_DAYS)?;
                Some((0..days).fold(key.clone(), |key, _| next(&key, &[LABEL])))
            }
        }
    }

    /// Erases the keys of days before `day`, where that is possible. Whether there were any.
    pub(super) fn advance_to(&mut self, day: u32) -> bool {
        match (&self, self.of_day(day)) {
            (Self::Chain { day: kept, .. }, Some(key)) if *kept < day => {
                *self = Self::Chain { day, key };
                true
            }
            _ => false,
        }
    }
}

const LABEL: &[u8] = b"sotto/1 page day";

fn of_root(root: &Secret) -> Secret {
    next(root, &[b"sotto/1 page key"])
}

fn next(key: &Secret, info: &[&[u8]]) -> Secret {
    Secret::from_bytes(hash::expand(key.as_bytes(), info))
}
