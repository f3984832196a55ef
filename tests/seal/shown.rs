//! What else a log or a panic message would show: the name of what is secret, and nothing of it.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    attachment::{FileKey, FileType, Manifest, Opener, Sealer},
    code::{Code, CodeKeys},
    conversation::Fresh,
    id::DeviceId,
    keys::SealingPublicKey,
    limits::RATCHET_KEY_BYTES,
    log::{Body, DeviceKey, KeyPart, LogKey, Period, SnapshotPart, Welcome},
    message::{Contact, FirstContact},
    secret::Secret,
};

const PERIOD: Period = Period {
    day: 1,
    serial: 2,
    roster: [3; 32],
    members: [4; 32],
};

#[test]
fn of_codes_and_beginnings() {
    let rng = &mut ChaCha20Rng::seed_from_u64(61);
    let keys = CodeKeys::from_stretched(Secret::make(rng));
    let contact = Contact {
        bundle: [9; 32],
        keys: &keys,
    };
    let first = FirstContact::new(contact, [1; 32], 20_781);
    let typed = "abandon abandon abandon abandon abandon abandon abandon zooo";
    let like = Code::look_alikes(typed);
    assert!(like[0].words.contains(&"zoo"));
    for (shown, expected) in [
        (format!("{:?}", keys.leave), "LeaveKeys(..)"),
        (format!("{first:?}"), "FirstContact(..)"),
        (format!("{:?}", Fresh::make(rng)), "Fresh(..)"),
        (format!("{:?}", like[0]), "LookAlikes(..)"),
    ] {
        assert_eq!(shown, expected);
    }
}

#[test]
fn of_files() {
    let rng = &mut ChaCha20Rng::seed_from_u64(62);
    let mut sealer = Sealer::begin(b"text", FileType::Text, 20_781, rng).unwrap();
    assert_eq!(format!("{sealer:?}"), "Sealer(..)");
    sealer.next_chunk().unwrap();
    let manifest: Manifest = sealer.finish().unwrap();
    assert_eq!(format!("{manifest:?}"), "Manifest(..)");
    assert_eq!(format!("{:?}", Opener::begin(&manifest)), "Opener(..)");
    let key = FileKey::from_bytes([1; 32]);
    assert_eq!(format!("{key:?}"), "FileKey(Secret(..))");
}

#[test]
fn of_logs() {
    let device = DeviceId([5; 16]);
    let part = SnapshotPart {
        device,
        upto: 6,
        part: 0,
        parts: 1,
        bytes: b"state".to_vec().into(),
    };
    assert_eq!(format!("{part:?}"), "SnapshotPart(..)");
    let key = KeyPart {
        key_id: [1; 16],
        period: PERIOD,
        part: 0,
        parts: 1,
        sealed: Vec::new(),
    };
    let device_key = DeviceKey {
        day: 1,
        key: SealingPublicKey(Box::new([1; RATCHET_KEY_BYTES])),
    };
    let welcome = Welcome {
        device,
        period: PERIOD,
    };
    for (body, expected) in [
        (Body::Empty, "Empty"),
        (Body::Payload(b"text".to_vec().into()), "Payload(..)"),
        (Body::Key(key), "Key(..)"),
        (Body::DeviceKey(device_key), "DeviceKey(..)"),
        (Body::Welcome(welcome), "Welcome(..)"),
        (Body::Snapshot(part), "Snapshot(..)"),
    ] {
        assert_eq!(format!("{body:?}"), expected);
    }
    let key = LogKey::from_bytes([1; 32]);
    assert_eq!(format!("{key:?}"), "LogKey(Secret(..))");
}

#[test]
fn a_secret_matches_itself_alone() {
    let secret = Secret::from_bytes([1; 32]);
    let mut other = [1; 32];
    assert!(secret.matches(&other));
    other[31] ^= 1;
    assert!(!secret.matches(&other));
    assert!(!secret.matches(&[1; 31]) && !secret.matches(&[1; 33]) && !secret.matches(&[]));
}
