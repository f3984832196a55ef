//! Codes: eight words that survive paper, and what is derived from them.

mod mistakes;

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

#[test]
fn digits_come_back_however_they_are_grouped() {
    let outcome = runner(64).run(&any::<[u8; 10]>(), |value| {
        let code = Code::from_bytes(value);
        let digits = code.to_digits();
        let groups: Vec<&str> = digits.split(' ').collect();
        assert_eq!(groups.len(), 9);
        assert!(groups.iter().all(|group| group.len() == 3));
        for written in [
            digits.to_string(),
            digits.replace(' ', ""),
            digits.replace(' ', "-"),
            format!(" {}\r\n", digits.replace(' ', ", ")),
        ] {
            assert_eq!(Code::parse(&written).as_ref(), Ok(&code), "{written}");
        }
        Ok(())
    });
    outcome.unwrap();
    let digits = Code::from_bytes([0; 10]).to_digits();
    assert!(digits.starts_with("000 000 "));
}

#[test]
fn wrong_digits_are_no_code() {
    let code = Code::from_bytes([0x5a; 10]);
    let digits = code.to_digits().replace(' ', "");
    assert_eq!(Code::parse(&digits[1..]), Err(CodeError::Digits(26)));
    let longer = format!("{digits}0");
    assert_eq!(Code::parse(&longer), Err(CodeError::Digits(28)));
    // Above 88 bits.
    assert_eq!(Code::parse(&"9".repeat(27)), Err(CodeError::Check));
    let mut caught = 0;
    for place in 0..27 {
        let mut other = digits.clone().into_bytes();
        other[place] = b'0' + (other[place] - b'0' + 1) % 10;
        let parsed = Code::parse(std::str::from_utf8(&other).unwrap());
        assert_ne!(parsed.as_ref(), Ok(&code));
        caught += usize::from(parsed == Err(CodeError::Check));
    }
    assert!(caught >= 25, "{caught}");
}

/// The text with another word at one place, from 1.
fn with(words: &str, place: usize, other: &str) -> String {
    let mut all: Vec<&str> = words.split(' ').collect();
    all[place - 1] = other;
    all.join(" ")
}

#[test]
fn look_alikes_of_an_unknown_word() {
    // abandon amount liar amount expire adjust cage candy
    let words = Code::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).to_words();
    for (place, typed, meant) in [
        (3, "lair", "liar"),
        (5, "expier", "expire"),
        (6, "ajust", "adjust"),
        (8, "canddy", "candy"),
        (1, "abnadn", "abandon"),
        // Cut short, and a letter is wrong.
        (1, "abzn", "abandon"),
    ] {
        let text = with(&words, place, typed);
        assert_eq!(Code::parse(&text), Err(CodeError::Word(place)), "{typed}");
        let found = Code::look_alikes(&text);
        assert_eq!(found.len(), 1, "{typed}");
        assert_eq!(found[0].place, place);
        // With one word missing the checksum knows which it was.
        assert_eq!(found[0].words[0], meant, "{:?}", found[0].words);
        assert!(found[0].words.len() <= 5);
    }
    // Two of them: each place has its own.
    let text = with(&with(&words, 3, "lier"), 8, "cande");
    assert_eq!(Code::parse(&text), Err(CodeError::Word(3)));
    let found = Code::look_alikes(&text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].place, found[1].place), (3, 8));
    assert!(found[0].words.contains(&"liar"), "{:?}", found[0].words);
    assert!(found[1].words.contains(&"candy"), "{:?}", found[1].words);
    // Nothing looks like it.
    assert_eq!(Code::look_alikes(&with(&words, 3, "xylofone")), []);
    assert_eq!(Code::look_alikes(&words), [], "nothing is wrong");
    assert_eq!(Code::look_alikes("only three words"), []);
    let endless = "x".repeat(100_000);
    assert_eq!(Code::look_alikes(&with(&words, 3, &endless)), []);
}

#[test]
fn look_alikes_of_another_list() {
    let code = Code::from_bytes([0x5a; 10]);
    let spanish = in_list(&code, Language::Spanish.word_list());
    let meant = spanish[4];
    let mut typed = meant.to_owned();
    typed.push('x');
    let text = with(&spanish.join(" "), 5, &typed);
    assert_eq!(Code::parse(&text), Err(CodeError::Word(5)));
    let found = Code::look_alikes(&text);
    assert_eq!((found[0].place, found[0].words[0]), (5, meant));
}

#[test]
fn look_alikes_that_make_the_checksum_right() {
    let words = Code::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).to_words();
    // Each is a word of the list, too.
    for (place, typed, meant) in [(8, "zoo", ""), (7, "cake", "cage"), (7, "page", "cage")] {
        let text = with(&words, place, typed);
        assert_eq!(Code::parse(&text), Err(CodeError::Check), "{typed}");
        let found = Code::look_alikes(&text);
        for other in &found {
            assert!(other.words.len() <= 5);
            for word in &other.words {
                let repaired = with(&text, other.place, word);
                assert!(Code::parse(&repaired).is_ok(), "{repaired}");
            }
        }
        let at = found.iter().find(|other| other.place == place);
        let offers = at.is_some_and(|other| other.words.contains(&meant));
        assert_eq!(offers, !meant.is_empty(), "{typed}");
    }
}

/// A code whose words are in two lists is good if it is in one of them.
#[test]
fn a_list_that_fails_does_not_hide_another() {
    let lists = [
        Language::SimplifiedChinese.word_list(),
        Language::TraditionalChinese.word_list(),
    ];
    let outcome = runner(256).run(&any::<[u8; 10]>(), |value| {
        let code = Code::from_bytes(value);
        for list in lists {
            let text = in_list(&code, list).join(" ");
            assert_eq!(Code::parse(&text).as_ref(), Ok(&code), "{text}");
        }
        Ok(())
    });
    outcome.unwrap();
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
