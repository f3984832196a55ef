//! The one test binary: its table of contents.

mod architecture;
mod bounds;
mod conversation;
mod devices;
mod journeys;
mod privacy;
mod programs;
mod published;
mod refusals;
mod settings;
mod store;
