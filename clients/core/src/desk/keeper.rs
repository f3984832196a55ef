//! Who writes the boards: one drainer, named in the log; another takes over when it falls silent.

use sotto_protocol::{id::Board, limits::LOG_SILENCE_SECONDS, statement::Policy};

use super::{Desk, Row, event::Event};
use crate::timetable::Progress;

/// So many cycles behind the running one, the relay serves none of which a page came lately.
const SILENT_CYCLES: u64 = 3;

impl Desk {
    /// Whether this device writes the boards.
    pub fn keeps_boards(&self) -> bool {
        let keeper = self.keeper.map(|(keeper, _)| keeper);
        self.membership.drains() && keeper == Some(self.identity.id())
    }

    /// Takes the boards over where nobody writes them: `served` is the cycle of *new* that the
    /// relay serves. Of two drainers the one whose event comes first in the log has them.
    pub(super) fn claim_boards(&mut self, policy: &Policy, served: u64, now: u64) {
        if self.keeps_boards() || !self.membership.drains() {
            return;
        }
        let is_vacant = match self.keeper {
            None => true,
            Some((keeper, since)) => {
                let running = policy.cycle(Board::New, now);
                let grace = policy
                    .cycle_seconds(Board::New)
                    .saturating_mul(SILENT_CYCLES);
                let is_silent = running >= served.saturating_add(SILENT_CYCLES)
                    && now >= since.saturating_add(grace);
                is_silent || !self.membership.is_drainer(keeper)
            }
        };
        if is_vacant {
            if self.keeper.is_some() {
                self.progress = [Progress::WAITING; 2];
                self.changed.insert(Row::Meta);
            }
            self.submit(Event::Keeper {
                device: self.identity.id(),
                before: self.keeper.map(|(keeper, _)| keeper),
                at: now,
            });
        }
    }

    /// A drainer that has just taken the boards over begins with a cycle of which the one before,
    /// which may have heard nothing of it yet, writes no page: fillers of two devices would show
    /// which envelopes are none.
    pub(super) fn take_boards_over(&mut self, policy: &Policy, now: u64) {
        for board in Board::ALL {
            if self.keeps_boards() && self.progress(board) == Progress::WAITING {
                let heard = policy.cycle(board, now.saturating_add(LOG_SILENCE_SECONDS));
                *self.progress_mut(board) = Progress {
                    cycle: heard.saturating_add(1),
                    page: 0,
                };
                self.changed.insert(Row::Meta);
            }
        }
    }
}
