//! What a person typed: words of any list, or digits; and what may have been meant (SPEC 4.1).

use alloc::{string::String, vec::Vec};
use core::fmt;

use bip39::Language;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{Code, CodeError};
use crate::limits::CODE_WORDS;

/// Decimal digits of the largest number of 88 bits.
const DIGITS: usize = 27;
/// Digits that stand together.
const GROUP: usize = 3;
/// Words that are offered for one place at most.
const OFFERED: usize = 5;
/// Letters that may be wrong, missing, too many or in the place of their neighbour.
const MISTAKES: u8 = 2;

/// Words that look like the one at a place of a code. They tell about the code as it does itself.
#[derive(Clone, PartialEq, Eq)]
pub struct LookAlikes {
    /// From 1.
    pub place: usize,
    /// The likeliest first.
    pub words: Vec<&'static str>,
}

impl fmt::Debug for LookAlikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookAlikes(..)")
    }
}

impl Code {
    /// 27 decimal digits in groups of three, for people whose script is in no list.
    pub fn to_digits(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(alloc::format!("{:0DIGITS$}", self.bits()));
        let groups = digits.chars().enumerate().flat_map(|(at, digit)| {
            let blank = (at > 0 && at % GROUP == 0).then_some(' ');
            blank.into_iter().chain([digit])
        });
        Zeroizing::new(groups.collect())
    }

    /// Reads words in any case, of any list, separated by anything that is no letter; or 27 digits.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let normal = normal(text);
        if normal.contains(is_digit) && !normal.contains(is_letter) {
            return from_digits(&normal);
        }
        let words = words(&normal);
        if words.len() != CODE_WORDS {
            return Err(CodeError::Count(words.len()));
        }
        // Lists share words: where all of them are in several lists, the checksum knows which is meant.
        let mut right = Reading::all(&words).filter_map(|reading| Self::from_bits(reading.bits()?));
        if let Some(code) = right.next() {
            return Ok(code);
        }
        let unknown = Reading::best(&words).and_then(|best| best.first_unknown());
        Err(unknown.map_or(CodeError::Check, CodeError::Word))
    }

    /// What may have been meant by eight words that [`Self::parse`] refuses, by place.
    ///
    /// For words that are in no list: those of the list most of the others are in that look like
    /// them, those that make the checksum right first. Where all words are known: those that look
    /// like one of them and make the checksum right in its place. At most five for each place, at
    /// most two mistakes away.
    pub fn look_alikes(text: &str) -> Vec<LookAlikes> {
        let normal = normal(text);
        let words = words(&normal);
        if words.len() != CODE_WORDS || Self::parse(text).is_ok() {
            return Vec::new();
        }
        let Some(reading) = Reading::best(&words) else {
            return Vec::new();
        };
        let is_known = reading.first_unknown().is_none();
        (0..CODE_WORDS)
            .zip(&words)
            .filter(|(place, _)| is_known || reading.is_unknown(*place))
            .map(|(place, word)| LookAlikes {
                place: place.saturating_add(1),
                words: reading.like(place, word, is_known),
            })
            .filter(|found| !found.words.is_empty())
            .collect()
    }
}

/// Eight words as one list has them.
struct Reading {
    language: Language,
    /// Their indices; `None` for those that are not in the list.
    indices: Vec<Option<u16>>,
}

impl Reading {
    fn new(words: &[&str], language: Language) -> Self {
        let list = language.word_list();
        let by_prefix = four_are_enough(language);
        let words = words.iter();
        Self {
            language,
            indices: words.map(|word| find(list, word, by_prefix)).collect(),
        }
    }

    fn all(words: &[&str]) -> impl Iterator<Item = Self> {
        let all = Language::ALL.iter();
        all.map(move |language| Self::new(words, *language))
    }

    /// The list that most words are in is the one the person writes in.
    fn best(words: &[&str]) -> Option<Self> {
        let unknown = |reading: &Self| reading.indices.iter().filter(|i| i.is_none()).count();
        Self::all(words).min_by_key(unknown)
    }

    /// From 1.
    fn first_unknown(&self) -> Option<usize> {
        let place = self.indices.iter().position(Option::is_none)?;
        place.checked_add(1)
    }

    fn is_unknown(&self, place: usize) -> bool {
        matches!(self.indices.get(place), Some(None))
    }

    /// The 88 bits, if every word is known.
    fn bits(&self) -> Option<u128> {
        self.bits_with(CODE_WORDS, 0)
    }

    /// The 88 bits with another word at a place.
    fn bits_with(&self, place: usize, other: u16) -> Option<u128> {
        let mut all = self.indices.iter().zip(0..);
        all.try_fold(0, |bits, (index, at)| {
            let index = if at == place { other } else { (*index)? };
            Some(bits << 11 | u128::from(index))
        })
    }

    fn is_right_with(&self, place: usize, other: u16) -> bool {
        let bits = self.bits_with(place, other);
        bits.and_then(Code::from_bits).is_some()
    }

    /// Words of the list that look like the one at a place; `must_be_right` with the checksum.
    fn like(&self, place: usize, word: &str, must_be_right: bool) -> Vec<&'static str> {
        let list = self.language.word_list();
        let known = self.indices.get(place).copied().flatten();
        // Of a word that was cut short the whole is known.
        let whole = known.and_then(|index| list.get(usize::from(index)));
        let word: Zeroizing<Vec<char>> = Zeroizing::new(whole.unwrap_or(&word).nfkd().collect());
        let by_prefix = four_are_enough(self.language) && word.len() == 4;
        let mut found: Vec<(bool, u8, &'static str)> = (0_u16..)
            .zip(list)
            .filter(|(index, _)| Some(*index) != known)
            .filter_map(|(index, entry)| {
                let away = mistakes(&word, entry, by_prefix)?;
                let is_wrong = !self.is_right_with(place, index);
                (!is_wrong || !must_be_right).then_some((is_wrong, away, *entry))
            })
            .collect();
        found.sort_unstable();
        found.truncate(OFFERED);
        found.into_iter().map(|(_, _, entry)| entry).collect()
    }
}

fn normal(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkd().flat_map(char::to_lowercase).collect())
}

fn words(normal: &str) -> Vec<&str> {
    let parts = normal.split(|c| !is_letter(c));
    parts.filter(|word| !word.is_empty()).collect()
}

/// Whether a character belongs to a word: accents do.
fn is_letter(c: char) -> bool {
    !(c.is_whitespace() || c.is_ascii_punctuation() || is_digit(c))
}

const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn from_digits(text: &str) -> Result<Code, CodeError> {
    let digits: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| is_digit(*c)).collect());
    if digits.len() != DIGITS {
        return Err(CodeError::Digits(digits.len()));
    }
    let bits = digits.parse().map_err(|_| CodeError::Check)?;
    Code::from_bits(bits).ok_or(CodeError::Check)
}

/// Lists in which no two words begin with the same four letters.
const fn four_are_enough(language: Language) -> bool {
    use Language::{Czech, English, Italian, Portuguese};
    matches!(language, Czech | English | Italian | Portuguese)
}

/// Finds a word, or in some lists one that begins like it.
fn find(list: &[&str; 2048], word: &str, by_prefix: bool) -> Option<u16> {
    let exact = |entry: &str| entry == word || !entry.is_ascii() && entry.nfkd().eq(word.chars());
    let prefix = |entry: &str| by_prefix && word.len() >= 4 && entry.starts_with(word);
    let position = list.iter().position(|entry| exact(entry));
    let position = position.or_else(|| list.iter().position(|entry| prefix(entry)));
    position.and_then(|index| u16::try_from(index).ok())
}

/// How many mistakes lead from an entry, or from its first four letters, to a word; `None` for too
/// many, or as many as the word has letters.
fn mistakes(word: &[char], entry: &str, by_prefix: bool) -> Option<u8> {
    let entry: Vec<char> = entry.nfkd().collect();
    let beginning = entry.first_chunk::<4>().filter(|_| by_prefix);
    let away = beginning.and_then(|four| distance(word, four, MISTAKES));
    let away = away.into_iter().chain(distance(word, &entry, MISTAKES));
    away.min().filter(|away| usize::from(*away) < word.len())
}

/// Fewest letters to change, add, leave out or exchange with their neighbour, if at most `most`.
fn distance(a: &[char], b: &[char], most: u8) -> Option<u8> {
    match (a, b) {
        ([], rest) | (rest, []) => u8::try_from(rest.len()).ok().filter(|left| *left <= most),
        ([first, after_a @ ..], [other, after_b @ ..]) if first == other => {
            distance(after_a, after_b, most)
        }
        ([_, after_a @ ..], [_, after_b @ ..]) => {
            let fewer = most.checked_sub(1)?;
            let ways = [
                exchanged(a, b).and_then(|(a, b)| distance(a, b, fewer)),
                distance(after_a, after_b, fewer),
                distance(a, after_b, fewer),
                distance(after_a, b, fewer),
            ];
            ways.into_iter().flatten().min()?.checked_add(1)
        }
    }
}

/// What follows two letters that stand in each other's place.
const fn exchanged<'w>(a: &'w [char], b: &'w [char]) -> Option<(&'w [char], &'w [char])> {
    match (a, b) {
        ([one, two, after_a @ ..], [other, another, after_b @ ..])
            if *one == *another && *two == *other =>
        {
            Some((after_a, after_b))
        }
        _ => None,
    }
}
