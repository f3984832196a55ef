//! Who vouches for whom: root set, certificate, line statement, desk and relay statements (SPEC 5.1).

use alloc::vec::Vec;

use super::{VERSION, VerifyError, day_of};
use crate::{
    dsse::Dsse,
    id::{Fingerprint, LineId},
    keys::SigningPublicKey,
    limits::CLOCK_DRIFT_SECONDS,
    statement::{Certificate, DeskStatement, LineStatement, RelayStatement, RootSet, Statement},
};

/// Walks the chain of root sets. Returns the newest.
pub fn verify_roots(
    chain: &[Dsse],
    line: LineId,
    pinned: Option<Fingerprint>,
) -> Result<RootSet, VerifyError> {
    let mut newest: Option<RootSet> = None;
    let mut pin_met = pinned.is_none();
    for dsse in chain {
        let claimed = RootSet::peek(dsse)?;
        let set = RootSet::open(dsse, &claimed.roots, RootSet::THRESHOLD)?;
        match &newest {
            None if set.serial != 1 || set.fingerprint().line() != line => {
                return Err(VerifyError::Line);
            }
            None => {}
            Some(before) => {
                RootSet::open(dsse, &before.roots, RootSet::THRESHOLD)?;
                if before.serial.checked_add(1) != Some(set.serial) {
                    return Err(VerifyError::Malformed);
                }
            }
        }
        pin_met |= pinned == Some(set.fingerprint());
        newest = Some(set);
    }
    let newest = newest.ok_or(VerifyError::Malformed)?;
    if pin_met {
        Ok(newest)
    } else {
        Err(VerifyError::Fingerprint)
    }
}

/// Checks the line key's certificate against the newest root set.
pub fn verify_certificate(
    dsse: &Dsse,
    roots: &RootSet,
    line: LineId,
    now: u64,
) -> Result<Certificate, VerifyError> {
    let certificate = Certificate::open(dsse, &roots.roots, RootSet::THRESHOLD)?;
    if certificate.line != line {
        return Err(VerifyError::Line);
    }
    if !(certificate.not_before..certificate.not_after).contains(&now) {
        return Err(VerifyError::Expired);
    }
    Ok(certificate)
}

/// Checks a line statement against the certificate.
pub fn verify_line(
    dsse: &Dsse,
    certificate: &Certificate,
    now: u64,
) -> Result<LineStatement, VerifyError> {
    let line: LineStatement = open_by(dsse, core::slice::from_ref(&certificate.line_key))?;
    if line.line != certificate.line {
        return Err(VerifyError::Line);
    }
    if line.min_version > VERSION {
        return Err(VerifyError::Update);
    }
    if now >= line.expires || issued_ahead(line.issued, now) {
        return Err(VerifyError::Expired);
    }
    Ok(line)
}

/// Checks one desk statement against the line statement, whatever its dates.
pub fn verify_desk(dsse: &Dsse, line: &LineStatement) -> Result<DeskStatement, VerifyError> {
    let claimed = DeskStatement::peek(dsse)?;
    let desk = line.desks.iter().find(|desk| desk.id == claimed.desk);
    let desk = desk.ok_or(VerifyError::Signature)?;
    let statement: DeskStatement = open_by(dsse, &desk.signing_keys)?;
    if statement.line == line.line {
        Ok(statement)
    } else {
        Err(VerifyError::Line)
    }
}

pub(super) fn verify_desks(
    all: &[Dsse],
    line: &LineStatement,
    now: u64,
) -> Result<Vec<DeskStatement>, VerifyError> {
    let mut desks = Vec::with_capacity(all.len());
    for dsse in all {
        let statement = verify_desk(dsse, line)?;
        if now < statement.expires && !issued_ahead(statement.issued, now) {
            desks.push(statement);
        }
    }
    let today = day_of(now);
    let usable = |id: u16| {
        desks
            .iter()
            .any(|statement| statement.desk == id && statement.day <= today)
    };
    if !line.desks.is_empty() && line.desks.iter().all(|desk| usable(desk.id)) {
        Ok(desks)
    } else {
        Err(VerifyError::NoPrekey)
    }
}

pub(super) fn verify_relay(
    dsse: Option<&Dsse>,
    line: &LineStatement,
    desks: &[DeskStatement],
    now: u64,
) -> Result<Option<RelayStatement>, VerifyError> {
    let Some(dsse) = dsse else { return Ok(None) };
    let statement = verify_relay_statement(dsse, line)?;
    if now >= statement.expires || issued_ahead(statement.issued, now) {
        return Err(VerifyError::Expired);
    }
    // No person can be shown a relay key of their own: every desk repeats the statement's hash.
    let hash = dsse.payload_hash();
    if desks.iter().all(|desk| desk.repeats(&hash)) {
        Ok(Some(statement))
    } else {
        Err(VerifyError::Signature)
    }
}

/// A statement of the relay as a desk finds it.
#[derive(Debug, Clone)]
pub struct PublishedRelay {
    /// What it says.
    pub statement: RelayStatement,
    /// `H(payload)`, which the desk repeats.
    pub hash: [u8; 32],
}

/// One that is by whom it must be and valid now; else the desk repeats nothing.
pub(super) fn published_relay(
    dsse: Option<&Dsse>,
    line: &LineStatement,
    now: u64,
) -> Option<PublishedRelay> {
    let dsse = dsse?;
    let statement = verify_relay_statement(dsse, line).ok()?;
    let is_current = now < statement.expires && !issued_ahead(statement.issued, now);
    is_current.then(|| PublishedRelay {
        statement,
        hash: dsse.payload_hash(),
    })
}

/// Checks the relay's statement against the keys the line statement gives it, whatever its dates.
pub fn verify_relay_statement(
    dsse: &Dsse,
    line: &LineStatement,
) -> Result<RelayStatement, VerifyError> {
    let keys: Vec<SigningPublicKey> = line.relays().map(|keys| keys.signing_key.clone()).collect();
    let statement: RelayStatement = open_by(dsse, &keys)?;
    if statement.line == line.line {
        Ok(statement)
    } else {
        Err(VerifyError::Line)
    }
}

pub(super) fn highest_serials(line: &LineStatement, desks: &[DeskStatement]) -> Vec<(u16, u64)> {
    line.desks
        .iter()
        .filter_map(|desk| {
            let serials = desks.iter().filter(|s| s.desk == desk.id).map(|s| s.serial);
            serials.max().map(|serial| (desk.id, serial))
        })
        .collect()
}

fn open_by<S: Statement>(dsse: &Dsse, keys: &[SigningPublicKey]) -> Result<S, VerifyError> {
    S::open(dsse, keys, 1).map_err(VerifyError::from)
}

/// A statement from tomorrow means that the clock is wrong; an hour's drift is forgiven.
pub const fn issued_ahead(issued: u64, now: u64) -> bool {
    issued > now.saturating_add(CLOCK_DRIFT_SECONDS)
}
