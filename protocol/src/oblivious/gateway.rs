//! The relay's side: keys of its own, and opening what was sealed to them.

use alloc::vec::Vec;
use core::fmt;

use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, Serializable,
    aead::{Aead, AesGcm128, ChaCha20Poly1305},
    kdf::HkdfSha256,
    setup_receiver,
};
use zeroize::Zeroizing;

use super::{
    Asker, EXPORT, HEADER_BYTES, KDF, KEM, KEY_BYTES, ObliviousError, Suite, X25519, header, info,
};

/// The private half of a key that requests are sealed to.
pub struct GatewaySecret {
    id: u8,
    secret: <X25519 as Kem>::PrivateKey,
}

impl GatewaySecret {
    /// The key `id` that follows from 32 secret bytes (`DeriveKeyPair`, RFC 9180 section 7.1.3).
    pub fn derive(id: u8, secret: &[u8; 32]) -> Self {
        let (secret, _) = X25519::derive_keypair(secret);
        Self { id, secret }
    }

    /// From the X25519 private key itself.
    pub fn from_bytes(id: u8, secret: &[u8; 32]) -> Result<Self, ObliviousError> {
        let secret = <X25519 as Kem>::PrivateKey::from_bytes(secret);
        let secret = secret.map_err(|_| ObliviousError::NoKey)?;
        Ok(Self { id, secret })
    }

    /// Its key configuration (RFC 9458 section 3.1).
    pub fn config(&self) -> Vec<u8> {
        let public = X25519::sk_to_pk(&self.secret).to_bytes();
        let mut config = [&[self.id], KEM.to_be_bytes().as_slice(), &public].concat();
        let suites = OFFERED.map(|suite| [KDF, suite.aead()].map(u16::to_be_bytes));
        config.extend([0, SUITES_BYTES]);
        config.extend_from_slice(suites.as_flattened().as_flattened());
        config
    }

    /// Whether a request names this key. Several keys may have one id.
    pub fn is_named_by(&self, request: &[u8]) -> bool {
        request.first() == Some(&self.id)
    }

    /// Opens a request; what comes with it seals the answer.
    pub fn open(&self, request: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Asker), ObliviousError> {
        let (given, rest) = request
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(ObliviousError::Closed)?;
        let mut offered = OFFERED.into_iter();
        let suite = offered.find(|suite| header(self.id, *suite) == *given);
        let (encapsulation, sealed) = rest
            .split_first_chunk::<KEY_BYTES>()
            .ok_or(ObliviousError::Closed)?;
        let parts = (info(*given), encapsulation, sealed);
        let opened = match suite.ok_or(ObliviousError::Closed)? {
            suite @ Suite::ChaCha20Poly1305 => self.receive::<ChaCha20Poly1305>(suite, parts),
            suite @ Suite::Aes128Gcm => self.receive::<AesGcm128>(suite, parts),
        };
        opened.map_err(|_| ObliviousError::Closed)
    }

    fn receive<A: Aead>(
        &self,
        suite: Suite,
        (info, encapsulation, sealed): (Vec<u8>, &[u8; KEY_BYTES], &[u8]),
    ) -> Result<(Zeroizing<Vec<u8>>, Asker), HpkeError> {
        let key = <X25519 as Kem>::EncappedKey::from_bytes(encapsulation)?;
        let mut context =
            setup_receiver::<A, HkdfSha256, X25519>(&OpModeR::Base, &self.secret, &key, &info)?;
        let request = Zeroizing::new(context.open(sealed, &[])?);
        let mut exported = Zeroizing::new([0; 32]);
        if let Some(exported) = exported.get_mut(..suite.entropy()) {
            context.export(EXPORT, exported)?;
        }
        Ok((request, Asker::new(suite, exported, *encapsulation)))
    }
}

impl fmt::Debug for GatewaySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewaySecret(..)")
    }
}

/// A list of keys as `application/ohttp-keys` (RFC 9458 section 3).
pub fn key_list(keys: &[GatewaySecret]) -> Vec<u8> {
    let mut list = Vec::new();
    for key in keys {
        let config = key.config();
        // 45 bytes, whatever the key.
        let length = u16::try_from(config.len()).unwrap_or(u16::MAX);
        list.extend(length.to_be_bytes());
        list.extend(config);
    }
    list
}

/// In the order of the published example; phones take the second.
const OFFERED: [Suite; 2] = [Suite::Aes128Gcm, Suite::ChaCha20Poly1305];
/// KDF and AEAD of each.
const SUITES_BYTES: u8 = 8;
