//! A mark in the store says whose keys it was written under, so that a relay with a lost, new or
//! wrong key file refuses to start instead of hiding what waits.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sotto_protocol::{hash, id::LineId};

use super::super::{Store, StoreError, Stored};
use crate::epochs::EpochKey;

/// Whether the store was written under some keys already: then a key file must be there.
pub async fn is_marked(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(!store.statements(place()).await?.is_empty())
}

/// Compares the mark, or makes it where the store is empty.
pub(super) async fn check(
    store: &dyn Store,
    naming: &EpochKey,
    lines: &[LineId],
) -> Result<(), StoreError> {
    let ours = mark(naming);
    match store.statements(place()).await?.as_slice() {
        [found] if *found == ours => Ok(()),
        [] => {
            for line in lines {
                must_be_empty(store, *line).await?;
            }
            // Of two that start at once with different keys, one is refused here.
            let put = store.put_statement(place(), ours).await;
            put.map_err(|error| match error {
                StoreError::Conflict => StoreError::OtherKeys,
                other => other,
            })
        }
        _ => Err(StoreError::OtherKeys),
    }
}

/// Without a mark there is nothing, or what an earlier version stored in clear.
async fn must_be_empty(store: &dyn Store, line: LineId) -> Result<(), StoreError> {
    let is_empty = store.statements(line).await?.is_empty()
        && store.served(line).await? == [0, 0]
        && store.read(line, None, 1).await?.records.is_empty();
    if is_empty {
        Ok(())
    } else {
        Err(StoreError::Unsealed)
    }
}

fn mark(naming: &EpochKey) -> Stored {
    let id: [u8; 16] = hash::expand(naming.bytes(), &[b"sotto-relay mark"]);
    let id = HEXLOWER.encode(&id);
    Stored {
        name: "sealed".into(),
        serial: 1,
        json: Bytes::from(format!("{{\"form\":2,\"keys\":\"{id}\"}}")),
    }
}

/// Where no line can be: its id is no hash of roots.
fn place() -> LineId {
    let hash = hash::digest(&[b"sotto-relay mark"]);
    LineId(hash.first_chunk().map_or([0; 16], |first| *first))
}
