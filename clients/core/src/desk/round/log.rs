//! A round's part in the desk's log: the roster, and one record per tick.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{BundleParts, Published, Untrusted},
    limits::LOG_MAX,
};

use super::{Rounds, Shared};
use crate::{
    desk::{Change, Desk, DeskError, LiveLog, tick::SignedRoster},
    relay::{RelayError, Signer},
    transport::Transport,
};

impl<T: Transport, R: CryptoRng> Rounds<'_, T, R> {
    /// Fetches the roster if there is a newer one.
    pub(super) fn fetch_roster<S: Shared>(
        &mut self,
        shared: &mut S,
        bundle: &Untrusted<BundleParts>,
        published: &Published,
    ) -> Result<Option<SignedRoster>, S::Error> {
        let (is_wanted, is_named, signer) = shared.with(|desk, _| {
            let is_wanted = desk.wants_roster(published.line.serial);
            let is_named = desk.is_named_in(&published.line);
            Ok((is_wanted, is_named, desk.signer(&published.line)))
        })?;
        if !is_wanted {
            return Ok(None);
        }
        let stamp = self.stamp(&signer);
        let json = match self.relay.roster(&stamp) {
            Err(RelayError::Unauthorised) if !is_named => return Err(DeskError::NotListed.into()),
            other => other?,
        };
        let roster = bundle.verify_roster(&json, self.pin, (self.clock)())?;
        let log = &mut *self.log;
        shared.with(|desk, keeper| Ok(desk.take_roster(&roster, log)?.save(keeper)?))?;
        Ok(Some(roster))
    }

    /// One tick of the desk's log, if it is due. How many texts or parts of texts were new.
    pub(super) fn tick<S: Shared>(
        &mut self,
        shared: &mut S,
        published: &Published,
        roster: Option<&SignedRoster>,
    ) -> Result<usize, S::Error> {
        let now = (self.clock)();
        let (is_due, signer) =
            shared.with(|desk, _| Ok((desk.is_tick_due(now), desk.signer(&published.line))))?;
        if !is_due {
            return Ok(0);
        }
        let Some(texts) = self.read_log(shared, &signer, roster)? else {
            return Ok(0);
        };
        Ok(texts + self.append_record(shared, &signer)?)
    }

    /// Replays everything that is new; `None` where the log is of no use now.
    fn read_log<S: Shared>(
        &mut self,
        shared: &mut S,
        signer: &Signer,
        roster: Option<&SignedRoster>,
    ) -> Result<Option<usize>, S::Error> {
        let mut all = 0;
        loop {
            let log = &mut *self.log;
            let (desk, from) =
                shared.with(|desk, _| Ok((desk.log_number(), desk.log_from(log)?)))?;
            let stamp = self.stamp(signer);
            let page = self.relay.read_log(&stamp, desk, from)?;
            let now = (self.clock)();
            let texts = self.with_log(shared, |desk, log, rng| {
                desk.begin_log(&page, roster, log, rng)?;
                desk.read_log(&page, now, log, rng)
            })?;
            let Some(texts) = texts else { return Ok(None) };
            all += texts;
            if page.records.len() < LOG_MAX {
                return Ok(Some(all));
            }
        }
    }

    /// Composes, saves, sends.
    fn append_record<S: Shared>(
        &mut self,
        shared: &mut S,
        signer: &Signer,
    ) -> Result<usize, S::Error> {
        let now = (self.clock)();
        let composed =
            self.with_log(shared, |desk, log, rng| desk.compose_record(now, log, rng))?;
        let Some(record) = composed.flatten() else {
            return Ok(0);
        };
        let desk = shared.with(|desk, _| Ok(desk.log_number()))?;
        let stamp = self.stamp(signer);
        match self.relay.append_log(&stamp, desk, record) {
            Ok(()) => {
                let texts = self.with_log(shared, |desk, log, rng| desk.appended(now, log, rng))?;
                Ok(texts.unwrap_or(0))
            }
            Err(RelayError::Conflict) => {
                self.with_log(shared, |desk, log, _| desk.outrun(log))?;
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Works with desk and log, and saves: that the log has stopped too. `None` where the log has stopped and this device does
    /// not need it, being alone.
    fn with_log<S: Shared, V>(
        &mut self,
        shared: &mut S,
        work: impl FnOnce(&mut Desk, &mut LiveLog, &mut R) -> Result<Change<V>, DeskError>,
    ) -> Result<Option<V>, S::Error> {
        let (log, rng) = (&mut *self.log, &mut *self.rng);
        shared.with(|desk, keeper| match work(desk, log, rng) {
            Ok(change) => Ok(Some(change.save(keeper)?)),
            Err(error) => {
                desk.saved().save(keeper)?;
                if desk.can_do_without(&error) {
                    Ok(None)
                } else {
                    Err(error.into())
                }
            }
        })
    }
}
