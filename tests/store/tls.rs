//! Redis over TLS: with the right authority, and with nobody else's.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sotto_protocol::drain::Cursor;
use sotto_relay::store::{Durability, Redis, RedisSettings, RedisTls, Store as _, StoreError};
use sotto_tests::{
    cluster::RedisCluster,
    redis::{AppendFsync, RedisServer},
};
use tempfile::TempDir;

use super::{LINE, NOW, envelope};

/// An authority, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Certificate and key for a machine.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// Options of a Redis with a certificate by an authority, which asks callers for one or not.
fn options(authority: &Authority, name: &str, asks: &str, dir: &Path) -> Vec<String> {
    let (certificate, key) = authority.sign(name);
    let files = [
        ("--tls-ca-cert-file", "ca.pem", &authority.pem),
        ("--tls-cert-file", "own.pem", &certificate),
        ("--tls-key-file", "own.key", &key),
    ];
    let mut options = vec!["--tls-auth-clients".to_owned(), asks.to_owned()];
    for (option, file, text) in files {
        let path = dir.join(file);
        fs::write(&path, text).unwrap();
        options.extend([option.to_owned(), path.to_str().unwrap().to_owned()]);
    }
    options
}

fn start(authority: &Authority, name: &str, asks: &str, dir: &Path) -> (RedisServer, u16) {
    let options = options(authority, name, asks, dir);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    RedisServer::on_tls(&options)
}

async fn open(port: u16, tls: RedisTls) -> Result<Redis, StoreError> {
    let url = format!("rediss://relay:change-this@127.0.0.1:{port}/");
    let settings = RedisSettings {
        tls: Some(tls),
        ..RedisSettings::single(&url, 1, 7)
    };
    Redis::open(&settings).await
}

fn trusting(authority: &Authority, client: Option<(String, String)>) -> RedisTls {
    RedisTls {
        ca: Some(authority.pem.clone().into_bytes()),
        client: client.map(|(certificate, key)| (certificate.into(), key.into())),
    }
}

#[tokio::test]
async fn only_the_right_authority_is_trusted() {
    let (authority, other, dir) = (
        Authority::make(),
        Authority::make(),
        TempDir::new().unwrap(),
    );
    let (_server, port) = start(&authority, "127.0.0.1", "no", dir.path());
    let store = open(port, trusting(&authority, None)).await.unwrap();
    store.append(LINE, envelope(1), NOW).await.unwrap();
    assert_eq!(store.read(LINE, None, 9).await.unwrap().records.len(), 1);
    let refused = open(port, trusting(&other, None)).await.unwrap_err();
    assert_eq!(refused, StoreError::Unavailable);
    let refused = open(port, RedisTls::default()).await.unwrap_err();
    assert_eq!(
        refused,
        StoreError::Unavailable,
        "the system does not know it"
    );
}

#[tokio::test]
async fn a_certificate_of_another_machine_is_refused() {
    let (authority, dir) = (Authority::make(), TempDir::new().unwrap());
    let (_server, port) = start(&authority, "redis.example", "no", dir.path());
    let refused = open(port, trusting(&authority, None)).await.unwrap_err();
    assert_eq!(refused, StoreError::Unavailable);
}

#[tokio::test]
async fn a_redis_that_asks_for_a_certificate_gets_one() {
    let (authority, other, dir) = (
        Authority::make(),
        Authority::make(),
        TempDir::new().unwrap(),
    );
    let (_server, port) = start(&authority, "127.0.0.1", "yes", dir.path());
    let own = authority.sign("relay.example");
    let store = open(port, trusting(&authority, Some(own))).await.unwrap();
    store.append(LINE, envelope(1), NOW).await.unwrap();
    for client in [None, Some(other.sign("relay.example"))] {
        assert!(open(port, trusting(&authority, client)).await.is_err());
    }
}

/// What nodes say of each other is spoken to over TLS too.
#[tokio::test]
async fn a_cluster_over_tls() {
    let (authority, dir) = (Authority::make(), TempDir::new().unwrap());
    let options = options(&authority, "127.0.0.1", "no", dir.path());
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let cluster = RedisCluster::on_tls(3, &options);
    let settings = RedisSettings {
        urls: cluster.urls().into_iter().take(1).collect(),
        tls: Some(trusting(&authority, None)),
        ..super::settings(&cluster, 4, 0)
    };
    let store = Redis::open(&settings).await.unwrap();
    for address in 0..40 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let mut count = 0;
    for shard in 0..4 {
        let page = store.read(LINE, Some(Cursor::start(shard)), 64).await;
        count += page.unwrap().records.len();
    }
    assert_eq!(count, 40);
    assert_eq!(store.check().await, Ok(Durability::Failover));
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let server = RedisServer::start(AppendFsync::Off);
    let url = server.url().replace("change-this", "guessed");
    let refused = Redis::connect(&url, 1, 1).await.unwrap_err();
    assert_eq!(refused, StoreError::Denied);
}
