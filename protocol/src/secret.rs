//! Secret keys. Behind the feature `seal`: a relay build has none of these types.

use alloc::boxed::Box;
use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use hpke::{Deserializable, Kem, Serializable, kem::XWing};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    dsse::Dsse,
    keys::{SealingPublicKey, SigningPublicKey},
};

/// Ed25519 secret of a root, line, desk or device.
pub struct SigningSecret(Box<SigningKey>);

impl SigningSecret {
    /// A new random key.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self::from_bytes(&Zeroizing::new(random(rng)))
    }

    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(bytes)))
    }

    /// Its 32 bytes, for storing.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Its public key.
    pub fn public(&self) -> SigningPublicKey {
        SigningPublicKey(self.0.verifying_key().to_bytes())
    }

    /// Adds this key's signature to a statement.
    #[must_use]
    pub fn sign(&self, dsse: Dsse) -> Dsse {
        let signature = self.0.sign(&dsse.signed_bytes()).to_bytes();
        dsse.with_signature(&self.public(), signature)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// 32-byte seed of an X-Wing key pair: a prekey, a ratchet key or a code's static key.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SealingSecret(Box<[u8; 32]>);

impl SealingSecret {
    /// A new random key.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self::from_bytes(random(rng))
    }

    /// From its seed.
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        Self(Box::new(seed))
    }

    /// Its seed, for storing.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its public key (1,216 bytes). Expands an ML-KEM key: about 30 microseconds.
    pub fn public(&self) -> SealingPublicKey {
        let bytes = self
            .hpke()
            .map(|secret| XWing::sk_to_pk(&secret).to_bytes());
        // The seed has the right length by its type, so the empty fallback is not reached.
        bytes
            .ok()
            .and_then(|bytes| SealingPublicKey::from_slice(&bytes))
            .unwrap_or_else(|| SealingPublicKey(Box::new([0; 1216])))
    }

    pub(crate) fn hpke(&self) -> Result<<XWing as Kem>::PrivateKey, hpke::HpkeError> {
        <XWing as Kem>::PrivateKey::from_bytes(self.0.as_slice())
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret(..)")
    }
}

/// 32 secret bytes: a root key, chain key, message key or epoch secret.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub(crate) Box<[u8; 32]>);

impl Secret {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Box::new(bytes))
    }

    /// Random bytes.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self::from_bytes(random(rng))
    }

    /// Its bytes, for storing and deriving.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `bytes` are the same, in constant time.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bool::from(self.0.as_slice().ct_eq(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
