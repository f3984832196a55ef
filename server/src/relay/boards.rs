//! Boards held in memory, as they are served.
//!
//! A board is read when its served cycle changes, all of it, and never because somebody asked for a
//! page: a cache filled by readers would tell, by time, who has looked.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use sotto_protocol::{
    id::{Board, LineId},
    limits::PAGE_BYTES,
    page::PageHeader,
};
use tokio::sync::Notify;

use super::Relay;
use crate::{error::Error, store::StoreError};

/// A board is read again after this many seconds though its cycle is the same, so that what the store
/// cannot open any more is not served for ever.
const REREAD_SECONDS: u64 = 600;

/// All pages of one cycle of one board.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) cycle: u64,
    /// When it was read.
    at: u64,
    /// [`PAGE_BYTES`] each.
    pages: Vec<Bytes>,
}

impl Held {
    /// A page as it is served; `None` beyond the end.
    pub(super) fn page(&self, page: u32) -> Option<Bytes> {
        self.pages.get(usize::try_from(page).ok()?).cloned()
    }

    const fn bytes(&self) -> usize {
        self.pages.len().saturating_mul(PAGE_BYTES)
    }
}

/// What is held.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Bytes of all pages together at most.
    most: usize,
    boards: RwLock<BTreeMap<(LineId, Board), Arc<Held>>>,
    changed: Notify,
}

impl Shelf {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            boards: RwLock::new(BTreeMap::new()),
            changed: Notify::const_new(),
        }
    }

    pub(super) fn get(&self, line: LineId, board: Board) -> Option<Arc<Held>> {
        let boards = self.boards.read().unwrap_or_else(PoisonError::into_inner);
        boards.get(&(line, board)).cloned()
    }

    /// Whether so many pages fit beside the other boards.
    fn has_room(&self, line: LineId, board: Board, pages: u32) -> bool {
        let pages = usize::try_from(pages).unwrap_or(usize::MAX);
        let boards = self.boards.read().unwrap_or_else(PoisonError::into_inner);
        let others = boards.iter().filter(|(key, _)| **key != (line, board));
        let taken: usize = others.map(|(_, held)| held.bytes()).sum();
        pages.saturating_mul(PAGE_BYTES).saturating_add(taken) <= self.most
    }

    fn put(&self, line: LineId, board: Board, held: Held) {
        let mut boards = self.boards.write().unwrap_or_else(PoisonError::into_inner);
        boards.insert((line, board), Arc::new(held));
    }

    fn remove(&self, line: LineId, board: Board) {
        let mut boards = self.boards.write().unwrap_or_else(PoisonError::into_inner);
        boards.remove(&(line, board));
    }

    /// A page was written.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }
}

impl Relay {
    /// Reads the boards whose served cycle has changed. What the store does not give stays as it was.
    ///
    /// # Errors
    /// The last one of any line.
    pub async fn hold_boards(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for line in self.lines.ids() {
            outcome = self.hold_line(line).await.and(outcome);
        }
        outcome
    }

    /// Resolves when a page was written here since it did so last.
    pub async fn board_changed(&self) {
        self.shelf.changed.notified().await;
    }

    async fn hold_line(&self, line: LineId) -> Result<(), Error> {
        let served = self.store.served(line).await?;
        for (board, cycle) in Board::ALL.into_iter().zip(served) {
            let now = self.clock.now();
            let held = self.shelf.get(line, board);
            let is_held =
                |held: Arc<Held>| held.cycle == cycle && now.abs_diff(held.at) < REREAD_SECONDS;
            if held.is_some_and(is_held) {
                continue;
            }
            let pages = self.size(line, board, cycle).await;
            if pages == 0 || !self.shelf.has_room(line, board, pages) {
                self.shelf.remove(line, board);
            } else if let Some(pages) = self.take_down((line, board, cycle), pages).await? {
                let at = now;
                self.shelf.put(line, board, Held { cycle, at, pages });
            }
        }
        Ok(())
    }

    /// Pages of a cycle; 0 where nobody says.
    async fn size(&self, line: LineId, board: Board, cycle: u64) -> u32 {
        let line = self.line(line).await;
        let pages = line.ok().and_then(|line| line.pages(board, cycle));
        pages.filter(|_| cycle > 0).unwrap_or(0)
    }

    /// All pages of a cycle; `None` where the next one is served by now.
    async fn take_down(
        &self,
        (line, board, cycle): (LineId, Board, u64),
        pages: u32,
    ) -> Result<Option<Vec<Bytes>>, Error> {
        let mut all = Vec::new();
        for page in 0..pages {
            let served = self.store.read_page(line, board, page).await?;
            if served.cycle != cycle {
                return Ok(None);
            }
            all.push(self.shown(line, PageHeader { board, page, cycle }, served.body));
        }
        Ok(Some(all))
    }

    /// The served cycles: of what is held, and else of the store.
    pub(super) async fn cycles(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        let held = Board::ALL.map(|board| Some(self.shelf.get(line, board)?.cycle));
        if let [Some(new), Some(old)] = held {
            return Ok([new, old]);
        }
        let [new, old] = self.store.served(line).await?;
        let [held_new, held_old] = held;
        Ok([held_new.unwrap_or(new), held_old.unwrap_or(old)])
    }
}
