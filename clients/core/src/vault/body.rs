//! What is inside a sealed body: a version, and what a reader of that version makes of the rest.
//!
//! A new version gets a file of its own beside `v1` and a row in `READERS`; `write` moves on to it. The older
//! files stay as they are for as long as phones may hold what they read.

use zeroize::Zeroizing;

use super::{VaultError, compartment::BODY_BYTES, v1};

type Read = fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>;

/// By the first byte.
const READERS: [(u8, Read); 1] = [(v1::VERSION, v1::read)];

/// The state in a body.
pub(super) fn read(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let version = body.first().ok_or(VaultError::Damaged)?;
    let (_, read) = READERS
        .iter()
        .find(|(known, _)| known == version)
        .ok_or(VaultError::Newer)?;
    read(body).ok_or(VaultError::Damaged)
}

/// The body for a state, in the newest version; `None` where it has no room.
pub(super) fn write(state: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    v1::write(state)
}

const _: () = assert!(v1::BYTES == BODY_BYTES);
