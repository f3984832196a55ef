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
pub const FIRST_CONTACT_BYTES: usize = 1380;
/// Text room of an epoch-0 envelope.
pub const FIRST_TEXT_BYTES: usize = 4256;
/// Entry of an acknowledgement: message id and parts (SPEC 3.5).
pub const RECEIPT_BYTES: usize = 9;
/// Entries of one acknowledgement.
pub const MAX_RECEIPTS: usize = 256;
/// What is sealed twice is longer by so much (SPEC 3.6).
pub const TWICE_BYTES: usize = 1168;
/// Envelopes of one text.
pub const MAX_PARTS: u8 = 4;
/// One attachment chunk.
pub const CHUNK_BYTES: usize = 65_472;
/// Bytes of the file in one chunk (SPEC 3.8).
pub const CHUNK_PAYLOAD_BYTES: usize = 65_420;
/// Tag of ChaCha20-Poly1305.
pub const TAG_BYTES: usize = 16;
/// Chunks of one file.
pub const MAX_CHUNKS: u16 = 256;
/// Largest file.
pub const MAX_FILE_BYTES: u32 = 16_747_520;
/// Body of a manifest (SPEC 3.8).
pub const MANIFEST_BYTES: usize = 104;
/// Body of a wish for chunks (SPEC 3.8).
pub const WANTED_BYTES: usize = 42;
/// Seconds after the manifest before a desk asks for chunks that have not come.
pub const WANTED_AFTER_SECONDS: u64 = 600;
/// Seconds before it asks again.
pub const WANTED_AGAIN_SECONDS: u64 = 86_400;
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
/// Its slot, which gives a newcomer the log key.
pub const LOG_SLOT_BYTES: usize = 1168;
/// Salt of a record's own key.
pub const LOG_SALT_BYTES: usize = 32;
/// Plaintext of a record.
pub const LOG_PLAINTEXT_BYTES: usize = 15_008;
/// Body of a record.
pub const LOG_BODY_BYTES: usize = 14_988;
/// Devices that one record gives a new log key to.
pub const LOG_KEYS_MAX: usize = 12;
/// Bytes of a snapshot in one record.
pub const LOG_PART_BYTES: usize = 14_960;
/// Records of one snapshot.
pub const LOG_PARTS_MAX: u16 = 1024;
/// Payloads a newcomer holds back until its snapshot is whole.
pub const LOG_BACKLOG_MAX: usize = 1024;
/// Newest records a device holds, to append them again.
pub const LOG_HELD: usize = 8;
/// A device appends one record in this time, in seconds.
pub const LOG_TICK_SECONDS: u64 = 60;
/// The same while somebody works at it.
pub const LOG_BUSY_TICK_SECONDS: u64 = 10;
/// After this long without a record a device's duties go to the next, in seconds.
pub const LOG_SILENCE_SECONDS: u64 = 120;
/// In a new incarnation only what is held is appended for this long, in seconds.
pub const LOG_QUIET_SECONDS: u64 = 600;
/// Largest signed statement.
pub const STATEMENT_BYTES: usize = 131_072;
/// Largest bundle.
pub const BUNDLE_BYTES: usize = 524_288;
/// Records in one answer to a drainer.
pub const DRAIN_MAX: usize = 64;
/// Parts of an inbox at most.
pub const SHARDS_MAX: u16 = 256;
/// What arrived so long before now is read again.
pub const REREAD_SECONDS: u64 = 900;
/// A drainer does so at least this often.
pub const REREAD_EVERY_SECONDS: u64 = 300;
/// Records in one answer to a log reader.
pub const LOG_MAX: usize = 16;
/// Indices of a phone beyond the highest acknowledged, and so how far a desk looks (SPEC 3.4).
pub const PHONE_WINDOW: u32 = 32;
/// Indices of a desk beyond the highest acknowledged, and so how far a phone looks.
pub const DESK_WINDOW: u32 = 64;
/// Indices of a desk towards a phone that keeps nothing.
pub const LEAVE_NOTHING_WINDOW: u32 = 1024;
/// Keys of skipped indices that one epoch keeps; the oldest go first.
pub const MAX_SKIPPED: usize = 128;
/// Days a desk keeps keys of skipped indices and of past epochs.
pub const SKIPPED_DAYS: u32 = 28;
/// Sealings of one text in one conversation, before a phone re-contacts.
pub const MAX_SENDINGS: u32 = 7;
/// Days a receipt stays on the board.
pub const RECEIPT_DAYS: u64 = 28;
/// A device request older or newer than this is refused (SPEC 6.1), in seconds.
pub const CLOCK_SKEW_SECONDS: u64 = 300;
/// Oldest cycle a phone accepts, in seconds.
pub const CYCLE_PAST_SECONDS: u64 = 1_209_600;
/// A cycle further ahead than this is refused, in seconds.
pub const CYCLE_FUTURE_SECONDS: u64 = 86_400;
/// Longest interval of the schedule of a phone, in seconds.
pub const SCHEDULE_SECONDS_MAX: u64 = 3600;
/// By so much of its interval a moment of that schedule may be early or late, in percent.
pub const SCHEDULE_JITTER_PERCENT: u64 = 20;
/// A statement dated further ahead than this is refused, in seconds.
pub const CLOCK_DRIFT_SECONDS: u64 = 3_600;
/// A serial is at most this much above the second of signing.
pub const SERIAL_AHEAD_SECONDS: u64 = 7_200;
/// Life of a line key and of a desk's signing key, in days.
pub const KEY_LIFE_DAYS: u64 = 90;
/// Days in which the key before and its successor are both good.
pub const KEY_OVERLAP_DAYS: u64 = 30;
/// Life of a relay's keys, in days.
pub const RELAY_KEY_LIFE_DAYS: u64 = 365;
/// Longest life of a line statement, in days.
pub const STATEMENT_LIFE_DAYS: u64 = 60;
/// Days a drainer publishes ahead.
pub const PREKEY_DAYS_AHEAD: u32 = 14;
/// Days a prekey's statement outlives its own day.
pub const PREKEY_GRACE_DAYS: u64 = 14;
/// Days after its own that a prekey's private half is kept at least.
pub const PREKEY_KEEP_DAYS: u32 = 2;
/// Days the relay keeps what nobody acknowledged.
pub const RETENTION_DAYS: u64 = 14;
/// A request without a body, before it is sealed to a gateway (SPEC 6.2).
pub const OBLIVIOUS_ASK_BYTES: usize = 1024;
/// A request with an envelope, or for tokens, before it is sealed.
pub const OBLIVIOUS_POST_BYTES: usize = 9216;
/// A request with a chunk, before it is sealed; the longest.
pub const OBLIVIOUS_CHUNK_BYTES: usize = 66_560;
/// What sealing adds to a request.
pub const OBLIVIOUS_REQUEST_OVERHEAD_BYTES: usize = 55;
/// Answers to whoever reads are padded to full multiples of this before they are sealed.
pub const OBLIVIOUS_READ_BYTES: usize = 65_536;
/// Answers to whoever posts, likewise.
pub const OBLIVIOUS_DONE_BYTES: usize = 1024;
/// Answers to whoever asks for tokens, likewise.
pub const OBLIVIOUS_TOKENS_BYTES: usize = 16_384;
/// Days that a gateway's key is in use; one more on either side it is accepted.
pub const OBLIVIOUS_KEY_DAYS: u32 = 7;
/// Oblivious relays that a line statement names.
pub const OBLIVIOUS_RELAYS_MAX: usize = 8;
/// Longest address of one, in bytes.
pub const OBLIVIOUS_URL_BYTES: usize = 256;
/// Days for which a token key signs (SPEC 6.3).
pub const TOKEN_KEY_DAYS: u64 = 7;
/// Days for which its tokens are taken after that.
pub const TOKEN_OVERLAP_DAYS: u64 = 1;
/// Days before a token key's first that the statement which names it is made.
pub const TOKEN_AHEAD_DAYS: u64 = 3;
/// Token keys that one statement names at most.
pub const TOKEN_KEYS_MAX: usize = 4;
/// A token key as RFC 9578 encodes it.
pub const TOKEN_KEY_BYTES: usize = 342;
/// A blinded message and a blind signature: as long as the modulus.
pub const TOKEN_BLIND_BYTES: usize = 256;
/// One request for a token (RFC 9578 section 6.1).
pub const TOKEN_REQUEST_BYTES: usize = 259;
/// A token as it is spent.
pub const TOKEN_BYTES: usize = 354;
/// Tokens that a client buys in one go, and the most it may.
pub const TOKEN_BATCH: usize = 16;
/// Chunks that one token pays for.
pub const TOKEN_CHUNKS: u8 = 16;
/// A challenge for work (SPEC 6.3).
pub const WORK_CHALLENGE_BYTES: usize = 64;
/// Seconds for which a challenge is the same for everybody.
pub const WORK_WINDOW_SECONDS: u64 = 60;
/// Seconds after its window began that a challenge is taken.
pub const WORK_LIFE_SECONDS: u64 = 900;
/// Least tries that a batch costs a client on average.
pub const WORK_TRIES_MIN: u32 = 256;
/// Tries above which a client buys nothing.
pub const WORK_TRIES_MAX: u32 = 16384;
/// Memory of one try, in KiB.
pub const WORK_KIB: u32 = 4096;
/// Words of a code (SPEC 4).
pub const CODE_WORDS: usize = 8;
/// Memory of the code's derivation, in KiB.
pub const ARGON2_KIB: u32 = 65_536;
/// Passes of the code's derivation.
pub const ARGON2_PASSES: u32 = 3;

/// Seconds of a UTC day.
pub const DAY_SECONDS: u64 = 86_400;
