//! One tick of the desk's log: read and replay, save, compose, save, append.

use rand_core::CryptoRng;
use sotto_protocol::{log::LogPage, statement::Roster};

use super::{Change, Desk, DeskError, Row, membership::LiveLog};
use crate::log::{ComposeError, DeskLog, Event, Pace, Replayed, Ticks};

/// Somebody works at a device for so long after the last command.
const BUSY_SECONDS: u64 = 600;
/// So that the row is not written again with every command.
const STEP_SECONDS: u64 = 60;

/// A roster and the hash of its payload.
pub type SignedRoster = (Roster, [u8; 32]);

impl Desk {
    /// Somebody lists, reads or writes at this device: its ticks are quicker for ten minutes.
    pub fn note_use(&mut self, now: u64) -> Change<()> {
        if now >= self.used.saturating_add(STEP_SECONDS) {
            self.used = now;
            self.changed.insert(Row::Meta);
        }
        self.change(())
    }

    const fn pace(&self, now: u64) -> Pace {
        if now < self.used.saturating_add(BUSY_SECONDS) {
            Pace::Busy
        } else {
            Pace::Idle
        }
    }

    pub(super) fn is_tick_due(&self, now: u64) -> bool {
        let ticks = Ticks::of(self.identity.id());
        ticks.is_due(self.membership.ticked, now, self.pace(now))
    }

    /// Seconds until the next tick.
    pub(super) fn until_tick(&self, now: u64) -> u64 {
        let ticks = Ticks::of(self.identity.id());
        ticks.next(now, self.pace(now)).saturating_sub(now)
    }

    /// Whether the line statement or another device knows of a newer roster.
    pub(super) fn wants_roster(&mut self, serial: u64) -> bool {
        self.membership.want(serial);
        self.membership.is_outdated() || !self.has_log() || self.membership.may_begin_again()
    }

    /// Takes a verified roster and the hash of its payload: who works at this desk.
    pub fn take_roster(
        &mut self,
        (roster, hash): &SignedRoster,
        live: &mut LiveLog,
    ) -> Result<Change<()>, DeskError> {
        if !self.membership.take(roster) {
            return Err(DeskError::NotListed);
        }
        self.changed.insert(Row::Log);
        let told = live.with(self, |_, log| log.set_members(roster, *hash))?;
        match told.transpose().map_err(DeskError::Log) {
            Err(error) if !self.can_do_without(&error) => Err(error),
            _ => Ok(self.change(())),
        }
    }

    /// Where the next read begins.
    pub(super) fn log_from(&mut self, live: &mut LiveLog) -> Result<u64, DeskError> {
        let from = live.with(self, |_, log| log.from())?;
        Ok(from.unwrap_or(0))
    }

    /// Begins the log, if nobody has and this is a drainer, or joins it. A device that is alone
    /// begins it again once the relay has lost all of it.
    pub(super) fn begin_log(
        &mut self,
        page: &LogPage,
        roster: Option<&SignedRoster>,
        live: &mut LiveLog,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let is_again = self.membership.may_begin_again() && page.next == 0;
        let Some((roster, hash)) = roster.filter(|_| is_again || !self.has_log()) else {
            return Ok(());
        };
        let mut log = match page.next {
            0 if self.membership.drains() => DeskLog::found(self.log_device(), rng),
            // A reader has no state to begin with.
            0 => return Ok(()),
            _ => DeskLog::join(self.log_device()),
        };
        log.set_members(roster, *hash)?;
        live.begin(self, log);
        Ok(())
    }

    /// Replays one answer of the relay. How many texts or parts of texts were new.
    pub(super) fn read_log(
        &mut self,
        page: &LogPage,
        now: u64,
        live: &mut LiveLog,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<usize>, DeskError> {
        let replayed = live.with(self, |_, log| log.replay(page, now))?;
        let replayed = replayed.transpose().map_err(DeskError::Replay)?;
        let texts = self.take_replayed(&replayed.unwrap_or_default(), now, rng);
        Ok(self.change(texts))
    }

    /// The record of this tick; none while nobody has let this device in.
    pub(super) fn compose_record(
        &mut self,
        now: u64,
        live: &mut LiveLog,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<Option<Vec<u8>>>, DeskError> {
        let record = live.with(self, |desk, log| {
            if let Some(device) = log.wants_snapshot(now) {
                let state = desk.snapshot(device, rng);
                // Too large a state keeps nobody from working; the newcomer goes on waiting.
                let _given = log.give_snapshot(device, &state);
            }
            let payload = desk.queue.payload();
            let payload = payload.as_ref().map(|payload| payload.as_slice());
            match log.compose(payload, now, rng) {
                Ok(composed) => Ok(composed.into_value().record),
                Err(ComposeError::Outside | ComposeError::TooLong) => Ok(None),
                Err(ComposeError::Stopped(alarm)) => Err(alarm),
            }
        })?;
        self.membership.ticked = now;
        self.changed.insert(Row::Log);
        let record = record.transpose()?;
        Ok(self.change(record.flatten()))
    }

    /// The record stands. How many texts or parts of texts were new by it.
    pub(super) fn appended(
        &mut self,
        now: u64,
        live: &mut LiveLog,
        rng: &mut impl CryptoRng,
    ) -> Result<Change<usize>, DeskError> {
        let replayed = live.with(self, |_, log| log.appended(now))?;
        let texts = self.take_replayed(&replayed.unwrap_or_default(), now, rng);
        Ok(self.change(texts))
    }

    /// Another record stands in its place.
    pub(super) fn outrun(&mut self, live: &mut LiveLog) -> Result<Change<()>, DeskError> {
        live.with(self, |_, log| log.conflict())?;
        Ok(self.change(()))
    }

    /// Whether a device that is alone goes on without its log: there is nobody it could differ from.
    pub(super) fn can_do_without(&self, error: &DeskError) -> bool {
        let is_of_the_log = matches!(error, DeskError::Log(_) | DeskError::Replay(_));
        is_of_the_log && self.membership.is_alone()
    }

    fn take_replayed(&mut self, replayed: &Replayed, now: u64, rng: &mut impl CryptoRng) -> usize {
        let prekeys = self.prekeys.secrets.len();
        let mut texts = 0;
        for event in &replayed.events {
            match event {
                Event::Payload { bytes, .. } => texts += self.replay(bytes),
                Event::Snapshot(state) => {
                    // Made by a device of the desk; one that cannot be read is as good as none.
                    let _taken = self.take_snapshot(state);
                }
                Event::Excluded => {}
                Event::Roster { serial } => {
                    self.membership.want(*serial);
                    self.changed.insert(Row::Log);
                }
            }
        }
        if !replayed.events.is_empty() && self.drains() && self.is_inside() {
            let has_new = self.prekeys.secrets.len() > prekeys;
            texts += self.take_held(now, has_new, rng);
        }
        texts
    }
}
