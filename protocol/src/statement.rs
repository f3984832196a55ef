//! What the six kinds of signed statements say (SPEC 5.1).

mod roster;
mod schedule;
mod tokens;

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::roster::{DeviceEntry, DeviceRole, Roster};
use crate::{
    dsse::{Dsse, DsseError},
    id::{Board, Fingerprint, LineId},
    keys::{AgreementPublicKey, SealingPublicKey, SigningPublicKey},
    limits::{
        CLOCK_DRIFT_SECONDS, DAY_SECONDS, MAX_PAGES, OBLIVIOUS_RELAYS_MAX, OBLIVIOUS_URL_BYTES,
        SERIAL_AHEAD_SECONDS,
    },
};

pub use self::{schedule::ScheduleTimings, tokens::TokenKey};

/// Text by BCP 47 language tag.
pub type Texts = BTreeMap<String, String>;

/// A statement of a known kind.
pub trait Statement: Serialize + DeserializeOwned {
    /// The DSSE payload type.
    const TYPE: &'static str;

    /// What must hold inside the statement, whoever signed it.
    fn is_sound(&self) -> bool;

    /// An envelope to be signed.
    fn to_dsse(&self) -> Dsse {
        // Maps with text keys and plain fields always serialize.
        Dsse::unsigned(
            Self::TYPE.into(),
            serde_json::to_vec(self).unwrap_or_default(),
        )
    }

    /// Reads a statement signed by at least `threshold` of `keys`.
    fn open(dsse: &Dsse, keys: &[SigningPublicKey], threshold: usize) -> Result<Self, DsseError> {
        let payload = dsse.verify(Self::TYPE, keys, threshold)?;
        Self::read(payload)
    }

    /// Reads a statement nobody has checked the signatures of.
    fn peek(dsse: &Dsse) -> Result<Self, DsseError> {
        Self::read(dsse.unverified_payload())
    }

    /// Parses a payload.
    fn read(payload: &[u8]) -> Result<Self, DsseError> {
        serde_json::from_slice::<Self>(payload)
            .ok()
            .filter(Self::is_sound)
            .ok_or(DsseError::Malformed)
    }
}

/// Three root keys, two of which sign.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootSet {
    /// 1 for the first set, one more for each that replaces it.
    pub serial: u64,
    /// Sorted, all different.
    pub roots: [SigningPublicKey; 3],
}

impl RootSet {
    /// Of the roots that must sign.
    pub const THRESHOLD: usize = 2;

    /// The fingerprint people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.roots)
    }
}

impl Statement for RootSet {
    const TYPE: &'static str = "application/vnd.sotto.root+json";

    fn is_sound(&self) -> bool {
        let [a, b, c] = &self.roots;
        self.serial > 0 && a < b && b < c
    }
}

/// The line key's certificate, signed by two roots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Certificate {
    /// The line it is for.
    #[serde(with = "line_text")]
    pub line: LineId,
    /// A newer one revokes older ones.
    pub serial: u64,
    /// The key that signs line statements and rosters.
    pub line_key: SigningPublicKey,
    /// First second of validity.
    pub not_before: u64,
    /// First second after it.
    pub not_after: u64,
}

impl Statement for Certificate {
    const TYPE: &'static str = "application/vnd.sotto.certificate+json";

    fn is_sound(&self) -> bool {
        self.not_before < self.not_after && serial_is_timely(self.serial, self.not_before)
    }
}

/// A desk as the line statement names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeskEntry {
    /// From 1.
    pub id: u16,
    /// What people call it.
    pub names: Texts,
    /// Keys of its drainers that sign desk statements; during an overlap the old and the new one.
    pub signing_keys: Vec<SigningPublicKey>,
}

/// The relay's public keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RelayKeys {
    /// Signs the relay's own statement.
    pub signing_key: SigningPublicKey,
    /// Agrees request keys with devices (SPEC 6.1).
    pub x25519: AgreementPublicKey,
}

/// Timings of a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    /// Length of a cycle of the board *new*, in seconds; divides a day.
    pub new_cycle_seconds: u64,
    /// Length of a cycle of the board *old*, in seconds; divides a day.
    pub old_cycle_seconds: u64,
    /// Days an unacknowledged answer stays on the board.
    pub repeat_days: u32,
    /// Days the relay keeps what nobody acknowledged.
    pub retention_days: u32,
    /// Seconds between two looks of a drainer into the inbox.
    pub drain_seconds: u64,
    /// When an open phone asks the relay for something.
    #[serde(default)]
    pub schedule: ScheduleTimings,
}

impl Policy {
    /// Length of a cycle of `board`, in seconds.
    pub const fn cycle_seconds(&self, board: Board) -> u64 {
        match board {
            Board::New => self.new_cycle_seconds,
            Board::Old => self.old_cycle_seconds,
        }
    }

    /// The cycle of `board` in which `now` (unix seconds) lies.
    pub fn cycle(&self, board: Board, now: u64) -> u64 {
        now.checked_div(self.cycle_seconds(board)).unwrap_or(0)
    }

    fn is_sound(&self) -> bool {
        [self.new_cycle_seconds, self.old_cycle_seconds]
            .into_iter()
            .all(|length| DAY_SECONDS.checked_rem(length) == Some(0))
            && self.schedule.is_sound()
    }
}

/// What a line says about itself, signed by the line key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineStatement {
    /// The line it is about.
    #[serde(with = "line_text")]
    pub line: LineId,
    /// Never goes down.
    pub serial: u64,
    /// When it was signed.
    pub issued: u64,
    /// First second it is no longer valid.
    pub expires: u64,
    /// Lowest version of this specification a client must know.
    pub min_version: u32,
    /// Who reads this.
    pub names: Texts,
    /// Restricted Markdown shown to tipsters.
    #[serde(default)]
    pub guidance: Texts,
    /// Shown before anything else.
    #[serde(default)]
    pub emergency: Option<String>,
    /// Onion address of the relay.
    #[serde(default)]
    pub onion: Option<String>,
    /// Where oblivious relays that others run take requests for this relay, the first one first
    /// (SPEC 6.2). Whom phones speak to is the administrator's decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ohttp: Vec<String>,
    /// The line's own questions, asked after the first send.
    #[serde(default)]
    pub questions: Vec<serde_json::Value>,
    /// Who opens envelopes.
    pub desks: Vec<DeskEntry>,
    /// The relay this line uses: what devices agree with.
    pub relay: RelayKeys,
    /// Its keys before these, during an overlap: the relay takes and signs under either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_before: Option<RelayKeys>,
    /// Timings.
    pub policy: Policy,
}

impl LineStatement {
    /// All keys of the relay that are good now, the newest first.
    pub fn relays(&self) -> impl Iterator<Item = &RelayKeys> {
        core::iter::once(&self.relay).chain(&self.relay_before)
    }
}

impl Statement for LineStatement {
    const TYPE: &'static str = "application/vnd.sotto.line+json";

    fn is_sound(&self) -> bool {
        let ids_ascend = self.desks.is_sorted_by(|a, b| a.id < b.id);
        let ids_positive = self.desks.iter().all(|desk| desk.id > 0);
        ids_ascend
            && ids_positive
            && are_oblivious_relays(&self.ohttp)
            && self.policy.is_sound()
            && self.issued < self.expires
            && serial_is_timely(self.serial, self.issued)
    }
}

/// Whether these are addresses that a line may name as its oblivious relays.
pub fn are_oblivious_relays(urls: &[String]) -> bool {
    let is_address = |url: &String| {
        let host = url.strip_prefix("https://");
        let host = host.or_else(|| url.strip_prefix("http://"));
        let is_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        is_host && is_plain && url.len() <= OBLIVIOUS_URL_BYTES && !url.contains(['#', '?', '&'])
    };
    urls.len() <= OBLIVIOUS_RELAYS_MAX && urls.iter().all(is_address)
}

/// How many pages a board has from a cycle on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSize {
    /// A power of two, at most [`MAX_PAGES`].
    pub pages: u32,
    /// First cycle it holds for.
    pub first_cycle: u64,
}

/// Sizes of both boards, now and next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boards {
    /// Of the board *new*.
    pub new: Vec<BoardSize>,
    /// Of the board *old*.
    pub old: Vec<BoardSize>,
}

impl Boards {
    /// The number of pages of `board` in `cycle`.
    pub fn pages(&self, board: Board, cycle: u64) -> Option<u32> {
        self.sizes(board)
            .iter()
            .rev()
            .find(|size| size.first_cycle <= cycle)
            .map(|size| size.pages)
    }

    fn sizes(&self, board: Board) -> &[BoardSize] {
        match board {
            Board::New => &self.new,
            Board::Old => &self.old,
        }
    }

    fn is_sound(&self) -> bool {
        Board::ALL.into_iter().all(|board| {
            let sizes = self.sizes(board);
            sizes.is_sorted_by(|a, b| a.first_cycle < b.first_cycle)
                && sizes
                    .iter()
                    .all(|size| size.pages.is_power_of_two() && size.pages <= MAX_PAGES)
        })
    }
}

/// A desk's prekey of one day, signed by one of its signing keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeskStatement {
    /// The line.
    #[serde(with = "line_text")]
    pub line: LineId,
    /// Which of its desks.
    pub desk: u16,
    /// Shared by all statements signed in one go, higher than any before.
    pub serial: u64,
    /// The UTC day the prekey is for.
    pub day: u32,
    /// X-Wing public key.
    pub prekey: SealingPublicKey,
    /// When it was signed.
    pub issued: u64,
    /// First second it is no longer valid.
    pub expires: u64,
    /// Sizes of the boards; only the board keeper's statement has them.
    #[serde(default)]
    pub boards: Option<Boards>,
    /// `H(payload)` of the relay's statement the desk has seen, base64.
    #[serde(default)]
    pub relay_statement: Option<String>,
    /// The same of the one that is to follow it, while there are two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_statement_next: Option<String>,
}

impl DeskStatement {
    /// Whether the desk repeats this `H(payload)` of a relay's statement.
    pub fn repeats(&self, hash: &[u8; 32]) -> bool {
        let hash = BASE64.encode(hash);
        let mut named = self
            .relay_statement
            .iter()
            .chain(&self.relay_statement_next);
        named.any(|named| *named == hash)
    }
}

impl Statement for DeskStatement {
    const TYPE: &'static str = "application/vnd.sotto.desk+json";

    fn is_sound(&self) -> bool {
        self.desk > 0
            && self.issued < self.expires
            && serial_is_timely(self.serial, self.issued)
            && self.boards.as_ref().is_none_or(Boards::is_sound)
    }
}

/// What the relay says of itself, signed by its signing key: the keys that must be the same for
/// everybody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RelayStatement {
    /// The line it is made for.
    #[serde(with = "line_text")]
    pub line: LineId,
    /// Never goes down.
    pub serial: u64,
    /// When it was signed.
    pub issued: u64,
    /// First second it is no longer valid.
    pub expires: u64,
    /// What admission tokens are signed with, the earliest first. With none, a post needs no token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenKey>,
    /// Keys that requests to this relay may be sealed to (SPEC 6.2): base64 of
    /// `application/ohttp-keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ohttp: Option<String>,
}

impl Statement for RelayStatement {
    const TYPE: &'static str = "application/vnd.sotto.relay+json";

    fn is_sound(&self) -> bool {
        self.issued < self.expires
            && serial_is_timely(self.serial, self.issued)
            && tokens::are_sound(&self.tokens)
    }
}

/// Serials follow the clock. Whoever steals a key cannot name one so high that the owner's next
/// statements would look older for ever.
fn serial_is_timely(serial: u64, signed: u64) -> bool {
    serial <= signed.saturating_add(SERIAL_AHEAD_SECONDS)
}

/// The serial of a statement signed at `now`, the last one having had `last`.
///
/// A `last` from a clock that was far ahead counts for nothing: nobody accepted it.
pub fn next_serial(last: u64, now: u64) -> u64 {
    let next = last.saturating_add(1).max(now);
    if next > now.saturating_add(CLOCK_DRIFT_SECONDS) {
        now
    } else {
        next
    }
}

mod line_text {
    use super::{LineId, String};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(line: &LineId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&line.to_text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LineId, D::Error> {
        let text = String::deserialize(from)?;
        LineId::parse(&text).ok_or_else(|| de::Error::custom("not a line id"))
    }
}
