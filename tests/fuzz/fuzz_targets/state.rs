//! What is read back from a vault or a store, and envelopes put to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_core::{
    attachment::{Inbound, Outbound, STRAY_ROOM_BYTES, Strays},
    ceremony::LineKeys,
    desk::{Desk, Row},
    log::{DeskLog, LogDevice},
};
use sotto_protocol::{
    conversation::{Conversation, Cycle, Outgoing, Slot},
    id::{Board, DeviceId, LineId},
    limits::ENVELOPE_BYTES,
    log::LogPlace,
    request::AgreementSecret,
    seal::Envelope,
    secret::SealingSecret,
    wire::{Reader, Writer},
};

fn device() -> LogDevice {
    LogDevice {
        place: LogPlace {
            line: LineId([1; 16]),
            log: 3,
        },
        id: DeviceId([7; 16]),
        agreement: AgreementSecret::from_bytes([8; 32]),
        sealing: SealingSecret::from_bytes([9; 32]),
    }
}

fuzz_target!(|data: &[u8]| {
    for row in [
        Row::Meta,
        Row::Unopened,
        Row::Case(1),
        Row::Strays,
        Row::File(1),
    ] {
        let _ = Desk::from_rows(&vec![(row, data.to_vec().into())]);
    }
    let _ = LineKeys::from_bytes(data);
    if let Ok(inbound) = Inbound::from_bytes(data) {
        assert_eq!(inbound.to_bytes()[..], *data);
    }
    let mut reader = Reader::new(data);
    if let Ok(outbound) = Outbound::read(&mut reader) {
        let written = outbound.write(Writer::default()).finish();
        assert_eq!(written, data[..Outbound::STATE_BYTES]);
    }
    if let Ok(strays) = Strays::from_bytes(data, STRAY_ROOM_BYTES) {
        assert_eq!(strays.to_bytes(), data);
    }
    if let Ok(outgoing) = Outgoing::from_bytes(data) {
        assert_eq!(outgoing.to_bytes().unwrap()[..], *data);
    }
    if let Ok(log) = DeskLog::from_bytes(data, device()) {
        assert_eq!(log.to_bytes()[..], *data);
    }
    let Ok(mut conversation) = Conversation::from_bytes(data) else {
        return;
    };
    assert_eq!(conversation.to_bytes()[..], *data);
    let cycle = Cycle {
        number: 5,
        seconds: 300,
    };
    let _ = conversation.own_page(Board::New, cycle, 0, 4);
    let expected = conversation.expected(Slot::Inbox);
    let mut envelope = vec![1; ENVELOPE_BYTES];
    envelope[2] = 0;
    let envelope = Envelope::parse(envelope).unwrap();
    let before = conversation.clone();
    for expected in expected.into_iter().take(3) {
        assert!(
            conversation
                .open(expected.number, &envelope, 20_000)
                .is_err()
        );
    }
    assert!(conversation == before, "what is refused changes nothing");
    conversation.forget_pages_before(20_000);
});
