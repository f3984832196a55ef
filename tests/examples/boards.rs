//! The examples of SPEC 5.4 and 5.5.

use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    hash,
    id::{Address, Board},
    page::PageHeader,
    seal::{self, Place},
    secret::SealingSecret,
};

use super::{DAY, ENCAPSULATION, LINE, book::Area, envelope::cover_message};
use crate::published::Scripted;

const CURSOR: Cursor = Cursor {
    shard: 0,
    incarnation: 0x0102_0304_0506_0708,
    position: 17,
};

pub(super) fn boards() -> Area {
    let mut area = Area::new(
        "boards",
        "5.4, 5.5",
        "a page nobody wrote, cursors, acknowledgements and answers to a drainer",
    );
    let page = PageHeader {
        board: Board::New,
        page: 5,
        cycle: 7,
    };
    let secret = [0x46; 32];
    let fill = page.fill(&secret, LINE);
    let (cycle, number) = (7_u64.to_le_bytes(), 5_u32.to_le_bytes());
    for i in 0..8_u8 {
        let info: [&[u8]; 6] = [b"sotto/1 fill", &LINE.0, &[1], &cycle, &number, &[i]];
        let by_hand = hash::expand::<8_128>(&secret, &info);
        assert_eq!(fill[usize::from(i) * 8_128..][..8_128], by_hand);
    }
    let served = page.with_body(&fill);
    area.case("page 5 of new in cycle 7, which nobody wrote")
        .given("line id", &LINE.0)
        .given("fill secret of the relay", &secret)
        .gives("page header", &served[..16])
        .gives("page, 16..80", &served[16..80])
        .gives("page, 8144..8208", &served[8_144..8_208])
        .gives("H(page)", &hash::digest(&[&served]));
    area.case("cursor and acknowledgement")
        .given_number("shard", 0)
        .given_text("incarnation", "0x0102030405060708")
        .given_number("position", 17)
        .gives_text("cursor", &CURSOR.to_text())
        .gives("acknowledgement", &CURSOR.to_bytes());
    drained(&mut area);
    shards(&mut area);
    area
}

fn drained(area: &mut Area) {
    let empty = DrainPage {
        cursor: CURSOR,
        last_shard: 0,
        records: Vec::new(),
    };
    area.case("drain answer without records")
        .given_text("cursor", &CURSOR.to_text())
        .gives("answer", &empty.to_bytes());
    let body = envelope();
    let full = DrainPage {
        cursor: CURSOR,
        last_shard: 0,
        records: vec![Drained {
            class: 0,
            position: 17,
            arrived: u64::from(DAY) * 86_400 + 600,
            body: body.clone(),
        }],
    };
    let answer = full.to_bytes();
    assert_eq!(DrainPage::from_bytes(&answer).as_ref(), Ok(&full));
    area.case("drain answer with a record")
        .given_text("cursor of the last record", &CURSOR.to_text())
        .given_number("arrived", u64::from(DAY) * 86_400 + 600)
        .given("envelope", &body)
        .gives("answer, 0..56", &answer[..56])
        .gives("answer", &answer);
}

fn shards(area: &mut Area) {
    let cursor = Cursor {
        shard: 11,
        ..CURSOR
    };
    area.case("cursor and acknowledgement of shard 11")
        .given_number("shard", 11)
        .given_text("incarnation", "0x0102030405060708")
        .given_number("position", 17)
        .gives_text("cursor", &cursor.to_text())
        .gives("acknowledgement", &cursor.to_bytes());
    area.case("start of shard 11")
        .given_number("shard", 11)
        .gives_text("cursor", &Cursor::start(11).to_text());
    let page = DrainPage {
        cursor,
        last_shard: 15,
        records: Vec::new(),
    };
    let answer = page.to_bytes();
    assert_eq!(DrainPage::from_bytes(&answer), Ok(page));
    area.case("drain answer of shard 11 of 16, without records")
        .given_text("cursor", &cursor.to_text())
        .given_number("highest shard", 15)
        .gives("answer", &answer);
}

fn envelope() -> Vec<u8> {
    let receiver = SealingSecret::from_bytes([0x25; 32]).public();
    let message = cover_message();
    let place = Place {
        line: LINE,
        day: DAY,
        address: Address([0x3a; 32]),
    };
    let mut rng = Scripted(ENCAPSULATION.to_vec());
    let sealed = seal::seal(&message, &receiver, None, place, &mut rng).unwrap();
    sealed.into_bytes()
}
