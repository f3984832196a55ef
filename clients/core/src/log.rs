//! One device's end of a desk log (SPEC 5.6), with payloads that mean nothing here.
//!
//! In every tick a device reads what is new, replays it ([`DeskLog::replay`]), saves, composes one
//! record ([`DeskLog::compose`]), saves, and appends it. All devices replay the same payloads in the
//! same order.

mod compose;
mod join;
mod replay;
mod roster;
mod rotate;
mod state;
mod ticks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_core::CryptoRng;
use sotto_protocol::{
    id::DeviceId,
    log::{DeviceKey, LogKey, LogPlace, Period},
    request::AgreementSecret,
    secret::SealingSecret,
};
use zeroize::Zeroizing;

pub use self::{
    compose::{ComposeError, Composed},
    join::SnapshotError,
    replay::{Event, ReplayError, Replayed},
    ticks::{Pace, Ticks},
};
use self::{join::Joining, join::Outgoing, roster::Listed};

/// What a device keeps of a log, as bytes for its store.
pub type LogState = Zeroizing<Vec<u8>>;

/// Why a device stopped. Nothing it does by itself makes it go on: a person removes it from the
/// roster, finds out what happened, and adds it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// Two records for one position, or one that does not follow from the one before.
    #[error(
        "the relay has shown two different records for one position of the desk's log; stop using it and compare the devices"
    )]
    Forked,
    /// Rightly placed, and sealed by nobody who holds the log key.
    #[error(
        "the desk's log holds a record that no device of the desk has made; stop using this relay and compare the devices"
    )]
    Unreadable,
    /// Two rosters of one serial.
    #[error(
        "devices of this desk have been shown different rosters with the same number; ask the administrator who signed them"
    )]
    Rosters,
    /// The relay came back without records that no device could append again.
    #[error(
        "the relay has lost records of the desk's log that no device holds any more; remove the devices but one and add them again"
    )]
    Lost,
}

/// The device a log belongs to. Its secrets are kept elsewhere.
#[derive(Debug, Clone)]
pub struct LogDevice {
    /// Which log.
    pub place: LogPlace,
    /// Its id in the roster.
    pub id: DeviceId,
    /// Its X25519 secret.
    pub agreement: AgreementSecret,
    /// The secret of its X-Wing key of the roster.
    pub sealing: SealingSecret,
}

/// One device's end of a log.
pub struct DeskLog {
    device: LogDevice,
    stage: Stage,
    /// First position not replayed, and the hash of the record before it.
    next: u64,
    hash: [u8; 32],
    life: Life,
    key: Option<Current>,
    own: OwnKeys,
    roster: Roster,
    /// Who holds the log key, as far as the replayed records say.
    holders: BTreeMap<DeviceId, Holder>,
    /// A rotation of which not all records have come.
    change: Option<Change>,
    /// The key this device wants to bring in.
    drawn: Option<Current>,
    /// Saved and perhaps appended.
    pending: Option<Vec<u8>>,
    /// The newest replayed records.
    held: VecDeque<Vec<u8>>,
    passing: Passing,
}

/// How far a device is in.
#[derive(Debug)]
enum Stage {
    /// Without the log key.
    Outside,
    /// With the log key, without the state.
    Joining(Joining),
    /// With both.
    Inside,
    /// For good.
    Stopped(Alarm),
}

/// A log key in use or about to be, and what it was drawn for.
#[derive(Debug, Clone)]
struct Current {
    key: LogKey,
    period: Period,
}

/// What log keys are sealed to for this device, one per day.
#[derive(Debug, Default)]
struct OwnKeys {
    /// Others know it.
    announced: Option<(u32, SealingSecret)>,
    /// In a record that may not stand yet.
    drawn: Option<(u32, SealingSecret)>,
}

/// The relay's store, whose lives have numbers.
#[derive(Debug, Default)]
struct Life {
    incarnation: Option<u64>,
    /// Until then only what is held is appended.
    quiet_until: u64,
}

/// The newest roster this device has seen.
#[derive(Debug, Default)]
struct Roster {
    serial: u64,
    hash: [u8; 32],
    listed: BTreeMap<DeviceId, Listed>,
}

/// A device that was given the log key.
#[derive(Debug, Clone, Default)]
struct Holder {
    /// `None` until it announced one; then its key of the roster is used.
    key: Option<DeviceKey>,
    /// Whether it has the state, not only the key.
    has_state: bool,
    /// Who is sending it which snapshot, and the next part.
    arriving: Option<Arriving>,
}

/// How far a snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arriving {
    author: DeviceId,
    upto: u64,
    next: u16,
}

/// A rotation of which not all records have come.
#[derive(Debug)]
struct Change {
    key_id: [u8; 16],
    period: Period,
    next: u8,
    parts: u8,
    /// This device's, once it came.
    key: Option<LogKey>,
    given: BTreeSet<DeviceId>,
}

/// What need not survive a restart.
#[derive(Debug, Default)]
struct Passing {
    /// Where the relay appends next.
    relay_next: u64,
    /// When a record of a device was last replayed.
    heard: BTreeMap<DeviceId, u64>,
    /// Since when a rotation is due.
    rotation_since: Option<u64>,
    /// Since when a newcomer waits.
    admission_since: Option<u64>,
    /// A snapshot on its way to a newcomer.
    snapshot: Option<Outgoing>,
    /// Whether the last record was a part of it; then it is a payload's turn.
    was_part: bool,
    /// Position of a held record that was composed again.
    again: Option<u64>,
}

impl std::fmt::Debug for DeskLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeskLog(..)")
    }
}

impl DeskLog {
    /// Begins a log that nobody has appended to yet. If another device was quicker, this one is
    /// outside and waits to be let in, as after [`Self::join`].
    pub fn found(device: LogDevice, rng: &mut impl CryptoRng) -> Self {
        let mut log = Self::join(device);
        log.stage = Stage::Inside;
        log.key = Some(Current {
            key: LogKey::make(rng),
            period: Period::default(),
        });
        let holder = Holder {
            has_state: true,
            ..Holder::default()
        };
        log.holders.insert(log.device.id, holder);
        log
    }

    /// A device that waits for another one to let it in.
    pub fn join(device: LogDevice) -> Self {
        Self {
            device,
            stage: Stage::Outside,
            next: 0,
            hash: [0; 32],
            life: Life::default(),
            key: None,
            own: OwnKeys::default(),
            roster: Roster::default(),
            holders: BTreeMap::new(),
            change: None,
            drawn: None,
            pending: None,
            held: VecDeque::new(),
            passing: Passing::default(),
        }
    }

    /// The position to read from. Reading there tells the relay that everything before it is saved.
    pub const fn from(&self) -> u64 {
        self.next
    }

    /// Whether this device takes part with the whole state.
    pub const fn is_inside(&self) -> bool {
        matches!(self.stage, Stage::Inside)
    }

    /// Whether nobody else holds the log key, as far as the replayed records say.
    pub fn is_only_holder(&self) -> bool {
        self.holders.keys().all(|device| *device == self.device.id)
    }

    /// Why it stopped, if it did.
    pub const fn alarm(&self) -> Option<Alarm> {
        match self.stage {
            Stage::Stopped(alarm) => Some(alarm),
            _ => None,
        }
    }

    /// Gives this device's place up, to be let in anew: what is left for one that was out of the
    /// roster while records it has not read were deleted ([`ReplayError::Missing`] again and again).
    /// A device that stopped stays stopped.
    pub fn give_up(&mut self) {
        if self.alarm().is_none() {
            self.leave();
        }
    }

    /// Stops for good.
    fn stop(&mut self, alarm: Alarm) -> Alarm {
        self.stage = Stage::Stopped(alarm);
        alarm
    }

    /// Forgets every key: this device is not a member any more, or never was.
    fn leave(&mut self) {
        self.stage = Stage::Outside;
        self.key = None;
        self.own = OwnKeys::default();
        self.change = None;
        self.drawn = None;
        self.pending = None;
        self.held.clear();
        self.holders.clear();
        self.passing.snapshot = None;
    }
}
