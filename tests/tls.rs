//! TLS of the relay's own listener: what is agreed, what is not kept, and certificates that change.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore,
    client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName},
};
use sotto_relay::{
    http::Bounds,
    serve::{Connections, Door, serve},
    tls::{Tls, TlsError},
};
use sotto_tests::world::{Backend, World};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A relay that ends TLS itself, an authority, and the files of its certificate.
struct Ground {
    world: World,
    dir: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    tls: Tls,
    address: SocketAddr,
    _served: JoinSet<()>,
}

impl Ground {
    fn begin() -> Self {
        let mut world = World::new(Backend::Embedded, 61);
        world.publish();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let dir = TempDir::new().unwrap();
        write(&dir, &authority);
        let tls = Tls::open(&dir.path().join("chain.pem"), &dir.path().join("key.pem")).unwrap();
        let app = world.another(&world.store, BOUNDS);
        let mut served = JoinSet::new();
        let address = world.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let door = Door::new(listener, Some(tls.clone()));
            let stop = std::future::pending();
            served.spawn(serve(door, app, CONNECTIONS, Arc::default(), stop));
            address
        });
        Self {
            world,
            dir,
            authority,
            tls,
            address,
            _served: served,
        }
    }

    fn client(&self, provider: CryptoProvider, kept: &Arc<Kept>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from(self.authority.der().to_vec());
        roots.add(authority).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::store(Arc::<Kept>::clone(kept));
        TlsConnector::from(Arc::new(config))
    }

    /// Connects and asks for the bundle, to the end.
    fn ask(&self, client: &TlsConnector) -> TlsStream<TcpStream> {
        let line = self.world.pin().line.to_text();
        let request = format!(
            "GET /v1/{line}/out/new/0 HTTP/1.1\r\nhost: relay.test\r\nconnection: close\r\n\r\n"
        );
        self.world.block_on(async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let name = ServerName::try_from("relay.test").unwrap();
            let mut stream = client.connect(name, stream).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
            stream
        })
    }
}

/// A new certificate by the authority.
fn write(dir: &TempDir, authority: &CertifiedIssuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["relay.test".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    fs::write(dir.path().join("chain.pem"), certificate.pem()).unwrap();
    fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

const BOUNDS: Bounds = Bounds {
    in_flight: 16,
    request_timeout: Duration::from_secs(5),
};
const CONNECTIONS: Connections = Connections {
    most: 100,
    head: Duration::from_secs(1),
    life: Duration::from_secs(20),
    stop: Duration::from_secs(1),
};

/// Counts what a server gives to come back with.
#[derive(Debug, Default)]
struct Kept(AtomicUsize);

impl ClientSessionStore for Kept {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[test]
fn what_is_agreed_is_post_quantum_and_leaves_nothing_to_come_back_with() {
    let ground = Ground::begin();
    let kept = Arc::default();
    let client = ground.client(aws_lc_rs::default_provider(), &kept);
    for _ in 0..2 {
        let stream = ground.ask(&client);
        let (_, session) = stream.get_ref();
        let group = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_ne!(session.handshake_kind(), Some(HandshakeKind::Resumed));
    }
    assert_eq!(kept.0.load(Ordering::SeqCst), 0, "no ticket");
}

/// Even if it would rather have the older one.
#[test]
fn a_caller_without_it_gets_x25519_and_one_that_knows_both_gets_it() {
    let ground = Ground::begin();
    let group_of = |groups: Vec<_>| {
        let provider = CryptoProvider {
            kx_groups: groups,
            ..aws_lc_rs::default_provider()
        };
        let stream = ground.ask(&ground.client(provider, &Arc::default()));
        let (_, session) = stream.get_ref();
        session.negotiated_key_exchange_group().unwrap().name()
    };
    let (new, old) = (
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
    );
    assert_eq!(group_of(vec![old]), NamedGroup::X25519);
    assert_eq!(group_of(vec![old, new]), NamedGroup::X25519MLKEM768);
}

/// TLS 1.2 is refused with the alert that says so; silence is hung up on, and so is plain HTTP.
#[test]
fn older_versions_and_others_are_refused() {
    let ground = Ground::begin();
    let answer = |bytes: &[u8]| {
        ground.world.block_on(async {
            let mut stream = TcpStream::connect(ground.address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let _ended = stream.read_to_end(&mut answer).await;
            answer
        })
    };
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    // No session, one cipher suite (ECDHE-ECDSA with AES-128-GCM), no compression.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    // supported_groups: X25519; signature_algorithms: ECDSA with P-256.
    hello.extend([0, 16, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let alert = answer(&record);
    assert_eq!(
        (alert[0], &alert[5..]),
        (0x15, &[2, 70][..]),
        "protocol_version"
    );
    assert!(answer(b"").is_empty());
    let plain = answer(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(!plain.starts_with(b"HTTP"));
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_is_not() {
    let ground = Ground::begin();
    let client = ground.client(aws_lc_rs::default_provider(), &Arc::default());
    let first = shown(&ground.ask(&client));
    assert_eq!(ground.tls.reload(), Ok(false));
    write(&ground.dir, &ground.authority);
    assert_eq!(shown(&ground.ask(&client)), first, "until it is looked at");
    assert_eq!(ground.tls.reload(), Ok(true));
    let second = shown(&ground.ask(&client));
    assert_ne!(second, first);

    let (chain, key) = (
        ground.dir.path().join("chain.pem"),
        ground.dir.path().join("key.pem"),
    );
    let good_key = fs::read(&key).unwrap();
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert_eq!(ground.tls.reload(), Err(TlsError::Mismatch), "half renewed");
    fs::write(&key, "no key").unwrap();
    assert_eq!(ground.tls.reload(), Err(TlsError::Key(key.clone())));
    fs::write(&key, good_key).unwrap();
    fs::write(&chain, "").unwrap();
    assert_eq!(
        ground.tls.reload(),
        Err(TlsError::Certificate(chain.clone()))
    );
    fs::remove_file(&chain).unwrap();
    assert_eq!(ground.tls.reload(), Err(TlsError::Unreadable(chain)));
    assert_eq!(shown(&ground.ask(&client)), second, "the last good one");
}
