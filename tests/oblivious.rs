//! Oblivious HTTP (SPEC 6.2): the standard's example, another implementation at either end, and what
//! each hop sees.

mod gateway;
mod standard;
