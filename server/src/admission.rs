//! Who may post without saying who they are.

use std::fmt;

use async_trait::async_trait;
use sotto_protocol::id::LineId;

use crate::error::Error;

/// Decides about one anonymous post. Sees nothing that could tell two people apart.
#[async_trait]
pub trait Admission: Send + Sync + fmt::Debug {
    /// Lets a post through or not.
    ///
    /// # Errors
    /// [`Error::Unauthorised`] without a valid token, [`Error::TooMany`] under a flood.
    async fn admit(&self, line: LineId, body: &[u8]) -> Result<(), Error>;
}

/// Lets everything through; what is posted is bounded by size and concurrency alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl Admission for Open {
    async fn admit(&self, _line: LineId, _body: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}
