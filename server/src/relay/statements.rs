//! Signed statements: verified before they are stored, and put together into the bundle.

mod announce;
mod shelf;

use bytes::Bytes;
use sotto_protocol::{
    bundle::{BundleParts, Pin, VERSION, day_of, verify_roots},
    dsse::Dsse,
    id::LineId,
    limits::BUNDLE_BYTES,
};

use self::shelf::Shelf;
use super::{Relay, lines::Line};
use crate::{error::Error, store::Stored};

/// The kinds of SPEC 5.1, as they stand in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A root set.
    Root,
    /// The line key's certificate.
    Certificate,
    /// The line statement.
    Line,
    /// A desk's prekey of a day.
    Desk,
    /// The relay's own statement.
    Relay,
    /// The devices.
    Roster,
}

impl Kind {
    /// Reads the last part of the path.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "root" => Self::Root,
            "certificate" => Self::Certificate,
            "line" => Self::Line,
            "desk" => Self::Desk,
            "relay" => Self::Relay,
            "roster" => Self::Roster,
            _ => return None,
        })
    }
}

impl Relay {
    /// Stores a statement that those who may have signed, and that is not older than what is there.
    pub async fn put_statement(&self, line: LineId, kind: Kind, json: Bytes) -> Result<(), Error> {
        self.lines.pin(line)?;
        let dsse = Dsse::parse(&json).map_err(|_| Error::Malformed)?;
        let stored = self.store.statements(line).await?;
        let shelf = Shelf::of(line, &stored);
        let now = self.clock.now();
        let (name, serial) = match kind {
            Kind::Root => shelf.check_root(&dsse)?,
            Kind::Certificate => shelf.check_certificate(&dsse, now)?,
            Kind::Line => shelf.check_line(&dsse, now)?,
            Kind::Desk => shelf.check_desk(&dsse, now)?,
            Kind::Relay => shelf.check_relay(&dsse, now)?,
            Kind::Roster => shelf.check_roster(&dsse, now)?,
        };
        let statement = Stored { name, serial, json };
        self.store.put_statement(line, statement).await?;
        self.lines.forget(line);
        Ok(())
    }
}

/// The line as of `now`, if everything a bundle needs is there and valid.
pub(super) fn assemble(pin: Pin, stored: &[Stored], now: u64) -> Option<Line> {
    let shelf = Shelf::of(pin.line, stored);
    let force = shelf.in_force(now).ok()?;
    let roots: Vec<Dsse> = shelf.sets().take(force.sets()).cloned().collect();
    verify_roots(&roots, pin.line, Some(pin.fingerprint)).ok()?;
    let (desks, shown) = shelf.desks(&force.line, day_of(now));
    // One that not all repeat, or by a key that is no longer good, would make clients refuse the
    // whole bundle.
    let relays = shelf.relays(&force.line, now);
    let served = shelf::served(&relays, &shown);
    let served_serial = served.map(|(_, statement)| statement.serial);
    let next = relays
        .last()
        .filter(|(_, newest)| Some(newest.serial) != served_serial);
    let parts = BundleParts {
        version: VERSION,
        roots,
        certificate: force.signer.dsse.clone(),
        line: shelf.named("line").ok()?.clone(),
        desks,
        relay: served.map(|(dsse, _)| (*dsse).clone()),
        relay_next: next.map(|(dsse, _)| (*dsse).clone()),
    };
    let bundle = serde_json::to_vec(&parts).ok()?;
    (bundle.len() <= BUNDLE_BYTES).then(|| Line {
        bundle: bundle.into(),
        roster: shelf.roster(now),
        statement: force.line,
        boards: shelf::boards(&shown),
        relay: served.map(|(_, statement)| statement.clone()),
    })
}

/// Names of statements that no bundle will show again.
pub(super) fn past(line: LineId, stored: &[Stored], now: u64) -> Vec<String> {
    let today = day_of(now);
    let days: Vec<(u16, u32)> = stored.iter().filter_map(|s| desk_day(&s.name)).collect();
    let is_past = |(desk, day): &(u16, u32)| {
        days.iter()
            .any(|(other, later)| other == desk && later > day && *later < today)
    };
    let past = days.iter().filter(|key| is_past(key));
    let mut names: Vec<String> = past.map(|(desk, day)| desk_name(*desk, *day)).collect();
    let shelf = Shelf::of(line, stored);
    names.extend(shelf.past_certificates(now));
    names.extend(shelf.past_relays(now));
    names
}

fn desk_name(desk: u16, day: u32) -> String {
    format!("desk.{desk:05}.{day:010}")
}

fn desk_day(name: &str) -> Option<(u16, u32)> {
    let (desk, day) = name.strip_prefix("desk.")?.split_once('.')?;
    Some((desk.parse().ok()?, day.parse().ok()?))
}
