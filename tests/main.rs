//! The one test binary: its table of contents.

mod architecture;
mod bounds;
mod bundle;
mod code;
mod conversation;
mod decoders;
mod devices;
mod examples;
mod indistinguishable;
mod journeys;
mod memory;
mod privacy;
mod programs;
mod published;
mod refusals;
mod seal;
mod settings;
mod store;
