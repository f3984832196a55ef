//! Key names. What is written together shares a hash tag, so that a Cluster keeps it in one slot;
//! what need not be together does not, so that a line spreads over the nodes.

use sotto_protocol::id::{Board, LineId};

use super::super::PageSlot;

/// `s1:{TAG}:` before every key of a slot.
#[derive(Debug, Clone)]
pub(super) struct Keys(Vec<u8>);

/// Slots that the pages of one board are spread over.
pub(super) const PAGE_GROUPS: u32 = 64;

impl Keys {
    /// Of what a line has once: number of shards, served cycles, statements.
    pub(super) fn line(line: LineId) -> Self {
        Self::tagged(&line.to_text())
    }

    /// Of one shard of the inbox.
    pub(super) fn shard(line: LineId, shard: u16) -> Self {
        Self::tagged(&format!("{}/{shard}", line.to_text()))
    }

    /// Of one desk's log.
    pub(super) fn log(line: LineId, log: u16) -> Self {
        Self::tagged(&format!("{}/log/{log}", line.to_text()))
    }

    /// Of the pages of a board with the same remainder.
    pub(super) fn pages(line: LineId, board: Board, page: u32) -> Self {
        let group = page % PAGE_GROUPS;
        Self::tagged(&format!("{}/{}/{group}", line.to_text(), board.name()))
    }

    /// Of what was spent, by the first byte of it.
    pub(super) fn spent(line: LineId, token: &[u8; 32]) -> Vec<u8> {
        let [first, ..] = token;
        Self::tagged(&format!("{}/n/{first}", line.to_text())).with(b"", token)
    }

    /// Of what tokens were spent on, by the first byte of the token.
    pub(super) fn redeemed(line: LineId, token: &[u8; 32]) -> Self {
        let [first, ..] = token;
        Self::tagged(&format!("{}/t/{first}", line.to_text()))
    }

    pub(super) fn token(&self, token: &[u8; 32]) -> Vec<u8> {
        self.with(b"", token)
    }

    fn tagged(tag: &str) -> Self {
        Self(format!("s1:{{{tag}}}:").into_bytes())
    }

    /// Hash. Of a line: `shards`, the served cycles. Of a shard: `head`, `seed`. Of a log: `seed`.
    pub(super) fn meta(&self) -> Vec<u8> {
        self.with(b"meta", &[])
    }

    /// Counts what came to a line with several shards.
    pub(super) fn order(&self) -> Vec<u8> {
        self.with(b"order", &[])
    }

    /// Nothing in it: written after everything that replicas are to have.
    pub(super) fn beat(&self) -> Vec<u8> {
        self.with(b"beat", &[])
    }

    /// Before the address of each body; empty once it is acknowledged or past.
    pub(super) fn bodies(&self) -> Vec<u8> {
        self.with(b"b:", &[])
    }

    pub(super) fn body(&self, address: &[u8]) -> Vec<u8> {
        self.with(b"b:", address)
    }

    /// Stream of addresses; ids are POSITION-ARRIVAL.
    pub(super) fn index(&self) -> Vec<u8> {
        self.with(b"index", &[])
    }

    /// Hash of positions by device; of a log besides `first`, the position of its first record.
    pub(super) fn acks(&self) -> Vec<u8> {
        self.with(b"acks", &[])
    }

    /// List of records that are not deleted.
    pub(super) fn records(&self) -> Vec<u8> {
        self.with(b"records", &[])
    }

    /// The body of one page.
    pub(super) fn page(&self, slot: PageSlot) -> Vec<u8> {
        self.with(b"p:", format!("{}:{}", slot.cycle, slot.page).as_bytes())
    }

    /// Before the number of each cycle of a board: bits of the pages that are written.
    pub(super) fn written(&self, board: Board) -> Vec<u8> {
        self.with(b"written:", format!("{}:", board.name()).as_bytes())
    }

    /// Sorted set of cycles that have pages.
    pub(super) fn cycles(&self, board: Board) -> Vec<u8> {
        self.with(b"cycles:", board.name().as_bytes())
    }

    /// Hash of statements by name.
    pub(super) fn statements(&self) -> Vec<u8> {
        self.with(b"statements", &[])
    }

    fn with(&self, kind: &[u8], rest: &[u8]) -> Vec<u8> {
        [self.0.as_slice(), kind, rest].concat()
    }
}
