//! What one look at a line shows.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::Bundle,
    conversation::Cycle,
    id::Board,
    keys::SealingPublicKey,
    limits::{CYCLE_FUTURE_SECONDS, CYCLE_PAST_SECONDS, DAY_SECONDS},
};

/// What one look at a line showed: its keys and which cycles are served.
#[derive(Debug, Clone)]
pub struct View {
    /// Verified.
    pub bundle: Bundle,
    /// Served cycles of *new* and *old*.
    pub cycles: [u64; 2],
    /// When, in unix seconds.
    pub now: u64,
}

impl View {
    /// Pages of a board in the cycle that is served.
    pub fn pages(&self, board: Board) -> u32 {
        let boards = self.bundle.boards();
        boards
            .and_then(|boards| boards.pages(board, self.served(board)))
            .unwrap_or(1)
    }

    /// A page drawn by somebody without a conversation.
    pub fn draw_uniform(&self, board: Board, rng: &mut impl CryptoRng) -> u32 {
        // Numbers of pages are powers of two, so that the remainder is uniform.
        let pages = self.pages(board);
        rng.next_u32().checked_rem(pages).unwrap_or(0)
    }

    /// The cycle of a board that was named last.
    pub const fn served(&self, board: Board) -> u64 {
        served(self.cycles, board)
    }

    /// A page named another cycle: the boards move on while the app is open.
    pub fn name(&mut self, board: Board, cycle: u64) {
        if cycle > self.served(board) && self.is_credible(board, cycle) {
            set_served(&mut self.cycles, board, cycle);
        }
    }

    /// UTC day of sealing.
    pub(super) fn day(&self) -> u32 {
        self.bundle.sealing_day(self.now)
    }

    pub(super) fn cycle(&self, board: Board, number: u64) -> Cycle {
        let seconds = self.bundle.line.policy.cycle_seconds(board);
        Cycle {
            number,
            seconds: seconds.min(DAY_SECONDS),
        }
    }

    /// Neither so old nor so far ahead that somebody is playing with it.
    pub(super) fn is_credible(&self, board: Board, cycle: u64) -> bool {
        let cycle = self.cycle(board, cycle);
        let begins = cycle.number.saturating_mul(cycle.seconds);
        begins >= self.now.saturating_sub(CYCLE_PAST_SECONDS)
            && begins <= self.now.saturating_add(CYCLE_FUTURE_SECONDS)
    }

    /// The key of a desk for today; desk 0 is the line's first.
    pub(super) fn prekey(&self, desk: u16) -> Option<SealingPublicKey> {
        let desk = match desk {
            0 => self.bundle.line.desks.first()?.id,
            desk => desk,
        };
        let statement = self.bundle.prekey(desk, self.day())?;
        Some(statement.prekey.clone())
    }
}

pub(super) const fn served(cycles: [u64; 2], board: Board) -> u64 {
    let [new, old] = cycles;
    match board {
        Board::New => new,
        Board::Old => old,
    }
}

pub(super) const fn set_served(cycles: &mut [u64; 2], board: Board, cycle: u64) {
    let [new, old] = cycles;
    match board {
        Board::New => *new = cycle,
        Board::Old => *old = cycle,
    }
}
