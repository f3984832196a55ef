//! The settings of a store in Redis: read, checked, and with the files they name.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use sotto_protocol::limits::SHARDS_MAX;

use super::{ConfigError, StoreConfig};
use crate::store::{RedisSettings, RedisTls};

/// PEM files for `rediss://`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificates of authorities that may vouch for Redis; those of the system without.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// This relay's certificate chain, where Redis asks for one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    fn read(&self) -> Result<RedisTls, ConfigError> {
        let read =
            |path: &PathBuf| fs::read(path).map_err(|_| ConfigError::Certificate(path.clone()));
        let client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            (None, None) => None,
            _ => return Err(ConfigError::HalfCertificate),
        };
        let ca = self.ca.as_ref().map(read).transpose()?;
        Ok(RedisTls { ca, client })
    }
}

impl StoreConfig {
    /// What the store is opened with, where it is in Redis. `seed` is any random number.
    pub fn redis(&self, seed: u64) -> Result<Option<RedisSettings>, ConfigError> {
        let (urls, is_cluster, connections, shards, replicas, tls) = match self {
            Self::Embedded { .. } => return Ok(None),
            Self::Redis {
                url,
                connections,
                shards,
                replicas_acknowledge,
                tls,
                ..
            } => {
                let urls = vec![url.clone()];
                (urls, false, connections, shards, replicas_acknowledge, tls)
            }
            Self::RedisCluster {
                urls,
                connections,
                shards,
                replicas_acknowledge,
                tls,
                ..
            } => {
                let urls = urls.clone();
                (urls, true, connections, shards, replicas_acknowledge, tls)
            }
        };
        if is_cluster {
            check_nodes(&urls)?;
        }
        if !(1..=SHARDS_MAX).contains(shards) {
            return Err(ConfigError::Shards);
        }
        if tls.is_some() && !urls.iter().all(|url| url.starts_with("rediss:")) {
            return Err(ConfigError::TlsWithoutScheme);
        }
        Ok(Some(RedisSettings {
            urls,
            is_cluster,
            connections: *connections,
            shards: *shards,
            replicas: *replicas,
            tls: tls.as_ref().map(TlsFiles::read).transpose()?,
            seed,
        }))
    }

    /// Whether a store that keeps nothing on disk is what the operator means.
    pub const fn allows_volatile(&self) -> bool {
        matches!(
            self,
            Self::Redis {
                allow_volatile: true,
                ..
            } | Self::RedisCluster {
                allow_volatile: true,
                ..
            }
        )
    }
}

fn check_nodes(urls: &[String]) -> Result<(), ConfigError> {
    let Some(first) = urls.first() else {
        return Err(ConfigError::NoNode);
    };
    let scheme = |url: &str| url.split(':').next().map(str::to_owned);
    let is_good = |url: &String| {
        let rest = url.strip_prefix("redis://");
        let rest = rest.or_else(|| url.strip_prefix("rediss://"));
        let database = rest.map(|rest| rest.split_once('/').map_or("", |(_, database)| database));
        matches!(database, Some("" | "0")) && scheme(url) == scheme(first)
    };
    if urls.iter().all(is_good) {
        Ok(())
    } else {
        Err(ConfigError::Node)
    }
}
