//! What every epoch-0 message carries before the body of its kind, so that each of them is
//! sufficient alone (SPEC 3.2), and the proof of a re-contact (SPEC 3.6).

use alloc::vec::Vec;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Flags, Message};
use crate::{
    code::CodeKeys,
    hash,
    keys::SealingPublicKey,
    limits::{BODY_BYTES, FIRST_CONTACT_BYTES, RATCHET_KEY_BYTES},
    secret::Secret,
    wire::{DecodeError, Reader, Writer},
};

/// What a phone adds to its own conversation to make an epoch-0 message.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// Hash of the bundle it seals under.
    pub bundle: [u8; 32],
    /// Of its code.
    pub keys: &'a CodeKeys,
}

/// What stands before the body.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstContact {
    /// Names the conversation.
    pub nonce: [u8; 32],
    /// First UTC day of the conversation.
    pub first_day: u32,
    /// Hash of the bundle the phone sealed under.
    pub bundle: [u8; 32],
    /// From the code: how a later phone names the person.
    pub handle: [u8; 32],
    /// From the code: how it proves to be the same person.
    pub continuity: Secret,
    /// From the code: what answers are sealed to besides until that is confirmed.
    pub static_key: SealingPublicKey,
    /// Proof of a re-contact, otherwise zeros.
    pub mac: [u8; 32],
}

impl core::fmt::Debug for FirstContact {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FirstContact(..)")
    }
}

impl FirstContact {
    /// For the conversation `nonce` that began on `first_day`; without a proof.
    pub fn new(contact: Contact<'_>, nonce: [u8; 32], first_day: u32) -> Self {
        Self {
            nonce,
            first_day,
            bundle: contact.bundle,
            handle: contact.keys.handle,
            continuity: contact.keys.continuity.clone(),
            static_key: contact.keys.static_key.public(),
            mac: [0; 32],
        }
    }

    /// The body of an epoch-0 message; `body` is that of its kind.
    pub fn with_body(&self, body: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(
            Writer::with_capacity(BODY_BYTES)
                .bytes(&self.nonce)
                .u32(self.first_day)
                .bytes(&self.bundle)
                .bytes(&self.handle)
                .bytes(self.continuity.as_bytes())
                .bytes(self.static_key.0.as_slice())
                .bytes(&self.mac)
                .bytes(body)
                .finish(),
        )
    }

    /// Splits the body of an epoch-0 message into this and the body of its kind.
    pub fn parse(body: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader::new(body);
        let first = Self {
            nonce: reader.array()?,
            first_day: reader.u32()?,
            bundle: reader.array()?,
            handle: reader.array()?,
            continuity: Secret::from_bytes(reader.array()?),
            static_key: SealingPublicKey::from_slice(reader.bytes(RATCHET_KEY_BYTES)?)
                .ok_or(DecodeError::Short)?,
            mac: reader.array()?,
        };
        Ok((first, reader.bytes(reader.remaining())?))
    }

    /// The proof that whoever made `message` holds the code of `continuity`: HMAC-SHA-256 over what
    /// fixes the new conversation and over `body`, that of the message's kind.
    pub fn proof(&self, continuity: &Secret, message: &Message, body: &[u8]) -> [u8; 32] {
        // HMAC takes a key of any length, so this cannot fail; zeros would prove nothing.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(continuity.as_bytes()) else {
            return [0; 32];
        };
        mac.chain_update(b"sotto/1 recontact")
            .chain_update([message.flags.byte()])
            .chain_update(self.bundle)
            .chain_update(self.nonce)
            .chain_update(message.epoch_secret.as_bytes())
            .chain_update(message.ratchet_key.hash())
            .chain_update(hash::digest(&[body]))
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether the message proves what its flags claim, against the continuity key that an earlier
    /// message of the same handle brought. In constant time.
    pub fn is_proven(&self, continuity: &Secret, message: &Message, body: &[u8]) -> bool {
        let proof = self.proof(continuity, message, body);
        message.flags.is_recontact() && bool::from(proof.ct_eq(&self.mac))
    }

    /// Without a claim there is no proof, and zeros stand in its place.
    pub fn is_sound(&self, flags: Flags) -> bool {
        flags.is_recontact() || self.mac == [0; 32]
    }
}

const _: () = assert!(FIRST_CONTACT_BYTES == 32 + 4 + 32 + 32 + 32 + RATCHET_KEY_BYTES + 32);
