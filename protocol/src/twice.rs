//! Sealing a body once more, to the static key of a code (SPEC 3.6): only who holds the code reads
//! it, and only who read it knows the proof inside.

use alloc::vec::Vec;

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::XWing, single_shot_open, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    conversation::Content,
    id::LineId,
    keys::SealingPublicKey,
    limits::{ENCAPSULATION_BYTES, TWICE_BYTES},
    message::Message,
    seal::Reject,
    secret::{SealingSecret, Secret},
    wire::Writer,
};

/// To whom, and in which conversation.
#[derive(Debug, Clone)]
pub struct Twice {
    /// The line.
    pub line: LineId,
    /// The conversation's nonce.
    pub nonce: [u8; 32],
    /// The code's static key, as the conversation's first message brought it.
    pub static_key: SealingPublicKey,
    /// What a confirmation has to bring back.
    pub proof: Secret,
}

impl Twice {
    /// The body to send in place of `content.body`, [`TWICE_BYTES`] longer.
    pub fn seal(
        &self,
        content: Content<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, Reject> {
        let key = <XWing as Kem>::PublicKey::from_bytes(self.static_key.0.as_slice());
        let key = key.map_err(|_| Reject)?;
        let plaintext = Zeroizing::new([self.proof.as_bytes(), content.body].concat());
        let info = info(self.line, &self.nonce, &self.static_key);
        let aad = additional_data(
            content.kind.byte(),
            (content.part, content.parts),
            content.id,
        );
        let (encapsulation, ciphertext) = single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(
            &OpModeS::Base, &key, &info, &plaintext, &aad, rng
        )
        .map_err(|_| Reject)?;
        let out = Writer::with_capacity(content.body.len().saturating_add(TWICE_BYTES));
        let out = out.bytes(&encapsulation.to_bytes()).bytes(&ciphertext);
        Ok(Zeroizing::new(out.finish()))
    }
}

/// The proof and the real body of a message that was sealed twice.
pub fn open(
    message: &Message,
    static_key: &SealingSecret,
    line: LineId,
    nonce: &[u8; 32],
) -> Result<(Secret, Zeroizing<Vec<u8>>), Reject> {
    let (encapsulation, ciphertext) = message
        .body
        .split_at_checked(ENCAPSULATION_BYTES)
        .ok_or(Reject)?;
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation);
    let plaintext = single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &static_key.hpke().map_err(|_| Reject)?,
        &encapsulation.map_err(|_| Reject)?,
        &info(line, nonce, &static_key.public()),
        ciphertext,
        &additional_data(
            message.kind.byte(),
            (message.part, message.parts),
            message.id,
        ),
    );
    let plaintext = Zeroizing::new(plaintext.map_err(|_| Reject)?);
    let (proof, body) = plaintext.split_first_chunk::<32>().ok_or(Reject)?;
    Ok((Secret::from_bytes(*proof), Zeroizing::new(body.to_vec())))
}

fn info(line: LineId, nonce: &[u8; 32], receiver: &SealingPublicKey) -> Vec<u8> {
    Writer::with_capacity(96)
        .bytes(b"sotto/1 twice")
        .bytes(&line.0)
        .bytes(nonce)
        .bytes(&receiver.hash())
        .finish()
}

/// What the message is, whatever epoch it moves to.
fn additional_data(kind: u8, (part, parts): (u8, u8), id: u64) -> Vec<u8> {
    Writer::with_capacity(11)
        .bytes(&[kind, part, parts])
        .u64(id)
        .finish()
}

const _: () = assert!(TWICE_BYTES == ENCAPSULATION_BYTES + 16 + 32);
