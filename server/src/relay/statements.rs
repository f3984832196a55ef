//! Signed statements: verified before they are stored, and put together into the bundle.

use std::collections::BTreeMap;

use bytes::Bytes;
use sotto_protocol::{
    bundle::{
        BundleParts, Pin, VERSION, VerifyError, day_of, verify_certificate, verify_desk,
        verify_line, verify_roots,
    },
    dsse::Dsse,
    id::LineId,
    keys::SigningPublicKey,
    limits::{BUNDLE_BYTES, DAY_SECONDS, PREKEY_DAYS_AHEAD, STATEMENT_LIFE_DAYS},
    statement::{
        Boards, Certificate, DeskStatement, LineStatement, RelayStatement, RootSet, Roster,
        Statement,
    },
};

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

/// A line's stored statements, parsed.
struct Shelf {
    line: LineId,
    all: BTreeMap<String, Dsse>,
}

impl Shelf {
    fn of(line: LineId, stored: &[Stored]) -> Self {
        let parsed = stored
            .iter()
            .filter_map(|s| Some((s.name.clone(), Dsse::parse(&s.json).ok()?)));
        Self {
            line,
            all: parsed.collect(),
        }
    }

    fn named(&self, name: &str) -> Result<&Dsse, Error> {
        self.all.get(name).ok_or(Error::Malformed)
    }

    fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &Dsse> {
        let from = prefix.to_owned();
        self.all
            .range(from.clone()..)
            .take_while(move |(name, _)| name.starts_with(&from))
            .map(|(_, dsse)| dsse)
    }

    fn roots(&self) -> Result<RootSet, Error> {
        Ok(verify_roots(&self.chain(), self.line, None)?)
    }

    fn chain(&self) -> Vec<Dsse> {
        self.with_prefix("root.").cloned().collect()
    }

    fn certificate(&self, now: u64) -> Result<Certificate, Error> {
        let dsse = self.named("certificate")?;
        Ok(verify_certificate(dsse, &self.roots()?, self.line, now)?)
    }

    fn line(&self, now: u64) -> Result<LineStatement, Error> {
        Ok(verify_line(
            self.named("line")?,
            &self.certificate(now)?,
            now,
        )?)
    }

    fn check_root(&self, dsse: &Dsse) -> Result<(String, u64), Error> {
        let set = RootSet::peek(dsse).map_err(|_| Error::Malformed)?;
        let mut chain = self.chain();
        let place = usize::try_from(set.serial.saturating_sub(1)).map_err(|_| Error::Malformed)?;
        // One that stands in the chain already is compared by the store.
        if place >= chain.len() {
            chain.push(dsse.clone());
        }
        verify_roots(&chain, self.line, None)?;
        Ok((format!("root.{:010}", set.serial), set.serial))
    }

    fn check_certificate(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let certificate = verify_certificate(dsse, &self.roots()?, self.line, now)?;
        Ok(("certificate".into(), certificate.serial))
    }

    fn check_line(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let line = verify_line(dsse, &self.certificate(now)?, now)?;
        if line.expires - line.issued > STATEMENT_LIFE_DAYS * DAY_SECONDS {
            return Err(Error::Malformed);
        }
        Ok(("line".into(), line.serial))
    }

    fn check_desk(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let statement = verify_desk(dsse, &self.line(now)?)?;
        let today = day_of(now);
        let days = today.saturating_sub(1)..=today.saturating_add(PREKEY_DAYS_AHEAD + 1);
        if !days.contains(&statement.day) || now >= statement.expires {
            return Err(Error::Malformed);
        }
        Ok((desk_name(statement.desk, statement.day), statement.serial))
    }

    fn check_relay(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let key = self.line(now)?.relay.signing_key;
        let statement: RelayStatement = open(dsse, &key)?;
        if statement.line != self.line || now >= statement.expires {
            return Err(Error::Malformed);
        }
        Ok(("relay".into(), statement.serial))
    }

    fn check_roster(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let roster: Roster = open(dsse, &self.certificate(now)?.line_key)?;
        if roster.line != self.line || now >= roster.expires {
            return Err(Error::Malformed);
        }
        Ok(("roster".into(), roster.serial))
    }

    /// Of each desk the statement of the greatest day not after today and that of the day after.
    fn desks(&self, line: &LineStatement, today: u32) -> (Vec<Dsse>, Option<Boards>) {
        let mut chosen: BTreeMap<(u16, u32), (&Dsse, DeskStatement)> = BTreeMap::new();
        for dsse in self.with_prefix("desk.") {
            // After a change of keys a stored statement may no longer be by whom it must be.
            let Ok(statement) = verify_desk(dsse, line) else {
                continue;
            };
            if statement.day <= today.saturating_add(1) {
                chosen.insert((statement.desk, statement.day), (dsse, statement));
            }
        }
        let days: Vec<(u16, u32)> = chosen.keys().copied().collect();
        let is_superseded = |(desk, day): (u16, u32)| {
            days.iter()
                .any(|(other, later)| *other == desk && *later > day && *later <= today)
        };
        chosen.retain(|key, _| !is_superseded(*key));
        let keeper = chosen
            .values()
            .filter_map(|(_, s)| Some((s.serial, s.boards.clone()?)))
            .max_by_key(|(serial, _)| *serial);
        let boards = keeper.map(|(_, boards)| boards);
        let desks = chosen.into_values().map(|(dsse, _)| dsse.clone());
        (desks.collect(), boards)
    }
}

/// The line as of `now`, if everything a bundle needs is there and valid.
pub(super) fn assemble(pin: Pin, stored: &[Stored], now: u64) -> Option<Line> {
    let shelf = Shelf::of(pin.line, stored);
    let roots = shelf.chain();
    verify_roots(&roots, pin.line, Some(pin.fingerprint)).ok()?;
    let certificate = shelf.certificate(now).ok()?;
    let statement = shelf.line(now).ok()?;
    let (desks, boards) = shelf.desks(&statement, day_of(now));
    let parts = BundleParts {
        version: VERSION,
        roots,
        certificate: shelf.named("certificate").ok()?.clone(),
        line: shelf.named("line").ok()?.clone(),
        desks,
        relay: shelf.named("relay").ok().cloned(),
    };
    let bundle = serde_json::to_vec(&parts).ok()?;
    let roster = shelf.named("roster").ok();
    let roster = roster.and_then(|dsse| open(dsse, &certificate.line_key).ok());
    (bundle.len() <= BUNDLE_BYTES).then(|| Line {
        bundle: bundle.into(),
        statement,
        roster,
        boards,
    })
}

/// Names of desk statements that no bundle will show again.
pub(super) fn past(stored: &[Stored], today: u32) -> Vec<String> {
    let days: Vec<(u16, u32)> = stored.iter().filter_map(|s| desk_day(&s.name)).collect();
    let is_past = |(desk, day): &(u16, u32)| {
        days.iter()
            .any(|(other, later)| other == desk && later > day && *later < today)
    };
    let past = days.iter().filter(|key| is_past(key));
    past.map(|(desk, day)| desk_name(*desk, *day)).collect()
}

fn desk_name(desk: u16, day: u32) -> String {
    format!("desk.{desk:05}.{day:010}")
}

fn desk_day(name: &str) -> Option<(u16, u32)> {
    let (desk, day) = name.strip_prefix("desk.")?.split_once('.')?;
    Some((desk.parse().ok()?, day.parse().ok()?))
}

fn open<S: Statement>(dsse: &Dsse, key: &SigningPublicKey) -> Result<S, Error> {
    let opened = S::open(dsse, core::slice::from_ref(key), 1).map_err(VerifyError::from);
    Ok(opened?)
}

impl From<VerifyError> for Error {
    fn from(_: VerifyError) -> Self {
        Self::Malformed
    }
}
