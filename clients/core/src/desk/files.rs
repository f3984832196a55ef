//! Attachments at a desk: chunks from the inbox, what is missing, what is whole (SPEC 3.8).
//!
//! Chunks are rows of their own and never all in memory: what needs them reads them back through the
//! keeper, in [`Desk::gather`] and [`Desk::file`].

mod row;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand_core::CryptoRng;
use sotto_protocol::{
    attachment::Manifest,
    drain::DrainPage,
    envelope::{Class, EnvelopeHeader},
    id::Address,
    limits::{WANTED_AFTER_SECONDS, WANTED_AGAIN_SECONDS},
    message::Kind,
};
use zeroize::Zeroizing;

pub(super) use self::row::read_strays;
use super::{
    Batch, Case, Change, Desk, DeskError, Row, RowKeeper, Rows,
    event::{Answer, Event},
    luck::Luck,
};
use crate::{
    attachment::{Accepted, Inbound, Strays},
    keep::KeepError,
};

/// All attachments of a desk.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Numbered from 1 in the order of their manifests.
    pub(super) all: BTreeMap<u32, File>,
    /// Chunks whose manifest has not come.
    pub(super) strays: Strays,
    /// Whose chunk has an address. Made from the files, never kept.
    places: HashMap<Address, u32>,
    /// Rows of chunks to be written or removed with the next change.
    loose: Rows,
    /// Files whose chunks are to be looked at: they may be among the strays, or whole.
    to_gather: BTreeSet<u32>,
}

/// One attachment.
#[derive(Debug)]
pub(super) struct File {
    /// The case whose entry it is.
    case: u32,
    inbound: Inbound,
    state: FileState,
    /// Unix seconds when the manifest was read.
    since: u64,
    /// Message id of the last wish for chunks, and when it was made.
    asked: Option<(u64, u64)>,
}

/// Whether there is something to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Chunks are missing.
    Arriving,
    /// All there, and what the sender meant.
    Whole,
    /// All there, but not what the manifest says. Its sender made it so; nothing can mend it.
    Broken,
}

impl Files {
    /// Brings what is not kept up to date with what was read.
    pub(super) fn index(&mut self) {
        let numbers: Vec<u32> = self.all.keys().copied().collect();
        for number in numbers {
            self.enter(number);
        }
    }

    fn enter(&mut self, number: u32) {
        let Some(file) = self.all.get(&number) else {
            return;
        };
        for address in file.inbound.addresses() {
            self.places.entry(*address).or_insert(number);
        }
        if file.state == FileState::Arriving {
            self.to_gather.insert(number);
        }
    }

    /// Rows of chunks that changed since the last call.
    pub(super) fn take_loose(&mut self) -> Rows {
        std::mem::take(&mut self.loose)
    }
}

impl Desk {
    /// Takes what was posted if it is a chunk; whether it was.
    pub(super) fn take_chunk(&mut self, body: &[u8], arrived: u64) -> bool {
        let header = EnvelopeHeader::parse(body);
        let Some(header) = header.ok().filter(|header| header.class == Class::Chunk) else {
            return false;
        };
        match self.files.places.get(&header.address).copied() {
            // Read again: it need not be opened to be known.
            Some(number) if self.has_chunk(number, header.address) => {}
            Some(number) => self.accept(number, body),
            None => {
                if let Some(slot) = self.files.strays.hold(header.address, arrived) {
                    let row = (Row::Stray(slot), Zeroizing::new(body.to_vec()));
                    self.files.loose.push(row);
                    self.changed.insert(Row::Strays);
                }
            }
        }
        true
    }

    /// A manifest was opened, for the first time in this case.
    pub(super) fn begin_file(&mut self, case: u32, id: u64, manifest: Manifest, now: u64) {
        let last = self.files.all.keys().next_back().copied().unwrap_or(0);
        let number = last.saturating_add(1);
        let file = File {
            case,
            inbound: Inbound::new(id, manifest),
            state: FileState::Arriving,
            since: now,
            asked: None,
        };
        self.files.all.insert(number, file);
        self.files.enter(number);
        self.changed.insert(Row::File(number));
    }

    /// Takes answers of the inbox, and what of attachments has come or is missing with it.
    pub(super) fn take_in(
        &mut self,
        pages: &[DrainPage],
        now: u64,
        rows: &mut dyn RowKeeper,
        rng: &mut impl CryptoRng,
    ) -> Result<Batch, KeepError> {
        let mut batch = self.take(pages, now, rng).save(rows)?;
        batch.texts += self.gather(rows, now, rng)?;
        if batch.is_last {
            self.ask_for_missing(now, rng).save(rows)?;
        }
        Ok(batch)
    }

    /// Puts together what has come: chunks that came before their manifest, and files of which all
    /// chunks are there. Reads and saves as it goes; how many files became whole.
    pub fn gather(
        &mut self,
        rows: &mut dyn RowKeeper,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, KeepError> {
        let mut whole = 0;
        for number in std::mem::take(&mut self.files.to_gather) {
            self.claim(number, rows)?;
            self.change(()).save(rows)?;
            whole += usize::from(self.verify(number, rows, now, rng)?);
            self.change(()).save(rows)?;
        }
        Ok(whole)
    }

    /// Asks for chunks that are missing for long, once everything posted so far was read; again only
    /// where the phone has acknowledged that it was asked.
    pub fn ask_for_missing(&mut self, now: u64, rng: &mut impl CryptoRng) -> Change<()> {
        let due: Vec<u32> = self
            .files
            .all
            .iter()
            .filter(|(_, file)| self.is_to_be_asked_for(file, now))
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            let id = self.wish(number, now, rng);
            if let Some(file) = self.files.all.get_mut(&number) {
                file.asked = Some((id, now));
                self.changed.insert(Row::File(number));
            }
        }
        self.change(())
    }

    /// An attachment of a case as its sender had it; `number` counts those of the case from 1.
    pub fn file(
        &self,
        case: u32,
        number: usize,
        rows: &mut dyn RowKeeper,
    ) -> Result<Zeroizing<Vec<u8>>, DeskError> {
        let of = self.cases.get(&case).ok_or(DeskError::NoCase(case))?;
        let entry = of.attachments().nth(number.wrapping_sub(1));
        let id = entry.ok_or(DeskError::NoFile)?.id;
        let mut files = self.files.all.iter();
        let file = files.find(|(_, file)| file.case == case && file.inbound.id() == id);
        let (number, file) = file.ok_or(DeskError::Broken)?;
        match file.state {
            FileState::Arriving => Err(DeskError::Arriving(file.inbound.progress())),
            FileState::Broken => Err(DeskError::BrokenFile),
            FileState::Whole => {
                let read = |index| read(rows, Row::Chunk(*number, index));
                Ok(file.inbound.finish(read)?)
            }
        }
    }

    fn has_chunk(&self, number: u32, address: Address) -> bool {
        let file = self.files.all.get(&number);
        file.is_some_and(|file| file.inbound.has(address))
    }

    fn accept(&mut self, number: u32, chunk: &[u8]) {
        let Some(file) = self.files.all.get_mut(&number) else {
            return;
        };
        if let Ok(Accepted::New(index)) = file.inbound.accept(chunk) {
            let row = (Row::Chunk(number, index), Zeroizing::new(chunk.to_vec()));
            self.files.loose.push(row);
            if file.inbound.is_whole() {
                self.files.to_gather.insert(number);
            }
            self.changed.insert(Row::File(number));
            self.show(number);
        }
    }

    /// Takes the chunks of a file that came before its manifest.
    fn claim(&mut self, number: u32, rows: &mut dyn RowKeeper) -> Result<(), KeepError> {
        let Some(file) = self.files.all.get(&number) else {
            return Ok(());
        };
        for address in file.inbound.addresses().to_vec() {
            let Some(slot) = self.files.strays.release(address) else {
                continue;
            };
            let row = Row::Stray(slot);
            if let Some(chunk) = rows.row(row)? {
                self.accept(number, &chunk);
            }
            self.files.loose.push((row, Zeroizing::default()));
            self.changed.insert(Row::Strays);
        }
        Ok(())
    }

    /// Opens a file of which all chunks are there; whether it is whole now.
    fn verify(
        &mut self,
        number: u32,
        rows: &mut dyn RowKeeper,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, KeepError> {
        let file = self.files.all.get_mut(&number);
        let Some(file) = file.filter(|file| file.is_ready()) else {
            return Ok(false);
        };
        let opened = file
            .inbound
            .finish(|index| read(rows, Row::Chunk(number, index)));
        file.state = match opened {
            Ok(_) => FileState::Whole,
            Err(_) if file.find_lost(number, rows)? => FileState::Arriving,
            Err(_) => FileState::Broken,
        };
        let (state, count) = (file.state, file.inbound.manifest().count());
        self.changed.insert(Row::File(number));
        match state {
            FileState::Arriving => {}
            FileState::Whole => {
                // Nothing is missing: that tells the phone that it may forget the file.
                self.wish(number, now, rng);
            }
            FileState::Broken => {
                let gone =
                    (0..count).map(|index| (Row::Chunk(number, index), Zeroizing::default()));
                self.files.loose.extend(gone);
            }
        }
        self.show(number);
        Ok(state == FileState::Whole)
    }

    /// Tells the phone what is missing; the id of the message.
    fn wish(&mut self, number: u32, now: u64, rng: &mut impl CryptoRng) -> u64 {
        let (id, luck) = (rng.next_u64(), Luck::make(rng));
        let Some(file) = self.files.all.get(&number) else {
            return id;
        };
        let (case, body) = (file.case, file.inbound.wanted().to_bytes());
        // A phone that keeps nothing has nothing to post again and nothing to forget.
        let can_post = |case: &Case| !case.leaves_nothing();
        if self.cases.get(&case).is_some_and(can_post) {
            self.submit(Event::Answer(Answer {
                case,
                kind: Kind::Wanted,
                id,
                part: 0,
                parts: 1,
                at: now,
                luck,
                body: body.into(),
            }));
        }
        id
    }

    fn is_to_be_asked_for(&self, file: &File, now: u64) -> bool {
        let Some(case) = self.cases.get(&file.case) else {
            return false;
        };
        let is_time = match file.asked {
            None => file.since.saturating_add(WANTED_AFTER_SECONDS) <= now,
            Some((id, at)) => !case.waits_for(id) && at.saturating_add(WANTED_AGAIN_SECONDS) <= now,
        };
        is_time && file.state == FileState::Arriving && !file.inbound.is_whole()
    }

    /// The entry says how far the file is.
    fn show(&mut self, number: u32) {
        let Some(file) = self.files.all.get(&number) else {
            return;
        };
        if let Some(case) = self.cases.get_mut(&file.case) {
            case.show_file(file.inbound.id(), file.state, file.inbound.progress());
            self.changed.insert(Row::Case(file.case));
        }
    }

    /// Drops chunks whose manifest never came.
    pub(super) fn expire_strays(&mut self, now: u64) {
        for slot in self.files.strays.expire(now) {
            let row = (Row::Stray(slot), Zeroizing::default());
            self.files.loose.push(row);
            self.changed.insert(Row::Strays);
        }
    }
}

impl File {
    fn is_ready(&self) -> bool {
        self.state == FileState::Arriving && self.inbound.is_whole()
    }

    /// Looks for chunks that were accepted and are not there any more, as after damage of a store.
    fn find_lost(&mut self, number: u32, rows: &mut dyn RowKeeper) -> Result<bool, KeepError> {
        let mut has_lost = false;
        for index in 0..self.inbound.manifest().count() {
            let chunk = rows.row(Row::Chunk(number, index))?;
            let opens = chunk.is_some_and(|chunk| self.inbound.accept(&chunk).is_ok());
            if !opens {
                self.inbound.lost(index);
                has_lost = true;
            }
        }
        Ok(has_lost)
    }
}

fn read(rows: &mut dyn RowKeeper, row: Row) -> Option<Vec<u8>> {
    let bytes = rows.row(row).ok().flatten()?;
    Some(bytes.to_vec())
}
