//! The one test binary: its table of contents.

mod architecture;
mod bounds;
mod bundle;
mod code;
mod conversation;
mod decoders;
mod desk_log;
mod devices;
mod examples;
mod journeys;
mod privacy;
mod programs;
mod published;
mod refusals;
mod seal;
mod settings;
mod store;
