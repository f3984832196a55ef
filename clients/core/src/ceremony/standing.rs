//! Until when a line's keys last, and what its administrator has to do about it.

use sotto_protocol::{
    id::DeviceId,
    limits::{DAY_SECONDS, KEY_LIFE_DAYS, KEY_OVERLAP_DAYS, RELAY_KEY_LIFE_DAYS},
};

use super::{Book, CeremonyError};

/// Dates in unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// First second the line key is no longer certified.
    pub line_key_until: u64,
    /// First second the statements that the relay took last are no longer valid.
    pub published_until: Option<u64>,
    /// When the relay's keys are to be replaced.
    pub relay_keys_until: Option<u64>,
    /// What is to be done, the most urgent first.
    pub tasks: Vec<Task>,
}

/// Something the administrator has to see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A new line key or new roots wait for the relay: publish.
    PublishRenewal,
    /// Renew the line key; days left, 0 when it has expired.
    RenewLineKey(u64),
    /// Publish again; days left, 0 when the statements have expired.
    Publish(u64),
    /// A desk without a drainer closes the whole line: add one, or remove the desk.
    AddDrainer(u16),
    /// Ask a desk for the card of its renewed signing key; days left of the old one.
    RenewDeskKey(u16, DeviceId, u64),
    /// Ask the operator to renew the relay's keys; days left.
    RenewRelayKeys(u64),
}

impl Book {
    /// How the line stands at `now`.
    pub fn standing(&self, now: u64) -> Result<Standing, CeremonyError> {
        let line_key_until = self.chain.certificate()?.not_after;
        let published_until = Some(self.published_until).filter(|until| *until > 0);
        let relay_keys_until = Some(self.relay_since)
            .filter(|since| *since > 0)
            .map(|since| since.saturating_add(RELAY_KEY_LIFE_DAYS * DAY_SECONDS));
        let mut tasks = Vec::new();
        if self.renewal.is_some() {
            tasks.push(Task::PublishRenewal);
        } else if let Some(days) = soon(line_key_until, now) {
            tasks.push(Task::RenewLineKey(days));
        }
        // A statement never outlives the line key, so that a new key comes first.
        let ends_with_key = published_until == Some(line_key_until);
        let statements = published_until.and_then(|until| soon(until, now));
        tasks.extend(statements.filter(|_| !ends_with_key).map(Task::Publish));
        tasks.extend(self.lonely_desks().map(Task::AddDrainer));
        tasks.extend(self.old_desk_keys(now));
        let relay = relay_keys_until.and_then(|until| soon(until, now));
        tasks.extend(relay.map(Task::RenewRelayKeys));
        Ok(Standing {
            line_key_until,
            published_until,
            relay_keys_until,
            tasks,
        })
    }

    fn lonely_desks(&self) -> impl Iterator<Item = u16> {
        let has_key = |desk: u16| self.desk_keys.iter().any(|key| key.desk == desk);
        let desks = self.desks.iter().map(|desk| desk.id);
        desks.filter(move |desk| !has_key(*desk))
    }

    /// The newest key of each device, where its time is nearly over.
    fn old_desk_keys(&self, now: u64) -> impl Iterator<Item = Task> {
        self.devices.iter().filter_map(move |device| {
            let id = device.id();
            let text = id.to_text();
            let mut keys = self.desk_keys.iter().rev();
            let newest = keys.find(|key| key.device == text && key.since > 0)?;
            let until = newest.since.saturating_add(KEY_LIFE_DAYS * DAY_SECONDS);
            let days = soon(until, now)?;
            Some(Task::RenewDeskKey(newest.desk, id, days))
        })
    }
}

/// Days until `until`, begun ones too, if they are fewer than an overlap takes; 0 once it is over.
fn soon(until: u64, now: u64) -> Option<u64> {
    let left = until.saturating_sub(now);
    (left < KEY_OVERLAP_DAYS * DAY_SECONDS).then_some(left.div_ceil(DAY_SECONDS))
}
