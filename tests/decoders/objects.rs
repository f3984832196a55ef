//! Every binary decoder with its encoder, and good objects of each.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    attachment::{Inbound, Outbound, STRAY_ROOM_BYTES, Strays},
    log::{DeskLog, LogDevice},
};
use sotto_protocol::{
    attachment::{ChunkSet, FileType, Manifest, Wanted},
    code::CodeKeys,
    conversation::{Content, Conversation, Fresh, Outgoing, Slot},
    drain::{Cursor, DrainPage, Drained},
    envelope::{Class, EnvelopeHeader},
    id::{Address, Board, DeviceId, LineId},
    limits::{
        BODY_BYTES, CHUNK_BYTES, ENVELOPE_BYTES, LOG_HEADER_BYTES, LOG_RECORD_BYTES,
        PAGE_BODY_BYTES,
    },
    log::{
        Body, DeviceKey, KeyPart, LogEntry, LogHeader, LogKey, LogPage, LogPlace, Period,
        SnapshotPart, Welcome,
    },
    message::{Contact, FirstContact, Flags, Kind, Message, Receipts, Received},
    page::PageHeader,
    request::AgreementSecret,
    seal::{self, Envelope},
    secret::{SealingSecret, Secret},
    wire::{Reader, Writer},
};

/// A decoder and its encoder in one: the bytes again, or nothing.
pub(super) type Again = fn(&[u8]) -> Option<Vec<u8>>;

/// A name, the decoder and encoder, and a good example.
pub(super) type Object = (&'static str, Again, Vec<u8>);

fn header(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = EnvelopeHeader::parse(bytes).ok()?;
    Some([&header.to_bytes()[..], &bytes[36..]].concat())
}

fn envelope(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Envelope::parse(bytes.to_vec()).ok()?.into_bytes())
}

fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Message::from_bytes(bytes).ok()?.to_bytes()?.to_vec())
}

fn first_contact(bytes: &[u8]) -> Option<Vec<u8>> {
    let (first, text) = FirstContact::parse(bytes).ok()?;
    Some(first.with_body(text).to_vec())
}

fn receipts(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Receipts::from_bytes(bytes).ok()?.to_bytes().to_vec())
}

fn page(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, envelopes) = PageHeader::parse(bytes).ok()?;
    Some(header.with_body(envelopes.as_flattened()))
}

fn cursor(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Cursor::from_bytes(bytes).ok()?.to_bytes())
}

fn cursor_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let cursor = Cursor::parse(std::str::from_utf8(bytes).ok()?)?;
    Some(cursor.to_text().into_bytes())
}

fn drain(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(DrainPage::from_bytes(bytes).ok()?.to_bytes())
}

fn log_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = LogHeader::parse(bytes).ok()?;
    Some([&header.to_bytes()[..], &bytes[LOG_HEADER_BYTES..]].concat())
}

fn log_page(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(LogPage::from_bytes(bytes).ok()?.to_bytes())
}

fn log_entry(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(LogEntry::from_bytes(bytes).ok()?.to_bytes()?.to_vec())
}

fn desk_log(bytes: &[u8]) -> Option<Vec<u8>> {
    let log = DeskLog::from_bytes(bytes, device()).ok()?;
    Some(log.to_bytes().to_vec())
}

fn conversation(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Conversation::from_bytes(bytes).ok()?.to_bytes().to_vec())
}

fn outgoing(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Outgoing::from_bytes(bytes).ok()?.to_bytes()?.to_vec())
}

fn manifest(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Manifest::from_bytes(bytes).ok()?.to_bytes().to_vec())
}

fn wanted(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Wanted::from_bytes(bytes).ok()?.to_bytes())
}

fn inbound(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Inbound::from_bytes(bytes).ok()?.to_bytes().to_vec())
}

fn outbound(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let outbound = Outbound::read(&mut reader).ok()?;
    reader.finish().ok()?;
    Some(outbound.write(Writer::default()).finish())
}

fn strays(bytes: &[u8]) -> Option<Vec<u8>> {
    let strays = Strays::from_bytes(bytes, STRAY_ROOM_BYTES).ok()?;
    Some(strays.to_bytes())
}

/// A file of two chunks on its way.
fn attachments(rng: &mut ChaCha20Rng) -> Vec<Object> {
    let (mut sent, _) = Outbound::make(&vec![7; CHUNK_BYTES], FileType::Pdf, 2, rng).unwrap();
    sent.posted(0);
    let mut held = Strays::default();
    for number in 1..4 {
        held.hold(Address([number; 32]), 600).unwrap();
    }
    let wish = Wanted {
        manifest: 5,
        count: 64,
        missing: ChunkSet::first(50),
    };
    let coming = Inbound::new(5, sent.manifest().clone());
    vec![
        ("manifest", manifest, sent.body().to_vec()),
        ("wanted", wanted, wish.to_bytes()),
        ("inbound", inbound, coming.to_bytes().to_vec()),
        ("outbound", outbound, sent.write(Writer::default()).finish()),
        ("strays", strays, held.to_bytes()),
    ]
}

/// Each with good examples.
pub(super) fn binary() -> Vec<Object> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let posted = |class, size| {
        let header = EnvelopeHeader {
            class,
            day: 9,
            address: Address([7; 32]),
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.resize(size, 3);
        bytes
    };
    let sealed = posted(Class::Envelope, ENVELOPE_BYTES);
    let message_of = |body: &[u8], received| Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 1,
        parts: 3,
        id: 5,
        epoch: 6,
        index: 7,
        received,
        epoch_secret: Secret::from_bytes([8; 32]),
        ratchet_key: SealingSecret::from_bytes([9; 32]).public(),
        body: body.to_vec().into(),
    };
    let cursor_of = Cursor {
        shard: 0,
        incarnation: 0xabc,
        position: 17,
    };
    let log = LogHeader {
        position: 3,
        previous: [1; 32],
        key_id: [2; 16],
    };
    let mut record = log.to_bytes();
    record.resize(LOG_RECORD_BYTES, 5);
    let Talk {
        phone,
        desk,
        answer,
    } = talk(rng);
    let mut all: Vec<Object> = vec![
        ("envelope header", header, sealed.clone()),
        ("envelope", envelope, sealed.clone()),
        ("chunk header", header, posted(Class::Chunk, CHUNK_BYTES)),
        ("message", message, {
            let received = Received {
                epoch: 5,
                base: 1,
                bitmap: 0b101,
            };
            let message = message_of(b"text", Some(received));
            message.to_bytes().unwrap().to_vec()
        }),
        ("message of one who has read nothing", message, {
            let message = message_of(&[7; BODY_BYTES], None);
            message.to_bytes().unwrap().to_vec()
        }),
        (
            "first contact",
            first_contact,
            first().with_body(b"text").to_vec(),
        ),
        ("receipts", receipts, {
            let mut receipts = Receipts::default();
            for (id, part) in [(7, 0), (8, 3), (7, 1)] {
                receipts.note(id, part);
            }
            receipts.to_bytes().to_vec()
        }),
        ("page", page, {
            let header = PageHeader {
                board: Board::Old,
                page: 3,
                cycle: 4,
            };
            header.with_body(&[5; PAGE_BODY_BYTES])
        }),
        ("cursor", cursor, cursor_of.to_bytes()),
        ("cursor text", cursor_text, cursor_of.to_text().into_bytes()),
        ("drain page", drain, {
            let record = Drained {
                class: 0,
                position: 17,
                arrived: 600,
                body: sealed,
            };
            let page = DrainPage {
                cursor: cursor_of,
                last_shard: 2,
                records: vec![record],
            };
            page.to_bytes()
        }),
        ("drain page of nothing", drain, {
            let page = DrainPage {
                cursor: cursor_of,
                last_shard: 2,
                records: Vec::new(),
            };
            page.to_bytes()
        }),
        ("log header", log_header, record.clone()),
        ("log page", log_page, {
            let page = LogPage {
                log: 1,
                incarnation: 2,
                next: 4,
                records: vec![record],
            };
            page.to_bytes()
        }),
        ("log entry", log_entry, {
            entry(Body::Payload(b"text".to_vec().into()))
        }),
        ("log entry with keys", log_entry, entry(keys(rng))),
        ("log entry with a device key", log_entry, {
            let key = SealingSecret::from_bytes([9; 32]).public();
            entry(Body::DeviceKey(DeviceKey { day: 8, key }))
        }),
        ("log entry with a welcome", log_entry, {
            entry(Body::Welcome(Welcome {
                device: DeviceId([5; 16]),
                period: PERIOD,
            }))
        }),
        ("log entry with a snapshot", log_entry, {
            entry(Body::Snapshot(SnapshotPart {
                device: DeviceId([5; 16]),
                upto: 6,
                part: 1,
                parts: 2,
                bytes: b"state".to_vec().into(),
            }))
        }),
        ("desk log", desk_log, {
            let mut log = DeskLog::found(device(), rng);
            drop(log.compose(None, 1_795_491_000, rng).unwrap());
            let _ = log.appended(1_795_491_000);
            drop(log.compose(Some(b"text"), 1_795_491_000, rng).unwrap());
            log.to_bytes().to_vec()
        }),
        ("phone", conversation, phone.to_bytes().to_vec()),
        ("desk", conversation, desk.to_bytes().to_vec()),
        ("outgoing", outgoing, answer.to_bytes().unwrap().to_vec()),
    ];
    all.extend(attachments(rng));
    all
}

const PLACE: LogPlace = LogPlace {
    line: LineId([1; 16]),
    log: 3,
};

const PERIOD: Period = Period {
    day: 1,
    serial: 2,
    roster: [3; 32],
    members: [4; 32],
};

fn entry(body: Body) -> Vec<u8> {
    let author = DeviceId([7; 16]);
    let bytes = LogEntry { author, body }.to_bytes();
    bytes.unwrap().to_vec()
}

fn keys(rng: &mut ChaCha20Rng) -> Body {
    let key = LogKey::make(rng);
    let receiver = SealingSecret::make(rng).public();
    let sealed = [DeviceId([5; 16]), DeviceId([6; 16])];
    let sealed = sealed.map(|device| key.seal_to(device, &receiver, PLACE, rng).unwrap());
    Body::Key(KeyPart {
        key_id: key.id(),
        period: PERIOD,
        part: 1,
        parts: 2,
        sealed: sealed.into(),
    })
}

fn device() -> LogDevice {
    LogDevice {
        place: PLACE,
        id: DeviceId([7; 16]),
        agreement: AgreementSecret::from_bytes([8; 32]),
        sealing: SealingSecret::from_bytes([9; 32]),
    }
}

fn first() -> FirstContact {
    FirstContact {
        nonce: [1; 32],
        first_day: 2,
        bundle: [3; 32],
        handle: [4; 32],
        continuity: Secret::from_bytes([5; 32]),
        static_key: SealingSecret::from_bytes([6; 32]).public(),
        mac: [0; 32],
    }
}

struct Talk {
    phone: Conversation,
    desk: Conversation,
    answer: Outgoing,
}

/// A phone that has opened the third answer of a desk and waits for two before it.
fn talk(rng: &mut ChaCha20Rng) -> Talk {
    let line = LineId([1; 16]);
    let content = |body| Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body,
    };
    let mut phone = Conversation::begin(line, 2, false, rng);
    let (prekey, keys) = (
        SealingSecret::make(rng),
        CodeKeys::from_stretched(Secret::make(rng)),
    );
    let contact = Contact {
        bundle: [3; 32],
        keys: &keys,
    };
    let sealed = phone.seal_first(content(b"tip"), contact, (&prekey.public(), 2), rng);
    let message = seal::open(&sealed.unwrap().envelope, &prekey, None, line).unwrap();
    let (first, _) = FirstContact::parse(&message.body).unwrap();
    let mut desk = Conversation::accept(line, &message, &first).unwrap();
    let fresh = Fresh::make(rng);
    let answers = [b"1", b"2", b"3"].map(|body| desk.prepare(content(body), &fresh).unwrap());
    let answer = answers[2].clone();
    let sealed = answer.seal(line, 2, Slot::Inbox, rng).unwrap();
    phone.open(answer.number(), &sealed, 2).unwrap();
    drop(phone.prepare(content(b"reply"), &Fresh::make(rng)).unwrap());
    Talk {
        phone,
        desk,
        answer,
    }
}
