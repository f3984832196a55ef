//! Composing: exactly one record of one size per tick, whatever there is to say.

use rand_core::CryptoRng;
use sotto_protocol::{
    limits::LOG_BODY_BYTES,
    log::{Body, Guest, LogEntry, LogHeader, Spot, seal},
    secret::Secret,
};

use super::{Alarm, DeskLog, LogState, Stage};
use crate::keep::Unsaved;

/// One record to append.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// As large as any other; `None` only while a device without records waits out a new life of
    /// the relay's store.
    pub record: Option<Vec<u8>>,
    /// Whether it carries the payload that was given. What was not carried is given again in the
    /// next tick; what was is kept until its event comes.
    pub is_carried: bool,
}

impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Composed(..)")
    }
}

/// Why there is no record. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The device stopped.
    #[error(transparent)]
    Stopped(#[from] Alarm),
    /// Nobody has let this device in yet.
    #[error("no other device of the desk has let this one in yet; leave one of them running")]
    Outside,
    /// More than a record holds.
    #[error("this is more than one record of the desk's log holds; cut it into parts")]
    TooLong,
}

impl DeskLog {
    /// The record of this tick, at the position after the last replayed one.
    ///
    /// Duties come first: the device's key of the day, a rotation, a newcomer. A record that was
    /// composed before and is not known to stand or to have lost its position comes again.
    pub fn compose(
        &mut self,
        payload: Option<&[u8]>,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Unsaved<LogState, Composed>, ComposeError> {
        match self.stage {
            Stage::Stopped(alarm) => return Err(alarm.into()),
            Stage::Outside => return Err(ComposeError::Outside),
            Stage::Joining(_) | Stage::Inside => {}
        }
        if payload.is_some_and(|payload| payload.len() > LOG_BODY_BYTES) {
            return Err(ComposeError::TooLong);
        }
        self.passing.again = None;
        let composed = if let Some(again) = self.again(now)? {
            again
        } else {
            let (body, guest, is_carried) = self.choose(payload, now, rng);
            Composed {
                record: self.write(body, guest.as_ref(), rng),
                is_carried,
            }
        };
        Ok(Unsaved::new(self.to_bytes(), composed))
    }

    /// What was composed before and has to come again, if anything has.
    fn again(&mut self, now: u64) -> Result<Option<Composed>, Alarm> {
        let is_quiet = now < self.life.quiet_until;
        let is_behind = self.passing.relay_next < self.next;
        let record = if is_behind {
            match self.held(self.passing.relay_next) {
                Some(held) => Some(held.to_vec()),
                // Another device may hold it; or a store put back from a backup lets the log begin
                // again further on, best where most devices can follow.
                None if is_quiet => self.held.front().cloned(),
                None => return Err(self.stop(Alarm::Lost)),
            }
        } else if let Some(pending) = self.pending.clone() {
            return Ok(Some(Composed {
                record: Some(pending),
                is_carried: false,
            }));
        } else if is_quiet {
            self.held.back().cloned()
        } else {
            return Ok(None);
        };
        let header = record.as_deref().map(LogHeader::parse);
        self.passing.again = header.and_then(Result::ok).map(|header| header.position);
        Ok(Some(Composed {
            record,
            is_carried: false,
        }))
    }

    /// What this tick's record says, and whom it lets in.
    fn choose(
        &mut self,
        payload: Option<&[u8]>,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> (Body, Option<Admitted>, bool) {
        self.note_needs(now);
        if let Some(body) = self.announce(now, rng) {
            return (body, None, false);
        }
        let is_inside = self.is_inside();
        let rotation = self.passing.rotation_since;
        if is_inside
            && self.is_on_duty(rotation, now)
            && let Some(body) = self.rotate(now, rng)
        {
            return (body, None, false);
        }
        let is_payloads_turn = payload.is_some() && self.passing.was_part;
        self.passing.was_part = false;
        if is_inside && !is_payloads_turn {
            if let Some((body, guest)) = self.welcome(now) {
                return (body, Some(guest), false);
            }
            if let Some(body) = self.next_part(now) {
                self.passing.was_part = true;
                return (body, None, false);
            }
        }
        match payload {
            Some(payload) if is_inside => (Body::Payload(payload.to_vec().into()), None, true),
            _ => (Body::Empty, None, false),
        }
    }

    fn note_needs(&mut self, now: u64) {
        let passing = &self.passing;
        let rotation = passing.rotation_since.unwrap_or(now);
        let admission = passing.admission_since.unwrap_or(now);
        let is_rotation_due = self.is_inside() && self.is_rotation_due(now);
        self.passing.rotation_since = is_rotation_due.then_some(rotation);
        let is_admission_due = !is_rotation_due && self.is_admission_due();
        self.passing.admission_since = is_admission_due.then_some(admission);
    }

    fn write(
        &mut self,
        body: Body,
        guest: Option<&Admitted>,
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let spot = Spot {
            place: self.device.place,
            position: self.next,
            previous: self.hash,
        };
        let entry = LogEntry {
            author: self.device.id,
            body,
        };
        let guest = guest.map(|admitted| Guest {
            receiver: &admitted.receiver,
            proof: &admitted.proof,
        });
        let key = &self.key.as_ref()?.key;
        let empty = LogEntry {
            author: self.device.id,
            body: Body::Empty,
        };
        // A key in the roster that is none lets nobody in, and must not silence this device.
        let record = seal(spot, key, &entry, guest, rng);
        let record = record.or_else(|| seal(spot, key, &empty, None, rng));
        self.pending.clone_from(&record);
        record
    }
}

/// Whom a record lets in.
pub(super) struct Admitted {
    pub(super) receiver: sotto_protocol::keys::SealingPublicKey,
    pub(super) proof: Secret,
}
