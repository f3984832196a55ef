//! When a phone asks the relay for what while the app is open (SPEC 5.7).
//!
//! Policy and random numbers decide it when the app opens. Nothing can be fed in afterwards: neither
//! what is sent, nor what is found, nor what fails changes the number, the order or the time of
//! what follows.

use std::fmt;

use rand_core::CryptoRng;
use sotto_protocol::{id::Board, limits::SCHEDULE_JITTER_PERCENT, statement::ScheduleTimings};

/// What is asked for in one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The bundle, and which cycles are served.
    Bundle,
    /// One page of a board.
    Page(Board),
    /// One envelope is posted, real or cover.
    Post,
}

/// One request and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Milliseconds since the app was opened.
    pub moment: u64,
    /// What is asked for.
    pub ask: Ask,
}

/// The turns of one sitting, in order and without end; their moments strictly increase.
pub struct Schedule<R> {
    rng: R,
    opening: std::slice::Iter<'static, Ask>,
    draws: Series,
    posts: Series,
    last: Option<u64>,
}

impl<R> fmt::Debug for Schedule<R> {
    // The random numbers are the times to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule(..)")
    }
}

impl<R: CryptoRng> Schedule<R> {
    /// The schedule of an app that opens now. `timings` are those of a verified bundle, or the
    /// defaults where none was ever seen.
    pub fn new(timings: ScheduleTimings, mut rng: R) -> Self {
        let until = timings.early_seconds;
        let draws = Series::new(timings.draw_seconds, timings.later_draw_seconds, until);
        let posts = Series::new(timings.post_seconds, timings.later_post_seconds, until);
        Self {
            opening: OPENING.iter(),
            draws: draws.after(&mut rng),
            posts: posts.after(&mut rng),
            last: None,
            rng,
        }
    }

    fn next_ask(&mut self) -> (u64, Ask) {
        if let Some(ask) = self.opening.next() {
            return (0, *ask);
        }
        if self.draws.moment <= self.posts.moment {
            let draw = self.draws;
            self.draws = draw.after(&mut self.rng);
            (draw.moment, Ask::Page(draw.board()))
        } else {
            let post = self.posts;
            self.posts = post.after(&mut self.rng);
            (post.moment, Ask::Post)
        }
    }
}

impl<R> Schedule<R> {
    /// About when (milliseconds since the app was opened, without jitter) the turns to come will
    /// have had so many draws of *new* and of *old*. Where none is outstanding, the moment of the
    /// last turn. For the screen: "both boards will have been looked at in about 3 minutes".
    pub fn looks_complete(&self, outstanding: [u8; 2]) -> u64 {
        let mut missing = outstanding;
        let mut moment = self.last.unwrap_or(0);
        for ask in self.opening.as_slice() {
            if let Ask::Page(board) = ask {
                look(&mut missing, *board);
            }
        }
        let mut draws = self.draws;
        while missing != [0; 2] {
            moment = draws.nominal;
            look(&mut missing, draws.board());
            draws = draws.step();
        }
        moment
    }
}

impl<R: CryptoRng> Iterator for Schedule<R> {
    type Item = Turn;

    /// Never `None`.
    fn next(&mut self) -> Option<Turn> {
        let (moment, ask) = self.next_ask();
        let soonest = self.last.map_or(0, |last| last.saturating_add(1));
        let moment = moment.max(soonest);
        self.last = Some(moment);
        Some(Turn { moment, ask })
    }
}

const OPENING: [Ask; 3] = [Ask::Bundle, Ask::Page(Board::New), Ask::Page(Board::Old)];
const EARLY: [Board; 4] = [Board::New, Board::New, Board::Old, Board::New];
const LATER: [Board; 2] = [Board::Old, Board::New];
const MILLISECONDS: u64 = 1000;

/// The draws, or the posts: nominal moments, each with its own jitter. All in milliseconds.
#[derive(Clone, Copy)]
struct Series {
    early: u64,
    later: u64,
    until: u64,
    nominal: u64,
    /// That led to `nominal`.
    interval: u64,
    /// `nominal` with its jitter.
    moment: u64,
    early_turns: usize,
    later_turns: usize,
}

impl Series {
    const fn new(early: u64, later: u64, until: u64) -> Self {
        Self {
            early: early.saturating_mul(MILLISECONDS),
            later: later.saturating_mul(MILLISECONDS),
            until: until.saturating_mul(MILLISECONDS),
            nominal: 0,
            interval: 0,
            moment: 0,
            early_turns: 0,
            later_turns: 0,
        }
    }

    fn after(self, rng: &mut impl CryptoRng) -> Self {
        let next = self.step();
        let most = next.interval.saturating_mul(SCHEDULE_JITTER_PERCENT) / 100;
        let choices = most.saturating_mul(2).saturating_add(1);
        // A remainder of 64 random bits is uniform but for less than one part in 10^12.
        let jitter = rng.next_u64().checked_rem(choices).unwrap_or(0);
        Self {
            moment: (next.nominal - most).saturating_add(jitter),
            ..next
        }
    }

    /// The next nominal moment.
    const fn step(mut self) -> Self {
        let early = self.nominal.saturating_add(self.early);
        if early <= self.until {
            self.interval = self.early;
            self.early_turns += 1;
        } else {
            self.interval = self.later;
            self.later_turns += 1;
        }
        self.nominal = self.nominal.saturating_add(self.interval);
        self
    }

    /// Whose turn it is, for draws.
    fn board(&self) -> Board {
        let (boards, turns): (&[Board], _) = match self.later_turns {
            0 => (&EARLY, self.early_turns),
            later => (&LATER, later),
        };
        let place = turns.saturating_sub(1) % boards.len();
        boards.get(place).copied().unwrap_or(Board::New)
    }
}

const fn look(missing: &mut [u8; 2], board: Board) {
    let [new, old] = missing;
    let missing = match board {
        Board::New => new,
        Board::Old => old,
    };
    *missing = missing.saturating_sub(1);
}
