//! `H`, `Extract` and `Expand` of SPEC 1.2, and the labels they are used with.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// SHA-256 of the concatenation of `parts`.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HKDF-Extract (RFC 5869 section 2.2).
pub fn extract(salt: &[u8], ikm: &[&[u8]]) -> [u8; 32] {
    let mut state = hkdf::HkdfExtract::<Sha256>::new(Some(salt));
    for part in ikm {
        state.input_ikm(part);
    }
    state.finalize().0.into()
}

/// HKDF-Expand (RFC 5869 section 2.3) of a 32-byte key into `out`, at most 8,160 bytes.
pub fn expand_into(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    // 32 bytes is always long enough for a SHA-256 key and no caller asks for more than 255 blocks,
    // so neither error can occur; a zero output would be caught by every vector.
    if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(prk)
        && hkdf.expand_multi_info(info, out).is_err()
    {
        out.fill(0);
    }
}

/// [`expand_into`] for a fixed size.
pub fn expand<const N: usize>(prk: &[u8; 32], info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    expand_into(prk, info, &mut out);
    out
}
