//! A disk that remembers every write and sync, fails when told to, and forgets as disks do.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use redb::{Database, DatabaseError, StorageBackend};
use sotto_relay::store::Medium;

use super::below;

/// What was asked of the disk.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
}

impl Step {
    /// Does it, as far as `kept` bytes.
    fn apply(&self, image: &mut Vec<u8>, kept: usize) {
        match self {
            Self::Write(at, bytes) => {
                let bytes = &bytes[..kept.min(bytes.len())];
                let at = usize::try_from(*at).unwrap();
                let end = at + bytes.len();
                image.resize(image.len().max(end), 0);
                image[at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => image.resize(usize::try_from(*length).unwrap(), 0),
            Self::Sync => {}
        }
    }
}

/// When it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Never,
    /// The n-th write, change of length or sync from now on, once.
    Once(usize),
    /// All of them from the n-th on, until mended.
    From(usize),
    /// The n-th does not return but panics.
    Panic(usize),
}

#[derive(Debug)]
struct Disk {
    /// As the system shows it.
    shown: Vec<u8>,
    /// As it was at the last sync.
    synced: Vec<u8>,
    /// Since then.
    pending: Vec<Step>,
    steps: Vec<Step>,
    failing: Failing,
    room: u64,
    rng: ChaCha20Rng,
}

impl Disk {
    fn does_fail(&mut self) -> bool {
        let (now, next) = match self.failing {
            Failing::Never => (false, Failing::Never),
            Failing::Once(0) | Failing::Panic(0) => (true, Failing::Never),
            Failing::Once(n) => (false, Failing::Once(n - 1)),
            Failing::From(0) => (true, Failing::From(0)),
            Failing::From(n) => (false, Failing::From(n - 1)),
            Failing::Panic(n) => (false, Failing::Panic(n - 1)),
        };
        let does_panic = self.failing == Failing::Panic(0);
        self.failing = next;
        assert!(!does_panic, "a disk that panics");
        now
    }

    /// A failed sync: some of what was written reached the disk, the rest never will, and the system
    /// takes all of it for written.
    fn lose(&mut self) {
        for step in std::mem::take(&mut self.pending) {
            if self.rng.next_u32().is_multiple_of(2) {
                step.apply(&mut self.synced, usize::MAX);
            }
        }
    }
}

/// A handle on the disk.
#[derive(Debug, Clone)]
pub(super) struct Tape {
    disk: Arc<Mutex<Disk>>,
    /// Whether the system forgets what it shows when the store opens it.
    forgets: bool,
}

impl Tape {
    pub(super) fn blank(seed: u64) -> Self {
        Self::of(Vec::new(), seed)
    }

    pub(super) fn of(image: Vec<u8>, seed: u64) -> Self {
        let disk = Disk {
            shown: image.clone(),
            synced: image,
            pending: Vec::new(),
            steps: Vec::new(),
            failing: Failing::Never,
            room: u64::MAX,
            rng: ChaCha20Rng::seed_from_u64(seed),
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
            forgets: true,
        }
    }

    /// As a store on it would have it that takes what the system shows for what is on disk.
    pub(super) fn remembering(mut self) -> Self {
        self.forgets = false;
        self
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Steps so far.
    pub(super) fn len(&self) -> usize {
        self.disk().steps.len()
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.disk().steps.clone()
    }

    pub(super) fn fail(&self, failing: Failing) {
        self.disk().failing = failing;
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.disk().failing, Failing::Never | Failing::From(0))
    }

    pub(super) fn leave_room(&self, bytes: u64) {
        self.disk().room = bytes;
    }

    /// What is left after the power is cut now, nothing unsynced having made it.
    pub(super) fn synced(&self) -> Vec<u8> {
        self.disk().synced.clone()
    }
}

impl StorageBackend for Tape {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.disk().shown.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let disk = self.disk();
        let bytes = disk.shown.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.step(Step::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(Step::Write(offset, data.to_vec()))
    }
}

impl Tape {
    fn step(&self, step: Step) -> io::Result<()> {
        let mut disk = self.disk();
        let fails = disk.does_fail();
        match (&step, fails) {
            (Step::Sync, true) => disk.lose(),
            (Step::Sync, false) => {
                let mut synced = std::mem::take(&mut disk.synced);
                for step in std::mem::take(&mut disk.pending) {
                    step.apply(&mut synced, usize::MAX);
                }
                disk.synced = synced;
            }
            // A full disk takes a part.
            (Step::Write(..), true) => {
                let mut shown = std::mem::take(&mut disk.shown);
                step.apply(&mut shown, 512);
                disk.shown = shown;
            }
            (Step::Length(_), true) => {}
            (_, false) => {
                let mut shown = std::mem::take(&mut disk.shown);
                step.apply(&mut shown, usize::MAX);
                disk.shown = shown;
                disk.pending.push(step.clone());
            }
        }
        if fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.steps.push(step);
        Ok(())
    }
}

impl Medium for Tape {
    fn open(&mut self) -> Result<Database, DatabaseError> {
        if self.forgets {
            let mut disk = self.disk();
            // Clean pages are read anew; what waits to be written is kept.
            let mut shown = disk.synced.clone();
            for step in &disk.pending {
                step.apply(&mut shown, usize::MAX);
            }
            disk.shown = shown;
        }
        Database::builder().create_with_backend(self.clone())
    }

    fn room(&self) -> u64 {
        self.disk().room
    }
}

/// What is on disk if the power is cut before step `cut`: everything up to the last sync, and of
/// what came after it whatever the disk had got round to, one write of it torn.
pub(super) fn image(steps: &[Step], cut: usize, spared: Spared<'_>) -> Vec<u8> {
    let steps = &steps[..cut];
    let last = steps.iter().rposition(|step| matches!(step, Step::Sync));
    let last = match spared {
        Spared::NothingAtAll(_) => 0,
        _ => last.map_or(0, |last| last + 1),
    };
    let mut image = Vec::new();
    for step in &steps[..last] {
        step.apply(&mut image, usize::MAX);
    }
    let open = &steps[last..];
    match spared {
        Spared::Nothing => {}
        Spared::Everything => {
            for (place, step) in open.iter().enumerate() {
                // The last write is torn in the middle.
                let kept = if place + 1 == open.len() {
                    512
                } else {
                    usize::MAX
                };
                step.apply(&mut image, kept);
            }
        }
        Spared::Some(rng) | Spared::NothingAtAll(rng) => {
            let torn = below(rng, open.len().max(1));
            for (place, step) in open.iter().enumerate() {
                let half = below(rng, 9) * 512;
                let kept = if place == torn { half } else { usize::MAX };
                if rng.next_u32().is_multiple_of(2) {
                    step.apply(&mut image, kept);
                }
            }
        }
    }
    image
}

/// Which unsynced writes reached the disk. Any subset in order stands for any order: of two writes to
/// one place the disk has the older or the newer.
pub(super) enum Spared<'r> {
    Nothing,
    Everything,
    Some(&'r mut ChaCha20Rng),
    /// As if no sync had ever done anything.
    NothingAtAll(&'r mut ChaCha20Rng),
}
