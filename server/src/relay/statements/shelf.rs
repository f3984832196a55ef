//! A line's stored statements: which of them are in force, and what may be added to them.

use std::{cmp::Reverse, collections::BTreeMap};

use bytes::Bytes;
use sotto_protocol::{
    bundle::{
        VerifyError, day_of, issued_ahead, verify_certificate, verify_desk, verify_line,
        verify_relay_statement, verify_roots,
    },
    dsse::Dsse,
    id::LineId,
    limits::{DAY_SECONDS, KEY_LIFE_DAYS, PREKEY_DAYS_AHEAD, STATEMENT_LIFE_DAYS},
    statement::{
        Boards, Certificate, DeskStatement, LineStatement, RelayStatement, RootSet, Roster,
        Statement,
    },
};

use super::desk_name;
use crate::{error::Error, store::Stored};

/// A certificate and how many root sets lead to it.
#[derive(Debug)]
pub(super) struct Signer<'s> {
    sets: usize,
    /// As it is stored.
    pub(super) dsse: &'s Dsse,
    certificate: Certificate,
}

/// What clients are to believe now.
#[derive(Debug)]
pub(super) struct InForce<'s> {
    pub(super) signer: Signer<'s>,
    pub(super) line: LineStatement,
}

/// What names of stored certificates begin with; their serial follows.
const CERTIFICATE: &str = "certificate.";

impl Signer<'_> {
    /// A newer root set revokes older ones, then a newer certificate older ones.
    const fn rank(&self) -> (usize, u64) {
        (self.sets, self.certificate.serial)
    }
}

impl InForce<'_> {
    /// How many root sets the bundle shows.
    pub(super) const fn sets(&self) -> usize {
        self.signer.sets
    }
}

/// A line's stored statements, parsed.
pub(super) struct Shelf {
    line: LineId,
    all: BTreeMap<String, Dsse>,
}

impl Shelf {
    pub(super) fn of(line: LineId, stored: &[Stored]) -> Self {
        let parsed = stored
            .iter()
            .filter_map(|s| Some((s.name.clone(), Dsse::parse(&s.json).ok()?)));
        Self {
            line,
            all: parsed.collect(),
        }
    }

    pub(super) fn named(&self, name: &str) -> Result<&Dsse, Error> {
        self.all.get(name).ok_or(Error::Malformed)
    }

    fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &Dsse> {
        let from = prefix.to_owned();
        self.all
            .range(from.clone()..)
            .take_while(move |(name, _)| name.starts_with(&from))
            .map(|(_, dsse)| dsse)
    }

    /// The root sets from the first, as far as they are stored.
    pub(super) fn sets(&self) -> impl Iterator<Item = &Dsse> {
        self.with_prefix("root.")
    }

    /// The newest root set, certificate and line statement that belong together and are valid now.
    ///
    /// While an administrator puts a new root set or line key one by one, what was there before
    /// stays in force until the line statement signed by the new key has arrived.
    pub(super) fn in_force(&self, now: u64) -> Result<InForce<'_>, Error> {
        let dsse = self.named("line")?;
        for signer in self.signers(now) {
            if let Ok(line) = verify_line(dsse, &signer.certificate, now) {
                return Ok(InForce { signer, line });
            }
        }
        Err(Error::Malformed)
    }

    /// Every stored certificate that a stored root set vouches for now, the newest set first, then
    /// the newest certificate.
    fn signers(&self, now: u64) -> Vec<Signer<'_>> {
        let mut signers = Vec::new();
        let sets: Vec<&Dsse> = self.sets().collect();
        for length in (1..=sets.len()).rev() {
            let chain: Vec<Dsse> = sets.iter().take(length).copied().cloned().collect();
            let Ok(set) = verify_roots(&chain, self.line, None) else {
                continue;
            };
            let certificates = self.with_prefix(CERTIFICATE);
            let mut found: Vec<Signer<'_>> = certificates
                .filter_map(|dsse| {
                    let certificate = verify_certificate(dsse, &set, self.line, now).ok()?;
                    Some(Signer {
                        sets: length,
                        dsse,
                        certificate,
                    })
                })
                .collect();
            found.sort_by_key(|signer| Reverse(signer.certificate.serial));
            signers.append(&mut found);
        }
        signers
    }

    /// Those who may sign line statements and rosters: whoever does now, and newer ones.
    fn successors(&self, now: u64) -> Vec<Signer<'_>> {
        let rank = self.in_force(now).map(|force| force.signer.rank()).ok();
        let mut signers = self.signers(now);
        signers.retain(|signer| rank.is_none_or(|rank| signer.rank() >= rank));
        signers
    }

    pub(super) fn check_root(&self, dsse: &Dsse) -> Result<(String, u64), Error> {
        let set = RootSet::peek(dsse).map_err(|_| Error::Malformed)?;
        let mut chain: Vec<Dsse> = self.sets().cloned().collect();
        let place = usize::try_from(set.serial.saturating_sub(1)).map_err(|_| Error::Malformed)?;
        // One that stands in the chain already is compared by the store.
        if place >= chain.len() {
            chain.push(dsse.clone());
        }
        verify_roots(&chain, self.line, None)?;
        Ok((format!("root.{:010}", set.serial), set.serial))
    }

    pub(super) fn check_certificate(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let sets: Vec<Dsse> = self.sets().cloned().collect();
        let rank = self.in_force(now).map(|force| force.signer.rank()).ok();
        for length in (1..=sets.len()).rev() {
            let chain = sets.get(..length).unwrap_or_default();
            let set = verify_roots(chain, self.line, None)?;
            let Ok(certificate) = verify_certificate(dsse, &set, self.line, now) else {
                continue;
            };
            let life = certificate.not_after.saturating_sub(certificate.not_before);
            if life > KEY_LIFE_DAYS * DAY_SECONDS {
                return Err(Error::Malformed);
            }
            if rank.is_some_and(|rank| (length, certificate.serial) < rank) {
                return Err(Error::Conflict);
            }
            let serial = certificate.serial;
            return Ok((format!("{CERTIFICATE}{serial:020}"), serial));
        }
        Err(Error::Malformed)
    }

    pub(super) fn check_line(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let signers = self.successors(now);
        let mut lines = signers
            .iter()
            .map(|signer| verify_line(dsse, &signer.certificate, now));
        let line = lines.find_map(Result::ok).ok_or(Error::Malformed)?;
        if line.expires - line.issued > STATEMENT_LIFE_DAYS * DAY_SECONDS {
            return Err(Error::Malformed);
        }
        Ok(("line".into(), line.serial))
    }

    pub(super) fn check_desk(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let statement = verify_desk(dsse, &self.in_force(now)?.line)?;
        let today = day_of(now);
        let days = today.saturating_sub(1)..=today.saturating_add(PREKEY_DAYS_AHEAD + 1);
        let is_current = now < statement.expires && !issued_ahead(statement.issued, now);
        if !days.contains(&statement.day) || !is_current {
            return Err(Error::Malformed);
        }
        Ok((desk_name(statement.desk, statement.day), statement.serial))
    }

    pub(super) fn check_relay(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let line = self.in_force(now)?.line;
        let statement = verify_relay_statement(dsse, &line)?;
        if now >= statement.expires || issued_ahead(statement.issued, now) {
            return Err(Error::Malformed);
        }
        let newest = self.relays(&line, now).pop();
        if newest.is_some_and(|(_, newest)| statement.serial < newest.serial) {
            return Err(Error::Conflict);
        }
        Ok((relay_name(statement.serial), statement.serial))
    }

    /// The relay's statements that are good now, the newest last.
    pub(super) fn relays(&self, line: &LineStatement, now: u64) -> Vec<(&Dsse, RelayStatement)> {
        let all = self.with_prefix(RELAY).filter_map(|dsse| {
            let statement = verify_relay_statement(dsse, line).ok()?;
            let is_current = now < statement.expires && !issued_ahead(statement.issued, now);
            is_current.then_some((dsse, statement))
        });
        all.collect()
    }

    /// The highest serial of a statement of the relay, whoever signed it.
    pub(super) fn last_relay_serial(&self) -> Option<u64> {
        let (name, _) = self.all.range(..RELAY_END.to_owned()).next_back()?;
        name.strip_prefix(RELAY)?.parse().ok()
    }

    /// Names of the relay's statements that are past, or that another one has followed.
    pub(super) fn past_relays(&self, now: u64) -> Vec<String> {
        let served = self.in_force(now).ok().and_then(|force| {
            let (_, desks) = self.desks(&force.line, day_of(now));
            let relays = self.relays(&force.line, now);
            Some(relay_name(served(&relays, &desks)?.1.serial))
        });
        let names = self.all.range(RELAY.to_owned()..RELAY_END.to_owned());
        let is_past = |name: &str, dsse: &Dsse| {
            served.as_deref().is_some_and(|served| name < served)
                || RelayStatement::peek(dsse).map_or(true, |statement| now >= statement.expires)
        };
        let past = names.filter(|(name, dsse)| is_past(name, dsse));
        past.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn check_roster(&self, dsse: &Dsse, now: u64) -> Result<(String, u64), Error> {
        let signers = self.successors(now);
        let roster = roster_by(dsse, &signers, self.line).ok_or(Error::Malformed)?;
        if now >= roster.expires || issued_ahead(roster.issued, now) {
            return Err(Error::Malformed);
        }
        Ok(("roster".into(), roster.serial))
    }

    /// The devices, if those who may sign have said.
    pub(super) fn roster(&self, now: u64) -> Option<(Roster, Bytes)> {
        let dsse = self.named("roster").ok()?;
        let roster = roster_by(dsse, &self.successors(now), self.line)?;
        Some((roster, dsse.to_json().into()))
    }

    /// Names of certificates that gave way to a newer one.
    pub(super) fn past_certificates(&self, now: u64) -> Vec<String> {
        let Ok(force) = self.in_force(now) else {
            return Vec::new();
        };
        let certificates = self.all.range(CERTIFICATE.to_owned()..);
        let certificates = certificates.take_while(|(name, _)| name.starts_with(CERTIFICATE));
        certificates
            .filter(|(_, dsse)| {
                let serial = Certificate::peek(dsse).map(|certificate| certificate.serial);
                serial.is_ok_and(|serial| serial < force.signer.certificate.serial)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Of each desk the statement of the greatest day not after today and that of the day after.
    pub(super) fn desks(
        &self,
        line: &LineStatement,
        today: u32,
    ) -> (Vec<Dsse>, Vec<DeskStatement>) {
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
        let shown = chosen.into_values();
        shown.map(|(dsse, desk)| (dsse.clone(), desk)).unzip()
    }
}

/// The newest statement of the relay that every desk repeats in all that is shown of it.
pub(super) fn served<'r, 's>(
    relays: &'r [(&'s Dsse, RelayStatement)],
    desks: &[DeskStatement],
) -> Option<&'r (&'s Dsse, RelayStatement)> {
    relays.iter().rev().find(|(dsse, _)| {
        let hash = dsse.payload_hash();
        !desks.is_empty() && desks.iter().all(|desk| desk.repeats(&hash))
    })
}

/// The sizes of the boards as their keeper states them.
pub(super) fn boards(desks: &[DeskStatement]) -> Option<Boards> {
    let keepers = desks.iter().filter(|desk| desk.boards.is_some());
    let keeper = keepers.max_by_key(|desk| desk.serial)?;
    keeper.boards.clone()
}

/// What names of the relay's stored statements begin with; their serial follows.
const RELAY: &str = "relay.";
/// After all of them.
const RELAY_END: &str = "relay/";

pub(super) fn relay_name(serial: u64) -> String {
    format!("{RELAY}{serial:020}")
}

/// Rosters are signed by line keys alone.
fn roster_by(dsse: &Dsse, signers: &[Signer<'_>], line: LineId) -> Option<Roster> {
    let keys = signers.iter().map(|signer| &signer.certificate.line_key);
    let mut rosters = keys.map(|key| Roster::open(dsse, core::slice::from_ref(key), 1));
    let roster = rosters.find_map(Result::ok)?;
    (roster.line == line).then_some(roster)
}

impl From<VerifyError> for Error {
    fn from(_: VerifyError) -> Self {
        Self::Malformed
    }
}
