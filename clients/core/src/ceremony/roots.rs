//! The root keys: needed to begin a line, to certify its key anew and to hand over to new roots.

use rand_core::CryptoRng;
use sotto_protocol::{
    dsse::Dsse,
    id::LineId,
    keys::SigningPublicKey,
    limits::{DAY_SECONDS, KEY_LIFE_DAYS},
    secret::SigningSecret,
    statement::{Certificate, RootSet, Statement, next_serial},
};
use zeroize::Zeroizing;

use super::CeremonyError;

/// The three root keys, kept offline.
#[derive(Debug)]
pub struct Roots {
    /// Sorted by their public keys.
    keys: [SigningSecret; 3],
}

impl Roots {
    pub(super) fn make(rng: &mut impl CryptoRng) -> Self {
        Self::sorted([(); 3].map(|()| SigningSecret::make(rng)))
    }

    fn sorted(mut keys: [SigningSecret; 3]) -> Self {
        keys.sort_by_key(SigningSecret::public);
        Self { keys }
    }

    /// Their three seeds, for sealing.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let seeds = self.keys.iter().map(SigningSecret::to_bytes);
        Zeroizing::new(seeds.flat_map(|seed| *seed).collect())
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let (seeds, rest) = bytes.as_chunks::<32>();
        match (seeds, rest) {
            ([a, b, c], []) => Ok(Self::sorted([a, b, c].map(SigningSecret::from_bytes))),
            _ => Err(CeremonyError::Damaged),
        }
    }

    pub(super) fn public(&self) -> [SigningPublicKey; 3] {
        self.keys.each_ref().map(SigningSecret::public)
    }

    /// These roots as set number `serial`, signed by two of them.
    pub(super) fn set(&self, serial: u64) -> RootSet {
        RootSet {
            serial,
            roots: self.public(),
        }
    }

    /// Certifies a line key; `last` is the serial of the certificate before.
    pub(super) fn certify(
        &self,
        line: LineId,
        key: &SigningPublicKey,
        last: u64,
        now: u64,
    ) -> Dsse {
        // An hour back, for machines whose clock is behind.
        let not_before = now.saturating_sub(3_600);
        let certificate = Certificate {
            line,
            serial: next_serial(last, now),
            line_key: key.clone(),
            not_before,
            not_after: not_before.saturating_add(KEY_LIFE_DAYS * DAY_SECONDS),
        };
        self.sign(certificate.to_dsse())
    }

    /// Adds the signatures of two of the three.
    pub(super) fn sign(&self, dsse: Dsse) -> Dsse {
        let signers = self.keys.iter().take(RootSet::THRESHOLD);
        signers.fold(dsse, |dsse, key| key.sign(dsse))
    }
}
