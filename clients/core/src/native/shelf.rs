//! Sealed files of attachments beside the vault, in a state directory.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
};

use super::StateDir;
use crate::{keep::KeepError, upload::Shelf};

impl Shelf for StateDir {
    fn write(&mut self, id: u64, bytes: &[u8]) -> Result<(), KeepError> {
        Self::write(self, &name(id), bytes).map_err(|_| KeepError)
    }

    fn read(&self, id: u64, range: Range<usize>) -> Option<Vec<u8>> {
        let mut file = File::open(self.path(&name(id))).ok()?;
        file.seek(SeekFrom::Start(u64::try_from(range.start).ok()?))
            .ok()?;
        let mut bytes = vec![0; range.len()];
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn remove(&mut self, id: u64) -> Result<(), KeepError> {
        // The second is what a write leaves that did not come to its end.
        for name in [name(id), format!("{}.new", name(id))] {
            match fs::remove_file(self.path(&name)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return Err(KeepError),
            }
        }
        Ok(())
    }
}

/// Says no more than that it was attached.
fn name(id: u64) -> String {
    format!("sealed-{id:016x}")
}
