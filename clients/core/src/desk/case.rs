//! One person as a desk knows them: what was said, and every conversation it was said in.

use sotto_protocol::{
    conversation::Content,
    limits::MAX_PARTS,
    message::{FirstContact, Flags, Kind, Message, Receipts},
    secret::Secret,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{
    entry::{Direction, Entry, Status},
    luck::Luck,
    thread::Thread,
};
use crate::bytes::{flag, list, read_list};

/// One case.
#[derive(Debug)]
pub struct Case {
    /// By which the person comes back from another phone.
    pub(super) handle: [u8; 32],
    /// What proves that it is the same person.
    pub(super) continuity: Secret,
    /// In order of their beginning.
    pub(super) threads: Vec<Thread>,
    /// In order of arrival.
    entries: Vec<Entry>,
    /// Something was sealed under a bundle this desk has not seen.
    pub(super) is_foreign: bool,
}

/// What came of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Something for a person.
    New,
    /// Nothing, or what was known.
    Nothing,
}

impl Case {
    pub(super) fn new(first: &FirstContact, thread: Thread) -> Self {
        Self {
            handle: first.handle,
            continuity: first.continuity.clone(),
            threads: vec![thread],
            entries: Vec::new(),
            is_foreign: false,
        }
    }

    /// What was said, in order of arrival.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether somebody who claims to be this person has come back and not proven it yet.
    pub fn is_unconfirmed(&self) -> bool {
        self.threads.last().is_some_and(Thread::is_unconfirmed)
    }

    /// Whether something was sealed under keys this desk has not seen: somebody may have shown the
    /// person a bundle of their own.
    pub const fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Whether the person keeps nothing on a phone.
    pub fn leaves_nothing(&self) -> bool {
        let newest = self.threads.last();
        newest.is_some_and(|thread| thread.conversation.beginning() == Flags::LeaveNothing)
    }

    /// Where one of its texts is.
    pub fn status(&self, entry: &Entry) -> Status {
        let pending = |entry: &Entry| {
            let threads = self.threads.iter();
            let mut all = threads.flat_map(|thread| &thread.pending);
            all.find(|pending| pending.id == entry.id)
        };
        match entry.direction {
            Direction::In if !entry.is_whole() => Status::Arriving,
            Direction::In if entry.is_read => Status::Read,
            Direction::In => Status::New,
            Direction::Out => match pending(entry) {
                None => Status::Opened,
                Some(pending) if pending.outgoing.is_none() => Status::Queued,
                Some(_) => Status::Posted,
            },
        }
    }

    /// Texts nobody has looked at yet.
    pub fn unread(&self) -> usize {
        let texts = self.entries.iter();
        texts
            .filter(|entry| self.status(entry) == Status::New)
            .count()
    }

    pub(super) fn mark_read(&mut self) {
        for entry in &mut self.entries {
            entry.is_read |= entry.is_whole();
        }
    }

    /// Adds a conversation of a person who has come back. What is not acknowledged goes there too,
    /// whole: the other parts of a text may have gone with the phone.
    pub(super) fn add(&mut self, mut thread: Thread) {
        for pending in self.threads.last().iter().flat_map(|last| &last.pending) {
            let mut answers = self.entries.iter();
            let answer = answers.find(|e| e.direction == Direction::Out && e.id == pending.id);
            for content in answer.iter().flat_map(|answer| answer.contents()) {
                thread.queue(content, pending.since);
            }
            thread.queue(pending.content(), pending.since);
        }
        self.threads.push(thread);
    }

    /// Adds the first conversation of a person who has begun anew since: it was long on its way, and
    /// nobody looks for answers there.
    pub(super) fn add_past(&mut self, mut thread: Thread) {
        thread.retire();
        self.threads.insert(0, thread);
    }

    /// Takes one opened message of the conversation at `place`; `body` is that of its kind.
    pub(super) fn take(
        &mut self,
        place: usize,
        (message, body): (&Message, &[u8]),
        at: u64,
        luck: &Luck,
    ) -> Taken {
        let Some(thread) = self.threads.get_mut(place) else {
            return Taken::Nothing;
        };
        let receipts = match message.kind {
            Kind::Acknowledgement => Receipts::from_bytes(body).ok(),
            _ => None,
        };
        thread.hear(message.received, receipts.as_ref());
        if message.kind.is_repeated() && !thread.is_retired {
            thread.acknowledge(message.id, message.part, at);
        } else if message.flags == Flags::Recontact && !thread.is_retired {
            thread.greet(at);
        }
        // Ids mean the same in every conversation of a person.
        for thread in &mut self.threads {
            thread.hear(None, receipts.as_ref());
        }
        let Some(thread) = self.threads.get_mut(place) else {
            return Taken::Nothing;
        };
        let is_confirmation = message.kind == Kind::Confirmation && thread.confirm(body);
        if is_confirmation {
            let before = self.threads.iter_mut().take(place);
            before.for_each(Thread::retire);
        }
        if let Some(thread) = self.threads.get_mut(place) {
            thread.settle(luck);
        }
        match message.kind {
            Kind::Text if self.put(message, body, at) => Taken::New,
            _ => Taken::Nothing,
        }
    }

    /// Queues one part of an answer for every conversation in which it may be found.
    pub(super) fn answer(&mut self, content: Content<'_>, now: u64, luck: &Luck) {
        for thread in self.threads.iter_mut().filter(|thread| !thread.is_retired) {
            thread.queue(content, now);
            thread.settle(luck);
        }
        let part = (content.part, Zeroizing::new(content.body.to_vec()));
        let mut entries = self.entries.iter_mut();
        let known =
            |entry: &&mut Entry| entry.id == content.id && entry.direction == Direction::Out;
        if let Some(entry) = entries.find(known) {
            entry.add(part);
            return;
        }
        let when = (now, content.parts);
        let mut entry = Entry::new(content.id, Direction::Out, when, part);
        entry.is_read = true;
        self.entries.push(entry);
    }

    /// Erases what is past. Whether anything was.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        let mut has_changed = false;
        for thread in &mut self.threads {
            has_changed |= thread.expire(now);
        }
        has_changed
    }

    /// Whether the part was new.
    fn put(&mut self, message: &Message, body: &[u8], at: u64) -> bool {
        let part = (message.part, Zeroizing::new(body.to_vec()));
        let mut entries = self.entries.iter_mut();
        let known = |entry: &&mut Entry| entry.id == message.id && entry.direction == Direction::In;
        match entries.find(known) {
            None => {
                let when = (at, message.parts);
                self.entries
                    .push(Entry::new(message.id, Direction::In, when, part));
                true
            }
            Some(entry) => {
                entry.is_missing(part.0) && {
                    entry.add(part);
                    true
                }
            }
        }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out = Writer::with_capacity(ROOM)
            .u8(VERSION)
            .bytes(&self.handle)
            .bytes(self.continuity.as_bytes())
            .u8(u8::from(self.is_foreign));
        let out = list(out, &self.threads, Thread::write);
        let out = list(out, &self.entries, Entry::write);
        Zeroizing::new(out.finish())
    }

    pub(super) fn from_bytes(row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        let from = &mut reader;
        from.version(VERSION)?;
        let case = Self {
            handle: from.array()?,
            continuity: Secret::from_bytes(from.array()?),
            is_foreign: flag(from)?,
            threads: read_list(from, Thread::read)?,
            entries: read_list(from, Entry::read)?,
        };
        reader.finish()?;
        Ok(case)
    }
}

const VERSION: u8 = 3;
/// Room for a usual case, so that the buffer does not grow and leave copies.
const ROOM: usize = 65_536;
const _: () = assert!(MAX_PARTS <= 8, "parts of a message are counted in a byte");
