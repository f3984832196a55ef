//! The bounds of what decoders take: at the bound it is good, past it it is not, and each rule is
//! asked for by itself.

use sotto_protocol::{
    attachment::{ChunkSet, Wanted},
    drain::{Cursor, DrainPage, Drained},
    dsse::{Dsse, DsseError},
    limits::{
        BODY_BYTES, DRAIN_MAX, ENVELOPE_BYTES, LOG_MAX, LOG_RECORD_BYTES, MAX_PARTS, MAX_RECEIPTS,
        STATEMENT_BYTES,
    },
    log::LogPage,
    message::{Flags, Kind, Message, Receipt, Receipts},
    secret::{SealingSecret, Secret},
    wire::{DecodeError, Reader},
};

#[test]
fn padding_that_cancels_out_is_no_padding() {
    for (bytes, is_zero) in [([0, 0, 0], true), ([1, 1, 0], false), ([3, 1, 2], false)] {
        let read = Reader::new(&bytes).zeros(3);
        assert_eq!(read.is_ok(), is_zero, "{bytes:?}");
    }
}

#[test]
fn a_cursor_is_spelt_in_one_way() {
    let good = Cursor {
        shard: 0,
        incarnation: 0xa,
        position: 0x11,
    };
    assert_eq!(Cursor::parse("0.a.11"), Some(good));
    for text in [
        "0.a", "0.a.11.", "0.a.11.0", "00.a.11", "0.A.11", "0.a.+11", "0.a.011",
    ] {
        assert_eq!(Cursor::parse(text), None, "{text}");
    }
}

#[test]
fn a_drain_page_has_at_most_64_records_in_a_buffer_of_its_size() {
    let record = Drained {
        class: 0,
        position: 1,
        arrived: 600,
        body: vec![1; ENVELOPE_BYTES],
    };
    let page = |count| DrainPage {
        last_shard: 0,
        cursor: Cursor::default(),
        records: vec![record.clone(); count],
    };
    let longest = page(DRAIN_MAX);
    let bytes = longest.to_bytes();
    assert_eq!(bytes.capacity(), bytes.len());
    assert_eq!(DrainPage::from_bytes(&bytes), Ok(longest));
    let longer = page(DRAIN_MAX + 1).to_bytes();
    assert_eq!(DrainPage::from_bytes(&longer), Err(DecodeError::Field));
}

#[test]
fn a_log_page_has_at_most_16_records() {
    let page = |count| LogPage {
        log: 1,
        incarnation: 2,
        next: 20,
        records: vec![vec![1; LOG_RECORD_BYTES]; count],
    };
    let longest = page(LOG_MAX);
    assert_eq!(LogPage::from_bytes(&longest.to_bytes()), Ok(longest));
    let longer = page(LOG_MAX + 1).to_bytes();
    assert_eq!(LogPage::from_bytes(&longer), Err(DecodeError::Field));
}

#[test]
fn a_signed_statement_has_at_most_128_kib() {
    let mut json = Dsse::unsigned("a type".into(), b"{}".to_vec()).to_json();
    json.resize(STATEMENT_BYTES, b' ');
    assert!(Dsse::parse(&json).is_ok());
    json.push(b' ');
    assert_eq!(Dsse::parse(&json), Err(DsseError::Malformed));
}

fn message() -> Message {
    Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 5,
        epoch: 6,
        index: 7,
        received: None,
        epoch_secret: Secret::from_bytes([8; 32]),
        ratchet_key: SealingSecret::from_bytes([9; 32]).public(),
        body: b"text".to_vec().into(),
    }
}

#[test]
fn every_kind_comes_back_and_no_other() {
    let all = [
        Kind::Cover,
        Kind::Text,
        Kind::Acknowledgement,
        Kind::Manifest,
        Kind::Wanted,
        Kind::Confirmation,
    ];
    for (byte, kind) in (0..).zip(all) {
        assert_eq!((kind.byte(), Kind::from_byte(byte)), (byte, Some(kind)));
        let is_repeated = !matches!(kind, Kind::Cover | Kind::Acknowledgement);
        assert_eq!(kind.is_repeated(), is_repeated, "{kind:?}");
        let message = Message { kind, ..message() };
        let read = Message::from_bytes(&message.to_bytes().unwrap());
        assert_eq!(read.as_ref(), Ok(&message), "{kind:?}");
    }
    for byte in 6..=u8::MAX {
        assert_eq!(Kind::from_byte(byte), None);
    }
}

#[test]
fn flags_fit_their_epochs() {
    use Flags::{LeaveNothing, None, Recontact, Twice};
    let good = |flags, epoch: u32| match flags {
        None => true,
        Recontact | LeaveNothing => epoch == 0,
        Twice => epoch % 2 == 1,
    };
    for flags in [None, Recontact, LeaveNothing, Twice] {
        for epoch in [0, 1, 2, 3, u32::MAX - 1, u32::MAX] {
            let message = Message {
                flags,
                epoch,
                ..message()
            };
            let read = Message::from_bytes(&message.to_bytes().unwrap());
            let expected = good(flags, epoch)
                .then_some(message)
                .ok_or(DecodeError::Field);
            assert_eq!(read, expected, "{flags:?} in epoch {epoch}");
        }
    }
}

#[test]
fn fields_of_a_message_are_in_range() {
    let good = message().to_bytes().unwrap();
    let read = |place: usize, bytes: &[u8]| {
        let mut bent = good.clone();
        bent[place..place + bytes.len()].copy_from_slice(bytes);
        Message::from_bytes(&bent).map(|read| *read.to_bytes().unwrap() == *bent)
    };
    // Part and parts.
    for part in 0..6 {
        for parts in 0..6 {
            let is_good = part < parts && parts <= MAX_PARTS;
            let expected = is_good.then_some(true).ok_or(DecodeError::Field);
            assert_eq!(read(4, &[part, parts]), expected, "{part} of {parts}");
        }
    }
    let length = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
    assert_eq!(read(2, &length(BODY_BYTES)), Ok(true));
    assert_eq!(read(2, &length(BODY_BYTES + 1)), Err(DecodeError::Field));
    assert_eq!(read(2, &length(3)), Err(DecodeError::Reserved), "padding");
    // Nothing opened, and yet a base or a bit.
    assert_eq!(read(28, &[1]), Err(DecodeError::Reserved));
    assert_eq!(read(32, &[1]), Err(DecodeError::Reserved));
    // An epoch, and then they are fields.
    assert_eq!(read(24, &[5, 0, 0, 0, 1, 0, 0, 0, 1]), Ok(true));
}

#[test]
fn receipts_are_noted_once_and_the_oldest_go() {
    let mut receipts = Receipts::default();
    assert!(receipts.note(1, 0) && receipts.note(1, 2) && receipts.note(2, 0));
    assert!(!receipts.note(1, 0) && !receipts.note(1, 2));
    let entry = |id, parts| Receipt { id, parts };
    assert_eq!(receipts.as_slice(), [entry(2, 0b1), entry(1, 0b101)]);
    assert!(receipts.covers(1, 2) && !receipts.covers(1, 1) && !receipts.covers(3, 0));
    for id in 3..=u64::try_from(MAX_RECEIPTS).unwrap() {
        assert!(receipts.note(id, 0));
    }
    assert_eq!(receipts.as_slice().len(), MAX_RECEIPTS);
    assert!(receipts.covers(2, 0));
    assert!(receipts.note(9_999, 3));
    assert_eq!(receipts.as_slice().len(), MAX_RECEIPTS);
    assert!(!receipts.covers(2, 0) && receipts.covers(1, 0));
}

#[test]
fn receipts_name_each_message_once_with_some_part() {
    let bytes = |entries: &[(u64, u8)]| {
        let count = u16::try_from(entries.len()).unwrap();
        let mut bytes = count.to_le_bytes().to_vec();
        for (id, parts) in entries {
            bytes.extend(id.to_le_bytes());
            bytes.push(*parts);
        }
        bytes
    };
    let many = |count| (0..count).map(|id| (id, 1)).collect::<Vec<_>>();
    for (entries, is_good) in [
        (vec![], true),
        (vec![(1, 1), (2, 15)], true),
        (vec![(2, 1), (1, 1)], true),
        (vec![(1, 0)], false),
        (vec![(1, 16)], false),
        (vec![(1, 1), (1, 2)], false),
        (many(256), true),
        (many(257), false),
    ] {
        let bytes = bytes(&entries);
        let read = Receipts::from_bytes(&bytes).map(|read| *read.to_bytes() == bytes);
        let expected = is_good.then_some(true).ok_or(DecodeError::Field);
        assert_eq!(read, expected, "{} entries", entries.len());
    }
}

#[test]
fn a_wish_is_for_a_file_that_there_can_be() {
    for (count, is_good) in [
        (0, false),
        (1, true),
        (3, false),
        (128, true),
        (255, false),
        (256, true),
        (257, false),
        (512, false),
    ] {
        let wish = Wanted {
            manifest: 5,
            count,
            missing: ChunkSet::default(),
        };
        let expected = is_good.then_some(wish).ok_or(DecodeError::Field);
        assert_eq!(
            Wanted::from_bytes(&wish.to_bytes()),
            expected,
            "{count} chunks"
        );
    }
}
