//! This device among the devices of its desk: the log's state, and whom the roster names.

use sotto_protocol::{
    hash,
    id::{DeviceId, LineId},
    keys::SealingPublicKey,
    limits::{LOG_KEYS_MAX, RATCHET_KEY_BYTES},
    log::LogPlace,
    statement::{DeviceRole, LineStatement, Roster},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Desk, DeskError, Row};
use crate::{
    bytes::{bytes, flag, list, read_bytes, read_list},
    log::{Alarm, DeskLog, LogDevice, LogState},
};

/// A device of the desk in the roster.
#[derive(Debug, Clone)]
struct Member {
    id: DeviceId,
    drains: bool,
    sealing: SealingPublicKey,
}

/// How far this device is in its desk's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Without the desk's whole state.
    Outside,
    Inside,
    /// For good.
    Stopped,
}

/// What a device knows of its place.
#[derive(Debug)]
pub(super) struct Membership {
    /// This device.
    own: DeviceId,
    /// Its desk in the roster; 0 before it was seen there.
    pub(super) desk: u16,
    /// Serial of the roster, and the newest that another device or the line statement spoke of.
    serial: u64,
    wanted: u64,
    members: Vec<Member>,
    /// Empty before the first tick.
    state: LogState,
    stage: Stage,
    /// Another device has the log key, whatever the roster says by now.
    is_shared: bool,
    /// When the last record was composed, in unix seconds.
    pub(super) ticked: u64,
}

const VERSION: u8 = 1;

impl Membership {
    pub(super) fn of(own: DeviceId) -> Self {
        Self {
            own,
            desk: 0,
            serial: 0,
            wanted: 0,
            members: Vec::new(),
            state: LogState::default(),
            stage: Stage::Outside,
            is_shared: false,
            ticked: 0,
        }
    }

    pub(super) const fn place(&self, line: LineId) -> LogPlace {
        LogPlace {
            line,
            log: self.desk,
        }
    }

    /// Whether this device is the only one of its desk, and drains. Not before the log key that a
    /// removed device holds has given way to another: it might be added again.
    pub(super) fn is_alone(&self) -> bool {
        let is_only = matches!(self.members.as_slice(), [only] if only.id == self.own);
        is_only && self.drains() && (self.stage == Stage::Stopped || !self.is_shared)
    }

    /// Whether the log has stopped and there is nobody that this device could differ from.
    pub(super) fn may_begin_again(&self) -> bool {
        self.stage == Stage::Stopped && self.is_alone()
    }

    /// Whether this device drains, as far as the roster says.
    pub(super) fn drains(&self) -> bool {
        self.is_drainer(self.own)
    }

    pub(super) fn is_drainer(&self, device: DeviceId) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.id == device && member.drains)
    }

    /// Every drainer and what to seal to it.
    pub(super) fn drainers(&self) -> impl Iterator<Item = (DeviceId, &SealingPublicKey)> {
        let drainers = self.members.iter().filter(|member| member.drains);
        drainers
            .map(|member| (member.id, &member.sealing))
            .take(LOG_KEYS_MAX)
    }

    pub(super) fn want(&mut self, serial: u64) {
        self.wanted = self.wanted.max(serial);
    }

    /// Whether a newer roster is to be fetched.
    pub(super) const fn is_outdated(&self) -> bool {
        self.members.is_empty() || self.serial < self.wanted
    }

    /// Takes a verified roster. Whether this device is in it.
    pub(super) fn take(&mut self, roster: &Roster) -> bool {
        let mut devices = roster.devices.iter();
        let Some(own) = devices.find(|device| device.id() == self.own) else {
            return false;
        };
        if roster.serial >= self.serial {
            self.desk = own.desk;
            self.serial = roster.serial;
            let devices = roster.devices.iter();
            let devices = devices.filter(|device| device.desk == own.desk);
            self.members = devices
                .map(|device| Member {
                    id: device.id(),
                    drains: device.role == DeviceRole::Drainer,
                    sealing: device.xwing.clone(),
                })
                .collect();
        }
        true
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out = Writer::with_capacity(4_096 + self.state.len())
            .u8(VERSION)
            .u16(self.desk)
            .u64(self.serial)
            .u64(self.wanted)
            .u8(match self.stage {
                Stage::Outside => 0,
                Stage::Inside => 1,
                Stage::Stopped => 2,
            })
            .u8(u8::from(self.is_shared))
            .u64(self.ticked);
        let out = list(out, &self.members, |member, out| {
            out.bytes(&member.id.0)
                .u8(u8::from(member.drains))
                .bytes(member.sealing.0.as_slice())
        });
        Zeroizing::new(bytes(out, &self.state).finish())
    }

    pub(super) fn read(own: DeviceId, row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        let from = &mut reader;
        from.version(VERSION)?;
        let membership = Self {
            own,
            desk: from.u16()?,
            serial: from.u64()?,
            wanted: from.u64()?,
            stage: match from.u8()? {
                0 => Stage::Outside,
                1 => Stage::Inside,
                2 => Stage::Stopped,
                _ => return Err(DecodeError::Field),
            },
            is_shared: flag(from)?,
            ticked: from.u64()?,
            members: read_list(from, |from| {
                Ok(Member {
                    id: DeviceId(from.array()?),
                    drains: flag(from)?,
                    sealing: SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?)
                        .ok_or(DecodeError::Short)?,
                })
            })?,
            state: read_bytes(from)?,
        };
        reader.finish()?;
        Ok(membership)
    }
}

/// The log as it is used from tick to tick: it remembers what need not survive a restart.
#[derive(Debug, Default)]
pub struct LiveLog {
    log: Option<DeskLog>,
    /// Hash of its state as the desk has it.
    saved: [u8; 32],
}

impl LiveLog {
    /// Works with the log of `desk`; what changes is the desk's to save. `None` before it has one.
    pub(super) fn with<T>(
        &mut self,
        desk: &mut Desk,
        work: impl FnOnce(&mut Desk, &mut DeskLog) -> T,
    ) -> Result<Option<T>, DeskError> {
        let state = &desk.membership.state;
        if state.is_empty() {
            return Ok(None);
        }
        let mut log = match self.log.take() {
            Some(log) if hash::digest(&[state]) == self.saved => log,
            _ => {
                let log = DeskLog::from_bytes(state, desk.log_device());
                log.map_err(|_| DeskError::Broken)?
            }
        };
        let value = work(desk, &mut log);
        self.keep(desk, log);
        Ok(Some(value))
    }

    /// Begins or joins a log.
    pub(super) fn begin(&mut self, desk: &mut Desk, log: DeskLog) {
        self.keep(desk, log);
    }

    fn keep(&mut self, desk: &mut Desk, log: DeskLog) {
        let state = log.to_bytes();
        self.saved = hash::digest(&[&state]);
        desk.membership.stage = match log.alarm() {
            Some(_) => Stage::Stopped,
            None if log.is_inside() => Stage::Inside,
            None => Stage::Outside,
        };
        desk.membership.is_shared = !log.is_only_holder();
        if *state != *desk.membership.state {
            desk.membership.state = state;
            desk.changed.insert(Row::Log);
        }
        self.log = Some(log);
    }
}

impl Desk {
    /// Whether this device knows of a place in its desk's log.
    pub(super) fn has_log(&self) -> bool {
        !self.membership.state.is_empty()
    }

    pub(super) fn log_device(&self) -> LogDevice {
        LogDevice {
            place: self.membership.place(self.line()),
            id: self.identity.id(),
            agreement: self.identity.agreement().clone(),
            sealing: self.identity.sealing().clone(),
        }
    }

    /// Which log is this desk's.
    pub(super) const fn log_number(&self) -> u16 {
        self.membership.desk
    }

    /// Whether the line statement names a signing key of this device.
    pub(super) fn is_named_in(&self, line: &LineStatement) -> bool {
        self.identity.desk_of(line).is_some()
    }

    /// Whether this device reads the inbox, publishes keys and may have to write boards now: a
    /// drainer with the whole state, or one that shares it with nobody.
    pub(super) fn is_on_duty(&self) -> bool {
        self.membership.is_alone() || (self.is_inside() && self.drains())
    }

    /// Whether this device has the desk's whole state.
    pub const fn is_inside(&self) -> bool {
        matches!(self.membership.stage, Stage::Inside)
    }

    /// Whether the roster says that it does not.
    pub fn is_reader(&self) -> bool {
        self.membership.desk != 0 && !self.drains()
    }

    /// Whether this device reads the inbox and writes boards.
    pub fn drains(&self) -> bool {
        self.membership.drains()
    }
}

impl From<Alarm> for DeskError {
    fn from(alarm: Alarm) -> Self {
        Self::Log(alarm)
    }
}
