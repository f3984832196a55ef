//! The one test binary: its table of contents.

mod conversation;
mod journeys;
