//! Where the nodes are and how to speak with them.

use std::{fmt, time::Duration};

use redis::{
    Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo, TlsCertificates,
    aio::ConnectionManagerConfig, cluster::ClusterClient,
};

use super::super::StoreError;

/// Settings of a store in Redis.
#[derive(Clone)]
pub struct RedisSettings {
    /// The one node, or some nodes of a Cluster to begin with.
    pub urls: Vec<String>,
    /// Whether it is a Cluster.
    pub is_cluster: bool,
    /// Multiplexed connections, to each node.
    pub connections: usize,
    /// Shards of the inbox of a line that is new to this store.
    pub shards: u16,
    /// Replicas that must have a write before it is acknowledged; 0 waits for none.
    pub replicas: u16,
    /// PEM files for `rediss://`.
    pub tls: Option<RedisTls>,
    /// Any random number.
    pub seed: u64,
}

/// Whom to trust, and who we are, over TLS.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// Certificates of authorities, PEM; those of the system without.
    pub ca: Option<Vec<u8>>,
    /// Certificate chain and key of this relay, PEM.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may hold a password.
        f.write_str("RedisSettings(..)")
    }
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisTls(..)")
    }
}

/// An answer that takes longer is unknown, and the request is repeated by whoever made it.
const OVERALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for one node of a Cluster, after which its replica may be in charge.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const RETRIES: u32 = 8;
/// Milliseconds between two of them.
const RETRY_WAIT: (u64, u64) = (20, 500);

impl RedisSettings {
    /// One Redis without TLS files.
    pub fn single(url: &str, connections: usize, seed: u64) -> Self {
        Self {
            urls: vec![url.to_owned()],
            is_cluster: false,
            connections,
            shards: 1,
            replicas: 0,
            tls: None,
            seed,
        }
    }

    pub(super) fn client(&self) -> Result<Client, StoreError> {
        let url = self.urls.first().ok_or(StoreError::Address)?;
        let info = info(url)?;
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
        .map_err(|_| StoreError::Address)
    }

    pub(super) fn manager() -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(OVERALL_TIMEOUT))
            .set_number_of_retries(2)
    }

    pub(super) fn cluster(&self) -> Result<ClusterClient, StoreError> {
        let nodes: Vec<ConnectionInfo> = self
            .urls
            .iter()
            .map(|url| info(url))
            .collect::<Result<_, _>>()?;
        let (least, most) = RETRY_WAIT;
        let mut builder = ClusterClient::builder(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(NODE_TIMEOUT)
            .overall_response_timeout(Some(OVERALL_TIMEOUT))
            .retries(RETRIES)
            .min_retry_wait(least)
            .max_retry_wait(most);
        if let Some(certificates) = self.certificates() {
            builder = builder.certs(certificates);
        }
        builder.build().map_err(|_| StoreError::Address)
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let tls = self.tls.as_ref()?;
        let client = tls.client.as_ref();
        Some(TlsCertificates {
            client_tls: client.map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.clone(),
            }),
            root_cert: tls.ca.clone(),
        })
    }
}

fn info(url: &str) -> Result<ConnectionInfo, StoreError> {
    url.into_connection_info().map_err(|_| StoreError::Address)
}
