//! Redis over TLS: with the right authority, and with nobody else's.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sotto_relay::store::{Redis, RedisSettings, RedisTls, Store as _, StoreError};
use sotto_tests::redis::RedisServer;
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

fn start(authority: &Authority, name: &str, asks: &str, dir: &Path) -> (RedisServer, u16) {
    let (certificate, key) = authority.sign(name);
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (ca, own, secret) = (path("ca.pem"), path("own.pem"), path("own.key"));
    for (path, text) in [(&ca, &authority.pem), (&own, &certificate), (&secret, &key)] {
        fs::write(path, text).unwrap();
    }
    RedisServer::on_tls(&[
        "--tls-ca-cert-file",
        &ca,
        "--tls-cert-file",
        &own,
        "--tls-key-file",
        &secret,
        "--tls-auth-clients",
        asks,
    ])
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

#[tokio::test]
async fn a_wrong_password_is_named() {
    let server = RedisServer::start(sotto_tests::redis::AppendFsync::Off);
    let url = server.url().replace("change-this", "guessed");
    let refused = Redis::connect(&url, 1, 1).await.unwrap_err();
    assert_eq!(refused, StoreError::Denied);
}
