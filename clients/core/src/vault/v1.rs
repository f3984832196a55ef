//! Version 1 of a body, frozen: version, three zeros, the length of the state (u32), the state,
//! zeros up to a constant length.

use sotto_protocol::wire::{Reader, Writer};
use zeroize::Zeroizing;

pub(super) const VERSION: u8 = 1;
/// Bytes of a body.
pub(super) const BYTES: usize = 130_888;
/// Bytes of state it has room for.
pub(super) const ROOM: usize = BYTES - 8;

pub(super) fn read(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut reader = Reader::new(body);
    reader.version(VERSION).ok()?;
    reader.zeros(3).ok()?;
    let length = usize::try_from(reader.u32().ok()?).ok()?;
    let state = reader.bytes(length).ok()?;
    reader.zeros(reader.remaining()).ok()?;
    Some(Zeroizing::new(state.to_vec()))
}

pub(super) fn write(state: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if state.len() > ROOM {
        return None;
    }
    let body = Writer::with_capacity(BYTES)
        .u8(VERSION)
        .pad_to(4)
        .u32(u32::try_from(state.len()).ok()?)
        .bytes(state)
        .pad_to(BYTES);
    Some(Zeroizing::new(body.finish()))
}
