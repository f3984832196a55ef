//! TLS of the relay's own listener: version 1.3 alone, a post-quantum key exchange where the caller knows
//! it, and nothing by which one connection could be told to belong to another.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    NamedGroup, ServerConfig,
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::telemetry;

/// Why a certificate cannot be shown; the text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Not there, or not readable.
    #[error("cannot read {}; check tls_certificate, tls_key and their permissions", .0.display())]
    Unreadable(PathBuf),
    /// No PEM file of a certificate chain.
    #[error("{} holds no certificate; it is the whole chain in PEM, your own first", .0.display())]
    Certificate(PathBuf),
    /// No PEM file of a private key.
    #[error("{} holds no private key in PEM", .0.display())]
    Key(PathBuf),
    /// The key is of another certificate, or of a kind that is not known.
    #[error("the key in tls_key does not belong to the certificate in tls_certificate")]
    Mismatch,
    /// The library refuses what this program asks of it.
    #[error("TLS 1.3 cannot be set up on this machine")]
    Setup,
}

/// A certificate on disk, as it is shown to callers.
#[derive(Debug, Clone)]
pub struct Tls {
    shown: Arc<Shown>,
    /// For callers who know the post-quantum key exchange, whatever they would rather have.
    new: Arc<ServerConfig>,
    /// For the others.
    old: Arc<ServerConfig>,
}

/// What is shown now, and what it was read from.
struct Shown {
    files: (PathBuf, PathBuf),
    now: RwLock<(Vec<u8>, Arc<CertifiedKey>)>,
    provider: CryptoProvider,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl Tls {
    /// Reads a certificate chain and its key.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = (certificate.to_path_buf(), key.to_path_buf());
        let provider = aws_lc_rs::default_provider();
        let now = RwLock::new(read(&files, &provider)?);
        let shown = Arc::new(Shown {
            files,
            now,
            provider,
        });
        Ok(Self {
            new: config(&shown, vec![aws_lc_rs::kx_group::X25519MLKEM768])?,
            old: config(
                &shown,
                vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
            )?,
            shown,
        })
    }

    /// Agrees on a connection. The library would follow the caller's order of key exchanges; here the
    /// better one is taken from whoever knows it.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let groups = start.client_hello().named_groups();
        let mut groups = groups.unwrap_or_default().iter();
        let is_new = groups.any(|group| *group == NamedGroup::X25519MLKEM768);
        let config = if is_new { &self.new } else { &self.old };
        start.into_stream(Arc::clone(config)).await
    }

    /// Reads the files again; new connections get what is in them. Whether that is something new.
    ///
    /// # Errors
    /// They cannot be used; what was shown before is shown on.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let fresh = read(&self.shown.files, &self.shown.provider)?;
        let mut now = self
            .shown
            .now
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = fresh.0 != now.0;
        if is_new {
            *now = fresh;
        }
        Ok(is_new)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&now.1))
    }
}

fn config(
    shown: &Arc<Shown>,
    kx_groups: Vec<&'static dyn SupportedKxGroup>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = CryptoProvider {
        kx_groups,
        ..shown.provider.clone()
    };
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<Shown>::clone(shown);
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    // Whoever resumes a session says that it is the one who was here before.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificate's file, to tell whether it changed, and what is shown of both.
fn read(
    (certificate, key): &(PathBuf, PathBuf),
    provider: &CryptoProvider,
) -> Result<(Vec<u8>, Arc<CertifiedKey>), TlsError> {
    let bytes =
        |path: &PathBuf| std::fs::read(path).map_err(|_| TlsError::Unreadable(path.clone()));
    let chain_pem = bytes(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
    let chain = chain.map_err(|_| TlsError::Certificate(certificate.clone()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate(certificate.clone()));
    }
    let key_pem = zeroize::Zeroizing::new(bytes(key)?);
    let secret = PrivateKeyDer::from_pem_slice(&key_pem);
    let secret = secret.map_err(|_| TlsError::Key(key.clone()))?;
    let signing = CertifiedKey::from_der(chain, secret, provider);
    let certified = signing.map_err(|_| TlsError::Mismatch)?;
    Ok((chain_pem, Arc::new(certified)))
}

/// Looks once a minute whether the certificate was renewed. Ends when it is dropped.
pub async fn watch(tls: Tls) {
    let mut turns = tokio::time::interval(LOOK_EVERY);
    // The first one comes at once, and the files were read just now.
    turns.tick().await;
    let mut was_bad = false;
    loop {
        turns.tick().await;
        let outcome = tls.reload();
        match &outcome {
            Ok(true) => telemetry::certificate_renewed(),
            Err(_) if !was_bad => telemetry::certificate_refused(),
            _ => {}
        }
        was_bad = outcome.is_err();
    }
}

const LOOK_EVERY: Duration = Duration::from_mins(1);
