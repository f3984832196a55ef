//! What tests stand on: a whole world in one process with a clock of its own, the real programs,
//! a real Redis, and a hunter for planted secrets.
#![forbid(unsafe_code)]

pub mod cases;
pub mod cluster;
pub mod hunt;
pub mod machines;
pub mod plain;
pub mod programs;
pub mod proxy;
pub mod redis;
pub mod scan;
pub mod shelf;
pub mod statistics;
pub mod storm;
pub mod world;
