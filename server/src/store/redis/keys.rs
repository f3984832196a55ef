//! Key names. All keys of a line share one hash tag, so that a cluster keeps them in one slot.

use sotto_protocol::id::{Board, LineId};

/// `s1:{LINE}:` before every key of a line.
#[derive(Debug, Clone)]
pub(super) struct Keys(Vec<u8>);

impl Keys {
    pub(super) fn of(line: LineId) -> Self {
        Self(format!("s1:{{{}}}:", line.to_text()).into_bytes())
    }

    /// Hash: `head`, `floor`, `seed` and the served cycles.
    pub(super) fn meta(&self) -> Vec<u8> {
        self.with(b"meta", &[])
    }

    /// Before the address of each waiting body.
    pub(super) fn bodies(&self) -> Vec<u8> {
        self.with(b"b:", &[])
    }

    pub(super) fn body(&self, address: &[u8]) -> Vec<u8> {
        self.with(b"b:", address)
    }

    /// That an address was written; outlives the body.
    pub(super) fn mark(&self, address: &[u8]) -> Vec<u8> {
        self.with(b"m:", address)
    }

    /// Stream of addresses; ids are POSITION-ARRIVAL.
    pub(super) fn index(&self) -> Vec<u8> {
        self.with(b"index", &[])
    }

    /// Hash of positions by device.
    pub(super) fn acks(&self) -> Vec<u8> {
        self.with(b"acks", &[])
    }

    /// Before the number of each cycle of a board.
    pub(super) fn cycle_prefix(&self, board: Board) -> Vec<u8> {
        self.with(b"p:", format!("{}:", board.name()).as_bytes())
    }

    /// Hash of pages by number.
    pub(super) fn cycle(&self, board: Board, cycle: u64) -> Vec<u8> {
        self.with(b"p:", format!("{}:{cycle}", board.name()).as_bytes())
    }

    /// Sorted set of cycles that have pages.
    pub(super) fn cycles(&self, board: Board) -> Vec<u8> {
        self.with(b"cycles:", board.name().as_bytes())
    }

    pub(super) fn spent(&self, token: &[u8]) -> Vec<u8> {
        self.with(b"n:", token)
    }

    /// Hash of statements by name.
    pub(super) fn statements(&self) -> Vec<u8> {
        self.with(b"statements", &[])
    }

    /// List of records that are not deleted.
    pub(super) fn log(&self, log: u16) -> Vec<u8> {
        self.with(b"log:", log.to_string().as_bytes())
    }

    /// Hash: `first`, the position of the first of them, and by device the first it does not hold.
    pub(super) fn log_acks(&self, log: u16) -> Vec<u8> {
        self.with(b"log-acks:", log.to_string().as_bytes())
    }

    fn with(&self, kind: &[u8], rest: &[u8]) -> Vec<u8> {
        [self.0.as_slice(), kind, rest].concat()
    }
}
