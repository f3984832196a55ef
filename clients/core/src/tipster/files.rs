//! Attachments of a person: what is prepared, posted, asked for again and done with.
//!
//! The sealed files themselves are kept by the program ([`crate::upload::Shelf`]); here is what opens
//! them, and how far each is.

use sotto_protocol::{
    attachment::{FileType, Wanted},
    message::Kind,
    wire::{DecodeError, Reader, Writer},
};

use super::{Item, Sent, State, Tipster};
use crate::{
    attachment::{Asked, AttachmentError, Outbound, Progress},
    keep::Unsaved,
};

/// Attachments of one conversation that are not done with.
pub const MAX_ATTACHED: usize = 16;

/// Why nothing can be attached. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// What the relay loses could not be posted again.
    #[error(
        "nothing can be attached while nothing is kept on this machine: a part that gets lost could not be sent again. Send the file first, and keep nothing afterwards"
    )]
    KeepsNothing,
    /// [`MAX_ATTACHED`].
    #[error(
        "{MAX_ATTACHED} files wait already; look here again later, and attach more once the desk has them"
    )]
    Full,
}

/// One attachment on its way.
#[derive(Debug)]
pub(super) struct File {
    outbound: Outbound,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The sealed file may not be there yet.
    Preparing,
    /// The sealed file is there.
    Kept,
    /// All chunks are posted and the manifest is in the outbox, or was.
    Announced,
    /// The desk has it, or it can never be sent: the sealed file may go.
    Done,
}

/// What a person sees of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Names the sealed file.
    pub id: u64,
    /// What it is.
    pub kind: FileType,
    /// Bytes.
    pub length: u32,
    /// Chunks that are posted; it falls again where a desk asks for some.
    pub progress: Progress,
}

impl Tipster {
    /// Takes an attachment in; then write the sealed file and say so with [`Self::shelved`].
    ///
    /// # Errors
    /// [`AttachError`]; nothing has changed then.
    pub fn attach(
        &mut self,
        outbound: Outbound,
        now: u64,
    ) -> Result<Unsaved<State, ()>, AttachError> {
        if self.keeps_nothing() {
            return Err(AttachError::KeepsNothing);
        }
        if self.files.len() >= MAX_ATTACHED {
            return Err(AttachError::Full);
        }
        self.note_sent(Sent::new(outbound.id(), now));
        self.files.push(File {
            outbound,
            stage: Stage::Preparing,
        });
        Ok(self.unsaved(()))
    }

    /// The sealed file is written: from now on its chunks are posted.
    pub fn shelved(&mut self, id: u64) -> Unsaved<State, ()> {
        if let Some(file) = self.file(id)
            && file.stage == Stage::Preparing
        {
            file.stage = Stage::Kept;
        }
        self.unsaved(())
    }

    /// The chunk to post next: name of its file, number.
    pub fn next_chunk(&self) -> Option<(u64, u16)> {
        let mut files = self.files.iter().filter(|file| file.is_on_its_way());
        files.find_map(|file| Some((file.outbound.id(), file.outbound.next_chunk()?)))
    }

    /// The chunk as it is posted, from its record in the sealed file.
    ///
    /// # Errors
    /// [`AttachmentError::Damaged`] for another record.
    pub fn chunk(&self, id: u64, index: u16, record: &[u8]) -> Result<Vec<u8>, AttachmentError> {
        let file = self.files.iter().find(|file| file.outbound.id() == id);
        let file = file.ok_or(AttachmentError::Damaged)?;
        file.outbound.chunk(index, record)
    }

    /// The relay holds the chunk. After the last one the manifest goes into the outbox.
    pub fn chunk_posted(&mut self, id: u64, index: u16) -> Unsaved<State, ()> {
        let mut manifest = None;
        if let Some(file) = self.file(id) {
            file.outbound.posted(index);
            if file.stage == Stage::Kept && file.outbound.is_posted() {
                file.stage = Stage::Announced;
                manifest = Some(file.outbound.body());
            }
        }
        if let Some(body) = manifest {
            self.outbox
                .push(Item::new(Kind::Manifest, id, (0, 1), &body));
        }
        self.restage();
        self.unsaved(())
    }

    /// Nothing more can be posted of this file, because its sealed file is gone or damaged.
    pub fn give_up(&mut self, id: u64) -> Unsaved<State, ()> {
        let mut was_announced = false;
        if let Some(file) = self.file(id) {
            was_announced = file.stage == Stage::Announced;
            file.stage = Stage::Done;
        }
        if !was_announced {
            self.sent.retain(|sent| sent.id != id);
        }
        self.unsaved(())
    }

    /// Sealed files that may be removed: then say [`Self::removed`].
    pub fn leftovers(&self) -> Vec<u64> {
        let files = self.files.iter().filter(|file| !file.is_on_its_way());
        files.map(|file| file.outbound.id()).collect()
    }

    /// These sealed files are not there any more.
    pub fn removed(&mut self, ids: &[u64]) -> Unsaved<State, ()> {
        for id in ids {
            let is_half = |file: &File| file.outbound.id() == *id && file.stage == Stage::Preparing;
            if self.files.iter().any(is_half) {
                self.sent.retain(|sent| sent.id != *id);
            }
        }
        let is_left = |file: &File| file.is_on_its_way() || !ids.contains(&file.outbound.id());
        self.files.retain(is_left);
        self.unsaved(())
    }

    /// Attachments of which the desk has not said that it has them, oldest first.
    pub fn attached(&self) -> Vec<Attached> {
        let files = self.files.iter().filter(|file| file.is_on_its_way());
        files.map(File::view).collect()
    }

    /// Whether a file waits of which nobody has been told: some of its chunks were never posted.
    pub(super) fn is_unannounced(&self, id: u64) -> bool {
        let mut files = self.files.iter();
        files.any(|file| {
            file.outbound.id() == id && matches!(file.stage, Stage::Preparing | Stage::Kept)
        })
    }

    /// A desk says what it has not got. What is about no file of this phone says nothing.
    pub(super) fn hear_wanted(&mut self, body: &[u8]) {
        let Ok(wanted) = Wanted::from_bytes(body) else {
            return;
        };
        let Some(file) = self.file(wanted.manifest) else {
            return;
        };
        // Before the manifest is out, and once it is done with, nobody can want anything of it.
        if file.stage == Stage::Announced && file.outbound.wanted(&wanted) == Ok(Asked::Nothing) {
            file.stage = Stage::Done;
            self.outbox.retain(|item| item.id != wanted.manifest);
            self.restage();
        }
    }

    fn file(&mut self, id: u64) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.outbound.id() == id)
    }
}

impl File {
    const fn is_on_its_way(&self) -> bool {
        matches!(self.stage, Stage::Kept | Stage::Announced)
    }

    fn view(&self) -> Attached {
        let manifest = self.outbound.manifest();
        Attached {
            id: self.outbound.id(),
            kind: manifest.kind(),
            length: manifest.length(),
            progress: self.outbound.progress(),
        }
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        let stage = match self.stage {
            Stage::Preparing => 0,
            Stage::Kept => 1,
            Stage::Announced => 2,
            Stage::Done => 3,
        };
        self.outbound.write(out.u8(stage))
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let stage = match from.u8()? {
            0 => Stage::Preparing,
            1 => Stage::Kept,
            2 => Stage::Announced,
            3 => Stage::Done,
            _ => return Err(DecodeError::Field),
        };
        Ok(Self {
            stage,
            outbound: Outbound::read(from)?,
        })
    }
}
