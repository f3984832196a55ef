//! What is known of each line, put together from its statements and kept for a moment.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use sotto_protocol::{
    bundle::Pin,
    id::{Board, DeviceId, LineId},
    statement::{Boards, DeviceRole, LineStatement, RelayStatement, Roster},
};

use super::{Relay, statements};
use crate::error::Error;

/// A line as its valid statements describe it.
#[derive(Debug)]
pub(super) struct Line {
    /// The bytes everybody gets.
    pub(super) bundle: Bytes,
    pub(super) statement: LineStatement,
    /// As it was read, and as it was signed.
    pub(super) roster: Option<(Roster, Bytes)>,
    pub(super) boards: Option<Boards>,
    /// The relay's own statement that everybody sees.
    pub(super) relay: Option<RelayStatement>,
}

impl Line {
    pub(super) fn drainers(&self) -> Vec<DeviceId> {
        let devices = self.roster.iter().flat_map(|(roster, _)| &roster.devices);
        devices
            .filter(|device| device.role == DeviceRole::Drainer)
            .map(sotto_protocol::statement::DeviceEntry::id)
            .collect()
    }

    /// Whose log it is.
    pub(super) fn readers(&self, log: u16) -> Vec<DeviceId> {
        if log == 0 {
            return self.drainers();
        }
        let devices = self.roster.iter().flat_map(|(roster, _)| &roster.devices);
        devices
            .filter(|device| device.desk == log)
            .map(sotto_protocol::statement::DeviceEntry::id)
            .collect()
    }

    pub(super) fn pages(&self, board: Board, cycle: u64) -> Option<u32> {
        self.boards.as_ref()?.pages(board, cycle)
    }
}

/// The lines this relay serves.
#[derive(Debug)]
pub(super) struct Lines {
    pins: BTreeMap<LineId, Pin>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: BTreeMap<LineId, KeptLine>,
    /// How often anything was forgotten.
    changes: u64,
    /// Days each line keeps its inbox, as it said last.
    retention: BTreeMap<LineId, u64>,
}

#[derive(Debug)]
struct KeptLine {
    /// When it was read.
    at: u64,
    /// When somebody last went to read it anew.
    renewing: u64,
    state: Arc<Line>,
}

/// A put through another relay process of the same store is seen after this long.
const KEEP_SECONDS: u64 = 2;
/// How much longer while one request reads it anew: otherwise, every two seconds, each request in
/// progress would verify the same signatures.
const RENEW_SECONDS: u64 = 2;

impl KeptLine {
    /// Whether it may be used as it is. The first one each second to whom it may not renews it.
    fn is_fresh(&mut self, now: u64) -> bool {
        let Some(age) = now.checked_sub(self.at) else {
            return false;
        };
        let is_renewed = self.renewing == now && age <= KEEP_SECONDS + RENEW_SECONDS;
        if age <= KEEP_SECONDS || is_renewed {
            return true;
        }
        self.renewing = now;
        false
    }
}

impl Lines {
    pub(super) const fn new(pins: BTreeMap<LineId, Pin>) -> Self {
        Self {
            pins,
            kept: Mutex::new(Kept {
                lines: BTreeMap::new(),
                changes: 0,
                retention: BTreeMap::new(),
            }),
        }
    }

    pub(super) fn ids(&self) -> Vec<LineId> {
        self.pins.keys().copied().collect()
    }

    pub(super) fn pin(&self, line: LineId) -> Result<Pin, Error> {
        self.pins.get(&line).copied().ok_or(Error::Unknown)
    }

    /// What is kept of a line, or the number of changes so far for [`Self::keep`].
    fn kept(&self, line: LineId, now: u64) -> Result<Arc<Line>, u64> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = kept.changes;
        let known = kept.lines.get_mut(&line).ok_or(changes)?;
        if known.is_fresh(now) {
            Ok(Arc::clone(&known.state))
        } else {
            Err(changes)
        }
    }

    /// Keeps what was read from the store, unless a statement was put meanwhile: then it may be from
    /// before, and a device that was just removed would be let in once more.
    fn keep(&self, line: LineId, now: u64, state: &Arc<Line>, changes: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.changes == changes {
            let state = Arc::clone(state);
            let (at, renewing) = (now, now);
            kept.lines.insert(
                line,
                KeptLine {
                    at,
                    renewing,
                    state,
                },
            );
        }
    }

    pub(super) fn retention(&self, line: LineId) -> Option<u64> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retention.get(&line).copied()
    }

    pub(super) fn remember_retention(&self, line: LineId, days: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retention.insert(line, days);
    }

    pub(super) fn forget(&self, line: LineId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.remove(&line);
        kept.changes = kept.changes.wrapping_add(1);
    }
}

impl Relay {
    /// The line, if its statements are valid now.
    pub(super) async fn line(&self, line: LineId) -> Result<Arc<Line>, Error> {
        let pin = self.lines.pin(line)?;
        let now = self.clock.now();
        let changes = match self.lines.kept(line, now) {
            Ok(state) => return Ok(state),
            Err(changes) => changes,
        };
        let stored = self.store.statements(line).await?;
        let state = statements::assemble(pin, &stored, now).ok_or(Error::Unknown)?;
        let state = Arc::new(state);
        self.lines.keep(line, now, &state, changes);
        Ok(state)
    }
}
