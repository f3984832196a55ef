//! Oblivious HTTP (SPEC 6.2): the standard's example, another implementation at either end, and what
//! each hop sees.

mod forwarder;
mod gateway;
mod hops;
mod phone;
mod standard;
