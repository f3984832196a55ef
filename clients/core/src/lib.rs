//! Everything a client does, without sockets or screens: the tipster's and the desk's engines, the
//! administrator's ceremony, and how their state is sealed and kept.
//!
//! Engines take commands, time and randomness, and give back what is to be sent or shown. What
//! changes state comes wrapped in [`keep::Unsaved`], so that nothing is sent before it is saved.
#![forbid(unsafe_code)]

pub mod attachment;
mod bytes;
pub mod ceremony;
pub mod cover;
pub mod date;
pub mod desk;
pub mod draws;
pub mod keep;
pub mod link;
pub mod log;
#[cfg(feature = "native")]
pub mod native;
pub mod oblivious;
pub mod pace;
pub mod purse;
pub mod relay;
pub mod schedule;
pub mod sealed;
pub mod sitting;
pub mod strip;
pub mod text;
pub mod timetable;
pub mod tipster;
pub mod transport;
pub mod upload;
pub mod vault;
