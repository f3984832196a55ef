//! The buyer's side: blinding, work, unblinding.

use alloc::{vec, vec::Vec};
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use blind_rsa_signatures::{BlindSignature, BlindingResult, Deterministic, PSS, PublicKey, Sha384};
use rand_core::CryptoRng;

use super::{
    Token, TokenChallenge, TokenInput,
    batch::{Requested, TokenRequest, signatures},
    work::{WorkChallenge, WorkProof, password},
};
use crate::{hash, limits::TOKEN_KEY_BYTES};

/// Why nothing was bought. The texts are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurchaseError {
    /// The key in the relay's statement is none.
    #[error("the relay's key for tokens is damaged; nothing was sent, try again tomorrow")]
    Key,
    /// A signature is not by that key.
    #[error("the relay's tokens are not by its key; nothing was sent, try again later")]
    Signature,
}

/// Tokens of which the relay has yet to sign what it cannot read.
pub struct Purchase {
    key: PublicKey<Sha384, PSS, Deterministic>,
    blinded: Vec<(TokenInput, BlindingResult)>,
    request: Vec<u8>,
}

impl fmt::Debug for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purchase(..)")
    }
}

impl Purchase {
    /// Draws and blinds `count` tokens for `challenge` under a key as RFC 9578 encodes it. Half a
    /// millisecond each.
    pub fn begin(
        challenge: &TokenChallenge,
        spki: &[u8],
        count: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, PurchaseError> {
        if spki.len() != TOKEN_KEY_BYTES {
            return Err(PurchaseError::Key);
        }
        let key = PublicKey::from_spki(spki).map_err(|_| PurchaseError::Key)?;
        let (challenge_digest, key_id) = (challenge.digest(), hash::digest(&[spki]));
        let [.., truncated_key_id] = key_id;
        let mut blinded = Vec::with_capacity(count);
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            let mut nonce = [0; 32];
            rng.fill_bytes(&mut nonce);
            let input = TokenInput {
                nonce,
                challenge_digest,
                key_id,
            };
            let result = key.blind(rng, input.to_bytes());
            let result = result.map_err(|_| PurchaseError::Key)?;
            let message = result.blind_message.0.as_slice().try_into();
            requests.push(TokenRequest {
                truncated_key_id,
                blinded: message.map_err(|_| PurchaseError::Key)?,
            });
            blinded.push((input, result));
        }
        Ok(Self {
            key,
            blinded,
            request: Requested::Batch(requests).to_bytes(),
        })
    }

    /// What is sent, always as long for the same number of tokens.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Tries until one meets the challenge: as many tries as it asks for on average, some
    /// milliseconds each. `None` where Argon2 does not know the memory asked for.
    pub fn work(&self, challenge: WorkChallenge, rng: &mut impl CryptoRng) -> Option<WorkProof> {
        let params = Params::new(challenge.kib, 1, 1, Some(32)).ok()?;
        let mut memory = vec![Block::default(); params.block_count()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let salt = challenge.salt();
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let mut number = u128::from_le_bytes(nonce);
        loop {
            let nonce = number.to_le_bytes();
            let mut tried = [0; 32];
            let password = password(&self.request, &nonce);
            argon
                .hash_password_into_with_memory(&password, &salt, &mut tried, &mut memory)
                .ok()?;
            if challenge.is_met_by(&tried) {
                return Some(WorkProof { challenge, nonce });
            }
            number = number.wrapping_add(1);
        }
    }

    /// The tokens, once the relay has signed; each signature is verified.
    pub fn finish(self, answer: &[u8]) -> Result<Vec<Token>, PurchaseError> {
        let signed = signatures(answer).map_err(|_| PurchaseError::Signature)?;
        if signed.len() != self.blinded.len() {
            return Err(PurchaseError::Signature);
        }
        let blinded = self.blinded.iter().zip(signed);
        let tokens = blinded.map(|((input, result), signed)| {
            let signed = BlindSignature(signed.into());
            let signature = self.key.finalize(&signed, result, input.to_bytes()).ok()?;
            Token::new(input, &signature.0)
        });
        tokens
            .collect::<Option<_>>()
            .ok_or(PurchaseError::Signature)
    }
}
