//! Why a use case ends without success, and the one place that picks HTTP statuses.

use http::StatusCode;

use crate::store::StoreError;

/// What a caller did, or what the relay cannot do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is not what SPEC 6 describes.
    #[error("malformed request")]
    Malformed,
    /// Signature or token missing or wrong.
    #[error("not authorised")]
    Unauthorised,
    /// The line does not exist or has no valid line statement.
    #[error("no such line")]
    Unknown,
    /// Something newer is stored, or the cursor or cycle is out of place.
    #[error("in conflict with what is stored")]
    Conflict,
    /// The body did not arrive in time.
    #[error("too slow")]
    Slow,
    /// The body is larger than any of its kind.
    #[error("too large")]
    TooLarge,
    /// More than admission lets through.
    #[error("too many requests")]
    TooMany,
    /// More than the relay can hold at once; nothing was stored.
    #[error("busy")]
    Busy,
    /// The store does not answer; whether anything was stored is unknown, and repeating is safe.
    #[error("store unavailable")]
    Unavailable,
}

impl Error {
    /// A stable word for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorised => "unauthorised",
            Self::Unknown => "unknown",
            Self::Conflict => "conflict",
            Self::Slow => "slow",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status of SPEC 6. A new error must choose one here.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Busy,
            StoreError::Incarnation | StoreError::Conflict => Self::Conflict,
            StoreError::NoRoom => {
                crate::telemetry::store_failed(error);
                Self::Busy
            }
            StoreError::Unavailable
            | StoreError::Corrupt
            | StoreError::Evicts
            | StoreError::Denied
            | StoreError::Address
            | StoreError::NoCluster
            | StoreError::IsCluster
            | StoreError::Replicas
            | StoreError::Keys(_)
            | StoreError::OtherKeys
            | StoreError::Keyless
            | StoreError::Unsealed
            | StoreError::Newer
            | StoreError::Foreign => {
                crate::telemetry::store_failed(error);
                Self::Unavailable
            }
        }
    }
}
