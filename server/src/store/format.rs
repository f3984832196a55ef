//! Which version of its own layout a store carries, and what happens to another one.
//!
//! A newer one is refused, an older one is brought up step by step, and what carries no number was
//! not made by a release.

use std::ops::Range;

use sotto_protocol::id::LineId;

use super::{Store, StoreError, Stored};

/// The layout that this relay reads and writes. A change of it adds a step to `tables::STEPS` and a
/// frozen store of the version before to `tests/vectors/own`.
pub const FORMAT: u64 = 1;

/// What a store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is empty.
    Nothing,
    /// It holds something, but no number.
    Unmarked,
    /// It has this version.
    Version(u64),
}

/// The versions that have to be left one after another, so that `found` becomes `current`.
///
/// # Errors
/// [`StoreError::Newer`] and [`StoreError::Foreign`].
pub const fn steps(found: Found, current: u64) -> Result<Range<u64>, StoreError> {
    match found {
        Found::Nothing => Ok(current..current),
        Found::Unmarked | Found::Version(0) => Err(StoreError::Foreign),
        Found::Version(version) if version > current => Err(StoreError::Newer),
        Found::Version(version) => Ok(version..current),
    }
}

/// Reads the number in a store that several relays may share, and marks an empty one. `lines` are
/// those this relay serves.
///
/// # Errors
/// Those of [`steps`], and those of the store.
pub async fn check(store: &dyn Store, lines: &[LineId]) -> Result<(), StoreError> {
    let stored = store.statements(MARK_LINE).await?;
    let mark = stored.iter().find(|row| row.name == MARK);
    let found = match mark {
        Some(row) => Found::Version(row.serial),
        None => look(store, lines).await?,
    };
    // There is only one version now, so that nothing has to be brought up.
    steps(found, FORMAT)?;
    if found == Found::Nothing {
        let mark = Stored {
            name: MARK.into(),
            serial: FORMAT,
            json: format!("{{\"format\":{FORMAT}}}").into(),
        };
        match store.put_statement(MARK_LINE, mark).await {
            // A newer relay was quicker.
            Err(StoreError::Conflict) => return Err(StoreError::Newer),
            other => other?,
        }
    }
    Ok(())
}

async fn look(store: &dyn Store, lines: &[LineId]) -> Result<Found, StoreError> {
    for line in lines {
        if !store.statements(*line).await?.is_empty() {
            return Ok(Found::Unmarked);
        }
    }
    Ok(Found::Nothing)
}

/// Nobody's line: its id is the hash of no root set that anybody could find.
const MARK_LINE: LineId = LineId([0; 16]);
const MARK: &str = "format";
