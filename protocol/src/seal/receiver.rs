//! A receiver whose key is expanded.

use alloc::boxed::Box;
use core::fmt;

use hpke::{Kem, Serializable, kem::XWing};

use super::Reject;
use crate::{keys::SealingPublicKey, secret::SealingSecret};

/// A private key with its public half, for whoever opens much with the same one: expanding it is a
/// quarter of opening an envelope.
pub struct Receiver {
    pub(super) secret: Box<<XWing as Kem>::PrivateKey>,
    public: SealingPublicKey,
}

impl Receiver {
    /// Expands a key.
    ///
    /// # Errors
    /// None occurs with a seed, whose length its type says.
    pub fn new(secret: &SealingSecret) -> Result<Self, Reject> {
        let secret = Box::new(secret.hpke().map_err(|_| Reject)?);
        let public = XWing::sk_to_pk(&secret).to_bytes();
        let public = SealingPublicKey::from_slice(&public).ok_or(Reject)?;
        Ok(Self { secret, public })
    }

    /// The public half.
    pub const fn public(&self) -> &SealingPublicKey {
        &self.public
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver(..)")
    }
}
