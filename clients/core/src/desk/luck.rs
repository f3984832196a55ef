//! The randomness of one change, so that whoever repeats the change comes to the same state.

use rand_core::CryptoRng;
use sotto_protocol::{
    conversation::Fresh,
    hash,
    secret::{SealingSecret, Secret},
};

/// 32 random bytes from which everything random in one change derives.
#[derive(Debug, Clone)]
pub(super) struct Luck(Secret);

impl Luck {
    pub(super) fn make(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::make(rng))
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// What a new epoch of the conversation `nonce` is made from.
    pub(super) fn fresh(&self, nonce: &[u8; 32]) -> Fresh {
        Fresh {
            epoch_secret: Secret::from_bytes(self.derive(b"sotto/1 luck secret", nonce)),
            ratchet: SealingSecret::from_bytes(self.derive(b"sotto/1 luck ratchet", nonce)),
        }
    }

    /// What a confirmation of the conversation `nonce` has to bring back.
    pub(super) fn proof(&self, nonce: &[u8; 32]) -> Secret {
        Secret::from_bytes(self.derive(b"sotto/1 luck proof", nonce))
    }

    fn derive(&self, label: &[u8], nonce: &[u8; 32]) -> [u8; 32] {
        hash::expand(self.0.as_bytes(), &[label, nonce])
    }
}
