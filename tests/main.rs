//! The one test binary: its table of contents.

mod adversary;
mod architecture;
mod attachments;
mod bounds;
mod bundle;
mod code;
mod conversation;
mod decoders;
mod desk_log;
mod devices;
mod examples;
mod journeys;
mod keeping;
mod privacy;
mod programs;
mod published;
mod refusals;
mod rotation;
mod schedule;
mod seal;
mod seizure;
mod settings;
mod store;
mod strip;
mod timetable;
mod vault;
