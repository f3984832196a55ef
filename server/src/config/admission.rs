//! What is asked of whoever posts.

use serde::Deserialize;
use sotto_protocol::limits::{WORK_KIB, WORK_TRIES_MAX};

use super::ConfigError;
use crate::admission::{Admission, Price};

/// Least memory that Argon2 knows, in KiB.
const KIB_MIN: u32 = 8;

/// Nothing, or a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum AdmissionConfig {
    /// Anybody may post.
    #[default]
    Off,
    /// Whoever posts spends a token, which costs work.
    Tokens {
        /// Tries that a batch of 16 costs on average while few are bought.
        #[serde(default = "default_tries")]
        tries: u32,
        /// Memory of one try, in KiB.
        #[serde(default = "default_kib")]
        kib: u32,
        /// Batches a minute in one process, above which the work doubles from minute to minute.
        #[serde(default = "default_batches")]
        batches: u32,
    },
}

impl AdmissionConfig {
    /// As the relay takes it.
    pub const fn admission(self) -> Admission {
        match self {
            Self::Off => Admission::Open,
            Self::Tokens {
                tries,
                kib,
                batches,
            } => Admission::Tokens(Price {
                tries,
                kib,
                batches,
            }),
        }
    }

    pub(super) fn check(self) -> Result<(), ConfigError> {
        let is_sound = match self {
            Self::Off => true,
            Self::Tokens {
                tries,
                kib,
                batches,
            } => {
                (1..=WORK_TRIES_MAX).contains(&tries)
                    && (KIB_MIN..=WORK_KIB).contains(&kib)
                    && batches > 0
            }
        };
        if is_sound {
            Ok(())
        } else {
            Err(ConfigError::Price)
        }
    }
}

fn default_tries() -> u32 {
    Price::default().tries
}

fn default_kib() -> u32 {
    Price::default().kib
}

fn default_batches() -> u32 {
    Price::default().batches
}
