//! The bundle: everything a client needs to know about a line, and why it may believe it (SPEC 5.3).

mod chain;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use self::chain::{
    PublishedRelay, issued_ahead, verify_certificate, verify_desk, verify_line,
    verify_relay_statement, verify_roots,
};
use self::chain::{highest_serials, published_relay, verify_desks, verify_relay};
use crate::{
    dsse::{Dsse, DsseError},
    hash,
    id::{Fingerprint, LineId},
    limits::{BUNDLE_BYTES, DAY_SECONDS},
    statement::{Boards, DeskStatement, LineStatement, RelayStatement, Roster, Statement as _},
};

/// The version of this specification.
pub const VERSION: u32 = 1;

/// The bundle as it travels. Holds nothing that may be used before [`Untrusted::verify`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BundleParts {
    /// Always 1.
    pub version: u32,
    /// Root sets from the first.
    pub roots: Vec<Dsse>,
    /// Of the line key.
    pub certificate: Dsse,
    /// The line statement.
    pub line: Dsse,
    /// Of each desk, today's and tomorrow's, ordered by desk and day.
    pub desks: Vec<Dsse>,
    /// The relay's statement, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Dsse>,
    /// The one that is to follow it, until every desk repeats it. For desks; phones pass over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_next: Option<Dsse>,
}

impl BundleParts {
    /// `H(bundle)` (SPEC 5.3). Desk statements come and go with the days, also while nobody of the
    /// desk is there to see it, so they are left out; the relay's statement is named by them.
    fn hash(&self) -> [u8; 32] {
        let lasting = self.roots.iter().chain([&self.certificate, &self.line]);
        let hashes: Vec<[u8; 32]> = lasting.map(Dsse::payload_hash).collect();
        hash::digest(&[hashes.as_flattened()])
    }
}

/// Parsed, but believed by nobody.
#[derive(Debug, Clone)]
pub struct Untrusted<T> {
    inner: T,
    hash: [u8; 32],
}

/// What a client pins: from a link, a code on paper, or the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// The line.
    pub line: LineId,
    /// Of a root set of that line.
    pub fingerprint: Fingerprint,
}

/// Highest serials a client has seen, against being rolled back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Of root sets.
    pub root: u64,
    /// Of certificates.
    pub certificate: u64,
    /// Of line statements.
    pub line: u64,
    /// Of each desk's statements: (desk, serial).
    pub desks: Vec<(u16, u64)>,
}

/// A bundle that chains to its pin and is valid now.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The line statement.
    pub line: LineStatement,
    /// Unexpired desk statements, ordered by desk and day.
    pub desks: Vec<DeskStatement>,
    /// The relay's statement, where it has one.
    pub relay: Option<RelayStatement>,
    /// `H(bundle)`, carried in every epoch-0 message.
    pub hash: [u8; 32],
    /// What to remember before anything is sealed.
    pub seen: Seen,
}

/// Why a bundle is refused. The texts are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a bundle at all.
    #[error("what the relay sent is not a bundle of keys; check the address of the link")]
    Malformed,
    /// The chain does not start at this line.
    #[error("these keys belong to another line; ask for the link again")]
    Line,
    /// No root set has the pinned fingerprint.
    #[error(
        "these keys do not match the fingerprint in your link; the link is mistyped or somebody pretends to be the line"
    )]
    Fingerprint,
    /// A statement is not signed by whom it must be.
    #[error("a key in the bundle is not signed by the line; somebody may have swapped it")]
    Signature,
    /// Validity has passed or has not begun.
    #[error(
        "the line's keys have expired or your clock is wrong; check date and time, then try again later"
    )]
    Expired,
    /// The clock is more than a day behind the days the bundle lists.
    #[error(
        "the date of this device is wrong: the line's keys are for later days. Set today's date and try again; nothing was sent"
    )]
    Clock,
    /// A serial went down.
    #[error(
        "the relay sent older keys than you have seen before; try again later, from another network"
    )]
    RolledBack,
    /// The line asks for a newer program.
    #[error("this line needs a newer version of this program; please update it")]
    Update,
    /// A desk has no valid prekey.
    #[error("the line has no key to seal with today; nobody may be reading it; try again tomorrow")]
    NoPrekey,
}

/// A line statement that chains to its pin, with whatever its desks have published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The line statement.
    pub line: LineStatement,
    /// Desk statements that are by whom they must be, whatever their dates.
    pub desks: Vec<DeskStatement>,
    /// The relay's statement that people see.
    pub relay: Option<PublishedRelay>,
    /// The one that is to follow it, where a desk may repeat it.
    pub relay_next: Option<PublishedRelay>,
    /// `H(bundle)`.
    pub hash: [u8; 32],
}

impl Untrusted<BundleParts> {
    /// Reads JSON of at most [`BUNDLE_BYTES`].
    pub fn parse(json: &[u8]) -> Result<Self, VerifyError> {
        if json.len() > BUNDLE_BYTES {
            return Err(VerifyError::Malformed);
        }
        let inner: BundleParts =
            serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)?;
        if inner.version != VERSION {
            return Err(VerifyError::Update);
        }
        Ok(Self {
            hash: inner.hash(),
            inner,
        })
    }

    /// Checks everything SPEC 5.3 asks for.
    ///
    /// `now` is in unix seconds; `seen` what the last accepted bundle said to remember. A clock that
    /// is up to a day behind the days the bundle lists is moved on by one.
    pub fn verify(&self, pin: Pin, now: u64, seen: &Seen) -> Result<Bundle, VerifyError> {
        let parts = &self.inner;
        let now = moved(&parts.desks, now)?;
        let roots = verify_roots(&parts.roots, pin.line, Some(pin.fingerprint))?;
        let certificate = verify_certificate(&parts.certificate, &roots, pin.line, now)?;
        let line = verify_line(&parts.line, &certificate, now)?;
        let desks = verify_desks(&parts.desks, &line, now)?;
        let relay = verify_relay(parts.relay.as_ref(), &line, &desks, now)?;
        let fresh = Seen {
            root: roots.serial,
            certificate: certificate.serial,
            line: line.serial,
            desks: highest_serials(&line, &desks),
        };
        let seen = seen.raised_to(fresh)?;
        Ok(Bundle {
            line,
            desks,
            relay,
            hash: self.hash,
            seen,
        })
    }
}

impl Untrusted<BundleParts> {
    /// What a desk of the line may believe: a line without a prekey is one it has yet to serve.
    pub fn verify_line(&self, pin: Pin, now: u64) -> Result<Published, VerifyError> {
        let parts = &self.inner;
        let roots = verify_roots(&parts.roots, pin.line, Some(pin.fingerprint))?;
        let certificate = verify_certificate(&parts.certificate, &roots, pin.line, now)?;
        let line = verify_line(&parts.line, &certificate, now)?;
        let desks = parts.desks.iter().map(|dsse| verify_desk(dsse, &line));
        let relay = published_relay(parts.relay.as_ref(), &line, now);
        let next = published_relay(parts.relay_next.as_ref(), &line, now);
        let may_follow = |next: &PublishedRelay| {
            let mut before = relay.iter();
            before.all(|before| next.statement.follows(&before.statement))
        };
        Ok(Published {
            desks: desks.collect::<Result<_, _>>()?,
            relay_next: next.filter(may_follow),
            relay,
            line,
            hash: self.hash,
        })
    }
}

impl Untrusted<BundleParts> {
    /// The roster of the same line, signed by the line key this bundle certifies, and its
    /// `H(payload)`.
    pub fn verify_roster(
        &self,
        json: &[u8],
        pin: Pin,
        now: u64,
    ) -> Result<(Roster, [u8; 32]), VerifyError> {
        let parts = &self.inner;
        let roots = verify_roots(&parts.roots, pin.line, Some(pin.fingerprint))?;
        let certificate = verify_certificate(&parts.certificate, &roots, pin.line, now)?;
        let dsse = Dsse::parse(json)?;
        let roster = Roster::open(&dsse, core::slice::from_ref(&certificate.line_key), 1)?;
        if roster.line != pin.line {
            return Err(VerifyError::Line);
        }
        if now >= roster.expires || issued_ahead(roster.issued, now) {
            return Err(VerifyError::Expired);
        }
        Ok((roster, dsse.payload_hash()))
    }
}

impl Seen {
    /// The newer of both, or an error where `fresh` is older.
    fn raised_to(&self, mut fresh: Self) -> Result<Self, VerifyError> {
        let desk_went_down = self.desks.iter().any(|(desk, serial)| {
            fresh
                .desks
                .iter()
                .any(|(other, newer)| desk == other && newer < serial)
        });
        if fresh.root < self.root
            || fresh.certificate < self.certificate
            || fresh.line < self.line
            || desk_went_down
        {
            return Err(VerifyError::RolledBack);
        }
        // A desk that is left out may come back; it must not start lower than it was.
        let is_left_out = |desk| fresh.desks.iter().all(|(other, _)| other != desk);
        let left_out = self.desks.iter().filter(|(desk, _)| is_left_out(desk));
        let left_out: Vec<_> = left_out.copied().collect();
        fresh.desks.extend(left_out);
        Ok(fresh)
    }
}

/// The instant to check with. Whether the statements are by whom they must be is found out later.
fn moved(desks: &[Dsse], now: u64) -> Result<u64, VerifyError> {
    let days = desks.iter().map(DeskStatement::peek);
    let first = days.filter_map(|statement| Some(statement.ok()?.day)).min();
    let Some(first) = first.filter(|first| *first > day_of(now)) else {
        return Ok(now);
    };
    if day_of(now).saturating_add(1) == first {
        Ok(now.saturating_add(DAY_SECONDS))
    } else {
        Err(VerifyError::Clock)
    }
}

impl Bundle {
    /// The UTC day on which something is sealed at `now`, also by a clock that is a day behind.
    pub fn sealing_day(&self, now: u64) -> u32 {
        let first = self.desks.iter().map(|statement| statement.day).min();
        day_of(now).max(first.unwrap_or(0))
    }

    /// The statement whose prekey is used on `day` for `desk`: the greatest day not after it.
    pub fn prekey(&self, desk: u16, day: u32) -> Option<&DeskStatement> {
        self.desks
            .iter()
            .filter(|s| s.desk == desk && s.day <= day)
            .max_by_key(|s| s.day)
    }

    /// When `desk` last signed a key that is shown here, in unix seconds. Its drainers sign daily.
    pub fn last_signed(&self, desk: u16) -> Option<u64> {
        let statements = self.desks.iter().filter(|s| s.desk == desk);
        statements.map(|statement| statement.issued).max()
    }

    /// The boards as their keeper states them.
    pub fn boards(&self) -> Option<&Boards> {
        self.desks
            .iter()
            .filter_map(|statement| statement.boards.as_ref().map(|b| (statement.serial, b)))
            .max_by_key(|(serial, _)| *serial)
            .map(|(_, boards)| boards)
    }
}

/// The UTC day of an instant in unix seconds.
pub fn day_of(now: u64) -> u32 {
    u32::try_from(now / DAY_SECONDS).unwrap_or(u32::MAX)
}

impl From<DsseError> for VerifyError {
    fn from(error: DsseError) -> Self {
        match error {
            DsseError::Malformed | DsseError::Kind => Self::Malformed,
            DsseError::Signature => Self::Signature,
        }
    }
}
