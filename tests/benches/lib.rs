//! Measures the goals for speed and size, each beside a peer that does the same, in turns.
//!
//! Nothing here asserts a time: results are written down, with their spread, and judged by people.
#![forbid(unsafe_code)]

pub mod absent;
pub mod clock;
pub mod curves;
pub mod desk;
pub mod goals;
pub mod intake;
pub mod line;
pub mod load;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod pages;
pub mod peer;
pub mod plot;
pub mod process;
pub mod raw;
pub mod report;
pub mod sealing;
