//! Texts that are longer than an envelope: split into parts and joined again.

use sotto_protocol::limits::{FIRST_TEXT_BYTES, MAX_PARTS};
use zeroize::Zeroizing;

/// Longest text, in bytes of UTF-8: four parts that fit any envelope.
pub const MAX_TEXT_BYTES: usize = FIRST_TEXT_BYTES * MAX_PARTS as usize;

/// Why a text cannot be sent. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("there is no text; write something first")]
    Empty,
    /// Does not fit into four envelopes.
    #[error(
        "the text has {0} bytes; the most is {MAX_TEXT_BYTES}. Shorten it, or send it in two messages"
    )]
    Long(usize),
    /// What waits leaves no room.
    #[error(
        "too much of what you wrote is not opened by the desk yet; look at the line until it is, then send this"
    )]
    Backlog,
}

/// Cuts a text into 1 to 4 parts, each of which fits an envelope of any epoch.
pub fn split(text: &str) -> Result<Vec<&[u8]>, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::Long(text.len()));
    }
    Ok(text.as_bytes().chunks(FIRST_TEXT_BYTES).collect())
}

/// Puts parts together. What is no UTF-8 is shown as replacement characters: it is still a tip.
pub fn join<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut bytes = Zeroizing::new(Vec::new());
    for part in parts {
        bytes.extend_from_slice(part.as_ref());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
