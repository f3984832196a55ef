//! The examples of SPEC 4.

use bip39::Language;
use sotto_protocol::{
    code::{Code, CodeKeys},
    hash,
};

use super::{LINE, book::Area};

const VALUE: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The keys of the code of all examples.
pub(super) fn keys() -> CodeKeys {
    Code::from_bytes(VALUE).derive(LINE).unwrap()
}

pub(super) fn code(keys: &CodeKeys) -> Area {
    let mut area = Area::new(
        "code",
        "4",
        "value, check, words and digits are the same code, in and out; keys of one line follow from value and line id",
    );
    let code = Code::from_bytes(VALUE);
    let check = hash::digest(&[b"sotto/1 code", &VALUE])[0];
    let words = code.to_words();
    let english = Language::English.word_list();
    let in_list = |language: Language| {
        let place = |word| english.iter().position(|entry| *entry == word).unwrap();
        let words = words
            .split(' ')
            .map(|word| language.word_list()[place(word)]);
        words.collect::<Vec<&str>>().join(" ")
    };
    let case = area.case("a code");
    case.given("value", &VALUE)
        .gives("check", &[check])
        .gives_text("words", &words)
        .gives_text("digits", &code.to_digits());
    for (name, language) in [
        ("words of the French list", Language::French),
        ("words of the Spanish list", Language::Spanish),
        ("words of the Korean list", Language::Korean),
    ] {
        let words = in_list(language);
        assert_eq!(Code::parse(&words).as_ref(), Ok(&code));
        case.gives_text(name, &words);
    }
    let salt = hash::digest(&[b"sotto/1 salt", &LINE.0]);
    area.case("keys of a line")
        .given("value", &VALUE)
        .given("line id", &LINE.0)
        .gives("salt", &salt[..16])
        .gives("S", keys.stretched.as_bytes())
        .gives("handle", &keys.handle)
        .gives("continuity key", keys.continuity.as_bytes())
        .gives("static X-Wing seed", keys.static_key.as_bytes())
        .gives(
            "static X-Wing public key",
            keys.static_key.public().0.as_slice(),
        )
        .gives("vault key", keys.vault.as_bytes())
        .gives("nonce of a phone that keeps nothing", &keys.leave.nonce)
        .gives("its es[0]", keys.leave.epoch_secret.as_bytes())
        .gives("its ratchet seed", keys.leave.ratchet.as_bytes());
    area
}
