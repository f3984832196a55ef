//! How a device comes in: one record's slot gives it the log key, then it is sent the state in parts.

use sotto_protocol::{
    id::DeviceId,
    keys::SealingPublicKey,
    limits::{LOG_PART_BYTES, LOG_PARTS_MAX, RATCHET_KEY_BYTES},
    log::{
        Body, DeviceKey, LogHeader, LogKey, SnapshotPart, Welcome, open, open_slot, record_hash,
    },
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Alarm, Arriving, Current, DeskLog, Event, Holder, Stage, compose::Admitted};

/// What a newcomer has so far.
#[derive(Debug, Default)]
pub(super) struct Joining {
    /// Payloads since the welcome.
    pub(super) backlog: Vec<Event>,
    /// The snapshot so far.
    pub(super) stream: Zeroizing<Vec<u8>>,
}

/// A snapshot on its way.
pub(super) struct Outgoing {
    device: DeviceId,
    upto: u64,
    stream: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outgoing(..)")
    }
}

/// A snapshot that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the desk's state is too large to be sent to a new device; archive closed cases first")]
pub struct SnapshotError;

impl DeskLog {
    /// A newcomer that this device has to send the state to. Asked after every replay.
    pub fn wants_snapshot(&self, now: u64) -> Option<DeviceId> {
        let is_free = self.is_inside() && self.passing.snapshot.is_none();
        let is_on_duty = is_free && self.is_on_admission(now);
        let waiting = is_on_duty.then(|| self.waiting_for_state())?;
        waiting.into_iter().next()
    }

    /// The state after every event so far, for `device`. Not kept over a restart: it is then asked
    /// for again.
    pub fn give_snapshot(&mut self, device: DeviceId, state: &[u8]) -> Result<(), SnapshotError> {
        let stream = self.with_holders(state);
        if stream.len() > usize::from(LOG_PARTS_MAX).saturating_mul(LOG_PART_BYTES) {
            return Err(SnapshotError);
        }
        self.passing.snapshot = Some(Outgoing {
            device,
            upto: self.next,
            stream,
        });
        Ok(())
    }

    fn is_on_admission(&self, now: u64) -> bool {
        self.is_on_duty(self.passing.admission_since, now)
    }

    /// Whether somebody waits to be let in, and the log key is one drawn since it is listed.
    pub(super) fn is_admission_due(&self) -> bool {
        let is_fresh = self
            .key
            .as_ref()
            .is_some_and(|key| key.period.members == self.members_hash());
        let is_waited_for = self.stranger().is_some() || !self.waiting_for_state().is_empty();
        self.is_inside() && is_fresh && is_waited_for
    }

    /// A device of the roster without the log key.
    fn stranger(&self) -> Option<DeviceId> {
        let mut listed = self.roster.listed.keys();
        listed
            .find(|device| !self.holders.contains_key(device))
            .copied()
    }

    fn waiting_for_state(&self) -> Vec<DeviceId> {
        let listed = self.roster.listed.keys().copied();
        let waits = |id: &DeviceId| {
            *id != self.device.id && self.holders.get(id).is_some_and(Holder::waits)
        };
        listed.filter(waits).collect()
    }

    /// The record that lets the next stranger in.
    pub(super) fn welcome(&self, now: u64) -> Option<(Body, Admitted)> {
        if !self.is_on_admission(now) {
            return None;
        }
        let device = self.stranger()?;
        let listed = self.roster.listed.get(&device)?;
        let period = self.key.as_ref()?.period;
        let agreement = &self.device.agreement;
        let admitted = Admitted {
            receiver: listed.sealing.clone(),
            proof: agreement.welcome_key_to(&listed.agreement, self.device.place.line),
        };
        Some((Body::Welcome(Welcome { device, period }), admitted))
    }

    /// The next part of the snapshot that is on its way.
    pub(super) fn next_part(&mut self, now: u64) -> Option<Body> {
        let outgoing = self.passing.snapshot.as_ref()?;
        let holder = self.holders.get(&outgoing.device);
        let is_listed = self.roster.listed.contains_key(&outgoing.device);
        let Some(holder) = holder.filter(|holder| holder.waits() && is_listed) else {
            self.passing.snapshot = None;
            return None;
        };
        let part = match holder.arriving {
            Some(at) if at.author == self.device.id && at.upto == outgoing.upto => at.next,
            // Two senders that each begin anew would never end.
            Some(at) if at.author != self.device.id && !self.is_on_admission(now) => return None,
            _ => 0,
        };
        let mut chunks = outgoing.stream.chunks(LOG_PART_BYTES);
        let parts = u16::try_from(chunks.len()).ok()?;
        Some(Body::Snapshot(SnapshotPart {
            device: outgoing.device,
            upto: outgoing.upto,
            part,
            parts,
            bytes: chunks.nth(usize::from(part))?.to_vec().into(),
        }))
    }

    /// Outside, a record matters only if its slot is for this device.
    pub(super) fn look_for_welcome(&mut self, record: &[u8], header: LogHeader, now: u64) {
        if header.position < self.next {
            return;
        }
        self.next = header.position.saturating_add(1);
        let Some((key, author, welcome)) = self.welcomed(record) else {
            return;
        };
        self.hash = record_hash(record);
        self.held = [record.to_vec()].into();
        self.key = Some(Current {
            key,
            period: welcome.period,
        });
        self.stage = Stage::Joining(Joining::default());
        self.holders.insert(self.device.id, Holder::default());
        self.passing.heard.insert(author, now);
    }

    fn welcomed(&self, record: &[u8]) -> Option<(LogKey, DeviceId, Welcome)> {
        let (place, sealing) = (self.device.place, &self.device.sealing);
        let others = self.roster.listed.iter();
        let others = others.filter(|(id, _)| **id != self.device.id);
        let (sender, key) = others.into_iter().find_map(|(id, listed)| {
            let agreement = &self.device.agreement;
            let proof = agreement.welcome_key_from(&listed.agreement, place.line);
            let key = open_slot(record, place, sealing, &proof).ok()?;
            Some((*id, key))
        })?;
        let entry = open(record, place, &key).ok()?;
        match entry.body {
            Body::Welcome(welcome) if welcome.device == self.device.id => {
                Some((key, sender, welcome))
            }
            _ => None,
        }
    }

    /// A part for this device or another one.
    pub(super) fn take_part(
        &mut self,
        author: DeviceId,
        part: &SnapshotPart,
        events: &mut Vec<Event>,
    ) -> Result<(), Alarm> {
        let Some(holder) = self.holders.get_mut(&part.device) else {
            return Ok(());
        };
        let at = Arriving {
            author,
            upto: part.upto,
            next: part.part,
        };
        let is_first = part.part == 0;
        if holder.has_state || (!is_first && holder.arriving != Some(at)) {
            return Ok(());
        }
        let next = part.part.saturating_add(1);
        let is_last = next == part.parts;
        holder.has_state = is_last;
        if is_last {
            self.passing.snapshot.take_if(|s| s.device == part.device);
        }
        holder.arriving = (!is_last).then_some(Arriving { next, ..at });
        let is_own = part.device == self.device.id;
        let Stage::Joining(joining) = &mut self.stage else {
            return Ok(());
        };
        if is_own {
            if is_first {
                joining.stream = Zeroizing::default();
            }
            joining.stream.extend_from_slice(&part.bytes);
            if is_last {
                return self.come_in(part.upto, events);
            }
        }
        Ok(())
    }

    fn come_in(&mut self, upto: u64, events: &mut Vec<Event>) -> Result<(), Alarm> {
        let Stage::Joining(joining) = std::mem::replace(&mut self.stage, Stage::Inside) else {
            return Ok(());
        };
        let mut reader = Reader::new(&joining.stream);
        let known = read_holders(&mut reader).map_err(|_| Alarm::Unreadable)?;
        for (id, holder) in known {
            // What was replayed since is newer.
            let is_newer = self.holders.get(&id).is_some_and(|h| h.key.is_some());
            if !is_newer && id != self.device.id {
                self.holders.insert(id, holder);
            }
        }
        let state = reader.bytes(reader.remaining());
        let state = state.map_err(|_| Alarm::Unreadable)?.to_vec();
        events.push(Event::Snapshot(state.into()));
        let backlog = joining.backlog.into_iter();
        events.extend(
            backlog.filter(
                |event| matches!(event, Event::Payload { position, .. } if *position >= upto),
            ),
        );
        Ok(())
    }

    /// What a snapshot begins with: who holds the key, and what to seal to.
    fn with_holders(&self, state: &[u8]) -> Zeroizing<Vec<u8>> {
        let announced: Vec<(&DeviceId, &Holder, &DeviceKey)> = self
            .holders
            .iter()
            .filter_map(|(id, holder)| Some((id, holder, holder.key.as_ref()?)))
            .collect();
        let count = u16::try_from(announced.len()).unwrap_or(u16::MAX);
        let capacity = 2 + announced.len() * HOLDER_BYTES + state.len();
        let out = Writer::with_capacity(capacity).u16(count);
        let out =
            announced
                .into_iter()
                .take(usize::from(count))
                .fold(out, |out, (id, holder, key)| {
                    out.bytes(&id.0)
                        .u8(u8::from(holder.has_state))
                        .u32(key.day)
                        .bytes(key.key.0.as_slice())
                });
        Zeroizing::new(out.bytes(state).finish())
    }
}

/// Id, whether it has the state, day and key.
const HOLDER_BYTES: usize = 16 + 1 + 4 + RATCHET_KEY_BYTES;

fn read_holders(from: &mut Reader<'_>) -> Result<Vec<(DeviceId, Holder)>, DecodeError> {
    let count = from.u16()?;
    let one = |_| {
        let id = DeviceId(from.array()?);
        let has_state = match from.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::Field),
        };
        let day = from.u32()?;
        let key = SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?);
        let key = Some(DeviceKey {
            day,
            key: key.ok_or(DecodeError::Short)?,
        });
        let holder = Holder {
            key,
            has_state,
            arriving: None,
        };
        Ok((id, holder))
    };
    (0..count).map(one).collect()
}

impl Holder {
    /// Whether it has the key and waits for the state.
    pub(super) const fn waits(&self) -> bool {
        !self.has_state
    }
}
