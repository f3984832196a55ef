//! What an error of Redis means to the relay.

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind, Value};

use super::super::StoreError;

/// Why a batch failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The node does not have our scripts, as after a restart.
    NoScript,
    /// No answer, as from a connection that was lost since its last use.
    NoAnswer,
    /// None in time: the other end may be silent for good.
    Silence,
    /// Anything else.
    Store(StoreError),
}

impl Fault {
    pub(super) const fn into_error(self) -> StoreError {
        match self {
            Self::NoScript | Self::NoAnswer | Self::Silence => StoreError::Unavailable,
            Self::Store(error) => error,
        }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if error.kind() == ErrorKind::AuthenticationFailed {
            return Self::Store(StoreError::Denied);
        }
        match error.code() {
            None if error.is_timeout() => Self::Silence,
            Some(code) => of_code(code),
            None => Self::NoAnswer,
        }
    }
}

/// The fault of the first answer that is an error and says why, looking into a transaction too.
pub(super) fn first_fault(values: &[Value]) -> Option<Fault> {
    let mut aborted = None;
    for value in values {
        match value {
            // Says that there is a reason, which another answer gives.
            Value::ServerError(error) if error.kind() == Some(ServerErrorKind::ExecAbort) => {
                aborted = Some(Fault::Store(StoreError::Unavailable));
            }
            Value::ServerError(error) => return Some(of(error)),
            Value::Array(inner) => {
                let found = inner.iter().find_map(|value| match value {
                    Value::ServerError(error) => Some(of(error)),
                    _ => None,
                });
                if found.is_some() {
                    return found;
                }
            }
            _ => {}
        }
    }
    aborted
}

fn of(error: &ServerError) -> Fault {
    of_code(error.code())
}

fn of_code(code: &str) -> Fault {
    Fault::Store(match code {
        "NOSCRIPT" => return Fault::NoScript,
        // Nothing was stored: memory is full, or a failing disk stopped all writing.
        "OOM" => StoreError::NoRoom,
        "MISCONF" => StoreError::Full,
        "NOPERM" | "NOAUTH" | "WRONGPASS" => StoreError::Denied,
        "WRONGTYPE" => StoreError::Corrupt,
        // CLUSTERDOWN, TRYAGAIN, LOADING, READONLY, MASTERDOWN, NOREPLICAS, MOVED, ASK, and whatever
        // else: it may pass, and everything sent is safe to repeat.
        _ => StoreError::Unavailable,
    })
}
