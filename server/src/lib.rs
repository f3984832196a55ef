//! The relay: holds sealed bytes for a line until its drainers have read them, and shows two boards.
//!
//! No type here can open an envelope, and no function receives a network address, a User-Agent or a
//! cookie; but for [`forward`], the role that knows addresses and nothing else.
#![forbid(unsafe_code)]

pub mod admission;
pub mod clock;
pub mod config;
pub mod control;
pub mod epochs;
pub mod error;
pub mod forward;
pub mod http;
pub mod keys;
pub mod relay;
pub mod serve;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tls;
