//! A phone and a desk with a lossy relay between them, each keeping its state as bytes.

use std::collections::HashMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::attachment::{
    Accepted, Asked, AttachmentError, Inbound, Outbound, Progress, RECORD_BYTES,
};
use sotto_protocol::{
    attachment::{ChunkSet, FileError, FileType, Wanted},
    limits::{CHUNK_BYTES, CHUNK_PAYLOAD_BYTES},
    seal::Reject,
    wire::{Reader, Writer},
};

use super::{DAY, LIMIT, file};

/// What survives of a phone when it is switched off: the sealed file and the state.
struct Phone {
    disk: Vec<u8>,
    state: Vec<u8>,
}

impl Phone {
    fn begin(plain: &[u8], seed: u64) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let (outbound, disk) = Outbound::make(plain, FileType::Jpeg, DAY, rng).unwrap();
        let mut phone = Self {
            disk,
            state: Vec::new(),
        };
        phone.save(&outbound);
        phone
    }

    fn save(&mut self, outbound: &Outbound) {
        self.state = outbound.write(Writer::default()).finish();
        assert_eq!(self.state.len(), Outbound::STATE_BYTES);
    }

    fn load(&self) -> Outbound {
        let mut reader = Reader::new(&self.state);
        let outbound = Outbound::read(&mut reader).unwrap();
        reader.finish().unwrap();
        outbound
    }

    fn chunk(&self, index: u16) -> Vec<u8> {
        let record = &self.disk[Outbound::record(index)];
        self.load().chunk(index, record).unwrap()
    }

    /// Posts everything that is left, read back from its bytes before every chunk.
    fn post(&mut self) -> Vec<Vec<u8>> {
        let mut posted = Vec::new();
        while let Some(index) = self.load().next_chunk() {
            posted.push(self.chunk(index));
            let mut outbound = self.load();
            outbound.posted(index);
            self.save(&outbound);
        }
        assert!(self.load().is_posted());
        posted
    }
}

/// A desk with one file; chunks are rows.
struct Desk {
    state: Vec<u8>,
    rows: HashMap<u16, Vec<u8>>,
}

impl Desk {
    fn begin(phone: &Phone) -> Self {
        let outbound = phone.load();
        let inbound = Inbound::parse(outbound.id(), &outbound.body()).unwrap();
        Self {
            state: inbound.to_bytes().to_vec(),
            rows: HashMap::new(),
        }
    }

    fn load(&self) -> Inbound {
        assert_eq!(self.state.len(), Inbound::STATE_BYTES);
        Inbound::from_bytes(&self.state).unwrap()
    }

    fn take(&mut self, chunk: &[u8]) -> Result<Accepted, Reject> {
        let mut inbound = self.load();
        let accepted = inbound.accept(chunk)?;
        if let Accepted::New(index) = accepted {
            assert!(self.rows.insert(index, chunk.to_vec()).is_none());
        }
        self.state = inbound.to_bytes().to_vec();
        Ok(accepted)
    }

    fn wanted(&self) -> Wanted {
        Wanted::from_bytes(&self.load().wanted().to_bytes()).unwrap()
    }

    fn finish(&self) -> Result<Vec<u8>, Reject> {
        let file = self.load().finish(|index| self.rows.get(&index).cloned());
        file.map(|file| file.to_vec())
    }
}

#[test]
fn a_file_arrives_in_any_order_and_twice() {
    for length in [1, CHUNK_PAYLOAD_BYTES, CHUNK_PAYLOAD_BYTES + 1, 1_000_000] {
        let plain = file(length, 1);
        let mut phone = Phone::begin(&plain, 2);
        let mut desk = Desk::begin(&phone);
        let mut chunks = phone.post();
        let rng = &mut ChaCha20Rng::seed_from_u64(3);
        let total = u16::try_from(chunks.len()).unwrap();
        for left in (0..total).rev() {
            assert!(desk.finish().is_err());
            assert_eq!(desk.load().progress().total, total);
            let other = rng.next_u64() % (u64::from(left) + 1);
            let at = usize::from(left);
            chunks.swap(at, usize::try_from(other).unwrap());
            assert!(matches!(desk.take(&chunks[at]), Ok(Accepted::New(_))));
            assert!(matches!(desk.take(&chunks[at]), Ok(Accepted::Again(_))));
            assert_eq!(desk.load().progress().done, total - left);
        }
        assert!(desk.load().is_whole());
        assert!(desk.finish().unwrap() == plain, "{length} bytes");
    }
}

#[test]
fn the_largest_file_is_stopped_and_goes_on_at_every_chunk() {
    let plain = file(LIMIT, 4);
    let mut phone = Phone::begin(&plain, 5);
    assert_eq!(phone.disk.len(), 256 * RECORD_BYTES);
    let mut desk = Desk::begin(&phone);
    // Sealed once, so what is read again is the same bytes.
    assert_eq!(phone.chunk(255), phone.chunk(255));
    for done in 0..256 {
        // Posted, but switched off before that was saved: the same chunk comes again.
        let index = phone.load().next_chunk().unwrap();
        assert_eq!(index, done);
        let chunk = phone.chunk(index);
        assert_eq!(phone.load().next_chunk(), Some(done));
        assert_eq!(phone.load().progress(), Progress { done, total: 256 });
        desk.take(&chunk).unwrap();
        let mut outbound = phone.load();
        outbound.posted(index);
        outbound.posted(index);
        phone.save(&outbound);
    }
    assert!(phone.load().is_posted());
    assert!(desk.finish().unwrap() == plain);
}

#[test]
fn what_is_lost_is_asked_for_and_comes_again() {
    let plain = file(20 * CHUNK_PAYLOAD_BYTES, 6);
    let mut phone = Phone::begin(&plain, 7);
    let mut desk = Desk::begin(&phone);
    let sent = phone.post();
    let lost = [0, 7, 8, 19, 31];
    for (_, chunk) in (0..).zip(&sent).filter(|(index, _)| !lost.contains(index)) {
        desk.take(chunk).unwrap();
    }
    assert_eq!(desk.finish(), Err(Reject));
    let wanted = desk.wanted();
    assert_eq!(wanted.missing.iter().collect::<Vec<_>>(), lost);
    let mut outbound = phone.load();
    assert_eq!(outbound.wanted(&wanted), Ok(Asked::Chunks(5)));
    // The same wish again, as an answer is repeated until it is acknowledged.
    assert_eq!(outbound.wanted(&wanted), Ok(Asked::Chunks(5)));
    assert!(!outbound.is_posted());
    phone.save(&outbound);
    let again = phone.post();
    assert_eq!(again.len(), 5);
    for (index, chunk) in lost.iter().zip(&again) {
        assert_eq!(*chunk, sent[usize::from(*index)]);
        desk.take(chunk).unwrap();
    }
    assert!(desk.finish().unwrap() == plain);
    assert_eq!(phone.load().wanted(&desk.wanted()), Ok(Asked::Nothing));
}

#[test]
fn a_desk_that_loses_a_row_asks_again() {
    let plain = file(3 * CHUNK_PAYLOAD_BYTES, 8);
    let mut phone = Phone::begin(&plain, 9);
    let mut desk = Desk::begin(&phone);
    let sent = phone.post();
    for chunk in &sent {
        desk.take(chunk).unwrap();
    }
    desk.rows.remove(&2);
    assert_eq!(desk.finish(), Err(Reject));
    let mut inbound = desk.load();
    inbound.lost(2);
    inbound.lost(4);
    desk.state = inbound.to_bytes().to_vec();
    assert_eq!(desk.wanted().missing.iter().collect::<Vec<_>>(), [2]);
    assert_eq!(desk.take(&sent[2]), Ok(Accepted::New(2)));
    assert!(desk.finish().unwrap() == plain);
}

#[test]
fn wrong_bytes_change_nothing() {
    let mut phone = Phone::begin(&file(2 * CHUNK_PAYLOAD_BYTES, 10), 11);
    let mut other = Phone::begin(&file(2 * CHUNK_PAYLOAD_BYTES, 10), 12);
    let mut desk = Desk::begin(&phone);
    let (ours, theirs) = (phone.post(), other.post());
    desk.take(&ours[0]).unwrap();
    let before = desk.state.clone();
    let mut bent = ours[1].clone();
    bent[40_000] ^= 1;
    let mut bent_again = ours[0].clone();
    bent_again[36] ^= 1;
    let swapped = [&ours[1][..36], &ours[0][36..]].concat();
    let cut = &ours[1][..CHUNK_BYTES - 1];
    for wrong in [&bent, &bent_again, &swapped, &theirs[1], cut, &[]] {
        assert_eq!(desk.take(wrong), Err(Reject));
        assert_eq!(desk.state, before);
    }
    assert_eq!(desk.take(&ours[1]), Ok(Accepted::New(1)));
    desk.rows.insert(1, bent);
    assert_eq!(desk.finish(), Err(Reject));
}

#[test]
fn a_wish_for_another_file_changes_nothing() {
    let mut phone = Phone::begin(&file(2 * CHUNK_PAYLOAD_BYTES, 13), 14);
    phone.post();
    let mut outbound = phone.load();
    let before = outbound.clone();
    let wanted = |manifest, count| Wanted {
        manifest,
        count,
        missing: ChunkSet::first(count),
    };
    let id = outbound.id();
    for (id, count) in [(id ^ 1, 2), (id, 1), (id, 4)] {
        let outcome = outbound.wanted(&wanted(id, count));
        assert_eq!(outcome, Err(AttachmentError::AnotherFile));
        assert!(outbound == before);
    }
    assert_eq!(outbound.wanted(&wanted(id, 2)), Ok(Asked::Chunks(2)));
}

#[test]
fn the_file_on_a_phone_tells_nothing_and_bends_nowhere() {
    let plain = file(2 * CHUNK_PAYLOAD_BYTES, 15);
    let mut phone = Phone::begin(&plain, 16);
    let outbound = phone.load();
    // Neither what was attached nor an address that the relay has seen.
    for index in 0..2 {
        let address = outbound.manifest().address(index).unwrap();
        assert_eq!(memchr::memmem::find(&phone.disk, &address.0[..8]), None);
    }
    assert_eq!(memchr::memmem::find(&phone.disk, &plain[..16]), None);
    let damaged = |index, record: &[u8]| {
        let outcome = outbound.chunk(index, record);
        assert_eq!(outcome, Err(AttachmentError::Damaged));
    };
    damaged(0, &phone.disk[Outbound::record(1)]);
    damaged(0, &phone.disk[..RECORD_BYTES - 1]);
    damaged(0, &[]);
    for at in [0, 23, 24, RECORD_BYTES - 1] {
        phone.disk[at] ^= 1;
        damaged(0, &phone.disk[Outbound::record(0)]);
        phone.disk[at] ^= 1;
    }
    assert!(outbound.chunk(0, &phone.disk[Outbound::record(0)]).is_ok());
    let other = Phone::begin(&plain, 17);
    damaged(0, &other.disk[Outbound::record(0)]);
}

#[test]
fn files_of_no_or_too_many_bytes_are_refused() {
    let rng = &mut ChaCha20Rng::seed_from_u64(18);
    let mut make = |plain: &[u8]| Outbound::make(plain, FileType::Other, DAY, rng).err();
    let error = |error| Some(AttachmentError::File(error));
    assert_eq!(make(&[]), error(FileError::Empty));
    let long = vec![0; LIMIT + 1];
    assert_eq!(make(&long), error(FileError::Long(LIMIT + 1)));
}

#[test]
fn sets_of_chunks_hold_what_is_put_in() {
    let mut set = ChunkSet::default();
    assert!(set.is_empty() && set.insert(255) && !set.insert(255) && set.insert(0));
    assert!(!set.insert(256) && !set.contains(256) && !set.remove(256));
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 255]);
    assert_eq!((set.as_bytes()[0], set.as_bytes()[31]), (1, 128));
    assert!(ChunkSet::from_bytes(*set.as_bytes(), 255).is_err());
    assert_eq!(ChunkSet::from_bytes(*set.as_bytes(), 256), Ok(set));
    assert!(set.remove(255) && !set.remove(255));
    assert_eq!(set.len(), 1);
    assert_eq!(ChunkSet::first(256).len(), 256);
    assert_eq!(ChunkSet::first(u16::MAX), ChunkSet::first(256));
}
