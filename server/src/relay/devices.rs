//! Signed device requests (SPEC 6.1): who is asking, and that nobody asks twice.

use bytes::Bytes;
use sotto_protocol::{
    id::{DeviceId, LineId},
    limits::CLOCK_SKEW_SECONDS,
    request::{Claim, RequestParts, SignedHeaders},
    statement::DeviceRole,
};

use super::{Relay, nonce_token};
use crate::error::Error;

/// A request as it was received.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Method, path, query and body.
    pub parts: RequestParts<'a>,
    /// The three headers.
    pub headers: &'a SignedHeaders,
}

/// A device whose request was verified.
#[derive(Debug, Clone)]
pub struct Device {
    pub(super) line: LineId,
    pub(super) id: DeviceId,
    role: DeviceRole,
    desk: u16,
}

impl Device {
    pub(super) fn must_drain(&self) -> Result<(), Error> {
        match self.role {
            DeviceRole::Drainer => Ok(()),
            DeviceRole::Device => Err(Error::Unauthorised),
        }
    }

    /// The log of its own desk; the line's log is for drainers.
    pub(super) fn may_see(&self, log: u16) -> Result<(), Error> {
        match log {
            0 => self.must_drain(),
            desk if desk == self.desk => Ok(()),
            _ => Err(Error::Unauthorised),
        }
    }
}

impl Relay {
    /// The signed roster, for a device that is in it.
    pub async fn roster(&self, device: &Device) -> Result<Bytes, Error> {
        let state = self.line(device.line).await?;
        let (_, json) = state.roster.as_ref().ok_or(Error::Unauthorised)?;
        Ok(json.clone())
    }

    /// Finds out which device signed a request.
    ///
    /// # Errors
    /// [`Error::Unauthorised`] for everything that is wrong, alike.
    pub async fn device(&self, line: LineId, request: SignedRequest<'_>) -> Result<Device, Error> {
        let claim =
            Claim::parse(request.headers, request.parts.body).map_err(|_| Error::Unauthorised)?;
        let now = self.clock.now();
        if claim.created.abs_diff(now) > CLOCK_SKEW_SECONDS {
            return Err(Error::Unauthorised);
        }
        let state = match self.line(line).await {
            Err(Error::Unknown) => return Err(Error::Unauthorised),
            other => other?,
        };
        let roster = state.roster.as_ref().map(|(roster, _)| roster);
        let roster = roster.filter(|roster| now < roster.expires);
        let mut devices = roster.iter().flat_map(|roster| &roster.devices);
        let entry = devices
            .find(|device| device.id() == claim.device)
            .ok_or(Error::Unauthorised)?;
        // During an overlap of relay keys a device may still sign under the one before.
        let named = state.statement.relays();
        let mut secrets = named.filter_map(|keys| self.secrets.agreement(keys));
        let is_signed = secrets.any(|secret| {
            let key = secret.request_key_of_relay(&entry.x25519, line);
            key.verify(request.parts, &claim).is_ok()
        });
        if !is_signed {
            return Err(Error::Unauthorised);
        }
        // Only a verified nonce is remembered, so that nobody else can fill the store with them.
        let token = nonce_token(&claim.device.0, &claim.nonce);
        let until = claim.created.saturating_add(2 * CLOCK_SKEW_SECONDS + 1);
        if !self.store.spend(line, token, until, now).await? {
            return Err(Error::Unauthorised);
        }
        Ok(Device {
            line,
            id: claim.device,
            role: entry.role,
            desk: entry.desk,
        })
    }
}
