//! What counts as a mistake in a word, where the checksum does not help.

use bip39::Language;
use sotto_protocol::code::{Code, CodeError, LookAlikes};

use super::{in_list, with};

/// What is offered in place of the third of eight English words.
fn offered(typed: &str) -> Vec<&'static str> {
    let words = Code::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).to_words();
    let text = with(&words, 3, typed);
    assert_eq!(Code::parse(&text), Err(CodeError::Word(3)), "{typed}");
    let mut found: Vec<LookAlikes> = Code::look_alikes(&text);
    assert!(found.len() < 2);
    found.pop().map(|found| found.words).unwrap_or_default()
}

#[test]
fn letters_in_each_others_place_are_one_mistake() {
    let mut both = offered("baotu");
    both.sort_unstable();
    assert_eq!(both, ["about", "boat"]);
    // "direct", with two pairs of which one letter each is another one.
    assert_eq!(offered("qdrzet"), [""; 0]);
}

#[test]
fn a_word_with_as_many_mistakes_as_letters_looks_like_nothing() {
    // A letter fewer, and one of the two is another: "box".
    assert_eq!(offered("qx"), [""; 0]);
    assert!(offered("bx").contains(&"box"));
}

#[test]
fn only_a_word_of_four_letters_was_cut_short() {
    assert!(offered("abzn").contains(&"abandon"));
    assert_eq!(offered("abanxx"), [""; 0]);
}

/// Its words do not begin with four letters of their own.
#[test]
fn a_french_word_is_written_out() {
    let code = Code::from_bytes([0x5a; 10]);
    let words = in_list(&code, Language::French.word_list());
    let long = words
        .iter()
        .position(|word| word.is_ascii() && word.len() > 5);
    let place = long.unwrap();
    let text = with(&words.join(" "), place + 1, &words[place][..4]);
    assert_eq!(Code::parse(&text), Err(CodeError::Word(place + 1)));
}
