//! How a program ends, and what it says then.

use std::process::ExitCode;

use crate::{
    ceremony::CeremonyError,
    desk::{DeskError, RowError},
    keep::KeepError,
    link::LinkError,
    relay::RelayError,
    sealed::Locked,
    sitting::SittingError,
    text::TextError,
    tipster::AttachError,
    upload::UploadError,
    vault::VaultError,
};

/// A command that did not get done, with the exit code of the design: 1 refused, 2 usage,
/// 3 not reachable (nothing lost).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// 1, 2 or 3.
    pub code: u8,
    /// For a person: what is wrong and what to do.
    pub text: String,
}

impl Stop {
    /// Exit code 1.
    pub fn refused(text: impl Into<String>) -> Self {
        Self {
            code: 1,
            text: text.into(),
        }
    }

    /// Exit code 2.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            code: 2,
            text: text.into(),
        }
    }

    /// The same with more to say.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        self.text.push_str(more);
        self
    }

    /// For `main`.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<RelayError> for Stop {
    fn from(error: RelayError) -> Self {
        Self {
            code: match error {
                RelayError::Unreachable(_) => 3,
                _ => 1,
            },
            text: error.to_string(),
        }
    }
}

impl From<SittingError> for Stop {
    fn from(error: SittingError) -> Self {
        match error {
            SittingError::Relay(error) => error.into(),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<UploadError> for Stop {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Relay(error) => error.into(),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::usage(error.to_string())
    }
}

macro_rules! refusals {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::refused(error.to_string())
            }
        }
    )*};
}

refusals!(
    AttachError,
    CeremonyError,
    DeskError,
    KeepError,
    Locked,
    RowError,
    TextError,
    VaultError,
    sotto_protocol::bundle::VerifyError,
    sotto_protocol::code::CodeError,
);
