//! A line with everything in its bundle, each part of which a test may bend before it is signed.

use sotto_protocol::{
    bundle::{Bundle, BundleParts, Pin, Seen, Untrusted, VerifyError},
    dsse::Dsse,
    keys::SigningPublicKey,
    limits::DAY_SECONDS,
    request::AgreementSecret,
    secret::{SealingSecret, SigningSecret},
    statement::{
        Certificate, DeskEntry, DeskStatement, LineStatement, Policy, RelayKeys, RelayStatement,
        RootSet, Statement,
    },
};

/// The UTC day of every scene.
pub(super) const DAY: u32 = 20_781;
/// Ten in the morning of [`DAY`].
pub(super) const NOW: u64 = DAY as u64 * DAY_SECONDS + 36_000;

pub(super) struct Scene {
    /// Root sets from the first, and who signs each.
    pub(super) chain: Vec<(RootSet, Vec<SigningSecret>)>,
    pub(super) certificate: Certificate,
    pub(super) certifiers: Vec<SigningSecret>,
    pub(super) line: LineStatement,
    /// Of desk 1, today's and tomorrow's.
    pub(super) desks: Vec<DeskStatement>,
    pub(super) relay: Option<RelayStatement>,
}

pub(super) fn signer(seed: u8) -> SigningSecret {
    SigningSecret::from_bytes(&[seed; 32])
}

/// Three roots in the order of their public keys.
pub(super) fn roots(seeds: [u8; 3]) -> [SigningSecret; 3] {
    let mut keys = seeds.map(signer);
    keys.sort_by_key(SigningSecret::public);
    keys
}

pub(super) fn root_set(serial: u64, seeds: [u8; 3]) -> RootSet {
    let roots = roots(seeds).map(|key| key.public());
    RootSet { serial, roots }
}

pub(super) fn signed(dsse: Dsse, signers: &[SigningSecret]) -> Dsse {
    signers.iter().fold(dsse, |dsse, key| key.sign(dsse))
}

pub(super) const FIRST: [u8; 3] = [1, 2, 3];
/// None of [`FIRST`] is among them.
pub(super) const SECOND: [u8; 3] = [4, 5, 6];
pub(super) const LINE_KEY: u8 = 10;
pub(super) const DESK_KEY: u8 = 11;
pub(super) const RELAY_KEY: u8 = 12;
pub(super) const FOREIGN: u8 = 99;

impl Scene {
    /// Accepted as it is.
    pub(super) fn new() -> Self {
        let set = root_set(1, FIRST);
        let line = set.fingerprint().line();
        let certificate = Certificate {
            line,
            serial: 20,
            line_key: signer(LINE_KEY).public(),
            not_before: NOW - 3_600,
            not_after: NOW + 90 * DAY_SECONDS,
        };
        let statement = LineStatement {
            line,
            serial: 30,
            issued: NOW,
            expires: NOW + 60 * DAY_SECONDS,
            min_version: 1,
            names: [("en".into(), "City watch".into())].into(),
            guidance: [].into(),
            emergency: None,
            onion: None,
            questions: Vec::new(),
            desks: vec![desk_entry(1, signer(DESK_KEY).public())],
            relay: RelayKeys {
                signing_key: signer(RELAY_KEY).public(),
                x25519: AgreementSecret::from_bytes([13; 32]).public(),
            },
            policy: Policy {
                new_cycle_seconds: 300,
                old_cycle_seconds: 21_600,
                repeat_days: 365,
                retention_days: 14,
                drain_seconds: 60,
            },
        };
        let desks = [DAY, DAY + 1].map(|day| DeskStatement {
            line,
            desk: 1,
            serial: 40,
            day,
            prekey: SealingSecret::from_bytes([day.to_le_bytes()[0]; 32]).public(),
            issued: NOW,
            expires: NOW + 14 * DAY_SECONDS,
            boards: None,
            relay_statement: None,
        });
        Self {
            chain: vec![(set, roots(FIRST).into_iter().take(2).collect())],
            certificate,
            certifiers: roots(FIRST).into_iter().take(2).collect(),
            line: statement,
            desks: desks.into(),
            relay: None,
        }
    }

    /// The roots of [`SECOND`] take over, as they should.
    pub(super) fn rotated() -> Self {
        let mut scene = Self::new();
        let [a, b, _] = roots(FIRST);
        let [c, d, _] = roots(SECOND);
        let both = vec![a, b, c, d];
        scene.chain.push((root_set(2, SECOND), both));
        scene.certifiers = roots(SECOND).into_iter().skip(1).collect();
        scene
    }

    /// The relay has a statement, and every desk repeats its hash.
    pub(super) fn with_relay(mut self) -> Self {
        let statement = RelayStatement {
            line: self.line.line,
            serial: 50,
            issued: NOW,
            expires: NOW + DAY_SECONDS,
        };
        let hash = data_encoding::BASE64.encode(&statement.to_dsse().payload_hash());
        for desk in &mut self.desks {
            desk.relay_statement = Some(hash.clone());
        }
        self.relay = Some(statement);
        self
    }

    /// Pins the newest root set.
    pub(super) fn pin(&self) -> Pin {
        let newest = self.chain.last().map(|(set, _)| set.fingerprint());
        Pin {
            line: self.line.line,
            fingerprint: newest.unwrap(),
        }
    }

    /// Signs everything as it stands now.
    pub(super) fn parts(&self) -> BundleParts {
        let of_desk = |statement: &DeskStatement| signer(DESK_KEY).sign(statement.to_dsse());
        let of_relay = |statement: &RelayStatement| signer(RELAY_KEY).sign(statement.to_dsse());
        let of_root = |(set, signers): &(RootSet, Vec<_>)| signed(set.to_dsse(), signers);
        BundleParts {
            version: 1,
            roots: self.chain.iter().map(of_root).collect(),
            certificate: signed(self.certificate.to_dsse(), &self.certifiers),
            line: signer(LINE_KEY).sign(self.line.to_dsse()),
            desks: self.desks.iter().map(of_desk).collect(),
            relay: self.relay.as_ref().map(of_relay),
        }
    }

    /// What a phone that has seen nothing yet makes of it.
    pub(super) fn verify(&self) -> Result<Bundle, VerifyError> {
        self.verify_after(&Seen::default())
    }

    pub(super) fn verify_after(&self, seen: &Seen) -> Result<Bundle, VerifyError> {
        parse(&self.parts()).verify(self.pin(), NOW, seen)
    }

    /// The one error of a scene that was bent, or of parts that were.
    pub(super) fn refusal(&self) -> VerifyError {
        self.verify().unwrap_err()
    }
}

pub(super) fn desk_entry(id: u16, key: SigningPublicKey) -> DeskEntry {
    DeskEntry {
        id,
        names: [("en".into(), "News".into())].into(),
        signing_keys: vec![key],
    }
}

/// Through JSON, as it travels.
pub(super) fn parse(parts: &BundleParts) -> Untrusted<BundleParts> {
    Untrusted::parse(&serde_json::to_vec(parts).unwrap()).unwrap()
}

/// What a phone makes of parts that were bent after they were signed.
pub(super) fn refusal(parts: &BundleParts) -> VerifyError {
    let verified = parse(parts).verify(Scene::new().pin(), NOW, &Seen::default());
    verified.unwrap_err()
}
