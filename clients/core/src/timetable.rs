//! When a drainer writes which page: every page of every cycle, mail or not (SPEC 5.4).

use sotto_protocol::id::Board;

/// How far a board has been written by this drainer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The cycle it is at.
    pub cycle: u64,
    /// The next page of that cycle.
    pub page: u32,
}

impl Progress {
    /// Of a drainer that wants to take the boards over: nothing is due before it has.
    pub const WAITING: Self = Self {
        cycle: u64::MAX,
        page: 0,
    };
}

/// One page that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The board.
    pub board: Board,
    /// The cycle.
    pub cycle: u64,
    /// From 0.
    pub page: u32,
}

/// A board as its timetable sees it.
#[derive(Debug, Clone, Copy)]
pub struct Timetable {
    /// The board.
    pub board: Board,
    /// Seconds of a cycle, at least 1.
    pub seconds: u64,
}

impl Timetable {
    /// The pages that are due at `now`: whatever is missing of the cycle before, which becomes
    /// whole by it, and of the running one each page whose moment has come.
    ///
    /// `pages` gives the number of pages of a cycle. Older cycles that were missed stay missed.
    pub fn due(
        &self,
        progress: Progress,
        now: u64,
        pages: impl Fn(u64) -> Option<u32>,
    ) -> Vec<Due> {
        let running = now.checked_div(self.seconds).unwrap_or(0);
        let before = running.saturating_sub(1);
        let start = if progress.cycle < before {
            Progress {
                cycle: before,
                page: 0,
            }
        } else {
            progress
        };
        let mut due = Vec::new();
        for cycle in start.cycle..=running {
            let Some(pages) = pages(cycle) else { continue };
            let first = if cycle == start.cycle { start.page } else { 0 };
            due.extend(
                (first..pages)
                    .take_while(|page| self.moment(cycle, *page, pages) <= now)
                    .map(|page| Due {
                        board: self.board,
                        cycle,
                        page,
                    }),
            );
        }
        due
    }

    /// The moment of the page after `progress`.
    pub fn next(&self, progress: Progress, pages: impl Fn(u64) -> Option<u32>) -> Option<u64> {
        let count = pages(progress.cycle)?;
        Some(self.moment(progress.cycle, progress.page, count))
    }

    /// `(C + i/n) T`, in whole seconds, rounded up so that no page is early.
    fn moment(&self, cycle: u64, page: u32, pages: u32) -> u64 {
        let begin = cycle.saturating_mul(self.seconds);
        let into = u64::from(page)
            .saturating_mul(self.seconds)
            .div_ceil(u64::from(pages.max(1)));
        begin.saturating_add(into)
    }
}

impl Due {
    /// Where a board is once this page is written.
    pub const fn after(self, pages: u32) -> Progress {
        let next = self.page.saturating_add(1);
        if next >= pages {
            Progress {
                cycle: self.cycle.saturating_add(1),
                page: 0,
            }
        } else {
            Progress {
                cycle: self.cycle,
                page: next,
            }
        }
    }
}
