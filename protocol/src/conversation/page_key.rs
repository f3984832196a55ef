//! Page keys: one per UTC day, each derived from the one before, old ones erased (SPEC 3.3).

use crate::{hash, secret::Secret};

/// How far ahead a page key is derived at most; further, the clock is wrong.
const MAX_DAYS: u32 = 4_000;

/// The oldest page key still kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageKey {
    pub(super) day: u32,
    pub(super) key: Secret,
}

impl PageKey {
    pub(super) fn first(root: &Secret, day: u32) -> Self {
        let key = hash::expand(root.as_bytes(), &[b"sotto/1 page key"]);
        Self {
            day,
            key: Secret::from_bytes(key),
        }
    }

    /// `PK[day]`; `None` for days already erased or absurdly far ahead.
    pub(super) fn of_day(&self, day: u32) -> Option<Secret> {
        let days = day.checked_sub(self.day).filter(|days| *days <= MAX_DAYS)?;
        Some((0..days).fold(self.key.clone(), |key, _| {
            Secret::from_bytes(hash::expand(key.as_bytes(), &[b"sotto/1 page day"]))
        }))
    }

    pub(super) fn advance_to(&mut self, day: u32) {
        if let Some(key) = self.of_day(day) {
            *self = Self { day, key };
        }
    }
}
