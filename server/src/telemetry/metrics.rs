//! Everything the relay ever counts. SECURITY.md repeats this list; a test compares them.
//!
//! A count that goes up at 03:12:07 would tell when somebody was there. So nothing is shown as it is
//! counted: one text is made in every full ten minutes and stays the same until the next, and in it
//! whatever visitors cause is rounded to full hundreds.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{error::Error, store::Durability};

/// Every metric and its labels.
pub const METRICS: &[(&str, &[&str])] = &[
    ("sotto_build_info", &["version"]),
    ("sotto_published_time_seconds", &[]),
    ("sotto_requests_total", &["kind", "outcome"]),
    ("sotto_store_append_seconds", &["le"]),
    ("sotto_store_ready", &[]),
    ("sotto_store_durability", &["level"]),
    ("sotto_waiting_records", &[]),
    ("sotto_waiting_oldest_hours", &[]),
    ("sotto_board_cycles_behind", &["board"]),
    ("sotto_lines", &["state"]),
    ("sotto_connections_peak", &[]),
    ("sotto_backup_time_seconds", &[]),
    ("sotto_resident_bytes", &[]),
];

/// What is shown stays the same for this many seconds; arrival times are kept in the same steps.
pub const PUBLISH_SECONDS: u64 = crate::store::ARRIVAL_STEP_SECONDS;
/// What visitors cause is shown in multiples of this.
pub const COUNT_STEP: u64 = 100;

/// Who asks, and no more: neither which line nor what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An envelope or chunk.
    Post,
    /// A bundle or page.
    Read,
    /// Tokens, or what they cost.
    Buy,
    /// Whatever devices and administrators sign.
    Device,
    /// Sealed, and not to be opened; or the keys to seal to. What is opened counts as what is inside.
    Sealed,
}

impl Kind {
    /// In the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Post,
        Self::Read,
        Self::Buy,
        Self::Device,
        Self::Sealed,
    ];

    /// As in the label `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Read => "read",
            Self::Buy => "buy",
            Self::Device => "device",
            Self::Sealed => "sealed",
        }
    }
}

/// Values of the label `outcome`: `accepted`, or the code of an [`Error`].
pub const OUTCOMES: [&str; 10] = [
    "accepted",
    Error::Malformed.code(),
    Error::Unauthorised.code(),
    Error::Unknown.code(),
    Error::Conflict.code(),
    Error::Slow.code(),
    Error::TooLarge.code(),
    Error::TooMany.code(),
    Error::Busy.code(),
    Error::Unavailable.code(),
];

/// Upper ends of the histogram's buckets in seconds; one more takes the rest.
pub const BUCKETS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 5.0];

/// What the relay's store and lines are like at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct State {
    /// Unix seconds.
    pub at: u64,
    /// `None` where the store does not answer or may not be trusted.
    pub durability: Option<Durability>,
    /// Records that wait for drainers, of all lines.
    pub waiting: u64,
    /// Seconds since the oldest of them arrived.
    pub oldest: u64,
    /// Cycles since the served one of *new* and *old*, of the line that is worst off.
    pub behind: [u64; 2],
    /// Lines with a valid statement, and lines without.
    pub lines: [u64; 2],
    /// Resident memory of the process.
    pub resident: u64,
}

/// Counters, and the text that is shown.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[AtomicU64; OUTCOMES.len()]; Kind::ALL.len()],
    appends: [AtomicU64; BUCKETS.len() + 1],
    open: AtomicUsize,
    peak: AtomicUsize,
    backup: AtomicU64,
    shown: Mutex<Arc<str>>,
}

/// What [`Metrics::publish`] shows, rounded.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) state: State,
    pub(super) requests: Vec<(Kind, &'static str, u64)>,
    pub(super) appends: Vec<(f64, u64)>,
    pub(super) peak: u64,
    pub(super) backup: u64,
}

impl Metrics {
    /// One request was answered.
    pub fn answered(&self, kind: Kind, outcome: &str) {
        let row = Kind::ALL.iter().position(|known| *known == kind);
        let column = OUTCOMES.iter().position(|known| *known == outcome);
        let row = row.and_then(|row| self.requests.get(row));
        if let (Some(row), Some(column)) = (row, column)
            && let Some(count) = row.get(column)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The store made an envelope durable.
    pub fn appended(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end);
        if let Some(count) = self.appends.get(bucket.unwrap_or(BUCKETS.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A backup was taken.
    pub fn backed_up(&self, now: u64) {
        self.backup.store(now, Ordering::Relaxed);
    }

    /// A connection is open for as long as what comes back lives.
    pub fn connected(self: &Arc<Self>) -> Connected {
        let open = self.open.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.peak.fetch_max(open, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    /// Makes the text that [`Self::text`] gives from now on.
    pub fn publish(&self, state: State) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut requests = Vec::new();
        for (kind, row) in Kind::ALL.into_iter().zip(&self.requests) {
            for (outcome, value) in OUTCOMES.into_iter().zip(row) {
                requests.push((kind, outcome, rounded(outcome, count(value))));
            }
        }
        let ends = BUCKETS.into_iter().chain([f64::INFINITY]);
        let appends = ends.zip(self.appends.iter().map(|n| down(count(n))));
        let open = self.open.load(Ordering::Relaxed);
        let peak = self.peak.swap(open, Ordering::Relaxed);
        let backup = count(&self.backup);
        let shown = Shown {
            state: State {
                at: state.at - state.at % PUBLISH_SECONDS,
                waiting: down(state.waiting),
                resident: state.resident - state.resident % MEBIBYTE,
                ..state
            },
            requests,
            appends: appends.collect(),
            peak: down(peak as u64),
            backup: backup - backup % PUBLISH_SECONDS,
        };
        let text = super::exposition::text(&shown);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
    }

    /// What is shown; nothing before the first [`Self::publish`].
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const MEBIBYTE: u64 = 1 << 20;

/// Closes a connection's place in the count when it is dropped.
#[derive(Debug)]
pub struct Connected(Arc<Metrics>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

const fn down(count: u64) -> u64 {
    count - count % COUNT_STEP
}

/// Visitors' doings are rounded down. What is the relay's own fault is rounded up, so that the first
/// one shows.
fn rounded(outcome: &str, count: u64) -> u64 {
    let is_own = [Error::Busy.code(), Error::Unavailable.code()].contains(&outcome);
    if is_own {
        count.div_ceil(COUNT_STEP).saturating_mul(COUNT_STEP)
    } else {
        down(count)
    }
}
