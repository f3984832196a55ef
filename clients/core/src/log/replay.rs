//! Replaying: every record is checked against the one before, opened, and taken once.

use sotto_protocol::{
    id::DeviceId,
    limits::{LOG_BACKLOG_MAX, LOG_HELD, LOG_QUIET_SECONDS},
    log::{Body, DeviceKey, LogEntry, LogHeader, LogPage, Welcome, open, record_hash},
};
use zeroize::Zeroizing;

use super::{Alarm, DeskLog, Holder, Stage};

/// What a replayed record means to the caller.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A payload, in the order of the log.
    Payload {
        /// Where it stands.
        position: u64,
        /// Which device appended it.
        author: DeviceId,
        /// As it was given to [`DeskLog::compose`].
        bytes: Zeroizing<Vec<u8>>,
    },
    /// The state this newcomer begins with; payloads that follow come after it.
    Snapshot(Zeroizing<Vec<u8>>),
    /// This device has lost its place: it was left out of a new log key, or another device began
    /// the log. It waits to be let in.
    Excluded,
    /// Another device knows a newer roster; fetch it.
    Roster {
        /// Its serial.
        serial: u64,
    },
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Payload { .. } => "Payload(..)",
            Self::Snapshot(_) => "Snapshot(..)",
            Self::Excluded => "Excluded",
            Self::Roster { .. } => "Roster(..)",
        })
    }
}

/// What came of a page.
#[must_use = "events and the state they came with are saved together"]
#[derive(Debug, Default)]
pub struct Replayed {
    /// In order.
    pub events: Vec<Event>,
    /// The device stopped after those events.
    pub alarm: Option<Alarm>,
}

/// Why a page was not replayed. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The device stopped before.
    #[error(transparent)]
    Stopped(#[from] Alarm),
    /// Records between the last and these did not come.
    #[error(
        "the relay leaves out records of the desk's log; ask again, or let this device join anew if it was out of the roster for a while"
    )]
    Missing,
    /// The page of another log.
    #[error("the answer is not of this desk's log; check the address of the link")]
    OtherLog,
    /// A newcomer cannot tell who may let it in.
    #[error("this device has not seen the line's roster yet; fetch it first")]
    NoRoster,
}

impl DeskLog {
    /// Takes what the relay answered to a read from [`Self::from`], at `now` (unix seconds).
    ///
    /// What the events change is saved together with [`Self::to_bytes`], before anything else is
    /// asked: the next read tells the relay that it is.
    pub fn replay(&mut self, page: &LogPage, now: u64) -> Result<Replayed, ReplayError> {
        if let Stage::Stopped(alarm) = self.stage {
            return Err(alarm.into());
        }
        if page.log != self.device.place.log {
            return Err(ReplayError::OtherLog);
        }
        if matches!(self.stage, Stage::Outside) && self.roster.listed.is_empty() {
            return Err(ReplayError::NoRoster);
        }
        self.meet(page, now);
        let mut replayed = Replayed::default();
        for record in &page.records {
            match self.take(record, now, &mut replayed.events) {
                Ok(()) => {}
                Err(Refusal::Alarm(alarm)) => {
                    replayed.alarm = Some(self.stop(alarm));
                    break;
                }
                Err(Refusal::Gap) if replayed.events.is_empty() => {
                    return Err(ReplayError::Missing);
                }
                Err(Refusal::Gap) => break,
            }
        }
        Ok(replayed)
    }

    /// The record composed last stands. Its event, if it has one, comes back at once.
    pub fn appended(&mut self, now: u64) -> Replayed {
        let mut replayed = Replayed::default();
        if let Some(position) = self.passing.again.take() {
            let next = self.passing.relay_next.max(position.saturating_add(1));
            self.passing.relay_next = next;
        } else if let Some(record) = self.pending.take() {
            if let Err(Refusal::Alarm(alarm)) = self.take(&record, now, &mut replayed.events) {
                replayed.alarm = Some(self.stop(alarm));
            }
            self.passing.relay_next = self.passing.relay_next.max(self.next);
        }
        replayed
    }

    /// Another record stands in its place: what it carried is not in the log.
    pub fn conflict(&mut self) {
        if self.passing.again.take().is_none() {
            self.pending = None;
        }
    }

    /// Notices when the relay's store has begun a new life.
    fn meet(&mut self, page: &LogPage, now: u64) {
        let life = Some(page.incarnation);
        let is_other = self.life.incarnation.is_some() && self.life.incarnation != life;
        let fell_back = page.next < self.next && self.passing.relay_next >= self.next;
        self.life.incarnation = life;
        self.passing.relay_next = page.next;
        if (is_other || fell_back) && self.key.is_some() {
            self.life.quiet_until = now.saturating_add(LOG_QUIET_SECONDS);
        }
    }

    fn take(&mut self, record: &[u8], now: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let header = LogHeader::parse(record).map_err(|_| Alarm::Unreadable)?;
        // Who began a log and was not first has nothing in it.
        let is_founder = header.position == 0 && self.next == 0 && self.key.is_some();
        if is_founder && self.key.as_ref().map(|key| key.key.id()) != Some(header.key_id) {
            self.leave();
            events.push(Event::Excluded);
        }
        if matches!(self.stage, Stage::Outside) {
            self.look_for_welcome(record, header, now);
            return Ok(());
        }
        if header.position < self.next {
            return self.compare(record, header.position);
        }
        if header.position > self.next {
            return Err(Refusal::Gap);
        }
        if header.previous != self.hash {
            return Err(Alarm::Forked.into());
        }
        let current = self.key.as_ref().ok_or(Alarm::Unreadable)?;
        if current.key.id() != header.key_id {
            return Err(Alarm::Unreadable.into());
        }
        let entry = open(record, self.device.place, &current.key);
        let entry = entry.map_err(|_| Alarm::Unreadable)?;
        self.advance(record);
        self.passing.heard.insert(entry.author, now);
        self.apply(header.position, entry, now, events)?;
        Ok(())
    }

    /// The same bytes at a position again change nothing.
    fn compare(&self, record: &[u8], position: u64) -> Result<(), Refusal> {
        match self.held(position) {
            Some(held) if held != record => Err(Alarm::Forked.into()),
            _ => Ok(()),
        }
    }

    /// A replayed record by its position, while it is held.
    pub(super) fn held(&self, position: u64) -> Option<&[u8]> {
        let back = usize::try_from(self.next.checked_sub(position)?).ok()?;
        let index = self.held.len().checked_sub(back)?;
        self.held.get(index).map(Vec::as_slice)
    }

    pub(super) fn advance(&mut self, record: &[u8]) {
        self.next = self.next.saturating_add(1);
        self.hash = record_hash(record);
        self.held.push_back(record.to_vec());
        if self.held.len() > LOG_HELD {
            self.held.pop_front();
        }
        // Whether this is the pending record or another one: its position is taken.
        self.pending = None;
    }

    fn apply(
        &mut self,
        position: u64,
        entry: LogEntry,
        now: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), Alarm> {
        let author = entry.author;
        match entry.body {
            Body::Empty => {}
            Body::Payload(bytes) => self.take_payload(
                Event::Payload {
                    position,
                    author,
                    bytes,
                },
                events,
            ),
            Body::Key(part) => self.take_key(&part, now, events)?,
            Body::DeviceKey(key) => self.take_device_key(author, key),
            Body::Welcome(welcome) => self.note_welcome(welcome, now),
            Body::Snapshot(part) => {
                self.passing.admission_since = Some(now);
                self.take_part(author, &part, events)?;
            }
        }
        Ok(())
    }

    fn take_payload(&mut self, event: Event, events: &mut Vec<Event>) {
        match &mut self.stage {
            Stage::Joining(joining) if joining.backlog.len() < LOG_BACKLOG_MAX => {
                joining.backlog.push(event);
            }
            Stage::Joining(_) => {
                self.leave();
                events.push(Event::Excluded);
            }
            _ => events.push(event),
        }
    }

    fn take_device_key(&mut self, author: DeviceId, key: DeviceKey) {
        if author == self.device.id {
            // The half of the day before goes: whoever seals to this device has read this record.
            match self.own.drawn.take() {
                Some(drawn) if drawn.1.public() == key.key => self.own.announced = Some(drawn),
                other => self.own.drawn = other,
            }
        }
        let known = Holder {
            has_state: true,
            ..Holder::default()
        };
        self.holders.entry(author).or_insert(known).key = Some(key);
    }

    fn note_welcome(&mut self, welcome: Welcome, now: u64) {
        // The newcomer has not seen the parts that came before it.
        self.change = None;
        self.passing.admission_since = Some(now);
        self.holders.entry(welcome.device).or_default();
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    Alarm(Alarm),
    Gap,
}

impl From<Alarm> for Refusal {
    fn from(alarm: Alarm) -> Self {
        Self::Alarm(alarm)
    }
}
