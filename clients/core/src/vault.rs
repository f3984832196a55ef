//! What a phone keeps: one blob of constant size that looks random, whether anything is in it or not.

use rand_core::CryptoRng;
use sotto_protocol::{
    secret::Secret,
    wire::{Reader, Writer},
};
use zeroize::Zeroizing;

use crate::sealed::{self, Locked, OVERHEAD};

/// Bytes of the blob, used or not.
pub const VAULT_BYTES: usize = 262_144;
/// Bytes of state it has room for.
pub const VAULT_ROOM: usize = VAULT_BYTES - OVERHEAD - HEADER_BYTES;

const HEADER_BYTES: usize = 8;
/// Of the bytes inside. Nothing outside says that this is a vault.
const VERSION: u8 = 1;
const PLACE: &[u8] = b"sotto/1 vault";

/// Seals `state` into a blob of [`VAULT_BYTES`].
///
/// # Errors
/// [`Locked`] where the state is larger than [`VAULT_ROOM`].
pub fn seal(key: &Secret, state: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, Locked> {
    if state.len() > VAULT_ROOM {
        return Err(Locked);
    }
    let length = u32::try_from(state.len()).map_err(|_| Locked)?;
    let plain = Writer::with_capacity(VAULT_BYTES - OVERHEAD)
        .u8(VERSION)
        .pad_to(4)
        .u32(length)
        .bytes(state)
        .pad_to(VAULT_BYTES - OVERHEAD)
        .finish();
    sealed::seal(key, PLACE, &Zeroizing::new(plain), rng)
}

/// Opens what [`seal`] made.
pub fn open(key: &Secret, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, Locked> {
    let plain = sealed::open(key, PLACE, blob)?;
    read(&plain).ok_or(Locked)
}

/// A blob with nothing in it, as a new install makes it.
pub fn empty(rng: &mut impl CryptoRng) -> Result<Vec<u8>, Locked> {
    seal(&Secret::make(rng), &[], rng)
}

fn read(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut reader = Reader::new(plain);
    reader.version(VERSION).ok()?;
    reader.zeros(3).ok()?;
    let length = usize::try_from(reader.u32().ok()?).ok()?;
    reader
        .bytes(length)
        .ok()
        .map(|state| Zeroizing::new(state.to_vec()))
}
