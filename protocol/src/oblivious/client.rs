//! The phone's side: reads what keys a relay offers, and seals to one.

use alloc::vec::Vec;

use hpke::{
    Deserializable, Kem, OpModeS, Serializable,
    aead::{AeadCtxS, ChaCha20Poly1305},
    kdf::HkdfSha256,
    setup_sender_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    EXPORT, KDF, KEM, KEY_BYTES, ObliviousError, Suite, Waiting, X25519, header, info, week_of,
};

type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, X25519>;

/// A public key that requests are sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayKey {
    id: u8,
    key: [u8; KEY_BYTES],
}

impl GatewayKey {
    /// Of a list (`application/ohttp-keys`, RFC 9458 section 3) the key of the week of `now`, else the
    /// first. Keys of other kinds are passed over.
    pub fn choose(list: &[u8], now: u64) -> Result<Self, ObliviousError> {
        let known = Self::known(list).ok_or(ObliviousError::NoKey)?;
        let week = week_of(now).to_le_bytes()[0];
        let of_week = known.iter().find(|key| key.id == week);
        let chosen = of_week.or_else(|| known.first());
        chosen.cloned().ok_or(ObliviousError::NoKey)
    }

    /// The first key of a list of a known kind.
    pub fn first(list: &[u8]) -> Result<Self, ObliviousError> {
        let known = Self::known(list).ok_or(ObliviousError::NoKey)?;
        known.first().cloned().ok_or(ObliviousError::NoKey)
    }

    /// Seals a request. Only what comes with it opens the answer.
    pub fn seal(
        &self,
        request: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, Waiting), ObliviousError> {
        let key =
            <X25519 as Kem>::PublicKey::from_bytes(&self.key).map_err(|_| ObliviousError::NoKey)?;
        let header = header(self.id, Suite::ChaCha20Poly1305);
        let (encapsulation, mut context): (_, Sender) =
            setup_sender_with_rng(&OpModeS::Base, &key, &info(header), rng)
                .map_err(|_| ObliviousError::NoKey)?;
        let mut exported = Zeroizing::new([0; 32]);
        let closed = |_| ObliviousError::Closed;
        context
            .export(EXPORT, exported.as_mut_slice())
            .map_err(closed)?;
        let sealed = context.seal(request, &[]).map_err(closed)?;
        let encapsulation: [u8; KEY_BYTES] = encapsulation.to_bytes().into();
        let bytes = [header.as_slice(), &encapsulation, &sealed].concat();
        Ok((bytes, Waiting::new(exported, encapsulation)))
    }

    /// `None` for what is no list.
    fn known(mut list: &[u8]) -> Option<Vec<Self>> {
        let mut known = Vec::new();
        while !list.is_empty() {
            let (length, rest) = list.split_first_chunk()?;
            let (one, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            known.extend(Self::read(one));
            list = rest;
        }
        Some(known)
    }

    fn read(one: &[u8]) -> Option<Self> {
        let (id, rest) = one.split_first()?;
        let (kem, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (length, suites) = rest.split_first_chunk()?;
        let ours = [KDF, Suite::ChaCha20Poly1305.aead()].map(u16::to_be_bytes);
        let (all, odd) = suites.as_chunks::<4>();
        let is_known = u16::from_be_bytes(*kem) == KEM
            && usize::from(u16::from_be_bytes(*length)) == suites.len()
            && odd.is_empty()
            && all.iter().any(|suite| suite == ours.as_flattened());
        is_known.then_some(Self { id: *id, key: *key })
    }
}
