//! How many shards each line has, once it was asked. It never changes.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use sotto_protocol::id::LineId;

/// Of the lines asked for so far.
#[derive(Default)]
pub(super) struct Lines(RwLock<BTreeMap<LineId, u16>>);

impl Lines {
    pub(super) fn known(&self, line: LineId) -> Option<u16> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&line).copied()
    }

    pub(super) fn learn(&self, line: LineId, shards: u16) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(line, shards);
    }
}
