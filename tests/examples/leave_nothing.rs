//! The examples of SPEC 3.7: a phone that keeps nothing makes everything from its code.

use sotto_protocol::{
    code::CodeKeys,
    conversation::{Content, Conversation, Cycle, Slot},
    hash,
    id::{Address, Board},
    message::{Flags, Kind, Receipts},
};

use super::{
    DAY, LINE,
    book::Area,
    first_contact::sealed,
    schedule::{address, epoch, own_page},
};

pub(super) fn leave_nothing(keys: &CodeKeys) -> Area {
    let mut area = Area::new(
        "leave-nothing",
        "3.3, 3.7",
        "what a phone that keeps nothing makes from its code at each opening, and the message with which it begins one",
    );
    let mut phone = Conversation::leave_nothing(LINE, &keys.leave);
    let (nonce, secret) = (keys.leave.nonce, keys.leave.epoch_secret.as_bytes());
    let root = hash::extract(b"sotto/1 root", &[secret, &nonce]);
    let (chain, slots) = epoch(&root, 1);
    let first = address(&slots, 0, 1, 7);
    let star: [u8; 32] = hash::expand(&root, &[b"sotto/1 page key"]);
    let day = DAY + 1;
    let key: [u8; 32] = hash::expand(&star, &[b"sotto/1 page day", &day.to_le_bytes()]);
    let cycle = u64::from(day) * 288 + 150;
    let page = own_page(&key, cycle, 1_024);
    area.case("keys, address and page")
        .given("nonce", &nonce)
        .given("es[0]", secret)
        .given_number("cycle of new, 300 seconds long", cycle)
        .given_number("k", 0)
        .given_number("pages", 1_024)
        .gives("RK[0]", &root)
        .gives("CK[1,0]", &chain)
        .gives("AK[1]", &slots)
        .gives("address[1,0,(new,7)]", &first)
        .gives("PK*", &star)
        .gives("PK[20001]", &key)
        .gives_number("own page", page);
    let expected = phone.expected(Slot::Board(Board::New, 7));
    assert_eq!(
        (expected[0].address, expected.len()),
        (Address(first), 1_024)
    );
    let at = Cycle {
        number: cycle,
        seconds: 300,
    };
    let own = phone.own_page(Board::New, at, 0, 1_024);
    assert_eq!(own.map(u64::from), Some(page));
    let content = Content {
        kind: Kind::Acknowledgement,
        flags: Flags::None,
        id: 3,
        part: 0,
        parts: 1,
        body: &Receipts::default().to_bytes(),
    };
    let case = area.case("the message of an opening");
    case.given("es[0]", secret)
        .given("ratchet seed[0]", keys.leave.ratchet.as_bytes())
        .given("nonce", &nonce);
    sealed(case, &mut phone, content, keys);
    area
}
