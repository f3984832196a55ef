//! Version 1 of a vault, written out once more and frozen: what phones hold must open for ever.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};

/// Bytes of one of the four compartments.
pub(super) const COMPARTMENT: usize = 131_072;
/// The keys of the fixture, and the compartment it stands in.
pub(super) const CODE: [u8; 32] = [0xc0; 32];
pub(super) const EXTERNAL: [u8; 32] = [0xe8; 32];
pub(super) const DATA: [u8; 32] = [0xda; 32];
pub(super) const NUMBER: u8 = 2;

/// The state in the fixture: 20,000 bytes that never repeat.
pub(super) fn state() -> Vec<u8> {
    let blocks = (0_u32..625).map(|i| Sha256::digest(i.to_le_bytes()));
    blocks.flatten().collect()
}

fn place(part: u8) -> [u8; 15] {
    let mut place = *b"sotto/1 vault..";
    place[13..].copy_from_slice(&[NUMBER, part]);
    place
}

fn seal(key: [u8; 32], part: u8, plain: &[u8]) -> Vec<u8> {
    let nonce = [part + 1; 24];
    let payload = Payload {
        msg: plain,
        aad: &place(part),
    };
    let cipher = XChaCha20Poly1305::new(&key.into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).unwrap();
    [&nonce, sealed.as_slice()].concat()
}

/// Opens a part of a compartment with this number.
pub(super) fn open(key: [u8; 32], number: u8, part: u8, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
    let mut place = place(part);
    place[13] = number;
    let payload = Payload {
        msg: sealed,
        aad: &place,
    };
    let cipher = XChaCha20Poly1305::new(&key.into());
    cipher.decrypt(&XNonce::from(*nonce), payload).ok()
}

/// The body with a version and a state.
pub(super) fn body(version: u8, state: &[u8]) -> Vec<u8> {
    let length = u32::try_from(state.len()).unwrap().to_le_bytes();
    let mut body = [&[version, 0, 0, 0], length.as_slice(), state].concat();
    body.resize(COMPARTMENT - 2 * 72 - 40, 0);
    body
}

/// The compartment of the fixture's keys around a body.
pub(super) fn compartment(body: &[u8]) -> Vec<u8> {
    [
        seal(CODE, 0, &DATA),
        seal(EXTERNAL, 1, &DATA),
        seal(DATA, 2, body),
    ]
    .concat()
}
