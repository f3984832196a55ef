//! The code a tipster comes back with: 80 random bits, 8 check bits, 8 words (SPEC 4).

mod entry;

use alloc::{string::String, vec::Vec};
use core::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use bip39::Language;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::entry::LookAlikes;
use crate::{
    hash,
    id::LineId,
    limits::{ARGON2_KIB, ARGON2_PASSES, CODE_WORDS},
    secret::{SealingSecret, Secret, random},
};

/// A code. Shown once, written on paper, never an argument of a program.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Code([u8; 10]);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// What is wrong with words somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not eight words.
    #[error("a code has {CODE_WORDS} words, this has {0}")]
    Count(usize),
    /// Only digits, but not as many as a code has.
    #[error("a code in digits has 27 of them, this has {0}")]
    Digits(usize),
    /// A word that is in no list, by its place from 1.
    #[error("word {0} is in no list of code words; look at it again")]
    Word(usize),
    /// Every word is known, or all digits are there, but they do not belong together.
    #[error("one of these words or digits is not right; compare them with what you wrote down")]
    Check,
}

/// What a code is good for on one line.
#[derive(Clone)]
pub struct CodeKeys {
    /// What all of them derive from.
    pub stretched: Secret,
    /// How a later phone names the conversation.
    pub handle: [u8; 32],
    /// How it proves to be the same person.
    pub continuity: Secret,
    /// What answers to that phone are sealed to.
    pub static_key: SealingSecret,
    /// Wraps what this phone keeps.
    pub vault: Secret,
    /// What a phone that keeps nothing makes its conversation from.
    pub leave: LeaveKeys,
}

/// A whole conversation's beginning, from the code (SPEC 3.7).
#[derive(Clone)]
pub struct LeaveKeys {
    /// Names the conversation.
    pub nonce: [u8; 32],
    /// `es0`.
    pub epoch_secret: Secret,
    /// The phone's only ratchet pair.
    pub ratchet: SealingSecret,
}

impl fmt::Debug for LeaveKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaveKeys(..)")
    }
}

impl fmt::Debug for CodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKeys(..)")
    }
}

impl Code {
    /// A new random code.
    pub fn make(rng: &mut impl CryptoRng) -> Self {
        Self(random(rng))
    }

    /// From its 80 bits.
    pub const fn from_bytes(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// Eight words of the English list.
    pub fn to_words(&self) -> Zeroizing<String> {
        let list = Language::English.word_list();
        let bits = self.bits();
        let words: Vec<&str> = (0..CODE_WORDS)
            .rev()
            .filter_map(|group| list.get((bits >> (group * 11) & 0x7ff) as usize).copied())
            .collect();
        Zeroizing::new(words.join(" "))
    }

    /// Stretches the code for one line: 64 MiB and about a third of a second (SPEC 4.2).
    ///
    /// `None` only where the memory cannot be had.
    pub fn derive(&self, line: LineId) -> Option<CodeKeys> {
        let salt = hash::digest(&[b"sotto/1 salt", &line.0]);
        let params = Params::new(ARGON2_KIB, ARGON2_PASSES, 1, Some(32)).ok()?;
        let mut stretched = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&self.0, salt.first_chunk::<16>()?, stretched.as_mut_slice())
            .ok()?;
        Some(CodeKeys::from_stretched(Secret::from_bytes(*stretched)))
    }

    fn bits(&self) -> u128 {
        self.0
            .iter()
            .chain([&check(&self.0)])
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }

    fn from_bits(bits: u128) -> Option<Self> {
        let bytes = bits.to_be_bytes();
        let (head, tail) = bytes.split_last_chunk::<11>()?;
        if head.iter().any(|byte| *byte != 0) {
            return None;
        }
        let (value, [sum]) = (tail.first_chunk::<10>()?, tail.last_chunk::<1>()?);
        (check(value) == *sum).then_some(Self(*value))
    }
}

impl CodeKeys {
    /// From the stretched code `S`: what a vault keeps that opens without the code.
    pub fn from_stretched(stretched: Secret) -> Self {
        let key = |label: &[u8]| hash::expand(stretched.as_bytes(), &[label]);
        Self {
            handle: key(b"sotto/1 handle"),
            continuity: Secret::from_bytes(key(b"sotto/1 continuity")),
            static_key: SealingSecret::from_bytes(key(b"sotto/1 static key")),
            vault: Secret::from_bytes(key(b"sotto/1 vault")),
            leave: LeaveKeys {
                nonce: key(b"sotto/1 leave nonce"),
                epoch_secret: Secret::from_bytes(key(b"sotto/1 leave secret")),
                ratchet: SealingSecret::from_bytes(key(b"sotto/1 leave ratchet")),
            },
            stretched,
        }
    }
}

fn check(value: &[u8; 10]) -> u8 {
    hash::digest(&[b"sotto/1 code", value])[0]
}
