//! The code a tipster comes back with: 80 random bits, 8 check bits, 8 words (SPEC 4).

use alloc::{string::String, vec::Vec};
use core::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use bip39::Language;
use rand_core::CryptoRng;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

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
    /// A word that is in no list, by its place from 1.
    #[error("word {0} is in no list of code words; look at it again")]
    Word(usize),
    /// Every word is known, but they do not belong together.
    #[error("one of these words is not right; compare them with what you wrote down")]
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

    /// Reads words in any case, of any list, separated by anything that is no letter.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let normal: Zeroizing<String> =
            Zeroizing::new(text.nfkd().flat_map(char::to_lowercase).collect());
        let words: Vec<&str> = normal
            .split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c.is_ascii_digit())
            .filter(|word| !word.is_empty())
            .collect();
        if words.len() != CODE_WORDS {
            return Err(CodeError::Count(words.len()));
        }
        let mut unknown = 0;
        for language in Language::ALL {
            match indices(&words, *language) {
                Ok(bits) => return Self::from_bits(bits).ok_or(CodeError::Check),
                Err(place) => unknown = unknown.max(place),
            }
        }
        // The list that got furthest is the one the person writes in.
        Err(CodeError::Word(unknown))
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
        let (_, tail) = bits
            .to_be_bytes()
            .split_last_chunk::<11>()
            .map(|(h, t)| (h.len(), *t))?;
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

/// The 88 bits of eight words of one list, or the place of the first word that is not in it.
fn indices(words: &[&str], language: Language) -> Result<u128, usize> {
    let list = language.word_list();
    words
        .iter()
        .zip(1_usize..)
        .try_fold(0_u128, |bits, (word, place)| {
            let index = find(list, word, four_are_enough(language)).ok_or(place)?;
            Ok(bits << 11 | index)
        })
}

/// Lists in which no two words begin with the same four letters.
const fn four_are_enough(language: Language) -> bool {
    use Language::{Czech, English, Italian, Portuguese};
    matches!(language, Czech | English | Italian | Portuguese)
}

/// Finds a word, or in some lists one that begins like it.
fn find(list: &[&str; 2048], word: &str, by_prefix: bool) -> Option<u128> {
    let exact = |entry: &str| entry.nfkd().eq(word.chars());
    let prefix = |entry: &str| by_prefix && word.len() >= 4 && entry.starts_with(word);
    let position = list.iter().position(|entry| exact(entry));
    let position = position.or_else(|| list.iter().position(|entry| prefix(entry)));
    position.and_then(|index| u128::try_from(index).ok())
}
