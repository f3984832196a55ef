//! Where phones of a world keep the sealed files of their attachments, and how they post them.

use std::{collections::BTreeMap, ops::Range};

use sotto_core::{
    keep::KeepError,
    purse::Purse,
    sitting::Person,
    upload::{self, Prepared, Shelf, Step, Upload, UploadError},
};
use sotto_protocol::{attachment::FileType, bundle::Untrusted};

use crate::{
    machines::{DeskMachine, Phone},
    world::World,
};

/// Keeps sealed files in memory.
#[derive(Debug, Default, Clone)]
pub struct MemoryShelf {
    /// By name.
    pub files: BTreeMap<u64, Vec<u8>>,
    /// Whether the next write fails, as on a full disk.
    pub is_full: bool,
}

impl Shelf for MemoryShelf {
    fn write(&mut self, id: u64, bytes: &[u8]) -> Result<(), KeepError> {
        if self.is_full {
            return Err(KeepError);
        }
        self.files.insert(id, bytes.to_vec());
        Ok(())
    }

    fn read(&self, id: u64, range: Range<usize>) -> Option<Vec<u8>> {
        Some(self.files.get(&id)?.get(range)?.to_vec())
    }

    fn remove(&mut self, id: u64) -> Result<(), KeepError> {
        self.files.remove(&id);
        Ok(())
    }
}

impl Phone {
    /// Seals a file onto the shelf.
    pub fn attach(
        &mut self,
        world: &World,
        shelf: &mut MemoryShelf,
        file: (&[u8], FileType),
    ) -> Result<(), UploadError> {
        let mut tipster = self.tipster();
        let person = &mut Person {
            tipster: &mut tipster,
            keeper: &mut self.memory,
        };
        let (bytes, kind) = file;
        let file = Prepared { bytes, kind };
        upload::attach(person, shelf, file, world.clock.read(), &mut self.rng)
    }

    /// Posts what waits, until `on_step` says false.
    pub fn upload(
        &mut self,
        world: &World,
        shelf: &MemoryShelf,
        on_step: impl FnMut(&Step) -> bool,
    ) -> Result<(), UploadError> {
        let mut tipster = self.tipster();
        let person = &mut Person {
            tipster: &mut tipster,
            keeper: &mut self.memory,
        };
        // What the sitting before it has shown.
        let json = world.shown();
        let bundle = Untrusted::parse(&json).unwrap();
        let now = world.clock.read();
        let bundle = bundle.verify(world.pin(), now, person.tipster.seen());
        let relay = bundle.unwrap().relay;
        let mut upload = Upload {
            relay: world.relay(),
            pace: &world.clock,
            purse: Purse::new(world.pin().line, relay.as_ref(), now),
        };
        upload.run(person, shelf, &mut self.rng, on_step)
    }

    /// Removes what is done with.
    pub fn tidy(&mut self, shelf: &mut MemoryShelf) {
        let mut tipster = self.tipster();
        let person = &mut Person {
            tipster: &mut tipster,
            keeper: &mut self.memory,
        };
        upload::tidy(person, shelf).unwrap();
    }
}

impl DeskMachine {
    /// An attachment of a case, or why it cannot be had.
    pub fn file(&mut self, case: u32, number: usize) -> Result<Vec<u8>, String> {
        use sotto_core::desk::Shared as _;
        let opened = self.with(|desk, rows| Ok(desk.file(case, number, rows)?.to_vec()));
        opened.map_err(|stop| stop.text)
    }
}
