//! A line's own cover visits: when one begins, and how long it lasts (SPEC 5.7).
//!
//! A visit is a sitting of nobody, so that it asks for what every sitting asks for. Here are only its
//! times, from a clock and random numbers that are given.

use std::fmt;

use rand_core::CryptoRng;
use sotto_protocol::limits::DAY_SECONDS;

/// Mean length of a person's sitting, in milliseconds.
pub const MEAN_LENGTH: u64 = 216_000;
/// Longest visit, in milliseconds: one in ten million would be longer.
pub const LONGEST: u64 = 3_600_000;
/// Most visits of one day that one program makes.
pub const MAX_PER_DAY: u32 = 100_000;

/// One visit that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// When the app is opened, in unix milliseconds.
    pub begins: u64,
    /// After how many milliseconds it is closed.
    pub lasts: u64,
}

/// Visits one after the other, without end: a Poisson process, as of many people who know nothing of
/// one another. Some begin before the last one is over.
pub struct Visits<R> {
    rng: R,
    mean_gap: u64,
    last: u64,
}

impl<R> fmt::Debug for Visits<R> {
    // The random numbers are the times to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visits(..)")
    }
}

impl<R: CryptoRng> Visits<R> {
    /// On average `per_day` (1 to [`MAX_PER_DAY`]) from `now` on, in unix milliseconds. Other numbers
    /// count as the nearest of these.
    pub fn new(per_day: u32, now: u64, rng: R) -> Self {
        let per_day = per_day.clamp(1, MAX_PER_DAY);
        Self {
            rng,
            mean_gap: DAY_SECONDS.saturating_mul(1_000) / u64::from(per_day),
            last: now,
        }
    }

    /// A visit that begins at `now`, as one that was asked for.
    pub fn at_once(&mut self, now: u64) -> Visit {
        Visit {
            begins: now,
            lasts: exponential(MEAN_LENGTH, &mut self.rng).min(LONGEST),
        }
    }
}

impl<R: CryptoRng> Iterator for Visits<R> {
    type Item = Visit;

    /// Never `None`.
    fn next(&mut self) -> Option<Visit> {
        let gap = exponential(self.mean_gap, &mut self.rng);
        self.last = self.last.saturating_add(gap);
        Some(self.at_once(self.last))
    }
}

/// Of all laws with this mean the one that assumes nothing else.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "53 random bits and milliseconds of a day fit, and the result is not negative"
)]
fn exponential(mean: u64, rng: &mut impl CryptoRng) -> u64 {
    // In (0, 1], so that the logarithm is finite.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    (-uniform.ln() * mean as f64) as u64
}
