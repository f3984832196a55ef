//! Token keys: one a week, made from the relay's secret, so that every process has the same.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use blind_rsa_signatures::{Deterministic, KeyPair, PSS, SecretKey, Sha384};
use data_encoding::BASE64;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    hash,
    limits::{TOKEN_BLIND_BYTES, TOKEN_KEY_BYTES},
    statement::TokenKey,
};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::period::{Period, Week};
use crate::error::Error;

/// Makes token keys when they are first needed, and keeps the latest.
pub(crate) struct Issuer {
    secret: Zeroizing<[u8; 32]>,
    keys: Mutex<BTreeMap<Week, Arc<OnceCell<Arc<IssuerKey>>>>>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer(..)")
    }
}

/// The key of one week.
pub(crate) struct IssuerKey {
    secret: SecretKey<Sha384, PSS, Deterministic>,
    /// As RFC 9578 encodes it, [`TOKEN_KEY_BYTES`] long.
    spki: Vec<u8>,
    /// Its hash, by which tokens name it.
    pub(crate) id: [u8; 32],
    /// First second at which its tokens are no longer taken.
    pub(crate) until: u64,
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerKey(..)")
    }
}

/// Modulus of RFC 9578's token type 2.
const BITS: usize = 2_048;
/// Weeks whose keys are kept in memory: what a statement names, and the week that was.
const KEPT: usize = 4;
/// Where `RSAPublicKey` begins in the encoding of a key.
const PKCS1: usize = 72;

impl Issuer {
    /// From the relay's [`crate::keys::RelaySecrets::token_secret`].
    pub(crate) const fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self {
            secret,
            keys: Mutex::new(BTreeMap::new()),
        }
    }

    /// What a statement of `period` says.
    pub(crate) async fn announced(&self, period: Period) -> Result<Vec<TokenKey>, Error> {
        let mut keys = Vec::new();
        for week in period.weeks() {
            let key = self.key(week).await?;
            keys.push(TokenKey {
                key: BASE64.encode(&key.spki),
                from: week.from(),
                until: week.until(),
            });
        }
        Ok(keys)
    }

    /// The key of a week. Making one takes up to a tenth of a second, on a thread of its own.
    pub(crate) async fn key(&self, week: Week) -> Result<Arc<IssuerKey>, Error> {
        let cell = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let cell = Arc::clone(keys.entry(week).or_default());
            while keys.len() > KEPT {
                keys.pop_first();
            }
            cell
        };
        let made = cell.get_or_try_init(async || {
            let seed = self.seed(week);
            let made = tokio::task::spawn_blocking(move || IssuerKey::make(&seed, week));
            let made = made.await.ok().flatten();
            made.map(Arc::new).ok_or(Error::Unavailable)
        });
        Ok(Arc::clone(made.await?))
    }

    /// The key that a token names, if its tokens are taken at `now`.
    pub(crate) async fn named(&self, id: &[u8; 32], now: u64) -> Result<Arc<IssuerKey>, Error> {
        for week in Week::taken(now) {
            let key = self.key(week).await?;
            if key.id == *id {
                return Ok(key);
            }
        }
        Err(Error::Unauthorised)
    }

    fn seed(&self, week: Week) -> Zeroizing<[u8; 32]> {
        let info: [&[u8]; 2] = [b"sotto/1 token key", &week.0.to_le_bytes()];
        Zeroizing::new(hash::expand(&self.secret, &info))
    }
}

impl IssuerKey {
    fn make(seed: &Zeroizing<[u8; 32]>, week: Week) -> Option<Self> {
        let mut stream = ChaCha20Rng::from_seed(**seed);
        let pair = KeyPair::<Sha384, PSS, Deterministic>::generate(&mut stream, BITS).ok()?;
        let spki = pair.pk.to_spki().ok()?;
        (spki.len() == TOKEN_KEY_BYTES).then(|| Self {
            id: hash::digest(&[&spki]),
            secret: pair.sk,
            spki,
            until: week.until(),
        })
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = self.spki.get(PKCS1..).unwrap_or_default();
        let scheme = &ring::signature::RSA_PSS_2048_8192_SHA384;
        let key = ring::signature::UnparsedPublicKey::new(scheme, key);
        key.verify(message, signature).is_ok()
    }

    /// Signs what it cannot read; `None` for what is no number below the modulus. A millisecond or
    /// two.
    pub(crate) fn sign(&self, blinded: &[u8]) -> Option<Vec<u8>> {
        let signature = self.secret.blind_sign(blinded).ok()?;
        (signature.0.len() == TOKEN_BLIND_BYTES).then_some(signature.0)
    }
}
