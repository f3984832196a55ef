//! Clients that mean harm: they get their size, their time and their turn, memory stays bounded, and
//! honest requests succeed meanwhile.

mod bodies;
mod crowds;
mod ground;
mod heads;
