//! One device's keys and the line it serves.

use rand_core::CryptoRng;
use sotto_protocol::{
    dsse::Dsse,
    id::{DeviceId, LineId},
    keys::AgreementPublicKey,
    request::AgreementSecret,
    secret::{SealingSecret, SigningSecret, random},
    statement::{DeviceEntry, DeviceRole, LineStatement},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::{ceremony::DeviceCard, link::Link, relay::Signer};

/// The device's secrets and its pin.
pub struct Identity {
    link: Link,
    agreement: AgreementSecret,
    signing: SigningSecret,
    sealing: SealingSecret,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl Identity {
    /// New keys for a device of the line that `link` names.
    pub fn make(link: Link, rng: &mut impl CryptoRng) -> Self {
        Self {
            link,
            agreement: AgreementSecret::from_bytes(random(rng)),
            signing: SigningSecret::make(rng),
            sealing: SealingSecret::make(rng),
        }
    }

    /// The line's link.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// What the administrator needs.
    pub fn card(&self) -> DeviceCard {
        DeviceCard {
            x25519: self.agreement.public(),
            ed25519: self.signing.public(),
            xwing: self.sealing.public(),
        }
    }

    pub(super) const fn line(&self) -> LineId {
        self.link.pin.line
    }

    pub(super) fn signer(&self, relay: &AgreementPublicKey) -> Signer {
        Signer {
            device: self.id(),
            key: self.agreement.request_key_of_device(relay, self.line()),
        }
    }

    pub(super) fn sign(&self, dsse: Dsse) -> Vec<u8> {
        self.signing.sign(dsse).to_json()
    }

    /// The desk whose statements this device may sign.
    pub(super) fn desk_of(&self, line: &LineStatement) -> Option<u16> {
        let key = self.signing.public();
        let mut desks = line.desks.iter();
        let desk = desks.find(|desk| desk.signing_keys.contains(&key))?;
        Some(desk.id)
    }

    fn id(&self) -> DeviceId {
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
        let out = Writer::with_capacity(98 + link.len())
            .bytes(&self.agreement.to_bytes())
            .bytes(&*self.signing.to_bytes())
            .bytes(self.sealing.as_bytes())
            .u16(length)
            .bytes(link.as_bytes());
        Zeroizing::new(out.finish())
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let agreement = AgreementSecret::from_bytes(from.array()?);
        let signing = SigningSecret::from_bytes(&Zeroizing::new(from.array()?));
        let sealing = SealingSecret::from_bytes(from.array()?);
        let length = usize::from(from.u16()?);
        let text = core::str::from_utf8(from.bytes(length)?).map_err(|_| DecodeError::Field)?;
        Ok(Self {
            link: Link::parse(text).map_err(|_| DecodeError::Field)?,
            agreement,
            signing,
            sealing,
        })
    }
}
