//! The administrator's keys of a line, and the statements made with them (SPEC 5.1).

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sotto_protocol::{
    bundle::Pin,
    dsse::Dsse,
    keys::{AgreementPublicKey, SealingPublicKey, SigningPublicKey},
    limits::{DAY_SECONDS, STATEMENT_LIFE_DAYS},
    secret::SigningSecret,
    statement::{
        Certificate, DeskEntry, DeviceEntry, DeviceRole, LineStatement, Policy, RelayKeys, RootSet,
        Roster, Statement, Texts,
    },
};
use zeroize::Zeroizing;

/// Days a line key is certified for.
const CERTIFICATE_DAYS: u64 = 90;

/// The three root keys: needed to begin a line and to certify its key anew, otherwise kept offline.
#[derive(Debug)]
pub struct Roots {
    keys: [SigningSecret; 3],
    set: RootSet,
}

/// What the administrator's machine keeps and signs with.
#[derive(Debug)]
pub struct LineKeys {
    line_key: SigningSecret,
    /// Everything public.
    pub book: Book,
}

/// The public side of a line as its administrator writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Book {
    roots: Dsse,
    certificate: Dsse,
    fingerprint: String,
    line: String,
    serial: u64,
    /// The relay's address, for the link.
    pub base: String,
    /// Who reads this, by language.
    pub names: Texts,
    /// The relay's keys.
    pub relay: RelayKeys,
    /// Timings.
    pub policy: Policy,
    /// Desks in the order they were added.
    pub desks: Vec<DeskEntry>,
    /// Devices in the order they were added.
    pub devices: Vec<DeviceEntry>,
}

/// What a new line is made of.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The relay's address.
    pub base: String,
    /// Who reads this, by language.
    pub names: Texts,
    /// The relay's keys, as `sotto-relay keys` printed them.
    pub relay: RelayKeys,
    /// Timings.
    pub policy: Policy,
}

/// The public half of a device, as `sotto-desk init` writes it for the administrator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceCard {
    /// Agrees request keys.
    pub x25519: AgreementPublicKey,
    /// Signs desk statements.
    pub ed25519: SigningPublicKey,
    /// Receives log keys.
    pub xwing: SealingPublicKey,
}

/// Why the administrator's command is refused. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// No desk of that number.
    #[error("there is no desk {0}; `sotto line show` lists them")]
    NoDesk(u16),
    /// The device is in the book.
    #[error("this device is part of the line already")]
    Twice,
    /// More desks than numbers.
    #[error("a line has at most 65,535 desks")]
    Full,
    /// The file is damaged or of another version.
    #[error("the line's file is damaged or written by a newer version; restore it from your copy")]
    Damaged,
}

/// Statements ready for the relay, in the order it takes them.
#[derive(Debug, Clone)]
pub struct Publication(pub Vec<(&'static str, Dsse)>);

/// Makes roots and line key, and certifies the line key.
pub fn begin(beginning: Beginning, now: u64, rng: &mut impl CryptoRng) -> (Roots, LineKeys) {
    let mut keys = [(); 3].map(|()| SigningSecret::make(rng));
    keys.sort_by_key(SigningSecret::public);
    let set = RootSet {
        serial: 1,
        roots: keys.each_ref().map(SigningSecret::public),
    };
    let roots = Roots { keys, set };
    let line_key = SigningSecret::make(rng);
    let fingerprint = roots.set.fingerprint();
    let book = Book {
        roots: roots.sign(roots.set.to_dsse()),
        certificate: roots.certify(&line_key.public(), now),
        fingerprint: fingerprint.to_text(),
        line: fingerprint.line().to_text(),
        serial: 0,
        base: beginning.base,
        names: beginning.names,
        relay: beginning.relay,
        policy: beginning.policy,
        desks: Vec::new(),
        devices: Vec::new(),
    };
    (roots, LineKeys { line_key, book })
}

impl Roots {
    /// Their three seeds, for sealing.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let seeds = self.keys.iter().map(SigningSecret::to_bytes);
        Zeroizing::new(seeds.flat_map(|seed| *seed).collect())
    }

    fn certify(&self, line_key: &SigningPublicKey, now: u64) -> Dsse {
        let certificate = Certificate {
            line: self.set.fingerprint().line(),
            serial: now,
            line_key: line_key.clone(),
            // An hour back, for machines whose clock is behind.
            not_before: now.saturating_sub(3_600),
            not_after: now.saturating_add(CERTIFICATE_DAYS * DAY_SECONDS),
        };
        self.sign(certificate.to_dsse())
    }

    fn sign(&self, dsse: Dsse) -> Dsse {
        let signers = self.keys.iter().take(RootSet::THRESHOLD);
        signers.fold(dsse, |dsse, key| key.sign(dsse))
    }
}

impl LineKeys {
    /// For sealing.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.line_key.to_bytes().to_vec());
        // A book is plain data and always serializes.
        bytes.extend(serde_json::to_vec(&self.book).unwrap_or_default());
        bytes
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let (seed, book) = bytes
            .split_first_chunk::<32>()
            .ok_or(CeremonyError::Damaged)?;
        Ok(Self {
            line_key: SigningSecret::from_bytes(seed),
            book: serde_json::from_slice(book).map_err(|_| CeremonyError::Damaged)?,
        })
    }

    /// Adds a desk; its number.
    pub fn add_desk(&mut self, names: Texts) -> Result<u16, CeremonyError> {
        let last = self.book.desks.last().map_or(0, |desk| desk.id);
        let id = last.checked_add(1).ok_or(CeremonyError::Full)?;
        self.book.desks.push(DeskEntry {
            id,
            names,
            signing_keys: Vec::new(),
        });
        Ok(id)
    }

    /// Adds a device to a desk. A drainer may sign for the desk.
    pub fn add_device(
        &mut self,
        card: DeviceCard,
        desk: u16,
        role: DeviceRole,
    ) -> Result<(), CeremonyError> {
        let entry = DeviceEntry {
            role,
            desk,
            x25519: card.x25519,
            ed25519: card.ed25519,
            xwing: card.xwing,
        };
        let mut devices = self.book.devices.iter();
        if devices.any(|device| device.id() == entry.id()) {
            return Err(CeremonyError::Twice);
        }
        let mut desks = self.book.desks.iter_mut();
        let found = desks.find(|candidate| candidate.id == desk);
        let found = found.ok_or(CeremonyError::NoDesk(desk))?;
        if role == DeviceRole::Drainer {
            found.signing_keys.push(entry.ed25519.clone());
        }
        self.book.devices.push(entry);
        Ok(())
    }

    /// Signs everything the relay needs, under a new serial.
    pub fn publish(&mut self, now: u64) -> Result<Publication, CeremonyError> {
        let book = &mut self.book;
        book.serial = book.serial.saturating_add(1).max(now);
        let pin = book.pin()?;
        let expires = now.saturating_add(STATEMENT_LIFE_DAYS * DAY_SECONDS);
        let line = LineStatement {
            line: pin.line,
            serial: book.serial,
            issued: now,
            expires,
            min_version: 1,
            names: book.names.clone(),
            guidance: BTreeMap::new(),
            emergency: None,
            onion: None,
            questions: Vec::new(),
            desks: book.desks.clone(),
            relay: book.relay.clone(),
            policy: book.policy.clone(),
        };
        let roster = Roster {
            line: pin.line,
            serial: book.serial,
            issued: now,
            expires,
            previous: None,
            devices: book.devices.clone(),
        };
        Ok(Publication(vec![
            ("root", book.roots.clone()),
            ("certificate", book.certificate.clone()),
            ("line", self.line_key.sign(line.to_dsse())),
            ("roster", self.line_key.sign(roster.to_dsse())),
        ]))
    }
}

impl Book {
    /// What people pin.
    pub fn pin(&self) -> Result<Pin, CeremonyError> {
        use sotto_protocol::id::{Fingerprint, LineId};
        Ok(Pin {
            line: LineId::parse(&self.line).ok_or(CeremonyError::Damaged)?,
            fingerprint: Fingerprint::parse(&self.fingerprint).ok_or(CeremonyError::Damaged)?,
        })
    }
}
