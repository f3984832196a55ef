//! Who belongs to the log, as the roster says.

use sotto_protocol::{
    hash,
    id::DeviceId,
    keys::{AgreementPublicKey, SealingPublicKey},
    limits::LOG_SILENCE_SECONDS,
    statement::{DeviceRole, Roster},
};

use super::{Alarm, DeskLog};

/// A device of this log in the roster.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) agreement: AgreementPublicKey,
    pub(super) sealing: SealingPublicKey,
}

impl DeskLog {
    /// Takes a verified roster, whose payload has this hash. An older one changes nothing.
    ///
    /// # Errors
    /// [`Alarm::Rosters`] where another one of the same serial was seen; the device has stopped.
    pub fn set_members(&mut self, roster: &Roster, hash: [u8; 32]) -> Result<(), Alarm> {
        if let Some(alarm) = self.alarm() {
            return Err(alarm);
        }
        if roster.serial < self.roster.serial {
            return Ok(());
        }
        if roster.serial == self.roster.serial && !self.roster.listed.is_empty() {
            return if hash == self.roster.hash {
                Ok(())
            } else {
                Err(self.stop(Alarm::Rosters))
            };
        }
        let log = self.device.place.log;
        let devices = roster.devices.iter().filter(|device| match log {
            0 => device.role == DeviceRole::Drainer,
            desk => device.desk == desk,
        });
        let listed = devices.map(|device| {
            let listed = Listed {
                agreement: device.x25519.clone(),
                sealing: device.xwing.clone(),
            };
            (device.id(), listed)
        });
        self.roster = super::Roster {
            serial: roster.serial,
            hash,
            listed: listed.collect(),
        };
        Ok(())
    }

    /// `H("sotto/1 log members" || ids, ascending)`.
    pub(super) fn members_hash(&self) -> [u8; 32] {
        let ids = self.roster.listed.keys().map(|id| id.0.as_slice());
        let label: &[u8] = b"sotto/1 log members";
        let parts: Vec<&[u8]> = std::iter::once(label).chain(ids).collect();
        hash::digest(&parts)
    }

    /// Whether a duty that is due since then is this device's: the lowest that is heard has it, and
    /// each further one two ticks later.
    pub(super) fn is_on_duty(&self, since: Option<u64>, now: u64) -> bool {
        let before = self.roster.listed.range(..self.device.id);
        let heard = before.filter(|(id, _)| self.is_heard(**id, now));
        let rank = u64::try_from(heard.count()).unwrap_or(u64::MAX);
        let wait = rank.saturating_mul(LOG_SILENCE_SECONDS);
        since.is_some_and(|since| now >= since.saturating_add(wait))
    }

    fn is_heard(&self, device: DeviceId, now: u64) -> bool {
        let heard = self.passing.heard.get(&device);
        heard.is_some_and(|at| now <= at.saturating_add(LOG_SILENCE_SECONDS))
    }
}
