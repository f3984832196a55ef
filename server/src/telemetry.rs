//! Everything the relay ever writes into a log ([`EVENTS`]) and counts ([`metrics::METRICS`]).
//! SECURITY.md repeats both lists; a test compares them.
//!
//! No event carries anything of a request: no address, header, path, id, size or time of one.

mod exposition;
pub mod metrics;

use tracing::{Level, event};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::LogFormat,
    store::{Durability, StoreError},
};

/// Every event and its fields.
pub const EVENTS: &[(&str, &[&str])] = &[
    ("started", &["durability"]),
    ("stopping", &[]),
    ("stopped", &[]),
    ("store failed", &["cause"]),
    ("sweep failed", &["code"]),
    ("announcing failed", &["code"]),
    ("connections full", &[]),
    ("accept failed", &[]),
    ("backup taken", &[]),
    ("backup failed", &[]),
    ("certificate renewed", &[]),
    ("certificate refused", &[]),
];

/// Installs the subscriber. Nothing of other crates passes it.
pub fn install(format: LogFormat) {
    let filter = Targets::new().with_target("sotto", Level::INFO);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second subscriber in one process is a test's; the first one stays.
    let _installed = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
}

/// The relay takes requests.
pub fn started(durability: Durability) {
    let durability = durability.words();
    event!(target: "sotto", Level::INFO, durability, "started");
}

/// It was told to stop.
pub fn stopping() {
    event!(target: "sotto", Level::INFO, "stopping");
}

/// Everything in progress is finished.
pub fn stopped() {
    event!(target: "sotto", Level::INFO, "stopped");
}

pub(crate) fn store_failed(error: StoreError) {
    event!(target: "sotto", Level::ERROR, cause = %error, "store failed");
}

pub(crate) fn sweep_failed(error: crate::error::Error) {
    event!(target: "sotto", Level::WARN, code = error.code(), "sweep failed");
}

pub(crate) fn announce_failed(error: crate::error::Error) {
    event!(target: "sotto", Level::WARN, code = error.code(), "announcing failed");
}

pub(crate) fn connections_full() {
    event!(target: "sotto", Level::WARN, "connections full");
}

pub(crate) fn accept_failed() {
    event!(target: "sotto", Level::WARN, "accept failed");
}

pub(crate) fn backup_taken() {
    event!(target: "sotto", Level::INFO, "backup taken");
}

pub(crate) fn backup_failed() {
    event!(target: "sotto", Level::WARN, "backup failed");
}

pub(crate) fn certificate_renewed() {
    event!(target: "sotto", Level::INFO, "certificate renewed");
}

pub(crate) fn certificate_refused() {
    event!(target: "sotto", Level::WARN, "certificate refused");
}
