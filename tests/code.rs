//! Codes: eight words that survive paper, and what is derived from them.

use std::collections::BTreeSet;

use bip39::Language;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use sotto_protocol::{
    code::{Code, CodeError},
    id::LineId,
};
use sotto_tests::cases::runner;

#[test]
fn words_come_back_however_they_are_written() {
    let outcome = runner(128).run(&any::<[u8; 10]>(), |value| {
        let code = Code::from_bytes(value);
        let words = code.to_words();
        assert_eq!(words.split(' ').count(), 8);
        let short: Vec<&str> = words
            .split(' ')
            .map(|word| &word[..word.len().min(4)])
            .collect();
        for written in [
            words.to_string(),
            words.to_uppercase(),
            words.replace(' ', "-"),
            words.replace(' ', ",\n"),
            format!("  1. {}  \r\n", words.replace(' ', " 2. ")),
            short.join(" "),
        ] {
            assert_eq!(Code::parse(&written).as_ref(), Ok(&code), "{written}");
        }
        Ok(())
    });
    outcome.unwrap();
}

fn in_list(code: &Code, list: &[&'static str; 2048]) -> Vec<&'static str> {
    let english = Language::English.word_list();
    let words = code.to_words();
    let place = |word| english.iter().position(|entry| *entry == word).unwrap();
    words.split(' ').map(|word| list[place(word)]).collect()
}

/// Keys derive from the value, so words of any list mean the same.
#[test]
fn any_list_will_do() {
    let code = Code::from_bytes([0x5a; 10]);
    let mut lists = 0;
    for language in Language::ALL {
        let words = in_list(&code, language.word_list());
        let parsed = Code::parse(&words.join(" "));
        assert_eq!(parsed.as_ref(), Ok(&code), "{}", words.join(" "));
        lists += 1;
    }
    assert!(lists >= 8);
}

#[test]
fn four_letters_are_enough_where_they_are_unique() {
    let four = |word: &str| word.chars().take(4).collect::<String>();
    let mut lists = Vec::new();
    for language in Language::ALL {
        let list = language.word_list();
        let beginnings: BTreeSet<String> = list.iter().map(|word| four(word)).collect();
        if !list[0].is_ascii() || beginnings.len() < list.len() {
            continue;
        }
        lists.push(format!("{language:?}"));
        let outcome = runner(32).run(&any::<[u8; 10]>(), |value| {
            let code = Code::from_bytes(value);
            let words = in_list(&code, list);
            let short: Vec<String> = words.into_iter().map(four).collect();
            assert_eq!(Code::parse(&short.join(" ")).as_ref(), Ok(&code));
            Ok(())
        });
        outcome.unwrap();
    }
    assert_eq!(lists, ["English", "Czech", "Italian", "Portuguese"]);
}

#[test]
fn a_wrong_word_is_named() {
    let code = Code::from_bytes([1; 10]);
    let words = code.to_words();
    let replaced = |place: usize, by: &str| {
        let mut all: Vec<&str> = words.split(' ').collect();
        all[place - 1] = by;
        Code::parse(&all.join(" "))
    };
    assert_eq!(replaced(3, "xylofone"), Err(CodeError::Word(3)));
    let mut caught = 0;
    for word in Language::English.word_list().iter().take(200) {
        match replaced(5, word) {
            Err(CodeError::Check) => caught += 1,
            Err(other) => panic!("{word}: {other}"),
            // One word in 256 passes the 8 check bits.
            Ok(_) => {}
        }
    }
    assert!(caught > 190, "{caught}");
    assert_eq!(Code::parse(""), Err(CodeError::Count(0)));
    assert_eq!(Code::parse("a b c"), Err(CodeError::Count(3)));
    let nine = format!("{} zoo", words.as_str());
    assert_eq!(Code::parse(&nine), Err(CodeError::Count(9)));
}

/// A change here would lock everybody out.
#[test]
fn what_is_derived_stays_the_same() {
    let keys = Code::from_bytes([7; 10]).derive(LineId([9; 16])).unwrap();
    assert_eq!(HEXLOWER.encode(&keys.handle), HANDLE);
    assert_eq!(HEXLOWER.encode(keys.vault.as_bytes()), VAULT);
    let other = Code::from_bytes([7; 10]).derive(LineId([8; 16])).unwrap();
    assert_ne!(other.handle, keys.handle, "each line has its own");
}

// Computed with another implementation of Argon2id and HKDF.
const HANDLE: &str = "cfa447fdeb35debaf5d243430e277ad36bd68c6af2f8daa434919407ae991534";
const VAULT: &str = "e35db94db11ba49e8e8efb634cc9c4be450dd74a791a5208bd50a21e393b1b0c";
