//! The devices of a line (SPEC 5.1).

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Statement, line_text, serial_is_timely};
use crate::{
    hash,
    id::{DeviceId, LineId},
    keys::{AgreementPublicKey, SealingPublicKey, SigningPublicKey},
};

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceRole {
    /// Reads the inbox and writes the boards; also all a device may.
    Drainer,
    /// Reads and appends the desk log.
    Device,
}

/// One device of a desk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceEntry {
    /// What it may do.
    pub role: DeviceRole,
    /// Its desk.
    pub desk: u16,
    /// Agrees request keys with the relay.
    pub x25519: AgreementPublicKey,
    /// The device's first signing key, which names it for life.
    pub ed25519: SigningPublicKey,
    /// Receives log keys and snapshots.
    pub xwing: SealingPublicKey,
}

impl DeviceEntry {
    /// First 16 bytes of the hash of its keys.
    pub fn id(&self) -> DeviceId {
        let hash = hash::digest(&[&self.x25519.0, &self.ed25519.0, self.xwing.0.as_slice()]);
        DeviceId(*hash.first_chunk().unwrap_or(&[0; 16]))
    }
}

/// The devices of a line; for relay and desks, never in the bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Roster {
    /// The line.
    #[serde(with = "line_text")]
    pub line: LineId,
    /// Never goes down.
    pub serial: u64,
    /// When it was signed.
    pub issued: u64,
    /// First second it is no longer valid.
    pub expires: u64,
    /// `H(payload)` of the roster signed before this one, base64; absent in the first.
    #[serde(default)]
    pub previous: Option<String>,
    /// Everybody who may sign requests.
    pub devices: Vec<DeviceEntry>,
}

impl Statement for Roster {
    const TYPE: &'static str = "application/vnd.sotto.roster+json";

    fn is_sound(&self) -> bool {
        self.issued < self.expires && serial_is_timely(self.serial, self.issued)
    }
}
