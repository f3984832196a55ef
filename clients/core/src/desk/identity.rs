//! One device's keys and the line it serves.

use rand_core::CryptoRng;
use sotto_protocol::{
    dsse::Dsse,
    hash,
    id::{Address, DeviceId, LineId},
    keys::{AgreementPublicKey, SigningPublicKey},
    limits::{DAY_SECONDS, KEY_LIFE_DAYS},
    request::AgreementSecret,
    secret::{SealingSecret, SigningSecret, random},
    statement::{DeviceEntry, DeviceRole, LineStatement},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Change, Desk, Row};
use crate::{ceremony::DeviceCard, link::Link, relay::Signer, timetable::Due};

/// The device's secrets and its pin.
pub struct Identity {
    link: Link,
    agreement: AgreementSecret,
    sealing: SealingSecret,
    /// Of the first signing key: part of the device's id for life.
    first: SigningPublicKey,
    /// Oldest first, at least one.
    signing: Vec<DeskKey>,
}

/// A key that signs desk statements once the line statement names it.
struct DeskKey {
    secret: SigningSecret,
    /// When the line statement was first seen to name it; 0 before.
    since: u64,
}

/// How the signing key of a drainer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKey {
    /// The line statement has yet to name the newest key; the administrator needs its card.
    Waiting,
    /// In use; to be renewed before this, in unix seconds.
    Until(u64),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl Identity {
    /// New keys for a device of the line that `link` names.
    pub fn make(link: Link, rng: &mut impl CryptoRng) -> Self {
        let agreement = AgreementSecret::from_bytes(random(rng));
        let secret = SigningSecret::make(rng);
        Self {
            link,
            agreement,
            first: secret.public(),
            signing: vec![DeskKey { secret, since: 0 }],
            sealing: SealingSecret::make(rng),
        }
    }

    /// The line's link.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// What the administrator needs.
    pub fn card(&self) -> DeviceCard {
        let newest = self.signing.last().map(|key| key.secret.public());
        DeviceCard {
            x25519: self.agreement.public(),
            ed25519: self.first.clone(),
            xwing: self.sealing.public(),
            desk_key: newest.filter(|key| *key != self.first),
        }
    }

    /// Whether the signing key is due to be renewed.
    pub fn signing_key(&self) -> SigningKey {
        match self.signing.last() {
            Some(DeskKey { since, .. }) if *since > 0 => {
                SigningKey::Until(since.saturating_add(KEY_LIFE_DAYS * DAY_SECONDS))
            }
            _ => SigningKey::Waiting,
        }
    }

    /// A new signing key, unless the newest one still waits for the administrator.
    fn renew(&mut self, rng: &mut impl CryptoRng) {
        if self.signing_key() != SigningKey::Waiting {
            let secret = SigningSecret::make(rng);
            self.signing.push(DeskKey { secret, since: 0 });
        }
    }

    /// Looks which keys the line statement names; those that gave way to a newer one are erased.
    /// Whether anything changed.
    pub(super) fn note_keys(&mut self, line: &LineStatement, now: u64) -> bool {
        let mut has_changed = false;
        for key in &mut self.signing {
            if key.since == 0 && is_named(line, &key.secret.public()) {
                key.since = now;
                has_changed = true;
            }
        }
        let before = self.signing.len();
        while let [oldest, _, ..] = self.signing.as_slice() {
            let has_successor = self.signing.iter().skip(1).any(|key| key.since > 0);
            if !has_successor || is_named(line, &oldest.secret.public()) {
                break;
            }
            self.signing.remove(0);
        }
        has_changed || self.signing.len() < before
    }

    pub(super) const fn line(&self) -> LineId {
        self.link.pin.line
    }

    /// Where filler number `number` of a page stands: the same whenever the page is composed.
    pub(super) fn filler(&self, due: Due, number: u8) -> Address {
        let (board, cycle, page) = (
            [due.board.byte()],
            due.cycle.to_le_bytes(),
            due.page.to_le_bytes(),
        );
        let info: [&[u8]; 5] = [b"sotto/1 desk filler", &board, &cycle, &page, &[number]];
        Address(hash::expand(self.sealing.as_bytes(), &info))
    }

    pub(super) fn signer(&self, relay: &AgreementPublicKey) -> Signer {
        Signer {
            device: self.id(),
            key: self.agreement.request_key_of_device(relay, self.line()),
        }
    }

    /// By the newest key that the line statement names.
    pub(super) fn sign(&self, dsse: Dsse, line: &LineStatement) -> Option<Vec<u8>> {
        let mut keys = self.signing.iter().rev();
        let key = keys.find(|key| is_named(line, &key.secret.public()))?;
        Some(key.secret.sign(dsse).to_json())
    }

    /// The desk whose statements this device may sign.
    pub(super) fn desk_of(&self, line: &LineStatement) -> Option<u16> {
        let mut desks = line.desks.iter();
        let desk = desks.find(|desk| {
            let mut keys = self.signing.iter();
            keys.any(|key| desk.signing_keys.contains(&key.secret.public()))
        });
        Some(desk?.id)
    }

    pub(super) const fn agreement(&self) -> &AgreementSecret {
        &self.agreement
    }

    pub(super) const fn sealing(&self) -> &SealingSecret {
        &self.sealing
    }

    /// Its id in the roster.
    pub fn id(&self) -> DeviceId {
        let card = self.card();
        let entry = DeviceEntry {
            role: DeviceRole::Drainer,
            desk: 0,
            x25519: card.x25519,
            ed25519: card.ed25519,
            xwing: card.xwing,
        };
        entry.id()
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let link = self.link.to_text();
        let length = u16::try_from(link.len()).unwrap_or(u16::MAX);
        let keys = u8::try_from(self.signing.len()).unwrap_or(u8::MAX);
        let out = Writer::with_capacity(99 + 40 * self.signing.len() + link.len())
            .bytes(&self.agreement.to_bytes())
            .bytes(self.sealing.as_bytes())
            .bytes(&self.first.0)
            .u8(keys);
        let out = self.signing.iter().fold(out, |out, key| {
            out.bytes(&*key.secret.to_bytes()).u64(key.since)
        });
        let out = out.u16(length).bytes(link.as_bytes());
        Zeroizing::new(out.finish())
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let agreement = AgreementSecret::from_bytes(from.array()?);
        let sealing = SealingSecret::from_bytes(from.array()?);
        let first = SigningPublicKey(from.array()?);
        let count = from.u8()?;
        let mut signing = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            signing.push(DeskKey {
                secret: SigningSecret::from_bytes(&Zeroizing::new(from.array()?)),
                since: from.u64()?,
            });
        }
        if signing.is_empty() {
            return Err(DecodeError::Field);
        }
        let length = usize::from(from.u16()?);
        let text = core::str::from_utf8(from.bytes(length)?).map_err(|_| DecodeError::Field)?;
        Ok(Self {
            link: Link::parse(text).map_err(|_| DecodeError::Field)?,
            agreement,
            sealing,
            first,
            signing,
        })
    }
}

impl Desk {
    /// A new signing key, or the one that still waits, and the card that names it.
    pub fn renew_signing_key(&mut self, rng: &mut impl CryptoRng) -> Change<DeviceCard> {
        self.identity.renew(rng);
        self.changed.insert(Row::Meta);
        let card = self.identity.card();
        self.change(card)
    }
}

fn is_named(line: &LineStatement, key: &SigningPublicKey) -> bool {
    let mut desks = line.desks.iter();
    desks.any(|desk| desk.signing_keys.contains(key))
}
