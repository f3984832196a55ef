//! The public side of a line as its administrator writes it.

use serde::{Deserialize, Serialize};
use sotto_protocol::{
    bundle::Pin,
    dsse::Dsse,
    id::{DeviceId, Fingerprint, LineId},
    keys::SigningPublicKey,
    limits::{DAY_SECONDS, KEY_OVERLAP_DAYS},
    statement::{
        Certificate, DeskEntry, DeviceEntry, DeviceRole, Policy, RelayKeys, RootSet, Statement,
        Texts,
    },
};

use super::{CeremonyError, DeviceCard};

/// Everything public that the administrator decides and signs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Book {
    pub(super) line: String,
    /// What the relay and clients believe now.
    pub(super) chain: Chain,
    /// What they are to believe once the relay has taken it.
    pub(super) renewal: Option<Chain>,
    pub(super) serial: u64,
    /// End of what the relay took last; 0 before the first time.
    pub(super) published_until: u64,
    /// `H(payload)` of the roster signed last, base64.
    pub(super) roster: Option<String>,
    /// Numbers of desks are never used twice.
    pub(super) last_desk: u16,
    /// The relay's address, for the link.
    pub base: String,
    /// Who reads this, by language.
    pub names: Texts,
    /// The relay's keys.
    pub relay: RelayKeys,
    pub(super) relay_before: Option<RelayKeys>,
    /// When `relay` was first signed; 0 before.
    pub(super) relay_since: u64,
    /// Timings.
    pub policy: Policy,
    /// Desks in the order they were added.
    pub desks: Vec<DeskNames>,
    /// Devices in the order they were added.
    pub devices: Vec<DeviceEntry>,
    /// Oblivious relays, the first one first (SPEC 6.2).
    #[serde(default)]
    pub ohttp: Vec<String>,
    /// Oldest first.
    pub(super) desk_keys: Vec<DeskKey>,
}

/// The root sets from the first, and the certificate of a line key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) roots: Vec<Dsse>,
    pub(super) certificate: Dsse,
}

/// A desk of the line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeskNames {
    /// From 1.
    pub id: u16,
    /// What people call it, by language.
    pub names: Texts,
}

/// A key that signs desk statements.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DeskKey {
    pub(super) desk: u16,
    /// The device that holds it.
    pub(super) device: String,
    pub(super) key: SigningPublicKey,
    /// When a line statement first named it; 0 before.
    pub(super) since: u64,
}

impl Chain {
    pub(super) fn newest(&self) -> Result<RootSet, CeremonyError> {
        let newest = self.roots.last().ok_or(CeremonyError::Damaged)?;
        RootSet::peek(newest).map_err(|_| CeremonyError::Damaged)
    }

    pub(super) fn certificate(&self) -> Result<Certificate, CeremonyError> {
        Certificate::peek(&self.certificate).map_err(|_| CeremonyError::Damaged)
    }
}

impl Book {
    /// What people pin: the newest root set that the relay has taken.
    pub fn pin(&self) -> Result<Pin, CeremonyError> {
        Ok(Pin {
            line: LineId::parse(&self.line).ok_or(CeremonyError::Damaged)?,
            fingerprint: self.fingerprint()?,
        })
    }

    fn fingerprint(&self) -> Result<Fingerprint, CeremonyError> {
        Ok(self.chain.newest()?.fingerprint())
    }

    /// Whether the roots were ever replaced: then a fingerprint alone no longer tells the line.
    pub const fn has_new_roots(&self) -> bool {
        self.chain.roots.len() > 1
    }

    /// What the next statements are signed under.
    pub(super) fn next_chain(&self) -> &Chain {
        self.renewal.as_ref().unwrap_or(&self.chain)
    }

    /// Adds a desk; its number.
    pub(super) fn add_desk(&mut self, names: Texts) -> Result<u16, CeremonyError> {
        let id = self.last_desk.checked_add(1).ok_or(CeremonyError::Full)?;
        self.last_desk = id;
        self.desks.push(DeskNames { id, names });
        Ok(id)
    }

    pub(super) fn add_device(
        &mut self,
        card: DeviceCard,
        desk: u16,
        role: DeviceRole,
    ) -> Result<(), CeremonyError> {
        self.must_have(desk)?;
        let key = card.signing_key().clone();
        let entry = card.into_entry(desk, role);
        let id = entry.id();
        if self.devices.iter().any(|device| device.id() == id) {
            return Err(CeremonyError::Twice);
        }
        if role == DeviceRole::Drainer {
            self.name_key(desk, id, key);
        }
        self.devices.push(entry);
        Ok(())
    }

    /// Takes the renewed signing key of a drainer; its desk.
    pub(super) fn renew_desk_key(&mut self, card: DeviceCard) -> Result<u16, CeremonyError> {
        let key = card.signing_key().clone();
        let id = card.into_entry(0, DeviceRole::Drainer).id();
        let mut devices = self.devices.iter();
        let device = devices.find(|device| device.id() == id);
        let device = device.ok_or(CeremonyError::NoDevice)?;
        if device.role != DeviceRole::Drainer {
            return Err(CeremonyError::Reader);
        }
        if self.desk_keys.iter().any(|known| known.key == key) {
            return Err(CeremonyError::SameKey);
        }
        let desk = device.desk;
        // One that no line statement has named yet is not worth an overlap.
        let id_text = id.to_text();
        self.desk_keys
            .retain(|known| known.device != id_text || known.since > 0);
        self.name_key(desk, id, key);
        Ok(desk)
    }

    /// Removes a device and what it signs with; its desk.
    pub(super) fn remove_device(&mut self, id: DeviceId) -> Result<u16, CeremonyError> {
        let place = self.devices.iter().position(|device| device.id() == id);
        let removed = self.devices.remove(place.ok_or(CeremonyError::NoDevice)?);
        let id = id.to_text();
        self.desk_keys.retain(|key| key.device != id);
        Ok(removed.desk)
    }

    /// Removes a desk with all its devices; how many.
    pub(super) fn remove_desk(&mut self, desk: u16) -> Result<usize, CeremonyError> {
        self.must_have(desk)?;
        let before = self.devices.len();
        self.desks.retain(|known| known.id != desk);
        self.devices.retain(|device| device.desk != desk);
        self.desk_keys.retain(|key| key.desk != desk);
        Ok(before - self.devices.len())
    }

    /// Takes the relay's renewed keys; those before stay named for an overlap.
    pub(super) fn renew_relay(&mut self, relay: RelayKeys) -> Result<(), CeremonyError> {
        let is_known = |known: &RelayKeys| {
            known.x25519 == relay.x25519 || known.signing_key == relay.signing_key
        };
        if is_known(&self.relay) || self.relay_before.as_ref().is_some_and(is_known) {
            return Err(CeremonyError::SameKey);
        }
        let before = std::mem::replace(&mut self.relay, relay);
        // Keys that no statement ever named leave without an overlap.
        if self.relay_since > 0 {
            self.relay_before = Some(before);
        }
        self.relay_since = 0;
        Ok(())
    }

    /// Before a statement is signed at `now`: new keys begin their time, those before end theirs.
    pub(super) fn turn(&mut self, now: u64) {
        let ends = |since: u64| since.saturating_add(KEY_OVERLAP_DAYS * DAY_SECONDS) <= now;
        if self.relay_since == 0 {
            self.relay_since = now;
        } else if ends(self.relay_since) {
            self.relay_before = None;
        }
        for key in &mut self.desk_keys {
            if key.since == 0 {
                key.since = now;
            }
        }
        let successors = self.desk_keys.clone();
        let mut place = 0;
        self.desk_keys.retain(|key| {
            place += 1;
            let mut later = successors.iter().skip(place);
            !later.any(|next| next.device == key.device && ends(next.since))
        });
    }

    /// Desks as the line statement names them.
    pub(super) fn desk_entries(&self) -> Vec<DeskEntry> {
        let entry = |desk: &DeskNames| {
            let keys = self.desk_keys.iter().filter(|key| key.desk == desk.id);
            DeskEntry {
                id: desk.id,
                names: desk.names.clone(),
                signing_keys: keys.map(|key| key.key.clone()).collect(),
            }
        };
        self.desks.iter().map(entry).collect()
    }

    fn name_key(&mut self, desk: u16, device: DeviceId, key: SigningPublicKey) {
        self.desk_keys.push(DeskKey {
            desk,
            device: device.to_text(),
            key,
            since: 0,
        });
    }

    fn must_have(&self, desk: u16) -> Result<(), CeremonyError> {
        if self.desks.iter().any(|known| known.id == desk) {
            Ok(())
        } else {
            Err(CeremonyError::NoDesk(desk))
        }
    }
}
