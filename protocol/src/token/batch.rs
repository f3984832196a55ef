//! Requests for tokens and what answers them: one as in RFC 9578 section 6, several as in the draft on
//! batched issuance (`draft-ietf-privacypass-batched-tokens`).

use alloc::vec::Vec;

use super::TOKEN_TYPE;
use crate::{
    limits::{TOKEN_BATCH, TOKEN_BLIND_BYTES, TOKEN_REQUEST_BYTES},
    wire::{DecodeError, Reader},
};

/// A blinded message, and the last byte of the id of the key that is to sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Of the key.
    pub truncated_key_id: u8,
    /// [`TOKEN_BLIND_BYTES`] long.
    pub blinded: [u8; TOKEN_BLIND_BYTES],
}

impl TokenRequest {
    /// As RFC 9578 section 6.1 encodes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let [high, low] = TOKEN_TYPE.to_be_bytes();
        [&[high, low, self.truncated_key_id], &self.blinded[..]].concat()
    }

    /// Reads one of type 2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != TOKEN_TYPE.to_be_bytes() {
            return Err(DecodeError::Version);
        }
        let request = Self {
            truncated_key_id: reader.u8()?,
            blinded: reader.array()?,
        };
        reader.finish()?;
        Ok(request)
    }
}

/// What is asked for in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// One token, as in RFC 9578.
    One(TokenRequest),
    /// Up to [`TOKEN_BATCH`].
    Batch(Vec<TokenRequest>),
}

impl Requested {
    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::One(request) => request.to_bytes(),
            Self::Batch(requests) => {
                let all: Vec<u8> = requests.iter().flat_map(TokenRequest::to_bytes).collect();
                prefixed(&all)
            }
        }
    }

    /// Reads either.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        // A batch of one begins with 0x4103, and is longer.
        if bytes.len() == TOKEN_REQUEST_BYTES {
            return Ok(Self::One(TokenRequest::from_bytes(bytes)?));
        }
        let (requests, rest) = unprefixed(bytes)?.as_chunks::<TOKEN_REQUEST_BYTES>();
        if !rest.is_empty() || requests.is_empty() || requests.len() > TOKEN_BATCH {
            return Err(DecodeError::Field);
        }
        let requests = requests.iter().map(|bytes| TokenRequest::from_bytes(bytes));
        Ok(Self::Batch(requests.collect::<Result<_, _>>()?))
    }

    /// Each of them.
    pub fn requests(&self) -> &[TokenRequest] {
        match self {
            Self::One(request) => core::slice::from_ref(request),
            Self::Batch(requests) => requests,
        }
    }

    /// What answers it: the signatures in the same order, [`TOKEN_BLIND_BYTES`] each.
    pub fn answer(&self, signatures: &[Vec<u8>]) -> Vec<u8> {
        match self {
            Self::One(_) => signatures.concat(),
            Self::Batch(_) => {
                let [high, low] = TOKEN_TYPE.to_be_bytes();
                let one =
                    |signature: &Vec<u8>| [&[PRESENT, high, low], signature.as_slice()].concat();
                let all: Vec<u8> = signatures.iter().flat_map(one).collect();
                prefixed(&all)
            }
        }
    }
}

/// Reads the answer to a [`Requested::Batch`]: the signatures in the order of the requests.
pub fn signatures(answer: &[u8]) -> Result<Vec<[u8; TOKEN_BLIND_BYTES]>, DecodeError> {
    let mut reader = Reader::new(unprefixed(answer)?);
    let mut all = Vec::new();
    while reader.remaining() > 0 {
        if reader.u8()? != PRESENT || reader.array()? != TOKEN_TYPE.to_be_bytes() {
            return Err(DecodeError::Field);
        }
        all.push(reader.array()?);
        if all.len() > TOKEN_BATCH {
            return Err(DecodeError::Long);
        }
    }
    Ok(all)
}

/// That there is an answer to a request.
const PRESENT: u8 = 1;
/// Above lengths of RFC 9000's variable-length integers that take two bytes.
const TWO_BYTES: u16 = 0x4000;

/// After its length in two bytes, as RFC 9000 section 16 has it. A batch is between 64 and 16383 long.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&(length | TWO_BYTES).to_be_bytes(), bytes].concat()
}

fn unprefixed(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let mut reader = Reader::new(bytes);
    let length = u16::from_be_bytes(reader.array()?);
    let length = length.checked_sub(TWO_BYTES).ok_or(DecodeError::Field)?;
    let rest = reader.bytes(usize::from(length))?;
    reader.finish()?;
    Ok(rest)
}
