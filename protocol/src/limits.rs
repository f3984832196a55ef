//! Every number of SPEC 1.4. No other file holds a size, a limit or a lifetime of the wire.

/// One envelope (SPEC 2).
pub const ENVELOPE_BYTES: usize = 8128;
/// Version, suite, class, day and address.
pub const ENVELOPE_HEADER_BYTES: usize = 36;
/// HPKE `enc` of X-Wing.
pub const ENCAPSULATION_BYTES: usize = 1120;
/// Key commitment.
pub const COMMITMENT_BYTES: usize = 32;
/// HPKE ciphertext and tag.
pub const CIPHERTEXT_BYTES: usize = 6940;
/// Plaintext of an envelope.
pub const PLAINTEXT_BYTES: usize = 6924;
/// Header of the plaintext (SPEC 2.3).
pub const MESSAGE_HEADER_BYTES: usize = 40;
/// X-Wing public key.
pub const RATCHET_KEY_BYTES: usize = 1216;
/// Body of a message.
pub const BODY_BYTES: usize = 5636;
/// What epoch 0 carries before its text (SPEC 3.2).
pub const FIRST_CONTACT_BYTES: usize = 1348;
/// Text room of an epoch-0 envelope.
pub const FIRST_TEXT_BYTES: usize = 4288;
/// Envelopes of one text.
pub const MAX_PARTS: u8 = 4;
/// One attachment chunk.
pub const CHUNK_BYTES: usize = 65_472;
/// Bytes of the file in one chunk (SPEC 3.6).
pub const CHUNK_PAYLOAD_BYTES: usize = 65_420;
/// Tag of ChaCha20-Poly1305.
pub const TAG_BYTES: usize = 16;
/// Chunks of one file.
pub const MAX_CHUNKS: u16 = 256;
/// Largest file.
pub const MAX_FILE_BYTES: u32 = 16_747_520;
/// Body of a manifest (SPEC 3.6).
pub const MANIFEST_BYTES: usize = 104;
/// Body of a wish for chunks (SPEC 3.6).
pub const WANTED_BYTES: usize = 42;
/// Envelopes on a board page.
pub const PAGE_ENVELOPES: usize = 8;
/// Those envelopes.
pub const PAGE_BODY_BYTES: usize = 65_024;
/// Header of a page: board, cycle, page.
pub const PAGE_HEADER_BYTES: usize = 16;
/// One page as served (SPEC 5.4).
pub const PAGE_BYTES: usize = 65_040;
/// Pages of one board.
pub const MAX_PAGES: u32 = 65_536;
/// Envelopes of one conversation on one page.
pub const MAX_PER_PAGE: usize = 4;
/// One desk log record (SPEC 5.6).
pub const LOG_RECORD_BYTES: usize = 16_320;
/// Its header.
pub const LOG_HEADER_BYTES: usize = 64;
/// Largest signed statement.
pub const STATEMENT_BYTES: usize = 131_072;
/// Largest bundle.
pub const BUNDLE_BYTES: usize = 524_288;
/// Records in one answer to a drainer.
pub const DRAIN_MAX: usize = 64;
/// Records in one answer to a log reader.
pub const LOG_MAX: usize = 16;
/// Indices a receiver looks ahead of the next (SPEC 3.4).
pub const MAX_SKIP: u32 = 63;
/// Unacknowledged indices of a phone.
pub const MAX_IN_FLIGHT: u32 = 32;
/// A device request older or newer than this is refused (SPEC 6.1), in seconds.
pub const CLOCK_SKEW_SECONDS: u64 = 300;
/// Oldest cycle a phone accepts, in seconds.
pub const CYCLE_PAST_SECONDS: u64 = 1_209_600;
/// A cycle further ahead than this is refused, in seconds.
pub const CYCLE_FUTURE_SECONDS: u64 = 86_400;
/// Longest life of a line statement, in days.
pub const STATEMENT_LIFE_DAYS: u64 = 60;
/// Days a drainer publishes ahead.
pub const PREKEY_DAYS_AHEAD: u32 = 14;
/// Days the relay keeps what nobody acknowledged.
pub const RETENTION_DAYS: u64 = 14;
/// Words of a code (SPEC 4).
pub const CODE_WORDS: usize = 8;
/// Memory of the code's derivation, in KiB.
pub const ARGON2_KIB: u32 = 65_536;
/// Passes of the code's derivation.
pub const ARGON2_PASSES: u32 = 3;

/// Seconds of a UTC day.
pub const DAY_SECONDS: u64 = 86_400;
