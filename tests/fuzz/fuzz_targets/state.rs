//! What is read back from a vault or a store, and envelopes put to it.
#![no_main]

use std::{convert::Infallible, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use rand_core::{TryCryptoRng, TryRng};
use sotto_core::{
    attachment::{Inbound, Outbound, STRAY_ROOM_BYTES, Strays},
    ceremony::LineKeys,
    desk::{Desk, Identity, Row, Rows},
    keep::{KeepError, Keeper},
    link::Link,
    log::{DeskLog, LogDevice},
};
use sotto_protocol::{
    bundle::Pin,
    conversation::{Conversation, Cycle, Outgoing, Slot},
    id::{Board, DeviceId, Fingerprint, LineId},
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

/// Draws zeros: the keys of the desk below are nobody's.
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}

/// Takes rows and keeps the last.
struct Last(Vec<u8>);

impl Keeper<Rows> for Last {
    fn keep(&mut self, rows: &Rows) -> Result<(), KeepError> {
        self.0 = rows
            .last()
            .map(|(_, bytes)| bytes.to_vec())
            .unwrap_or_default();
        Ok(())
    }
}

static META: OnceLock<Vec<u8>> = OnceLock::new();

/// The row every desk has.
fn meta() -> Vec<u8> {
    let link = Link {
        base: "http://127.0.0.1:1".into(),
        pin: Pin {
            line: LineId([1; 16]),
            fingerprint: Fingerprint([2; 32]),
        },
 ohttp: None,
};
    let mut kept = Last(Vec::new());
    let mut desk = Desk::begin(Identity::make(link, &mut Zeros));
    desk.saved().save(&mut kept).unwrap();
    let rows = vec![(Row::Meta, kept.0.clone().into())];
    Desk::from_rows(&rows).unwrap();
    kept.0
}

fuzz_target!(|data: &[u8]| {
    let _ = Desk::from_rows(&vec![(Row::Meta, data.to_vec().into())]);
    // Without a good one of these no other row is read.
    let meta = META.get_or_init(meta);
    for row in [
        Row::Unopened,
        Row::Case(1),
        Row::Log,
        Row::Queue,
        Row::Stood,
        Row::Strays,
        Row::File(1),
    ] {
        let rows = vec![
            (Row::Meta, meta.clone().into()),
            (row, data.to_vec().into()),
        ];
        let _ = Desk::from_rows(&rows);
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
