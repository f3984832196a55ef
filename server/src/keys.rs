//! The relay's own secrets: one small file, made once and renewed within a year.

mod gateway;

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use sotto_protocol::{
    dsse::Dsse,
    hash,
    keys::SigningPublicKey,
    request::AgreementSecret,
    statement::{LineStatement, RelayKeys},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What signs, agrees request keys and fills empty pages. Opens no message.
pub struct RelaySecrets {
    newest: Pair,
    /// Those before, until `sotto-relay keys --forget`.
    before: Option<Pair>,
    /// The same for ever: pages that nobody wrote must not change when keys do.
    fill: Zeroizing<[u8; 32]>,
}

/// What a line statement names together.
struct Pair {
    agreement: AgreementSecret,
    signing: SigningKey,
    /// When it was made, in unix seconds; 0 where nobody wrote it down.
    made: u64,
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
    #[error("there is a key file already; it is left as it is. To replace the keys in it: --renew")]
    Exists,
    /// The directory cannot be written.
    #[error("the relay's key file cannot be written; check the directory and its permissions")]
    Unwritable,
    /// Not what [`RelaySecrets::write`] writes.
    #[error("the relay's key file is damaged; restore it from your copy")]
    Damaged,
    /// A third pair would make the first useless for devices that still sign for it.
    #[error(
        "the keys before the last renewal are still in the file; once every line has published the new ones, drop them with --forget, then renew again"
    )]
    Twice,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    x25519: String,
    ed25519: String,
    #[serde(default)]
    made: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<FilePair>,
    /// Written once keys were renewed; until then it follows from the first pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fill: Option<String>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct FilePair {
    x25519: String,
    ed25519: String,
    #[serde(default)]
    made: u64,
}

impl RelaySecrets {
    /// From 64 random bytes, at `now` in unix seconds.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 64]>, now: u64) -> Self {
        let newest = Pair::from_bytes(bytes, now);
        Self {
            fill: newest.fill(),
            newest,
            before: None,
        }
    }

    /// The same relay with new keys beside the ones it has, from 64 random bytes.
    ///
    /// # Errors
    /// [`KeysError::Twice`] where an older pair is still kept.
    pub fn renew(self, bytes: &Zeroizing<[u8; 64]>, now: u64) -> Result<Self, KeysError> {
        if self.before.is_some() {
            return Err(KeysError::Twice);
        }
        Ok(Self {
            newest: Pair::from_bytes(bytes, now),
            before: Some(self.newest),
            fill: self.fill,
        })
    }

    /// Drops the keys before the last renewal.
    #[must_use]
    pub fn forget(self) -> Self {
        Self {
            before: None,
            ..self
        }
    }

    /// Reads the key file.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = Zeroizing::new(fs::read(path).map_err(|_| KeysError::Missing)?);
        let file: File = serde_json::from_slice(&text).map_err(|_| KeysError::Damaged)?;
        if file.version != 1 {
            return Err(KeysError::Damaged);
        }
        let newest = Pair::read(&file.x25519, &file.ed25519, file.made)?;
        let before = file.before.as_ref();
        let before = before.map(|pair| Pair::read(&pair.x25519, &pair.ed25519, pair.made));
        let before = before.transpose()?;
        let fill = match &file.fill {
            None => newest.fill(),
            Some(text) => {
                let mut fill = Zeroizing::new([0; 32]);
                decode(text, fill.as_mut_slice())?;
                fill
            }
        };
        Ok(Self {
            newest,
            before,
            fill,
        })
    }

    /// Writes a new key file that only its owner may read.
    pub fn write(&self, path: &Path) -> Result<(), KeysError> {
        self.write_new(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeysError::Exists,
            _ => KeysError::Unwritable,
        })
    }

    /// Writes over a key file, whole or not at all.
    pub fn replace(&self, path: &Path) -> Result<(), KeysError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let beside = PathBuf::from(name);
        let written = self
            .write_new(&beside)
            .and_then(|()| fs::rename(&beside, path));
        written.map_err(|_| KeysError::Unwritable)
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let file = File {
            version: 1,
            x25519: self.newest.x25519_text(),
            ed25519: self.newest.ed25519_text(),
            made: self.newest.made,
            before: self.before.as_ref().map(|pair| FilePair {
                x25519: pair.x25519_text(),
                ed25519: pair.ed25519_text(),
                made: pair.made,
            }),
            fill: (*self.fill != *self.newest.fill()).then(|| BASE64.encode(&*self.fill)),
        };
        let text = Zeroizing::new(serde_json::to_vec(&file)?);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(&text)?;
        file.sync_all()
    }

    /// What the line statement says about this relay.
    pub fn public(&self) -> RelayKeys {
        self.newest.public()
    }

    /// Whether keys before the last renewal are still kept.
    pub const fn is_overlapping(&self) -> bool {
        self.before.is_some()
    }

    /// When the newest keys were made, in unix seconds.
    pub fn made(&self) -> Option<u64> {
        Some(self.newest.made).filter(|made| *made > 0)
    }

    /// The secret of a public key that a line statement names, if it is one of this relay's.
    pub(crate) fn agreement(&self, keys: &RelayKeys) -> Option<&AgreementSecret> {
        let mut pairs = core::iter::once(&self.newest).chain(&self.before);
        let pair = pairs.find(|pair| pair.agreement.public() == keys.x25519)?;
        Some(&pair.agreement)
    }

    pub(crate) fn fill(&self) -> &[u8; 32] {
        &self.fill
    }

    /// What token keys and challenges are derived from: the same when keys are renewed, and in every
    /// process with this key file.
    pub fn token_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hash::expand(&self.fill, &[b"sotto/1 token secret"]))
    }

    /// Signs a statement under the newest keys of this relay that the line statement names.
    pub fn sign(&self, dsse: Dsse, line: &LineStatement) -> Option<Dsse> {
        let mut pairs = core::iter::once(&self.newest).chain(&self.before);
        let pair = pairs.find(|pair| {
            let key = pair.public().signing_key;
            line.relays().any(|relay| relay.signing_key == key)
        })?;
        let signature = pair.signing.sign(&dsse.signed_bytes()).to_bytes();
        Some(dsse.with_signature(&pair.public().signing_key, signature))
    }
}

impl Pair {
    fn from_bytes(bytes: &Zeroizing<[u8; 64]>, made: u64) -> Self {
        let (mut agreement, mut signing) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        let (first, second) = bytes.split_at(32);
        agreement.copy_from_slice(first);
        signing.copy_from_slice(second);
        Self {
            agreement: AgreementSecret::from_bytes(*agreement),
            signing: SigningKey::from_bytes(&signing),
            made,
        }
    }

    fn read(x25519: &str, ed25519: &str, made: u64) -> Result<Self, KeysError> {
        let mut bytes = Zeroizing::new([0; 64]);
        let (first, second) = bytes.split_at_mut(32);
        decode(x25519, first)?;
        decode(ed25519, second)?;
        Ok(Self::from_bytes(&bytes, made))
    }

    fn x25519_text(&self) -> String {
        BASE64.encode(&self.agreement.to_bytes())
    }

    fn ed25519_text(&self) -> String {
        BASE64.encode(self.signing.as_bytes())
    }

    fn fill(&self) -> Zeroizing<[u8; 32]> {
        let agreement = Zeroizing::new(self.agreement.to_bytes());
        let secret = hash::extract(b"sotto/1 relay", &[&*agreement]);
        Zeroizing::new(hash::expand(&secret, &[b"sotto/1 fill secret"]))
    }

    fn public(&self) -> RelayKeys {
        RelayKeys {
            signing_key: SigningPublicKey(self.signing.verifying_key().to_bytes()),
            x25519: self.agreement.public(),
        }
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
