//! Who may post without saying who they are: anybody, or whoever spends a token (SPEC 6.3).
//!
//! Sees nothing that could tell two people apart.

pub(crate) mod issuer;
pub(crate) mod period;
pub(crate) mod sale;

use sotto_protocol::limits::{WORK_KIB, WORK_TRIES_MIN};

pub(crate) use self::{issuer::Issuer, sale::Sale};

/// What one anonymous post is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Admission {
    /// Nothing; what is posted is bounded by size and concurrency alone.
    #[default]
    Open,
    /// A token, bought for work.
    Tokens(Price),
}

/// What a batch of tokens costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Tries that a batch costs on average while few are bought.
    pub tries: u32,
    /// Memory of one try, in KiB.
    pub kib: u32,
    /// Batches a minute above which the work doubles from minute to minute.
    pub batches: u32,
}

impl Admission {
    /// Whether the relay's statement names token keys.
    pub(crate) const fn asks_for_tokens(self) -> bool {
        matches!(self, Self::Tokens(_))
    }

    /// Also where nothing is asked for any more, until every desk has seen that.
    pub(crate) fn price(self) -> Price {
        match self {
            Self::Open => Price::default(),
            Self::Tokens(price) => price,
        }
    }
}

impl Default for Price {
    fn default() -> Self {
        Self {
            tries: WORK_TRIES_MIN,
            kib: WORK_KIB,
            batches: 600,
        }
    }
}
