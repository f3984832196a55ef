//! Every name of ratios.json: what it is, what it should come to, and what measures it.

use crate::{
    absent, desk, intake,
    measure::{Effort, Measured},
    memory, pages, sealing,
};

/// What a number should come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Or more.
    AtLeast(f64),
    /// Or less.
    AtMost(f64),
}

impl Bound {
    /// Whether a number keeps it.
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// A name and its bound.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// In ratios.json.
    pub name: &'static str,
    /// What is compared with what.
    pub what: &'static str,
    /// The goal.
    pub bound: Bound,
}

/// Several goals that are measured in one go.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// What it gives.
    pub goals: &'static [Goal],
    /// How.
    pub run: fn(Effort) -> Vec<Measured>,
}

const fn at_least(name: &'static str, bound: f64, what: &'static str) -> Goal {
    Goal {
        name,
        what,
        bound: Bound::AtLeast(bound),
    }
}

const fn at_most(name: &'static str, bound: f64, what: &'static str) -> Goal {
    Goal {
        name,
        what,
        bound: Bound::AtMost(bound),
    }
}

/// Everything that is measured.
pub const BENCHES: &[Bench] = &[
    Bench {
        goals: &[
            at_least(
                "intake_everysec_vs_raw",
                0.7,
                "posts through the gateway into Redis (`appendfsync everysec`, 2 connections), 64 in flight; a driver without a gateway doing the same writes",
            ),
            at_least(
                "intake_everysec_vs_axum",
                0.5,
                "the same; axum reading and dropping the body",
            ),
            at_most(
                "cpu_intake_vs_bare",
                2.5,
                "processor time of the gateway per envelope, in the same runs; of axum reading and dropping the body",
            ),
        ],
        run: intake::everysec,
    },
    Bench {
        goals: &[
            at_least(
                "intake_always_vs_raw_64",
                0.9,
                "`appendfsync always`, 64 connections, 64 in flight; the driver",
            ),
            at_least(
                "intake_always_vs_raw_512",
                0.85,
                "512 in flight; the driver",
            ),
            at_least(
                "intake_always_vs_axum_512",
                0.3,
                "512 in flight; axum reading and dropping the body",
            ),
        ],
        run: intake::always,
    },
    Bench {
        goals: &[
            at_least(
                "intake_embedded_vs_raw_64",
                0.9,
                "embedded store, 64 in flight; group commit of redb alone with the same writes",
            ),
            at_least("intake_embedded_vs_raw_512", 0.7, "512 in flight; the same"),
        ],
        run: intake::embedded,
    },
    Bench {
        goals: &[at_least(
            "page_read_vs_static",
            0.9,
            "random pages of a written board, 64 in flight; axum serving as many from memory",
        )],
        run: pages::read,
    },
    Bench {
        goals: &[at_most(
            "seal_vs_primitives",
            1.3,
            "sealing an envelope; hash of the key, X-Wing, key schedule, cipher",
        )],
        run: sealing::seal,
    },
    Bench {
        goals: &[at_most(
            "open_vs_primitives",
            1.3,
            "opening it with a key that is kept expanded; the same",
        )],
        run: sealing::open,
    },
    Bench {
        goals: &[at_least(
            "chunk_vs_raw_aead",
            0.9,
            "sealing the largest file, with the hashes its manifest needs; ChaCha20-Poly1305 alone over as many bytes",
        )],
        run: sealing::chunks,
    },
    Bench {
        goals: &[at_most(
            "desk_open_5000_s",
            2.0,
            "a desk opening 5,000 first contacts on one core",
        )],
        run: desk::open,
    },
    Bench {
        goals: &[
            at_most("rss_idle_mb", 20.0, "resident memory of a relay at rest"),
            at_most(
                "bytes_per_idle_connection",
                12_000.0,
                "what each of 4,000 connections adds to it",
            ),
        ],
        run: memory::idle,
    },
    Bench {
        goals: &[at_most(
            "redis_overhead_per_envelope",
            0.05,
            "memory of Redis for an envelope, its index entry and the mark of its address, above its 8,128 bytes",
        )],
        run: memory::redis,
    },
    Bench {
        goals: &[
            at_most(
                "absent_line_vs_empty",
                0.02,
                "difference of the medians: a page of a line that is not there; of a board nobody wrote",
            ),
            at_most(
                "absent_page_vs_empty",
                0.02,
                "the same: a page beyond the end of a board; one on it",
            ),
            at_most(
                "absent_cursor_vs_empty",
                0.02,
                "the same: a stranger's look into the inbox of a line that is not there; of one that is empty",
            ),
        ],
        run: absent::absent,
    },
];

/// Goals whose feature does not exist yet, and which it is.
pub const ABSENT: &[(&str, &str)] = &[
    ("cpu_intake_token_vs_bare", "its bench"),
    ("first_load_kb", "the phone app"),
    ("bytes_per_opening", "the phone app"),
    ("bytes_per_sitting", "the phone app"),
];

/// The goal of a name.
pub fn goal(name: &str) -> Option<&'static Goal> {
    let mut goals = BENCHES.iter().flat_map(|bench| bench.goals);
    goals.find(|goal| goal.name == name)
}
