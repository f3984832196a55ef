//! What both ends of Sotto must agree on: wire formats, signed statements, envelopes and the
//! conversation ratchet, as SPEC.md states them.
//!
//! This crate does no I/O, reads no clock, owns no randomness and never panics on any input. Secret
//! keys and everything that opens an envelope sit behind the feature `seal`, which the relay does
//! not enable. What it does enable, `gateway`, opens requests that were sealed to the relay itself.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core)]

extern crate alloc;

pub mod attachment;
pub mod bundle;
pub mod drain;
pub mod dsse;
pub mod hash;
pub mod id;
pub mod keys;
pub mod limits;
pub mod log;
#[cfg(any(feature = "seal", feature = "gateway"))]
pub mod oblivious;
pub mod page;
pub mod request;
pub mod statement;
pub mod token;
pub mod wire;

#[cfg(feature = "seal")]
pub mod code;
#[cfg(feature = "seal")]
pub mod conversation;
pub mod envelope;
#[cfg(feature = "seal")]
pub mod message;
#[cfg(feature = "seal")]
pub mod seal;
#[cfg(feature = "seal")]
pub mod secret;
#[cfg(feature = "seal")]
pub mod twice;
