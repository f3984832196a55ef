//! The bounds of what stands in a record of the log.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    id::{DeviceId, LineId},
    limits::{LOG_KEYS_MAX, LOG_PART_BYTES, LOG_PARTS_MAX},
    log::{Body, KeyPart, LogEntry, LogKey, LogPlace, Period, SealedKey, SnapshotPart},
    secret::SealingSecret,
    wire::DecodeError,
};

/// Whether an entry comes back from its bytes; `None` where it is longer than a record.
fn again(body: Body) -> Option<Result<bool, DecodeError>> {
    let author = DeviceId([1; 16]);
    let entry = LogEntry { author, body };
    let bytes = entry.to_bytes()?;
    Some(LogEntry::from_bytes(&bytes).map(|read| read == entry))
}

fn sealed() -> SealedKey {
    let rng = &mut ChaCha20Rng::seed_from_u64(51);
    let place = LogPlace {
        line: LineId([1; 16]),
        log: 3,
    };
    let receiver = SealingSecret::make(rng).public();
    let sealed = LogKey::make(rng).seal_to(DeviceId([2; 16]), &receiver, place, rng);
    sealed.unwrap()
}

#[test]
fn a_key_is_given_to_at_most_twelve_in_one_record() {
    let one = sealed();
    let part = |part, parts, count| {
        Body::Key(KeyPart {
            key_id: [5; 16],
            period: Period::default(),
            part,
            parts,
            sealed: vec![one.clone(); count],
        })
    };
    for (number, parts, count, expected) in [
        (0, 1, 0, Ok(true)),
        (0, 1, LOG_KEYS_MAX, Ok(true)),
        (254, 255, 1, Ok(true)),
        (0, 0, 1, Err(DecodeError::Field)),
        (1, 1, 1, Err(DecodeError::Field)),
        (2, 1, LOG_KEYS_MAX, Err(DecodeError::Field)),
    ] {
        let read = again(part(number, parts, count));
        assert_eq!(read, Some(expected), "{number} of {parts}, {count} keys");
    }
    assert_eq!(again(part(0, 1, LOG_KEYS_MAX + 1)), None);
    // Thirteen, whatever follows: kind to author, key id and period, part and parts come before.
    let author = DeviceId([1; 16]);
    let body = part(0, 1, LOG_KEYS_MAX);
    let mut bytes = LogEntry { author, body }.to_bytes().unwrap();
    let count = &mut bytes[20 + 16 + 76 + 2];
    assert_eq!(usize::from(*count), LOG_KEYS_MAX);
    *count += 1;
    assert_eq!(LogEntry::from_bytes(&bytes), Err(DecodeError::Field));
}

#[test]
fn a_snapshot_has_at_most_1024_parts_and_each_holds_something() {
    let part = |part, parts, length| {
        Body::Snapshot(SnapshotPart {
            device: DeviceId([5; 16]),
            upto: 6,
            part,
            parts,
            bytes: vec![7; length].into(),
        })
    };
    for (number, parts, length, expected) in [
        (0, 1, 1, Ok(true)),
        (0, 1, LOG_PART_BYTES, Ok(true)),
        (0, LOG_PARTS_MAX, 1, Ok(true)),
        (LOG_PARTS_MAX - 1, LOG_PARTS_MAX, 1, Ok(true)),
        (0, 1, 0, Err(DecodeError::Field)),
        (0, 0, 1, Err(DecodeError::Field)),
        (1, 1, 1, Err(DecodeError::Field)),
        (0, LOG_PARTS_MAX + 1, 1, Err(DecodeError::Field)),
    ] {
        let read = again(part(number, parts, length));
        assert_eq!(read, Some(expected), "{number} of {parts}, {length} bytes");
    }
    assert_eq!(again(part(0, 1, LOG_PART_BYTES + 1)), None);
}
