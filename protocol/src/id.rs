//! Names of things: lines, devices, desks, boards, addresses, cursors.
//!
//! None of them implements `Display`: text forms are made where a URL or a file needs them.

use alloc::string::String;
use core::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use crate::{hash, keys::SigningPublicKey};

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Debug for $name {
            // Identifiers may meet a log by accident; they never carry their value there.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

opaque! {
    /// First 16 bytes of the fingerprint of the line's first root set (SPEC 5.2).
    LineId, 16
}
opaque! {
    /// Hash of a sorted set of three root keys (SPEC 5.2), pinned in links.
    Fingerprint, 32
}
opaque! {
    /// First 16 bytes of the hash of a device's public keys (SPEC 5.1).
    DeviceId, 16
}
opaque! {
    /// Where an envelope is put; looks random to everybody but its two ends.
    Address, 32
}

impl LineId {
    /// 26 characters of lower-case base32.
    pub fn to_text(self) -> String {
        base32(&self.0)
    }

    /// Reads what [`Self::to_text`] writes, and upper case.
    pub fn parse(text: &str) -> Option<Self> {
        unbase32(text).map(Self)
    }
}

impl Fingerprint {
    /// Hash of the sorted keys.
    pub fn of(roots: &[SigningPublicKey; 3]) -> Self {
        let mut sorted = roots.clone().map(|key| key.0);
        sorted.sort_unstable();
        let [a, b, c] = &sorted;
        Self(hash::digest(&[a, b, c]))
    }

    /// The line whose first root set this is.
    pub fn line(self) -> LineId {
        let mut id = [0; 16];
        id.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        LineId(id)
    }

    /// 52 characters of lower-case base32.
    pub fn to_text(self) -> String {
        base32(&self.0)
    }

    /// Reads what [`Self::to_text`] writes, and upper case.
    pub fn parse(text: &str) -> Option<Self> {
        unbase32(text).map(Self)
    }
}

impl DeviceId {
    /// 32 hex characters, the `keyid` of device requests.
    pub fn to_text(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Reads what [`Self::to_text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER
            .decode(text.as_bytes())
            .ok()?
            .try_into()
            .ok()
            .map(Self)
    }
}

/// One of the two boards of a line (SPEC 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Board {
    /// Unread answers younger than seven days.
    New,
    /// Everything older that is still unacknowledged.
    Old,
}

impl Board {
    /// Both, in the order they are drawn.
    pub const ALL: [Self; 2] = [Self::New, Self::Old];

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::New => 1,
            Self::Old => 2,
        }
    }

    /// The name in a path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
        }
    }

    /// Reads [`Self::byte`].
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::New),
            2 => Some(Self::Old),
            _ => None,
        }
    }

    /// Reads [`Self::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|board| board.name() == name)
    }
}

fn base32(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

fn unbase32<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE32_NOPAD
        .decode(text.to_ascii_uppercase().as_bytes())
        .ok()?
        .try_into()
        .ok()
}
