//! What stands in the file, and what is done to it: `sotto epochs 1`, the naming key, then rows of 64
//! bytes, then their SHA-256.

use std::{collections::BTreeMap, sync::Arc};

use sotto_protocol::{
    hash,
    id::LineId,
    wire::{Reader, Writer},
};
use zeroize::Zeroizing;

use super::super::{EpochError, EpochKey, Found, Scope};

/// Everything in the file.
pub(super) struct State {
    naming: Arc<EpochKey>,
    scopes: BTreeMap<Scope, Epochs>,
}

/// The keys of one scope.
#[derive(Default)]
struct Epochs {
    /// Every key of an earlier epoch is destroyed.
    floor: u32,
    /// Nothing is sealed under an earlier day.
    day: u32,
    keys: BTreeMap<u32, Entry>,
}

struct Entry {
    /// The day it is destroyed with; almost always its own.
    counts_as: u32,
    /// `None` once it is destroyed, while an earlier one lives.
    key: Option<Arc<EpochKey>>,
}

impl Epochs {
    /// The epoch of `day`: not one that was settled before, and not one whose key is gone.
    fn epoch(&self, day: u32) -> u32 {
        let first = day.max(self.day).max(self.floor);
        let gone = |epoch: &u32| self.keys.get(epoch).is_some_and(|e| e.key.is_none());
        (first..u32::MAX).find(|e| !gone(e)).unwrap_or(u32::MAX)
    }

    fn key(&self, epoch: u32) -> Option<&Arc<EpochKey>> {
        self.keys.get(&epoch)?.key.as_ref()
    }

    /// Makes a key unless there was one; whether there was none.
    fn make(&mut self, epoch: u32) -> Result<bool, EpochError> {
        if self.keys.contains_key(&epoch) || epoch < self.floor {
            return Ok(false);
        }
        let key = Some(Arc::new(EpochKey::make()?));
        let counts_as = epoch;
        self.keys.insert(epoch, Entry { counts_as, key });
        Ok(true)
    }

    /// Whether it has keys, and so is to have tomorrow's.
    fn is_used(&self) -> bool {
        self.keys.values().any(|entry| entry.key.is_some())
    }

    fn is_ahead(entry: &Entry, today: u32) -> bool {
        entry.key.is_some() && entry.counts_as > today.saturating_add(1)
    }
}

impl State {
    pub(super) fn new(naming: EpochKey) -> Self {
        Self {
            naming: Arc::new(naming),
            scopes: BTreeMap::new(),
        }
    }

    pub(super) fn naming(&self) -> Arc<EpochKey> {
        Arc::clone(&self.naming)
    }

    pub(super) fn scopes(&self) -> Vec<Scope> {
        self.scopes.keys().copied().collect()
    }

    pub(super) fn current(&self, scope: Scope, day: u32) -> Option<(u32, Arc<EpochKey>)> {
        let epochs = self.scopes.get(&scope)?;
        let epoch = epochs.epoch(day);
        Some((epoch, Arc::clone(epochs.key(epoch)?)))
    }

    /// Makes the key of the day and of the one after, if they are missing.
    pub(super) fn make_current(
        &mut self,
        scope: Scope,
        day: u32,
    ) -> Result<(u32, Arc<EpochKey>), EpochError> {
        let epochs = self.scopes.entry(scope).or_default();
        let epoch = epochs.epoch(day);
        epochs.make(epoch)?;
        epochs.make(epoch.saturating_add(1))?;
        let key = epochs.key(epoch).ok_or(EpochError::Damaged)?;
        Ok((epoch, Arc::clone(key)))
    }

    pub(super) fn get(&self, scope: Scope, epoch: u32) -> Found {
        let Some(epochs) = self.scopes.get(&scope) else {
            return Found::Unknown;
        };
        match epochs.keys.get(&epoch) {
            Some(Entry { key: Some(key), .. }) => Found::Key(Arc::clone(key)),
            Some(Entry { key: None, .. }) => Found::Destroyed,
            None if epoch < epochs.floor => Found::Destroyed,
            None => Found::Unknown,
        }
    }

    pub(super) fn oldest(&self, scope: Scope) -> Option<u32> {
        let entries = self.scopes.get(&scope)?.keys.values();
        let living = entries.filter(|entry| entry.key.is_some());
        living.map(|entry| entry.counts_as).min()
    }

    pub(super) fn destroy(&mut self, scope: Scope, before: u32) -> bool {
        let Some(epochs) = self.scopes.get_mut(&scope) else {
            return false;
        };
        let mut is_changed = false;
        for entry in epochs.keys.values_mut() {
            if entry.key.is_some() && entry.counts_as < before {
                entry.key = None;
                is_changed = true;
            }
        }
        let mut living = epochs.keys.iter().filter(|(_, e)| e.key.is_some());
        let first = living.next().map_or(u32::MAX, |(epoch, _)| *epoch);
        // Not beyond `before`: a key that is missing there is lost, not destroyed.
        let floor = before.min(first);
        if is_changed && floor > epochs.floor {
            epochs.floor = floor;
            epochs.keys.retain(|epoch, _| *epoch >= floor);
        }
        is_changed
    }

    pub(super) fn is_settled(&self, scope: Scope, today: u32) -> bool {
        let Some(epochs) = self.scopes.get(&scope) else {
            return true;
        };
        let today = today.max(epochs.day);
        let tomorrow = today.saturating_add(1);
        let is_ready = !epochs.is_used() || epochs.keys.contains_key(&tomorrow);
        let mut entries = epochs.keys.values();
        let is_ahead = entries.any(|entry| Epochs::is_ahead(entry, today));
        epochs.day == today && is_ready && !(is_ahead && matches!(scope, Scope::Line(_)))
    }

    pub(super) fn settle(&mut self, scope: Scope, today: u32) -> Result<bool, EpochError> {
        if self.is_settled(scope, today) {
            return Ok(false);
        }
        let epochs = self.scopes.entry(scope).or_default();
        epochs.day = epochs.day.max(today);
        let (today, tomorrow) = (epochs.day, epochs.day.saturating_add(1));
        if epochs.is_used() {
            epochs.make(tomorrow)?;
        }
        // Those of a log go when the records do, whatever day they count as.
        if matches!(scope, Scope::Line(_)) {
            let entries = epochs.keys.values_mut();
            for entry in entries.filter(|entry| Epochs::is_ahead(entry, today)) {
                entry.counts_as = tomorrow;
            }
        }
        Ok(true)
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let rows: usize = self.scopes.values().map(|e| 1 + e.keys.len()).sum();
        let mut out = Writer::with_capacity(HEAD_BYTES + rows * ROW_BYTES + HASH_BYTES)
            .bytes(MAGIC)
            .bytes(self.naming.bytes())
            .pad_to(HEAD_BYTES);
        for (scope, epochs) in &self.scopes {
            out = row(out, (SCOPE, *scope), (epochs.floor, epochs.day), &[0; 32]);
            for (epoch, entry) in &epochs.keys {
                let gone = [0; 32];
                let key = entry.key.as_ref().map_or(&gone, |key| key.bytes());
                out = row(out, (KEY, *scope), (*epoch, entry.counts_as), key);
            }
        }
        let mut bytes = Zeroizing::new(out.finish());
        let hash = hash::digest(&[&bytes]);
        bytes.extend_from_slice(&hash);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (bytes, hash) = bytes.split_last_chunk::<HASH_BYTES>()?;
        if hash::digest(&[bytes]) != *hash {
            return None;
        }
        let (head, rows) = bytes.split_at_checked(HEAD_BYTES)?;
        let naming = head.strip_prefix(MAGIC)?.first_chunk()?;
        let mut state = Self::new(EpochKey::from_bytes(naming));
        let (rows, rest) = rows.as_chunks::<ROW_BYTES>();
        if !rest.is_empty() {
            return None;
        }
        for bytes in rows {
            state.take_row(bytes)?;
        }
        Some(state)
    }

    fn take_row(&mut self, bytes: &[u8; ROW_BYTES]) -> Option<()> {
        let (head, key) = bytes.split_last_chunk::<32>()?;
        let mut reader = Reader::new(head);
        let (what, kind) = (reader.u8().ok()?, reader.u8().ok()?);
        let log = reader.u16().ok()?;
        let (first, second) = (reader.u32().ok()?, reader.u32().ok()?);
        reader.zeros(4).ok()?;
        let line = LineId(reader.array().ok()?);
        let scope = match kind {
            LINE => Scope::Line(line),
            LOG => Scope::Log(line, log),
            _ => return None,
        };
        let epochs = self.scopes.entry(scope).or_default();
        match what {
            SCOPE => (epochs.floor, epochs.day) = (first, second),
            KEY => {
                let key = (*key != [0; 32]).then(|| Arc::new(EpochKey::from_bytes(key)));
                let counts_as = second;
                epochs.keys.insert(first, Entry { counts_as, key });
            }
            _ => return None,
        }
        Some(())
    }
}

fn row(out: Writer, (what, scope): (u8, Scope), numbers: (u32, u32), key: &[u8; 32]) -> Writer {
    let (kind, line, log) = match scope {
        Scope::Line(line) => (LINE, line, 0),
        Scope::Log(line, log) => (LOG, line, log),
    };
    out.bytes(&[what, kind])
        .u16(log)
        .u32(numbers.0)
        .u32(numbers.1)
        .u32(0)
        .bytes(&line.0)
        .bytes(key)
}

const MAGIC: &[u8; 16] = b"sotto epochs 1\n\0";
const HEAD_BYTES: usize = 64;
const ROW_BYTES: usize = 64;
const HASH_BYTES: usize = 32;

/// Kinds of a row.
const SCOPE: u8 = 0;
const KEY: u8 = 1;
/// Kinds of a scope.
const LINE: u8 = 0;
const LOG: u8 = 1;
