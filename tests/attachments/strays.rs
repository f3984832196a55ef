//! Chunks that come before their manifest, and chunks whose manifest never comes.

use std::collections::HashMap;

use sotto_core::attachment::{Accepted, Inbound, STRAY_ROOM_BYTES, Strays};
use sotto_protocol::{
    envelope::EnvelopeHeader,
    id::Address,
    limits::{CHUNK_BYTES, CHUNK_PAYLOAD_BYTES, DAY_SECONDS, RETENTION_DAYS},
};

use super::{file, sealed};

const NOW: u64 = 1_795_491_000;

fn again(strays: &Strays) -> Strays {
    let read = Strays::from_bytes(&strays.to_bytes(), STRAY_ROOM_BYTES).unwrap();
    assert!(read == *strays);
    read
}

fn address(number: u32) -> Address {
    let mut bytes = [0x5a; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Address(bytes)
}

#[test]
fn chunks_may_come_before_their_manifest() {
    let plain = file(3 * CHUNK_PAYLOAD_BYTES, 1);
    let (manifest, chunks) = sealed(&plain, 2);
    let (_, foreign) = sealed(&plain, 3);
    let mut strays = Strays::default();
    let mut slots = HashMap::new();
    for chunk in [&chunks[3], &foreign[0], &chunks[0], &chunks[0], &chunks[1]] {
        let header = EnvelopeHeader::parse(chunk).unwrap();
        if let Some(slot) = again(&strays).hold(header.address, NOW) {
            assert_eq!(strays.hold(header.address, NOW), Some(slot));
            slots.insert(slot, chunk.clone());
        }
    }
    assert_eq!(strays.len(), 4);
    let mut inbound = Inbound::new(9, manifest);
    let mut rows = HashMap::new();
    for address in inbound.addresses().to_vec() {
        if let Some(slot) = strays.release(address) {
            let chunk = slots.remove(&slot).unwrap();
            let Ok(Accepted::New(index)) = inbound.accept(&chunk) else {
                panic!("a stray of this file opens");
            };
            rows.insert(index, chunk);
        }
    }
    assert_eq!(strays.len(), 1);
    let missing: Vec<u16> = inbound.wanted().missing.iter().collect();
    assert_eq!(missing, [2]);
    inbound.accept(&chunks[2]).unwrap();
    rows.insert(2, chunks[2].clone());
    let file = inbound.finish(|index| rows.get(&index).cloned()).unwrap();
    assert!(file[..] == plain);
}

#[test]
fn strays_expire_by_their_arrival() {
    let mut strays = Strays::default();
    let life = RETENTION_DAYS * DAY_SECONDS;
    assert_eq!(strays.hold(address(0), NOW), Some(0));
    assert_eq!(strays.hold(address(1), NOW + 1), Some(1));
    assert_eq!(strays.hold(address(2), NOW + 2), Some(2));
    assert!(again(&strays).expire(NOW + life).is_empty());
    assert_eq!(strays.expire(NOW + life + 2), [0, 1]);
    assert!(strays.expire(NOW + life + 2).is_empty());
    assert_eq!(strays.release(address(0)), None);
    // Slots that are free are used again.
    assert_eq!(strays.hold(address(3), NOW + 3), Some(0));
    assert_eq!(strays.hold(address(4), NOW + 3), Some(1));
    assert_eq!(strays.hold(address(5), NOW + 3), Some(3));
    assert_eq!(strays.release(address(2)), Some(2));
    assert_eq!(strays.expire(u64::MAX), [0, 1, 3]);
    assert!(strays.is_empty());
    assert!(strays.expire(0).is_empty());
}

#[test]
fn strays_have_a_bound_and_the_oldest_give_way() {
    let mut strays = Strays::with_room(3 * CHUNK_BYTES + 1);
    for number in 0..3 {
        strays.hold(address(number), NOW + 10 + u64::from(number));
    }
    assert_eq!(strays.hold(address(9), NOW), None);
    assert_eq!(strays.hold(address(3), NOW + 20), Some(0));
    assert_eq!(strays.len(), 3);
    assert_eq!(strays.release(address(0)), None);
    assert_eq!(strays.hold(address(4), NOW + 20), Some(1));
    // One that is held keeps its slot.
    assert_eq!(strays.hold(address(4), NOW + 30), None);
    assert_eq!(strays.release(address(4)), Some(1));
    let mut full = Strays::default();
    let room = u32::try_from(STRAY_ROOM_BYTES / CHUNK_BYTES).unwrap();
    let slots: Vec<u32> = (0..room + 5)
        .filter_map(|number| full.hold(address(number), NOW + u64::from(number)))
        .collect();
    assert_eq!(full.len(), room as usize);
    assert_eq!(slots.len(), room as usize + 5);
    assert!(slots.iter().all(|slot| *slot < room));
    again(&full);
}

#[test]
fn strays_without_room_hold_one() {
    let mut strays = Strays::with_room(0);
    assert_eq!(strays.hold(address(0), NOW), Some(0));
    assert_eq!(strays.hold(address(1), NOW), Some(0));
    assert_eq!(strays.len(), 1);
}

#[test]
fn strays_that_share_a_place_are_not_read_back() {
    let mut strays = Strays::default();
    strays.hold(address(0), NOW);
    strays.hold(address(1), NOW);
    let good = strays.to_bytes();
    let read = |bytes: &[u8]| Strays::from_bytes(bytes, STRAY_ROOM_BYTES);
    let mut same_slot = good.clone();
    let last = same_slot.len() - 4;
    same_slot[last] = 0;
    assert!(read(&same_slot).is_err());
    let mut same_address = good.clone();
    same_address.copy_within(5..37, 5 + 44);
    assert!(read(&same_address).is_err());
    assert!(read(&[&good[..], &[0]].concat()).is_err());
    assert!(read(&good).is_ok());
}
