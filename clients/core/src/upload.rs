//! Posting attachments: off the schedule of a sitting, one chunk after the other, each remembered
//! before the next one goes out (SPEC 3.8).
//!
//! How much is posted can be seen by whoever watches the phone, so a program asks first.

use std::ops::Range;

use rand_core::CryptoRng;
use sotto_protocol::{attachment::FileType, bundle::day_of, limits::TOKEN_CHUNKS, token::Token};

use crate::{
    attachment::{AttachmentError, Outbound, Progress},
    keep::KeepError,
    pace::Pace,
    purse::Purse,
    relay::{Relay, RelayError},
    sitting::Person,
    tipster::AttachError,
    transport::Transport,
};

/// Where the sealed files of attachments are, beside the vault, under numbers that mean nothing.
pub trait Shelf {
    /// Writes a whole sealed file; returns once it would survive a crash.
    fn write(&mut self, id: u64, bytes: &[u8]) -> Result<(), KeepError>;

    /// Some bytes of a sealed file; `None` where they are not there.
    fn read(&self, id: u64, range: Range<usize>) -> Option<Vec<u8>>;

    /// Removes a sealed file; one that is not there is removed already.
    fn remove(&mut self, id: u64) -> Result<(), KeepError>;
}

/// Why attachments are not all posted. What is left is posted by the next [`Upload::run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The relay took nothing for a while, or refuses.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The state or a sealed file could not be written.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// Nothing can be attached here.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// A file that cannot be an attachment, or a sealed file that does not open any more and is given up.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
}

/// A file as it is to be sent, without what should not travel with it ([`crate::strip`]).
#[derive(Clone, Copy)]
pub struct Prepared<'f> {
    /// Its bytes.
    pub bytes: &'f [u8],
    /// What it is.
    pub kind: FileType,
}

impl std::fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared(..)")
    }
}

/// Seals a file onto the shelf and remembers it; nothing is posted yet. `now` is in unix seconds.
///
/// # Errors
/// [`UploadError::Attachment`] for a file of a length that cannot be sent.
pub fn attach(
    person: &mut Person<'_>,
    shelf: &mut dyn Shelf,
    file: Prepared<'_>,
    now: u64,
    rng: &mut impl CryptoRng,
) -> Result<(), UploadError> {
    let (outbound, sealed) = Outbound::make(file.bytes, file.kind, day_of(now), rng)?;
    let id = outbound.id();
    let tipster = &mut *person.tipster;
    // Known before it is there: a crash in between leaves nothing that nobody removes.
    tipster.attach(outbound, now)?.save(person.keeper)?;
    shelf.write(id, &sealed)?;
    tipster.shelved(id).save(person.keeper)?;
    Ok(())
}

/// Removes the sealed files that are done with.
pub fn tidy(person: &mut Person<'_>, shelf: &mut dyn Shelf) -> Result<(), KeepError> {
    let ids = person.tipster.leftovers();
    if ids.is_empty() {
        return Ok(());
    }
    for id in &ids {
        shelf.remove(*id)?;
    }
    person.tipster.removed(&ids).save(person.keeper)
}

/// How far the posting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Of the file that is being posted.
    pub progress: Progress,
    /// Files that are not posted whole yet, this one included.
    pub files_left: usize,
    /// What went wrong last; it is tried again.
    pub failure: Option<RelayError>,
}

/// Posts what waits.
#[derive(Debug)]
pub struct Upload<'u, T, P> {
    /// The line's relay.
    pub relay: Relay<'u, T>,
    /// Time, to wait before trying again.
    pub pace: &'u P,
    /// What the relay asks of whoever posts, as the bundle of the sitting before says.
    pub purse: Purse,
}

/// The token that pays for the chunks of one file posted last, and for which of them.
type Paid = (u64, u16, Token);

impl<T: Transport, P: Pace> Upload<'_, T, P> {
    /// Posts every chunk that is left of this person's attachments. Ends early, without an error, where
    /// `on_step` says false.
    ///
    /// # Errors
    /// [`UploadError`]; whatever was posted is remembered, and the next call goes on from there. Of
    /// files that were given up the last one is told, after the others are posted.
    pub fn run(
        &mut self,
        person: &mut Person<'_>,
        shelf: &dyn Shelf,
        rng: &mut impl CryptoRng,
        mut on_step: impl FnMut(&Step) -> bool,
    ) -> Result<(), UploadError> {
        let mut given_up = Ok(());
        let mut failures = 0;
        let mut paid: Option<Paid> = None;
        while let Some((id, index)) = person.tipster.next_chunk() {
            let record = shelf.read(id, Outbound::record(index)).unwrap_or_default();
            let chunk = match person.tipster.chunk(id, index, &record) {
                Ok(chunk) => chunk,
                Err(error) => {
                    person.tipster.give_up(id).save(person.keeper)?;
                    given_up = Err(error.into());
                    continue;
                }
            };
            let failure = self.post(chunk, (id, index), &mut paid, rng).err();
            match failure {
                None => {
                    failures = 0;
                    let posted = person.tipster.chunk_posted(id, index);
                    posted.save(person.keeper)?;
                }
                Some(error) => {
                    failures += 1;
                    self.rest(error, failures)?;
                }
            }
            if !on_step(&step(person, id, failure)) {
                break;
            }
        }
        given_up
    }

    fn post(
        &mut self,
        chunk: Vec<u8>,
        (id, index): (u64, u16),
        paid: &mut Option<Paid>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RelayError> {
        if !self.purse.is_asked_for() {
            return self.relay.post(chunk, None);
        }
        // One token for each run of chunks of one file (SPEC 6.3).
        let run = index / u16::from(TOKEN_CHUNKS);
        let is_paid = matches!(paid, Some((of, first, _)) if (*of, *first) == (id, run));
        if !is_paid {
            if self.purse.is_empty() {
                self.purse.buy(&self.relay, rng)?;
            }
            let token = self.purse.take().ok_or(RelayError::Unpaid)?;
            *paid = Some((id, run, token));
        }
        let token = paid.as_ref().map(|(_, _, token)| token);
        self.relay.post(chunk, token)
    }

    /// Waits before the same chunk is posted again, longer each time.
    fn rest(&self, error: RelayError, failures: u32) -> Result<(), RelayError> {
        let RelayError::Unreachable(_) = error else {
            return Err(error);
        };
        if failures >= PATIENCE {
            return Err(error);
        }
        let wait = FIRST_WAIT << failures;
        self.pace.wait_until(self.pace.now().saturating_add(wait));
        Ok(())
    }
}

/// Posts of one chunk before the program gives up for now.
const PATIENCE: u32 = 5;
/// Milliseconds; twice as long after every failure.
const FIRST_WAIT: u64 = 1_000;

fn step(person: &Person<'_>, id: u64, failure: Option<RelayError>) -> Step {
    let attached = person.tipster.attached();
    let progress = attached.iter().find(|file| file.id == id);
    let is_left = |progress: Progress| progress.done < progress.total;
    Step {
        progress: progress.map_or(Progress { done: 0, total: 0 }, |file| file.progress),
        files_left: attached
            .iter()
            .filter(|file| is_left(file.progress))
            .count(),
        failure,
    }
}
