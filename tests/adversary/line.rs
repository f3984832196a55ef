//! The line whose desk is driven: what its administrator has signed, once and for ever.

use sotto_core::{desk::Identity, link::Link};
use sotto_protocol::{
    bundle::{BundleParts, Pin, Untrusted, day_of},
    dsse::Dsse,
    keys::SigningPublicKey,
    limits::DAY_SECONDS,
    request::AgreementSecret,
    secret::SigningSecret,
    statement::{
        Certificate, DeskEntry, DeskStatement, DeviceEntry, DeviceRole, LineStatement, Policy,
        RelayKeys, RootSet, Roster, ScheduleTimings, Statement,
    },
};

/// Long cycles, so that a case needs few pages.
pub(crate) const NEW_SECONDS: u64 = 21_600;

/// The only desk.
const DESK: u16 = 1;
const LINE_KEY: u8 = 10;

/// Everything that is signed but for the desk's own statements.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) pin: Pin,
    roots: Vec<Dsse>,
    certificate: Dsse,
    pub(crate) statement: LineStatement,
    signed: Dsse,
    /// As it is served to devices.
    pub(crate) roster: Vec<u8>,
    /// `H(bundle)`, the same on every day.
    pub(crate) hash: [u8; 32],
}

fn secret(seed: u8) -> SigningSecret {
    SigningSecret::from_bytes(&[seed; 32])
}

fn signed(statement: &impl Statement, seeds: &[u8]) -> Dsse {
    let unsigned = statement.to_dsse();
    seeds
        .iter()
        .fold(unsigned, |dsse, seed| secret(*seed).sign(dsse))
}

fn roots() -> RootSet {
    let mut roots = [1, 2, 3].map(|seed| secret(seed).public());
    roots.sort();
    RootSet { serial: 1, roots }
}

/// Where the line is found.
pub(crate) fn link() -> Link {
    let fingerprint = roots().fingerprint();
    Link {
        base: "http://relay.test".into(),
        pin: Pin {
            line: fingerprint.line(),
            fingerprint,
        },
        ohttp: None,
    }
}

impl Line {
    /// A line whose desk has these devices.
    pub(crate) fn of(crew: &[(Identity, DeviceRole)]) -> Self {
        let pin = link().pin;
        let devices: Vec<DeviceEntry> = crew.iter().map(entry).collect();
        let drainers = devices.iter().filter(|d| d.role == DeviceRole::Drainer);
        let statement = statement(pin, drainers.map(|d| d.ed25519.clone()).collect());
        let certificate = Certificate {
            line: pin.line,
            serial: 1,
            line_key: secret(LINE_KEY).public(),
            not_before: 0,
            not_after: u64::MAX,
        };
        let roster = Roster {
            line: pin.line,
            serial: 1,
            issued: 0,
            expires: u64::MAX,
            previous: None,
            devices,
        };
        let mut line = Self {
            pin,
            roots: vec![signed(&roots(), &[1, 2])],
            certificate: signed(&certificate, &[2, 3]),
            signed: signed(&statement, &[LINE_KEY]),
            statement,
            roster: signed(&roster, &[LINE_KEY]).to_json(),
            hash: [0; 32],
        };
        let bundle = Untrusted::parse(&line.bundle(&[], 0)).unwrap();
        line.hash = bundle.verify_line(pin, 0).unwrap().hash;
        line
    }

    /// What everybody is shown at `now`: of the desk's statements that of today, or the latest
    /// before it, and that of tomorrow.
    pub(crate) fn bundle(&self, desks: &[(DeskStatement, Dsse)], now: u64) -> Vec<u8> {
        let shown = shown(desks, now).into_iter().map(|(_, dsse)| dsse.clone());
        let parts = BundleParts {
            version: 1,
            roots: self.roots.clone(),
            certificate: self.certificate.clone(),
            line: self.signed.clone(),
            desks: shown.collect(),
            relay: None,
            relay_next: None,
        };
        serde_json::to_vec(&parts).unwrap()
    }
}

/// Those of the desk's statements that are in force at `now`.
pub(crate) fn shown(desks: &[(DeskStatement, Dsse)], now: u64) -> Vec<&(DeskStatement, Dsse)> {
    let today = day_of(now);
    let past = desks.iter().filter(|(desk, _)| desk.day <= today);
    let past = past.max_by_key(|(desk, _)| desk.day);
    let next = desks.iter().find(|(desk, _)| desk.day == today + 1);
    past.into_iter().chain(next).collect()
}

fn entry((identity, role): &(Identity, DeviceRole)) -> DeviceEntry {
    let card = identity.card();
    DeviceEntry {
        role: *role,
        desk: DESK,
        x25519: card.x25519,
        ed25519: card.ed25519,
        xwing: card.xwing,
    }
}

fn statement(pin: Pin, signing_keys: Vec<SigningPublicKey>) -> LineStatement {
    LineStatement {
        line: pin.line,
        serial: 1,
        issued: 0,
        expires: u64::MAX,
        min_version: 1,
        names: [("en".into(), "City watch".into())].into(),
        guidance: [].into(),
        emergency: None,
        onion: None,
        ohttp: Vec::new(),
        questions: Vec::new(),
        desks: vec![DeskEntry {
            id: DESK,
            names: [("en".into(), "Environment".into())].into(),
            signing_keys,
        }],
        relay: RelayKeys {
            signing_key: secret(30).public(),
            x25519: AgreementSecret::from_bytes([5; 32]).public(),
        },
        relay_before: None,
        policy: Policy {
            new_cycle_seconds: NEW_SECONDS,
            old_cycle_seconds: DAY_SECONDS,
            repeat_days: 365,
            retention_days: 14,
            drain_seconds: 60,
            schedule: ScheduleTimings::default(),
        },
    }
}
