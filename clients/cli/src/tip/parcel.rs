//! Sending files: onto the shelf, then chunk by chunk, outside the turns of a sitting.

use sotto_core::{
    attachment::Progress,
    native::{RealTime, StateDir, Stop},
    purse::Purse,
    relay::Relay,
    sitting::Person,
    upload::{self, Prepared, Step, Upload},
};

use super::{
    attach::Parcel,
    visit::{Seat, Visit, all_sent, given_up},
};

impl Visit {
    /// Seals files onto the shelf; nothing is sent yet.
    pub(super) fn shelve(
        &mut self,
        parcel: &Parcel,
        (tipster, keeper): Seat<'_>,
        shelf: &mut StateDir,
    ) -> Result<(), Stop> {
        let mut person = Person { tipster, keeper };
        for file in &parcel.0 {
            let prepared = Prepared {
                bytes: &file.bytes,
                kind: file.kind,
            };
            let now = sotto_core::native::now();
            upload::attach(&mut person, shelf, prepared, now, &mut self.rng)?;
        }
        Ok(())
    }

    /// Posts what is left of everybody's files, tells the desk of those that are complete, and removes
    /// what the desk has.
    pub(super) fn post_files(
        &mut self,
        seats: &mut [Seat<'_>],
        shelf: &mut StateDir,
    ) -> Result<(), Stop> {
        let say = self.say;
        let mut has_news = false;
        for (tipster, keeper) in seats.iter_mut() {
            let mut person = Person {
                tipster,
                keeper: &mut **keeper,
            };
            upload::tidy(&mut person, shelf)?;
            if person.tipster.next_chunk().is_none() {
                continue;
            }
            say.note("Attachments are sent now; their size can be seen.");
            let (line, now) = (self.link.pin.line, sotto_core::native::now());
            let mut upload = Upload {
                relay: Relay::new(&self.http, line),
                pace: &RealTime,
                purse: Purse::new(line, self.relay.as_ref(), now),
            };
            let posted = upload.run(&mut person, shelf, &mut self.rng, |step| {
                say.note(&words(step));
                true
            });
            posted.map_err(|error| {
                Stop::from(error).and(
                    " What is left of your attachments is kept here; `sotto tip check` goes on.",
                )
            })?;
            has_news |= person.tipster.has_unsent();
        }
        if !has_news {
            return Ok(());
        }
        // What describes the files takes its turn like a text.
        let (_, progress) = self.sit(seats, all_sent)?;
        if seats.iter().any(|(tipster, _)| tipster.has_unsent()) {
            return Err(given_up(&progress)
                .and(" Your attachments are kept here; `sotto tip check` goes on."));
        }
        Ok(())
    }

    /// Removes every sealed file of a person who keeps nothing from now on.
    pub(super) fn clear_shelf(seat: Seat<'_>, shelf: &mut StateDir) -> Result<(), Stop> {
        let (tipster, keeper) = seat;
        let mut person = Person { tipster, keeper };
        for file in person.tipster.attached() {
            person.tipster.give_up(file.id).save(person.keeper)?;
        }
        Ok(upload::tidy(&mut person, shelf)?)
    }
}

fn words(step: &Step) -> String {
    let Progress { done, total } = step.progress;
    let left = match step.files_left {
        0 | 1 => String::new(),
        more => format!("; {more} files are left"),
    };
    match step.failure {
        None => format!("{done} of {total} parts sent{left}"),
        Some(_) => {
            format!("{done} of {total} parts sent{left}; the relay does not answer, trying again")
        }
    }
}
