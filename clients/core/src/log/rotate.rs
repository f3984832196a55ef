//! The log key changes every UTC day and with every change of the roster's members.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    id::DeviceId,
    limits::LOG_KEYS_MAX,
    log::{Body, DeviceKey, KeyPart, LogKey, Period, SealedKey},
    secret::SealingSecret,
};

use super::{Alarm, Change, Current, DeskLog, Event};

impl DeskLog {
    /// The announcement of this device's log key of the day, if that is due.
    pub(super) fn announce(&mut self, now: u64, rng: &mut impl CryptoRng) -> Option<Body> {
        let today = day_of(now);
        if self
            .own
            .announced
            .as_ref()
            .is_some_and(|(day, _)| *day >= today)
        {
            return None;
        }
        let (day, secret) = match self.own.drawn.take() {
            Some(drawn) if drawn.0 == today => drawn,
            _ => (today, SealingSecret::make(rng)),
        };
        let key = secret.public();
        self.own.drawn = Some((day, secret));
        Some(Body::DeviceKey(DeviceKey { day, key }))
    }

    pub(super) fn is_rotation_due(&self, now: u64) -> bool {
        let Some(Current { period, .. }) = &self.key else {
            return false;
        };
        let is_known = self.roster.serial >= period.serial && !self.roster.listed.is_empty();
        let has_changed = period.members != self.members_hash();
        is_known && (day_of(now) > period.day || has_changed)
    }

    /// The next record that gives a new log key away.
    pub(super) fn rotate(&mut self, now: u64, rng: &mut impl CryptoRng) -> Option<Body> {
        let period = Period {
            day: day_of(now),
            serial: self.roster.serial,
            roster: self.roster.hash,
            members: self.members_hash(),
        };
        let drawn = match self.drawn.take() {
            Some(drawn) if drawn.period == period => drawn,
            _ => Current {
                key: LogKey::make(rng),
                period,
            },
        };
        let key_id = drawn.key.id();
        let receivers: Vec<DeviceId> = self.receivers();
        let parts = u8::try_from(receivers.len().div_ceil(LOG_KEYS_MAX)).ok()?;
        let part = match &self.change {
            Some(change) if change.key_id == key_id && change.parts == parts => change.next,
            _ => 0,
        };
        let chunk = receivers.chunks(LOG_KEYS_MAX).nth(usize::from(part))?;
        let sealed = chunk
            .iter()
            .filter_map(|device| self.seal_key(&drawn.key, *device, rng))
            .collect();
        self.drawn = Some(drawn);
        Some(Body::Key(KeyPart {
            key_id,
            period,
            part,
            parts,
            sealed,
        }))
    }

    /// Holders of the key in use that the roster still names.
    fn receivers(&self) -> Vec<DeviceId> {
        let listed = self.roster.listed.keys().copied();
        listed
            .filter(|device| self.holders.contains_key(device))
            .collect()
    }

    fn seal_key(
        &self,
        key: &LogKey,
        device: DeviceId,
        rng: &mut impl CryptoRng,
    ) -> Option<SealedKey> {
        let announced = self.holders.get(&device)?.key.as_ref();
        let listed = self.roster.listed.get(&device)?;
        let receiver = announced.map_or(&listed.sealing, |key| &key.key);
        key.seal_to(device, receiver, self.device.place, rng)
    }

    /// One record of a rotation; the last one brings the new key in.
    pub(super) fn take_key(
        &mut self,
        part: &KeyPart,
        now: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), Alarm> {
        self.passing.rotation_since = Some(now);
        if part.part == 0 {
            self.change = Some(Change {
                key_id: part.key_id,
                period: part.period,
                next: 0,
                parts: part.parts,
                key: None,
                given: BTreeSet::new(),
            });
        }
        let own = part.sealed.iter().find(|s| s.device == self.device.id);
        let key = own.and_then(|sealed| self.open_own(sealed, part.key_id));
        let Some(change) = &mut self.change else {
            return Ok(());
        };
        if change.key_id != part.key_id || change.next != part.part || change.parts != part.parts {
            return Ok(());
        }
        change.next = change.next.saturating_add(1);
        change.key = change.key.take().or(key);
        change.given.extend(part.sealed.iter().map(|s| s.device));
        if change.next == change.parts
            && let Some(change) = self.change.take()
        {
            self.bring_in(change, events)?;
        }
        Ok(())
    }

    fn open_own(&self, sealed: &SealedKey, id: [u8; 16]) -> Option<LogKey> {
        let announced = self.own.announced.as_ref().map(|(_, secret)| secret);
        let mut secrets = announced.into_iter().chain([&self.device.sealing]);
        secrets.find_map(|secret| sealed.open(id, secret, self.device.place).ok())
    }

    /// The old key goes with everything of this device that could open it.
    fn bring_in(&mut self, change: Change, events: &mut Vec<Event>) -> Result<(), Alarm> {
        let period = change.period;
        if period.serial == self.roster.serial
            && period.roster != self.roster.hash
            && !self.roster.listed.is_empty()
        {
            return Err(Alarm::Rosters);
        }
        if period.serial > self.roster.serial {
            events.push(Event::Roster {
                serial: period.serial,
            });
        }
        self.drawn = None;
        self.passing.rotation_since = None;
        self.holders.retain(|id, _| change.given.contains(id));
        if let Some(key) = change.key {
            self.key = Some(Current { key, period });
        } else {
            self.leave();
            events.push(Event::Excluded);
        }
        Ok(())
    }
}
