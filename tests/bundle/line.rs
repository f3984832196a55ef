//! A line of which every statement may be bent before it is put together.

use serde_json::Value;
use sotto_protocol::{
    bundle::{Bundle, BundleParts, Pin, Seen, Untrusted, VerifyError, day_of},
    dsse::Dsse,
    id::LineId,
    keys::AgreementPublicKey,
    secret::{SealingSecret, SigningSecret},
    statement::{
        Certificate, DeskEntry, DeskStatement, LineStatement, Policy, RelayKeys, RelayStatement,
        RootSet, Statement,
    },
};
use sotto_tests::world::policy;

pub(super) const NOW: u64 = 1_795_491_000;
pub(super) const DAY: u64 = 86_400;

pub(super) fn secret(seed: u8) -> SigningSecret {
    SigningSecret::from_bytes(&[seed; 32])
}

pub(super) fn root_set(serial: u64, seeds: [u8; 3]) -> RootSet {
    let mut roots = seeds.map(|seed| secret(seed).public());
    roots.sort();
    RootSet { serial, roots }
}

pub(super) fn signed(statement: &impl Statement, seeds: &[u8]) -> Dsse {
    let unsigned = statement.to_dsse();
    seeds
        .iter()
        .fold(unsigned, |dsse, seed| secret(*seed).sign(dsse))
}

pub(super) const FIRST: [u8; 3] = [1, 2, 3];
pub(super) const SECOND: [u8; 3] = [4, 5, 6];
pub(super) const LINE_KEY: u8 = 10;
pub(super) const DESK_KEY: u8 = 20;
pub(super) const RELAY_KEY: u8 = 30;

/// Every statement, to be bent before it is put together.
pub(super) struct Line {
    pub(super) roots: Vec<Dsse>,
    pub(super) certificate: Certificate,
    pub(super) certified_by: Vec<u8>,
    pub(super) statement: LineStatement,
    pub(super) desks: Vec<DeskStatement>,
    pub(super) desk_key: u8,
    pub(super) relay: Option<RelayStatement>,
    pub(super) pin: Pin,
    pub(super) seen: Seen,
}

impl Line {
    pub(super) fn new() -> Self {
        let first = root_set(1, FIRST);
        let id = first.fingerprint().line();
        let desk = |day| DeskStatement {
            line: id,
            desk: 1,
            serial: 7,
            day,
            prekey: SealingSecret::from_bytes([9; 32]).public(),
            issued: NOW,
            expires: NOW + 20 * DAY,
            boards: None,
            relay_statement: None,
            relay_statement_next: None,
        };
        let today = day_of(NOW);
        Self {
            roots: vec![signed(&first, &FIRST[..2])],
            certificate: Certificate {
                line: id,
                serial: 5,
                line_key: secret(LINE_KEY).public(),
                not_before: NOW - 10,
                not_after: NOW + 90 * DAY,
            },
            certified_by: FIRST[1..].to_vec(),
            statement: line_statement(id, policy()),
            desks: vec![desk(today), desk(today + 1)],
            desk_key: DESK_KEY,
            relay: None,
            pin: Pin {
                line: id,
                fingerprint: first.fingerprint(),
            },
            seen: Seen::default(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let desks = self.desks.iter();
        let parts = BundleParts {
            version: 1,
            roots: self.roots.clone(),
            certificate: signed(&self.certificate, &self.certified_by),
            line: signed(&self.statement, &[LINE_KEY]),
            desks: desks.map(|desk| signed(desk, &[self.desk_key])).collect(),
            relay: self.relay.as_ref().map(|relay| signed(relay, &[RELAY_KEY])),
            relay_next: None,
        };
        serde_json::to_value(parts).unwrap()
    }

    pub(super) fn verify(&self) -> Result<Bundle, VerifyError> {
        self.verify_json(&self.json())
    }

    pub(super) fn verify_json(&self, json: &Value) -> Result<Bundle, VerifyError> {
        let bundle = Untrusted::parse(json.to_string().as_bytes())?;
        bundle.verify(self.pin, NOW, &self.seen)
    }

    pub(super) fn error(&self) -> VerifyError {
        self.verify().unwrap_err()
    }
}

fn line_statement(id: LineId, policy: Policy) -> LineStatement {
    LineStatement {
        line: id,
        serial: 6,
        issued: NOW,
        expires: NOW + 60 * DAY,
        min_version: 1,
        names: [("en".into(), "City watch".into())].into(),
        guidance: [].into(),
        emergency: None,
        onion: None,
        ohttp: Vec::new(),
        questions: Vec::new(),
        desks: vec![DeskEntry {
            id: 1,
            names: [].into(),
            signing_keys: vec![secret(DESK_KEY).public()],
        }],
        relay: RelayKeys {
            signing_key: secret(RELAY_KEY).public(),
            x25519: AgreementPublicKey([8; 32]),
        },
        relay_before: None,
        policy,
    }
}
