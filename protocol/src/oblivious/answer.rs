//! The answer's side of an exchange (RFC 9458 section 4.4).

use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "gateway")]
use aes_gcm::Aes128Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{Aead, KeyInit},
};
#[cfg(feature = "gateway")]
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{KEY_BYTES, ObliviousError, Suite};
use crate::hash;

/// What both ends of one exchange know, and nobody between them.
struct Shared {
    suite: Suite,
    /// As many bytes of it as the suite has entropy.
    exported: Zeroizing<[u8; 32]>,
    encapsulation: [u8; KEY_BYTES],
}

impl Shared {
    /// Key and nonce that one answer is sealed with.
    fn key_and_nonce(&self, nonce: &[u8]) -> Option<(Zeroizing<[u8; 32]>, [u8; 12])> {
        let exported = self.exported.get(..self.suite.entropy())?;
        let salt = [self.encapsulation.as_slice(), nonce].concat();
        let secret = Zeroizing::new(hash::extract(&salt, &[exported]));
        let key = Zeroizing::new(hash::expand(&secret, &[b"key"]));
        Some((key, hash::expand(&secret, &[b"nonce"])))
    }
}

/// Whoever asked, waiting for the one answer that only they can open.
#[cfg(feature = "seal")]
pub struct Waiting(Shared);

#[cfg(feature = "seal")]
impl Waiting {
    pub(super) const fn new(exported: Zeroizing<[u8; 32]>, encapsulation: [u8; KEY_BYTES]) -> Self {
        Self(Shared {
            suite: Suite::ChaCha20Poly1305,
            exported,
            encapsulation,
        })
    }

    /// Opens the answer.
    pub fn open(self, answer: &[u8]) -> Result<Vec<u8>, ObliviousError> {
        self.read(answer).ok_or(ObliviousError::Closed)
    }

    fn read(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = answer.split_at_checked(self.0.suite.entropy())?;
        let (key, nonce) = self.0.key_and_nonce(nonce)?;
        let cipher = ChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?;
        cipher.decrypt((&nonce).into(), sealed).ok()
    }
}

#[cfg(feature = "seal")]
impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting(..)")
    }
}

/// Whoever asked, as the gateway knows them: by what the answer is sealed with.
#[cfg(feature = "gateway")]
pub struct Asker(Shared);

#[cfg(feature = "gateway")]
impl Asker {
    pub(super) const fn new(
        suite: Suite,
        exported: Zeroizing<[u8; 32]>,
        encapsulation: [u8; KEY_BYTES],
    ) -> Self {
        Self(Shared {
            suite,
            exported,
            encapsulation,
        })
    }

    /// Seals the one answer.
    pub fn seal(self, answer: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, ObliviousError> {
        let mut random = [0; 32];
        let nonce = random.get_mut(..self.0.suite.entropy());
        let nonce = nonce.ok_or(ObliviousError::Closed)?;
        rng.fill_bytes(nonce);
        let sealed = self.write(nonce, answer).ok_or(ObliviousError::Closed)?;
        Ok([&*nonce, sealed.as_slice()].concat())
    }

    fn write(&self, nonce: &[u8], answer: &[u8]) -> Option<Vec<u8>> {
        let (key, nonce) = self.0.key_and_nonce(nonce)?;
        match self.0.suite {
            Suite::ChaCha20Poly1305 => {
                let cipher = ChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?;
                cipher.encrypt((&nonce).into(), answer).ok()
            }
            Suite::Aes128Gcm => {
                // HKDF gives a prefix where less is asked for.
                let cipher = Aes128Gcm::new_from_slice(key.get(..16)?).ok()?;
                cipher.encrypt((&nonce).into(), answer).ok()
            }
        }
    }
}

#[cfg(feature = "gateway")]
impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker(..)")
    }
}
