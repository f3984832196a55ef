//! The work that tokens are sold for (SPEC 6.3): a challenge that is the same for everybody, and a proof
//! bound to one request.

use alloc::{string::String, vec::Vec};

use data_encoding::BASE64;

use crate::{
    hash,
    limits::{WORK_CHALLENGE_BYTES, WORK_KIB, WORK_TRIES_MAX},
    wire::{DecodeError, Reader, Writer},
};

/// What a relay asks for, at one time of everybody alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkChallenge {
    /// Tries on average, from 1 to [`WORK_TRIES_MAX`].
    pub tries: u32,
    /// Memory of one try in KiB, from 8 to [`WORK_KIB`].
    pub kib: u32,
    /// When it began to be asked for, in unix seconds.
    pub begins: u64,
    /// By which the relay knows that it made it.
    pub mac: [u8; 32],
}

/// Fixed fields before the MAC.
const FIELDS: usize = 32;
/// Least memory that Argon2 knows.
const LEAST_KIB: u32 = 8;
/// Random bytes of a try.
const NONCE_BYTES: usize = 16;

impl WorkChallenge {
    /// What the MAC is over.
    pub fn fields(&self) -> Vec<u8> {
        let out = Writer::with_capacity(FIELDS).u8(1).pad_to(4);
        let out = out.u32(self.tries).u32(self.kib).pad_to(16);
        out.u64(self.begins).pad_to(FIELDS).finish()
    }

    /// [`WORK_CHALLENGE_BYTES`] bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.fields()[..], &self.mac].concat()
    }

    /// Reads one that a client may work for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(1)?;
        reader.zeros(3)?;
        let (tries, kib) = (reader.u32()?, reader.u32()?);
        reader.zeros(4)?;
        let begins = reader.u64()?;
        reader.zeros(8)?;
        let mac = reader.array()?;
        reader.finish()?;
        if (1..=WORK_TRIES_MAX).contains(&tries) && (LEAST_KIB..=WORK_KIB).contains(&kib) {
            Ok(Self {
                tries,
                kib,
                begins,
                mac,
            })
        } else {
            Err(DecodeError::Field)
        }
    }

    /// The salt of every try.
    pub fn salt(&self) -> [u8; 32] {
        hash::digest(&[b"sotto/1 work salt", &self.to_bytes()])
    }

    /// Whether a try came out well enough.
    pub fn is_met_by(&self, tried: &[u8; 32]) -> bool {
        let number = tried
            .first_chunk()
            .copied()
            .map_or(u64::MAX, u64::from_le_bytes);
        number <= u64::MAX.checked_div(u64::from(self.tries)).unwrap_or(0)
    }
}

/// A challenge and the nonce that meets it for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkProof {
    /// What was asked for.
    pub challenge: WorkChallenge,
    /// Of the try that met it.
    pub nonce: [u8; NONCE_BYTES],
}

/// What a try is of, before Argon2id: one request and one nonce.
pub fn password(request: &[u8], nonce: &[u8; NONCE_BYTES]) -> [u8; 32] {
    hash::digest(&[b"sotto/1 work", &hash::digest(&[request]), nonce])
}

impl WorkProof {
    /// The value of the header `sotto-work`.
    pub fn to_header(self) -> String {
        BASE64.encode(&[&self.challenge.to_bytes()[..], &self.nonce].concat())
    }

    /// Reads it.
    pub fn from_header(value: &str) -> Result<Self, DecodeError> {
        let bytes = BASE64.decode(value.as_bytes());
        let bytes = bytes.map_err(|_| DecodeError::Field)?;
        let mut reader = Reader::new(&bytes);
        let challenge = WorkChallenge::from_bytes(reader.bytes(WORK_CHALLENGE_BYTES)?)?;
        let nonce = reader.array()?;
        reader.finish()?;
        Ok(Self { challenge, nonce })
    }
}
