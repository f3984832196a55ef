//! The relay's own secrets: one small file, made once.

use std::{fmt, fs, io::Write as _, path::Path};

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sotto_protocol::{
    hash, keys::SigningPublicKey, request::AgreementSecret, statement::RelayKeys,
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What signs, agrees request keys and fills empty pages. Opens no message.
pub struct RelaySecrets {
    agreement: AgreementSecret,
    signing: SigningKey,
    fill: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for RelaySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelaySecrets(..)")
    }
}

/// Why there are no secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// No such file, or not readable.
    #[error("the relay's key file cannot be read; `sotto-relay keys` makes one")]
    Missing,
    /// There is one already.
    #[error("there is a key file already; it is left as it is")]
    Exists,
    /// The directory cannot be written.
    #[error("the relay's key file cannot be written; check the directory and its permissions")]
    Unwritable,
    /// Not what [`RelaySecrets::write`] writes.
    #[error("the relay's key file is damaged; restore it from your copy")]
    Damaged,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    x25519: String,
    ed25519: String,
}

impl RelaySecrets {
    /// From 64 random bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 64]>) -> Self {
        let (mut agreement, mut signing) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        let (first, second) = bytes.split_at(32);
        agreement.copy_from_slice(first);
        signing.copy_from_slice(second);
        Self {
            fill: Zeroizing::new(hash::expand(
                &hash::extract(b"sotto/1 relay", &[&*agreement]),
                &[b"sotto/1 fill secret"],
            )),
            agreement: AgreementSecret::from_bytes(*agreement),
            signing: SigningKey::from_bytes(&signing),
        }
    }

    /// Reads the key file.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = Zeroizing::new(fs::read(path).map_err(|_| KeysError::Missing)?);
        let file: File = serde_json::from_slice(&text).map_err(|_| KeysError::Damaged)?;
        if file.version != 1 {
            return Err(KeysError::Damaged);
        }
        let mut bytes = Zeroizing::new([0; 64]);
        let (first, second) = bytes.split_at_mut(32);
        decode(&file.x25519, first)?;
        decode(&file.ed25519, second)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Writes a new key file that only its owner may read.
    pub fn write(&self, path: &Path) -> Result<(), KeysError> {
        let file = File {
            version: 1,
            x25519: BASE64.encode(&self.agreement.to_bytes()),
            ed25519: BASE64.encode(self.signing.as_bytes()),
        };
        let text = serde_json::to_vec(&file).map_err(|_| KeysError::Unwritable)?;
        let text = Zeroizing::new(text);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => KeysError::Exists,
            _ => KeysError::Unwritable,
        })?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|_| KeysError::Unwritable)
    }

    /// What the line statement says about this relay.
    pub fn public(&self) -> RelayKeys {
        RelayKeys {
            signing_key: SigningPublicKey(self.signing.verifying_key().to_bytes()),
            x25519: self.agreement.public(),
        }
    }

    pub(crate) const fn agreement(&self) -> &AgreementSecret {
        &self.agreement
    }

    pub(crate) fn fill(&self) -> &[u8; 32] {
        &self.fill
    }
}

fn decode(text: &str, to: &mut [u8]) -> Result<(), KeysError> {
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|_| KeysError::Damaged)?;
    let bytes = Zeroizing::new(bytes);
    if bytes.len() != to.len() {
        return Err(KeysError::Damaged);
    }
    to.copy_from_slice(&bytes);
    Ok(())
}
