//! What it costs when no drainer looks: until when nothing is lost, and what may have been.

use sotto_protocol::{
    bundle::day_of,
    limits::{DAY_SECONDS, PREKEY_DAYS_AHEAD, PREKEY_GRACE_DAYS, RETENTION_DAYS},
    statement::Policy,
    wire::{DecodeError, Reader, Writer},
};

use super::{Desk, DeskError, Row};
use crate::bytes::{count, read_list};

/// How long a line does without its drainer, should it stop now. In unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// What arrives from now on is lost unless the inbox is read before then.
    pub read_by: u64,
    /// People can write until then, with the keys that are published.
    pub open_until: u64,
}

/// Days of which something may be lost, because the relay kept it no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// When the inbox had been read last, in unix seconds.
    pub since: u64,
    /// The first UTC day of which something may be lost.
    pub from: u32,
    /// The last one.
    pub to: u32,
    /// The first UTC day on which nobody could write because the keys had run out.
    pub closed_from: Option<u32>,
    /// When it was noticed, in unix seconds.
    pub noticed: u64,
}

/// How long the relay keeps what nobody has read, in seconds.
pub(super) const fn retention(days: u32) -> u64 {
    let days = days as u64;
    let days = if days == 0 { 1 } else { days };
    let days = if days > RETENTION_DAYS {
        RETENTION_DAYS
    } else {
        days
    };
    days * DAY_SECONDS
}

/// Until when nothing is lost by a drainer that read the inbox last at `drained` and published keys
/// last on day `published`.
pub fn reach(drained: u64, published: u32, retention_days: u32) -> Reach {
    let last = u64::from(published).saturating_add(u64::from(PREKEY_DAYS_AHEAD));
    Reach {
        read_by: drained.saturating_add(retention(retention_days)),
        open_until: last
            .saturating_add(1 + PREKEY_GRACE_DAYS)
            .saturating_mul(DAY_SECONDS),
    }
}

/// What may be lost when a drainer that read the inbox last at `drained` is back at `now`.
pub fn missed(drained: u64, published: u32, retention_days: u32, now: u64) -> Option<Missed> {
    let reach = reach(drained, published, retention_days);
    (now > reach.read_by).then(|| Missed {
        since: drained,
        from: day_of(drained),
        to: day_of(now.saturating_sub(retention(retention_days))),
        closed_from: (now >= reach.open_until).then(|| day_of(reach.open_until)),
        noticed: now,
    })
}

/// What a drainer remembers about its own presence.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// When the inbox was last found empty, to the hour; 0 before the first time.
    drained: u64,
    /// The line's policy when it was last seen.
    retention_days: u32,
    /// Highest serial of a line statement seen, against being rolled back.
    line_serial: u64,
    missed: Vec<Missed>,
}

/// So that the row is not written again in every round.
const STEP_SECONDS: u64 = 3_600;
/// Absences that are remembered.
const MAX_MISSED: usize = 4;

impl Desk {
    /// Until when nothing is lost, should this drainer stop now; `None` before its first round.
    pub fn reach(&self) -> Option<Reach> {
        let presence = &self.prekeys.presence;
        (presence.drained > 0).then(|| {
            reach(
                presence.drained,
                self.prekeys.published,
                presence.retention_days,
            )
        })
    }

    /// Absences that were too long, oldest first.
    pub fn missed(&self) -> &[Missed] {
        &self.prekeys.presence.missed
    }

    /// The inbox was found empty.
    pub(super) fn note_drained(&mut self, now: u64) {
        let presence = &mut self.prekeys.presence;
        if now.abs_diff(presence.drained) >= STEP_SECONDS {
            presence.drained = now;
            self.changed.insert(Row::Meta);
        }
    }

    /// Remembers the line statement's serial, so that no relay shows an older one again.
    pub(super) fn note_line(&mut self, serial: u64) -> Result<(), DeskError> {
        let seen = &mut self.prekeys.presence.line_serial;
        if serial < *seen {
            return Err(DeskError::RolledBack);
        }
        if serial > *seen {
            *seen = serial;
            self.changed.insert(Row::Meta);
        }
        Ok(())
    }

    /// At the beginning of a round: whether this drainer was away for longer than the relay keeps.
    pub(super) fn note_absence(&mut self, policy: &Policy, now: u64) {
        let published = self.prekeys.published;
        let presence = &mut self.prekeys.presence;
        let days = presence.retention_days;
        if presence.retention_days != policy.retention_days {
            presence.retention_days = policy.retention_days;
            self.changed.insert(Row::Meta);
        }
        // Under the policy of then: the relay knew it, whatever was published since.
        let days = if days == 0 {
            policy.retention_days
        } else {
            days
        };
        let found = missed(presence.drained, published, days, now);
        let Some(found) = found.filter(|_| presence.drained > 0) else {
            return;
        };
        match presence.missed.last_mut() {
            // The same absence, whose first round did not get through.
            Some(last) if last.since == found.since => last.to = found.to,
            _ => presence.missed.push(found),
        }
        let excess = presence.missed.len().saturating_sub(MAX_MISSED);
        presence.missed.drain(..excess);
        self.changed.insert(Row::Meta);
    }
}

impl Presence {
    pub(super) fn write(&self, out: Writer) -> Writer {
        let out = out.u64(self.drained).u32(self.retention_days);
        let out = out.u64(self.line_serial);
        let out = count(out, self.missed.len());
        self.missed.iter().fold(out, |out, missed| {
            out.u64(missed.since)
                .u32(missed.from)
                .u32(missed.to)
                .u32(missed.closed_from.unwrap_or(0))
                .u64(missed.noticed)
        })
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            drained: from.u64()?,
            retention_days: from.u32()?,
            line_serial: from.u64()?,
            missed: read_list(from, |from| {
                Ok(Missed {
                    since: from.u64()?,
                    from: from.u32()?,
                    to: from.u32()?,
                    closed_from: Some(from.u32()?).filter(|day| *day > 0),
                    noticed: from.u64()?,
                })
            })?,
        })
    }
}
