//! What an operator may set: one TOML file, and environment variables over it.
//!
//! `SOTTO_RELAY_STORE__PATH=/var/lib/sotto/relay.redb` sets `path` in `[store]`. A key that is not
//! known is an error, in the file and in the environment, so that a typing mistake cannot go unseen.

mod admission;
mod redis;

use std::{fmt, fs, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use sotto_protocol::{
    bundle::Pin,
    id::{Fingerprint, LineId},
};
use toml::{Table, Value};

pub use self::{admission::AdmissionConfig, redis::TlsFiles};

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where phones and desks reach the relay: loopback, behind Tor or a proxy that ends TLS.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// A certificate chain in PEM, where the relay ends TLS itself on `listen`.
    #[serde(default)]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key in PEM.
    #[serde(default)]
    pub tls_key: Option<PathBuf>,
    /// Where the operator asks for health.
    #[serde(default = "default_health")]
    pub health: SocketAddr,
    /// The key file of `sotto-relay keys`.
    #[serde(default = "default_keys")]
    pub keys: PathBuf,
    /// Where the keys are that the store is sealed with: never in the store, never in a long backup.
    #[serde(default = "default_retention_keys")]
    pub retention_keys: PathBuf,
    /// Where messages wait.
    #[serde(default)]
    pub store: StoreConfig,
    /// The lines served: each one's fingerprint is all the relay trusts.
    #[serde(default)]
    pub lines: Vec<LineConfig>,
    /// What is asked of whoever posts.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// What one process takes at once.
    #[serde(default)]
    pub limits: Limits,
    /// How events are written to standard error.
    #[serde(default)]
    pub log: LogFormat,
}

/// Which store.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum StoreConfig {
    /// One file, no service.
    Embedded {
        /// The file.
        #[serde(default = "default_path")]
        path: PathBuf,
    },
    /// A Redis of the operator's.
    Redis {
        /// `redis://USER:PASSWORD@HOST:PORT/DB` or `redis+unix:///path/to/socket`.
        url: String,
        /// Multiplexed connections: 2, or 32 to 64 with `appendfsync always`.
        #[serde(default = "default_connections")]
        connections: usize,
        /// Shards of the inbox of a line that is new to this Redis.
        #[serde(default = "default_shards")]
        shards: u16,
        /// Replicas that must have a message before it is acknowledged.
        #[serde(default)]
        replicas_acknowledge: u16,
        /// Accept a Redis that keeps nothing on disk.
        #[serde(default)]
        allow_volatile: bool,
        /// For `rediss://`.
        #[serde(default)]
        tls: Option<TlsFiles>,
    },
    /// A Redis Cluster of the operator's.
    #[serde(rename = "redis-cluster")]
    RedisCluster {
        /// Some of its nodes: `redis://USER:PASSWORD@HOST:PORT`, or `rediss://`.
        urls: Vec<String>,
        /// Multiplexed connections to each node.
        #[serde(default = "default_connections")]
        connections: usize,
        /// Shards of the inbox of a line that is new to this Cluster.
        #[serde(default = "default_cluster_shards")]
        shards: u16,
        /// Replicas that must have a message before it is acknowledged.
        #[serde(default)]
        replicas_acknowledge: u16,
        /// Accept a Cluster that keeps nothing on disk.
        #[serde(default)]
        allow_volatile: bool,
        /// For `rediss://`.
        #[serde(default)]
        tls: Option<TlsFiles>,
    },
}

impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => write!(f, "embedded in {}", path.display()),
            // An address may hold a password.
            Self::Redis { connections, .. } => write!(f, "redis over {connections} connections"),
            Self::RedisCluster {
                urls, connections, ..
            } => {
                let nodes = urls.len();
                write!(
                    f,
                    "redis cluster by {nodes} nodes, {connections} connections to each"
                )
            }
        }
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self::Embedded {
            path: default_path(),
        }
    }
}

/// A line by its pin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// The fingerprint of one of its root sets: 52 characters, as in its link.
    pub fp: String,
    /// The line id: 26 characters; needed only after a change of roots.
    #[serde(default)]
    pub line: Option<String>,
}

/// Bounds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Requests in progress at once.
    pub in_flight: usize,
    /// MiB of memory for boards as they are served, once; while a cycle changes, twice as much. What
    /// does not fit is read from the store for every request.
    pub board_memory_mib: usize,
    /// Seconds until a request's head must be complete, and between two requests.
    pub head_seconds: u64,
    /// Seconds from the head to the answer.
    pub request_seconds: u64,
    /// Seconds a connection may live.
    pub connection_seconds: u64,
    /// Seconds to finish what is in progress when told to stop.
    pub stop_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            in_flight: 1_024,
            board_memory_mib: 128,
            head_seconds: 30,
            request_seconds: 30,
            connection_seconds: 900,
            stop_seconds: 20,
        }
    }
}

/// Shape of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why the configuration is refused; the text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("cannot read {}; `sotto-relay sample` prints one to start from", .0.display())]
    Unreadable(PathBuf),
    /// Not TOML, an unknown key or a value of a wrong kind.
    #[error("{0}")]
    Invalid(String),
    /// An environment variable with a name no key can have.
    #[error("{0} is no setting; names look like SOTTO_RELAY_STORE__PATH")]
    Variable(String),
    /// A line's fingerprint or id is mistyped.
    #[error("lines[{0}]: fp has 52 characters and line 26, as in the line's link")]
    Line(usize),
    /// Nothing to serve.
    #[error("no line is configured; add [[lines]] with the fp that `sotto line show` prints")]
    NoLine,
    /// A bound of zero would stop everything.
    #[error("limits must be greater than zero")]
    Zero,
    /// A price nobody can pay.
    #[error("[admission]: tries is from 1 to 16384, kib from 8 to 4096, batches 1 at least")]
    Price,
    /// A Cluster without a node to begin with.
    #[error("store.urls is empty; name one node of the Cluster at least, better three")]
    NoNode,
    /// A node of a Cluster that is no such address.
    #[error(
        "store.urls: nodes of a Cluster are redis://HOST:PORT or all of them rediss://HOST:PORT, without a database or a socket"
    )]
    Node,
    /// No or too many shards.
    #[error("store.shards is from 1 to 256")]
    Shards,
    /// Certificates that nobody would look at.
    #[error(
        "[store.tls] needs rediss:// in store.url or store.urls; with redis:// nothing is encrypted"
    )]
    TlsWithoutScheme,
    /// A certificate without its key, or the reverse.
    #[error("[store.tls] needs both certificate and key, or neither")]
    HalfCertificate,
    /// A certificate to show without its key, or the reverse.
    #[error("tls_certificate and tls_key need one another; set both or neither")]
    HalfTls,
    /// A file of `[store.tls]` cannot be read.
    #[error("cannot read {}; it is named in [store.tls]", .0.display())]
    Certificate(PathBuf),
}

impl Config {
    /// Reads the file, if there is one, then the environment over it.
    pub fn load(
        file: Option<&std::path::Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => {
                fs::read_to_string(path).map_err(|_| ConfigError::Unreadable(path.to_path_buf()))?
            }
            None => String::new(),
        };
        Self::parse(&text, environment)
    }

    /// Reads TOML text, then the environment over it.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let invalid = |error: toml::de::Error| ConfigError::Invalid(error.to_string());
        // Parsed as it stands first, so that mistakes are reported with line and column.
        let _as_written: Self = toml::from_str(text).map_err(invalid)?;
        let mut table: Table = text.parse().map_err(invalid)?;
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix(PREFIX) {
                set(&mut table, path, &value).ok_or(ConfigError::Variable(name))?;
            }
        }
        let config: Self = table.try_into().map_err(invalid)?;
        config.check()?;
        Ok(config)
    }

    /// The pins of all lines.
    pub fn pins(&self) -> Result<Vec<Pin>, ConfigError> {
        let pins = self.lines.iter().enumerate();
        pins.map(|(i, line)| line.pin().ok_or(ConfigError::Line(i)))
            .collect()
    }

    /// The files of certificate and key, where the relay ends TLS itself.
    pub fn tls(&self) -> Option<(&std::path::Path, &std::path::Path)> {
        Some((self.tls_certificate.as_deref()?, self.tls_key.as_deref()?))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.pins()?.is_empty() {
            return Err(ConfigError::NoLine);
        }
        self.store.redis(0)?;
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        self.admission.check()?;
        let limits = &self.limits;
        let all_positive = limits.connections > 0
            && limits.in_flight > 0
            && limits.head_seconds > 0
            && limits.request_seconds > 0
            && limits.connection_seconds > 0;
        if all_positive {
            Ok(())
        } else {
            Err(ConfigError::Zero)
        }
    }
}

impl LineConfig {
    fn pin(&self) -> Option<Pin> {
        let fingerprint = Fingerprint::parse(&self.fp)?;
        let line = match &self.line {
            Some(text) => LineId::parse(text)?,
            None => fingerprint.line(),
        };
        Some(Pin { line, fingerprint })
    }
}

/// A commented file with every key and its default.
pub const SAMPLE: &str = include_str!("../sotto-relay.sample.toml");

const PREFIX: &str = "SOTTO_RELAY_";

/// Sets `A__B` to a value: TOML if it reads as such, otherwise text.
fn set(table: &mut Table, path: &str, value: &str) -> Option<()> {
    let lower = path.to_ascii_lowercase();
    let mut parts: Vec<&str> = lower.split("__").collect();
    let last = parts.pop().filter(|part| !part.is_empty())?;
    let mut table = table;
    for part in parts {
        let inner = table
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()));
        table = inner.as_table_mut()?;
    }
    let parsed: Option<Table> = format!("value = {value}").parse().ok();
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    table.insert(last.to_owned(), value);
    Some(())
}

const fn default_listen() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8440)
}

const fn default_health() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8441)
}

fn default_keys() -> PathBuf {
    "relay.keys".into()
}

fn default_retention_keys() -> PathBuf {
    "relay.epochs".into()
}

fn default_path() -> PathBuf {
    "relay.redb".into()
}

const fn default_connections() -> usize {
    2
}

const fn default_shards() -> u16 {
    1
}

const fn default_cluster_shards() -> u16 {
    16
}
