//! `sotto-relay`.
#![forbid(unsafe_code)]
fn main() {}
