//! Admission tokens: Privacy Pass with blind RSA (RFC 9577, RFC 9578 token type 2; SPEC 6.3).
//!
//! What is here is read and written by relay and clients alike. Blinding, which only a buyer does, sits
//! behind the feature `tokens`. Numbers are big-endian, as in those RFCs.

pub mod batch;
#[cfg(feature = "tokens")]
pub mod purchase;
pub mod work;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};

use crate::{
    hash,
    id::LineId,
    limits::TOKEN_BYTES,
    wire::{DecodeError, Reader},
};

/// Blind RSA with 2048 bits (RFC 9578 section 8.2.2).
pub const TOKEN_TYPE: u16 = 2;
/// The scheme of RFC 9577 in the headers `authorization` and `www-authenticate`.
const SCHEME: &str = "PrivateToken ";
/// Bytes of a token before its signature: what is signed.
const SIGNED: usize = 98;

/// What tokens are good for (RFC 9577 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenChallenge {
    /// Who signs.
    pub issuer_name: Vec<u8>,
    /// Nothing, or 32 bytes.
    pub redemption_context: Vec<u8>,
    /// Where it is spent; nothing for anywhere.
    pub origin_info: Vec<u8>,
}

impl TokenChallenge {
    /// Of a line: its id in text, so that a token of one line is none of another.
    pub fn of(line: LineId) -> Self {
        Self {
            issuer_name: line.to_text().into_bytes(),
            redemption_context: Vec::new(),
            origin_info: Vec::new(),
        }
    }

    /// As RFC 9577 encodes it, for token type 2. Fields are no longer than their lengths can say.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
        let context = u8::try_from(self.redemption_context.len()).unwrap_or(u8::MAX);
        [
            &TOKEN_TYPE.to_be_bytes(),
            &length(&self.issuer_name)[..],
            &self.issuer_name,
            &[context],
            &self.redemption_context,
            &length(&self.origin_info),
            &self.origin_info,
        ]
        .concat()
    }

    /// What a token repeats of it.
    pub fn digest(&self) -> [u8; 32] {
        hash::digest(&[&self.to_bytes()])
    }

    /// The value of `www-authenticate` where a token is asked for under a key.
    pub fn to_header(&self, spki: &[u8]) -> String {
        let (challenge, key) = (self.to_bytes(), spki);
        format!(
            "{SCHEME}challenge=\"{}\", token-key=\"{}\"",
            BASE64URL.encode(&challenge),
            BASE64URL.encode(key)
        )
    }
}

/// What is signed of a token (RFC 9577 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenInput {
    /// Random.
    pub nonce: [u8; 32],
    /// Of the [`TokenChallenge`].
    pub challenge_digest: [u8; 32],
    /// Hash of the key's encoding.
    pub key_id: [u8; 32],
}

impl TokenInput {
    /// As it is signed.
    pub fn to_bytes(self) -> Vec<u8> {
        [
            &TOKEN_TYPE.to_be_bytes(),
            &self.nonce[..],
            &self.challenge_digest,
            &self.key_id,
        ]
        .concat()
    }
}

/// A token as it is spent, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; TOKEN_BYTES]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Reads one of type 2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let token: [u8; TOKEN_BYTES] = reader.array()?;
        reader.finish()?;
        if token.starts_with(&TOKEN_TYPE.to_be_bytes()) {
            Ok(Self(token))
        } else {
            Err(DecodeError::Version)
        }
    }

    /// From what was signed and the signature.
    #[cfg(feature = "tokens")]
    fn new(input: &TokenInput, signature: &[u8]) -> Option<Self> {
        Self::from_bytes(&[&input.to_bytes(), signature].concat()).ok()
    }

    /// All of it.
    pub const fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    /// What is signed, and the signature.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.0.split_at(SIGNED)
    }

    /// What is signed, field by field.
    pub fn input(&self) -> TokenInput {
        let field = |from: usize| {
            let bytes = self.0.get(from..).and_then(<[u8]>::first_chunk);
            bytes.copied().unwrap_or_default()
        };
        TokenInput {
            nonce: field(2),
            challenge_digest: field(34),
            key_id: field(66),
        }
    }

    /// What a relay remembers of it.
    pub fn hash(&self) -> [u8; 32] {
        hash::digest(&[b"sotto/1 token", &self.0])
    }

    /// The value of `authorization` (RFC 9577 section 2.2).
    pub fn to_header(&self) -> String {
        format!("{SCHEME}token=\"{}\"", BASE64URL.encode(&self.0))
    }

    /// Reads the value of `authorization`, quoted or not.
    pub fn from_header(value: &str) -> Result<Self, DecodeError> {
        let (scheme, rest) = value
            .split_at_checked(SCHEME.len())
            .ok_or(DecodeError::Field)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(DecodeError::Field);
        }
        let text = rest
            .trim()
            .strip_prefix("token=")
            .ok_or(DecodeError::Field)?;
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        // A token is a multiple of three bytes long, so that nothing is padded.
        let bytes = BASE64URL_NOPAD.decode(quoted.unwrap_or(text).as_bytes());
        Self::from_bytes(&bytes.map_err(|_| DecodeError::Field)?)
    }
}
