//! A whole world in one process: relay, line, clock. Nothing sleeps; time passes when told to.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http_body_util::BodyExt as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::{
    ceremony::{self, Beginning, LineKeys, Roots},
    link::Link,
    pace::Pace,
    relay::Relay as Client,
    transport::{Request, Response, Transport, Unreachable},
};
use sotto_protocol::{
    bundle::Pin,
    statement::{Policy, ScheduleTimings},
};
use sotto_relay::{
    admission::Admission,
    clock::Clock,
    epochs::FileKeys,
    http::{Bounds, app},
    keys::RelaySecrets,
    relay::Relay,
    store::{Embedded, Redis, RedisSettings, Sealed, Store},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::{
    cluster::RedisCluster,
    redis::{AppendFsync, RedisServer},
};

/// Every backend a journey runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One file.
    Embedded,
    /// A real Redis.
    Redis,
}

/// A test of each function on each store: `name(seed)` runs `name(&mut World)`.
#[macro_export]
macro_rules! on_every_backend {
    ($($name:ident($seed:literal)),* $(,)?) => {$(
        mod $name {
            use $crate::world::{Backend, World};

            #[test]
            fn embedded() {
                super::$name(&mut World::new(Backend::Embedded, $seed));
            }

            #[test]
            fn redis() {
                super::$name(&mut World::new(Backend::Redis, $seed));
            }
        }
    )*};
}

/// One test of all of them on a Cluster, since making one takes two seconds.
#[macro_export]
macro_rules! on_a_cluster {
    ($($name:ident($seed:literal)),* $(,)?) => {
        #[test]
        fn on_a_cluster() {
            let cluster = std::sync::Arc::new($crate::cluster::RedisCluster::start(3, false));
            $($name(&mut $crate::world::World::on_cluster(&cluster, $seed));)*
        }
    };
}

/// A clock that stands still until it is moved: milliseconds of the day, and of running, which
/// do not jump.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>, Arc<AtomicU64>);

impl TestClock {
    /// Begins at a unix second.
    pub fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds * 1_000)), Arc::default())
    }

    /// Moves on.
    pub fn pass(&self, seconds: u64) {
        self.jump(seconds);
        self.1.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Shows a later time, though none has passed.
    pub fn jump(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Goes back, as a clock does that was wrong.
    pub fn back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1_000, Ordering::SeqCst);
    }

    /// Unix seconds.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::SeqCst) / 1_000
    }
}

impl Clock for TestClock {
    fn now(&self) -> u64 {
        self.read()
    }

    fn steady(&self) -> u64 {
        self.1.load(Ordering::SeqCst) / 1_000
    }
}

impl Pace for TestClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wait_until(&self, moment: u64) {
        let before = self.0.fetch_max(moment, Ordering::SeqCst);
        let passed = moment.saturating_sub(before);
        self.1.fetch_add(passed, Ordering::SeqCst);
    }
}

/// A request as the relay's network sees it: what was asked for, and how large both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method and path, without line, page number, cycle and query.
    pub what: String,
    /// Bytes sent and received.
    pub sizes: (usize, usize),
    /// The status.
    pub status: u16,
    /// Milliseconds of the world's clock.
    pub at: u64,
    /// The page that was asked for.
    pub page: Option<u32>,
}

impl Seen {
    /// What of it must be the same whatever a person does.
    pub fn shape(&self) -> Shape {
        (self.what.clone(), self.sizes, self.status)
    }
}

/// Method and path, sizes both ways, status.
pub type Shape = (String, (usize, usize), u16);

type Tamper = Box<dyn Fn(&Request, Response) -> Response>;
type Intercept = Box<dyn Fn(&Request) -> Option<u16>>;

/// Relay, line and clock.
pub struct World {
    /// Time.
    pub clock: TestClock,
    /// The administrator's keys.
    pub line: LineKeys,
    /// The line's root keys, as they are fetched from where they are kept.
    pub roots: Roots,
    /// The relay's store, to look into.
    pub store: Arc<dyn Store>,
    runtime: Runtime,
    /// Of each relay of the store, which take requests in turn.
    apps: Vec<Router>,
    turn: Cell<usize>,
    secret: Zeroizing<[u8; 64]>,
    /// What the relay asks of whoever posts.
    admission: Admission,
    /// The first of the relays.
    relay: Arc<Relay>,
    seen: RefCell<Vec<Seen>>,
    tamper: RefCell<Option<Tamper>>,
    intercept: RefCell<Option<Intercept>>,
    redis: Option<RedisServer>,
    cluster: Option<Arc<RedisCluster>>,
    dir: TempDir,
    /// Of an embedded store that was made here.
    place: Option<TempDir>,
    rng: ChaCha20Rng,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World(..)")
    }
}

/// The first second of every world: 2026-11-24, half past three in the morning.
pub const BEGIN: u64 = 1_795_491_000;

impl World {
    /// A relay that trusts a new line, which has published nothing yet.
    pub fn new(backend: Backend, seed: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("relay.redb");
        let mut redis = None;
        let world = Self::on(seed, |(runtime, seed)| match backend {
            Backend::Embedded => Arc::new(Embedded::open(&path, seed).unwrap()),
            Backend::Redis => {
                let server = RedisServer::start(AppendFsync::EverySecond);
                let url = server.url();
                redis = Some(server);
                Arc::new(runtime.block_on(Redis::connect(&url, 2, seed)).unwrap())
            }
        });
        let place = redis.is_none().then_some(dir);
        Self {
            redis,
            place,
            ..world
        }
    }

    /// The same on a store that is made by `make` from a random number.
    pub fn on(seed: u64, make: impl FnOnce((&Runtime, u64)) -> Arc<dyn Store>) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let runtime = runtime();
        let store = make((&runtime, rng.next_u64()));
        Self::begin(store, runtime, rng)
    }

    /// The same on a Cluster, which forgets what others left there.
    pub fn on_cluster(cluster: &Arc<RedisCluster>, seed: u64) -> Self {
        cluster.clear();
        Self {
            cluster: Some(Arc::clone(cluster)),
            ..Self::on(seed, |(runtime, seed)| {
                runtime.block_on(open(cluster, seed))
            })
        }
    }

    fn begin(bare: Arc<dyn Store>, runtime: Runtime, mut rng: ChaCha20Rng) -> Self {
        let (clock, dir) = (TestClock::at(BEGIN), TempDir::new().unwrap());
        let mut secret = Zeroizing::new([0; 64]);
        rng.fill_bytes(secret.as_mut_slice());
        let secrets = RelaySecrets::from_bytes(&secret, BEGIN);
        let (roots, line) = ceremony::begin(beginning(&secrets), clock.read(), &mut rng);
        let pin = line.book.pin().unwrap();
        let keys = Arc::new(FileKeys::create(&dir.path().join("relay.epochs")).unwrap());
        let (lines, of_day) = ([pin.line], Arc::new(clock.clone()));
        let sealed = runtime.block_on(Sealed::open(bare, keys, of_day, &lines));
        let store: Arc<dyn Store> = Arc::new(sealed.unwrap());
        let relay = relay_of(&store, &clock, (secrets, Admission::Open), pin);
        let relay = Arc::new(relay);
        Self {
            apps: vec![serve(&relay)],
            turn: Cell::new(0),
            clock,
            line,
            roots,
            store,
            runtime,
            secret,
            admission: Admission::Open,
            relay,
            seen: RefCell::default(),
            tamper: RefCell::default(),
            intercept: RefCell::default(),
            redis: None,
            cluster: None,
            dir,
            place: None,
            rng,
        }
    }

    /// A store under the seal of this world's retention keys.
    pub async fn seal(&self, bare: Arc<dyn Store>) -> Arc<dyn Store> {
        let keys = Arc::new(FileKeys::open(&self.dir.path().join("relay.epochs")).unwrap());
        let (lines, of_day) = ([self.pin().line], Arc::new(self.clock.clone()));
        let sealed = Sealed::open(bare, keys, of_day, &lines).await;
        Arc::new(sealed.unwrap())
    }

    /// One more relay of the same line on `store`, to be served over real connections.
    pub fn another(&self, store: &Arc<dyn Store>, bounds: Bounds) -> Router {
        let relay = self.relay_on(store);
        app(Arc::new(relay), bounds)
    }

    /// What people pin.
    pub fn pin(&self) -> Pin {
        self.line.book.pin().unwrap()
    }

    /// The line's link.
    pub fn link(&self) -> Link {
        Link {
            base: self.line.book.base.clone(),
            pin: self.pin(),
            ohttp: None,
        }
    }

    /// The relay as a client sees it.
    pub fn relay(&self) -> Client<'_, Self> {
        Client::new(self, self.pin().line)
    }

    /// A seed for somebody's randomness.
    pub fn seed(&mut self) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(self.rng.next_u64())
    }

    /// Signs and puts what the administrator has to say now.
    pub fn publish(&mut self) {
        let publication = self.line.publish(self.clock.read()).unwrap();
        for (kind, dsse) in &publication.0 {
            self.relay().put_statement(kind, dsse.to_json()).unwrap();
        }
        self.line.accepted(&publication).unwrap();
    }

    /// The relay as it began, for its renewed keys.
    pub fn secrets(&self) -> RelaySecrets {
        RelaySecrets::from_bytes(&self.secret, BEGIN)
    }

    /// Starts the relay anew on its store.
    pub fn restart(&mut self, secrets: RelaySecrets, pin: Pin) {
        let setup = (secrets, self.admission);
        self.relay = Arc::new(relay_of(&self.store, &self.clock, setup, pin));
        self.apps = vec![serve(&self.relay)];
    }

    /// Starts the relay anew, which from now on asks this of whoever posts.
    pub fn admit(&mut self, admission: Admission) {
        self.admission = admission;
        self.restart(self.secrets(), self.pin());
        self.announce();
    }

    /// What the relay's task does every minute: makes its statement, if one is due.
    pub fn announce(&self) {
        self.block_on(self.relay.announce()).unwrap();
        self.settle();
    }

    /// The bundle that would be shown now, without a request for it.
    pub fn shown(&self) -> Vec<u8> {
        let shown = self.block_on(self.relay.bundle(self.pin().line));
        shown.unwrap().json.to_vec()
    }

    /// So long until every relay has seen what was stored.
    pub fn settle(&self) {
        self.clock.pass(5);
    }

    fn relay_on(&self, store: &Arc<dyn Store>) -> Relay {
        let setup = (self.secrets(), self.admission);
        relay_of(store, &self.clock, setup, self.pin())
    }

    /// One more relay on the same Cluster; from now on they take requests in turn.
    pub fn add_relay(&mut self) {
        let cluster = self.cluster.clone().expect("a world on a Cluster");
        let seed = self.rng.next_u64();
        let bare = self.runtime.block_on(open(&cluster, seed));
        let store = self.block_on(self.seal(bare));
        self.apps.push(serve(&Arc::new(self.relay_on(&store))));
    }

    /// What the relay's task does every ten minutes: deletes what is past.
    pub fn sweep(&self) {
        let relay = self.relay_on(&self.store);
        self.block_on(relay.sweep()).unwrap();
    }

    /// From now on every answer passes through `tamper`.
    pub fn tamper(&self, tamper: impl Fn(&Request, Response) -> Response + 'static) {
        *self.tamper.borrow_mut() = Some(Box::new(tamper));
    }

    /// From now on requests for which `answer` has a status are answered with it and never arrive.
    pub fn intercept(&self, answer: impl Fn(&Request) -> Option<u16> + 'static) {
        *self.intercept.borrow_mut() = Some(Box::new(answer));
    }

    /// Nothing is intercepted or tampered with any more.
    pub fn leave_alone(&self) {
        *self.intercept.borrow_mut() = None;
        *self.tamper.borrow_mut() = None;
    }

    /// The requests since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.take()
    }

    /// Their shapes.
    pub fn shapes(&self) -> Vec<Shape> {
        self.seen().iter().map(Seen::shape).collect()
    }

    /// Runs something of the relay's to its end.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Everything the relay's store holds, raw.
    pub fn held(&self) -> Vec<u8> {
        let path = self.place.as_ref().map(|dir| dir.path().join("relay.redb"));
        let mut all = path.map_or_else(Vec::new, |path| std::fs::read(path).unwrap());
        let redis = self.redis.iter().flat_map(RedisServer::dump);
        let cluster = self.cluster.iter().flat_map(|cluster| cluster.dump());
        for (key, value) in redis.chain(cluster) {
            all.extend_from_slice(&key);
            all.extend_from_slice(&value);
        }
        all
    }

    fn answer(&self, request: &Request) -> Response {
        let mut builder = http::Request::builder()
            .method(request.method.name())
            .uri(&request.target);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let body = Body::from(request.body.clone());
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let app = self.apps[turn % self.apps.len()].clone();
        let call = app.oneshot(builder.body(body).unwrap());
        self.runtime.block_on(async {
            let answer = call.await.unwrap();
            let status = answer.status().as_u16();
            check_headers(&request.target, status, answer.headers());
            received(answer).await
        })
    }
}

/// An answer as a client gets it.
pub async fn received(answer: axum::response::Response) -> Response {
    let cycles = answer.headers().get("sotto-cycles");
    Response {
        cycles: cycles.map(|value| value.to_str().unwrap().to_owned()),
        status: answer.status().as_u16(),
        body: answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .into(),
    }
}

impl Transport for World {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        let intercepted = self.intercept.borrow().as_ref().and_then(|of| of(request));
        let mut response = match intercepted {
            Some(status) => Response {
                status,
                cycles: None,
                body: Vec::new(),
            },
            None => self.answer(request),
        };
        if let Some(tamper) = &*self.tamper.borrow() {
            response = tamper(request, response);
        }
        self.seen.borrow_mut().push(Seen {
            what: what(request),
            sizes: (request.body.len(), response.body.len()),
            status: response.status,
            at: Pace::now(&self.clock),
            page: page(request),
        });
        match response.status {
            0 => Err(Unreachable::NoAnswer),
            _ => Ok(response),
        }
    }
}

/// Five minutes and six hours, as by default.
pub fn policy() -> Policy {
    Policy {
        new_cycle_seconds: 300,
        old_cycle_seconds: 21_600,
        repeat_days: 365,
        retention_days: 14,
        drain_seconds: 60,
        schedule: ScheduleTimings::default(),
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

async fn open(cluster: &RedisCluster, seed: u64) -> Arc<dyn Store> {
    let settings = RedisSettings {
        urls: cluster.urls(),
        is_cluster: true,
        shards: CLUSTER_SHARDS,
        ..RedisSettings::single("", 2, seed)
    };
    Arc::new(Redis::open(&settings).await.unwrap())
}

/// Shards of the inbox of a world on a Cluster.
const CLUSTER_SHARDS: u16 = 4;

/// The relay's keys, and what it asks of whoever posts.
type Setup = (RelaySecrets, Admission);

fn relay_of(store: &Arc<dyn Store>, clock: &TestClock, setup: Setup, pin: Pin) -> Relay {
    let (store, clock) = (Arc::clone(store), Arc::new(clock.clone()));
    let (secrets, admission) = setup;
    Relay::new(store, clock, admission, secrets, &[pin])
}

fn serve(relay: &Arc<Relay>) -> Router {
    let bounds = Bounds {
        in_flight: 64,
        request_timeout: Duration::from_secs(30),
    };
    app(Arc::clone(relay), bounds)
}

fn beginning(secrets: &RelaySecrets) -> Beginning {
    Beginning {
        base: "http://relay.test".into(),
        names: [("en".into(), "City watch".into())].into(),
        relay: secrets.public(),
        policy: policy(),
    }
}

/// The headers of SPEC 6 and no others: one more could tell something apart. Fails every test at once.
fn check_headers(target: &str, status: u16, headers: &http::HeaderMap) {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let cycles = value("sotto-cycles");
    assert_eq!(value("cache-control"), Some("no-store"));
    assert_eq!(value("retry-after"), (status == 503).then_some("5"));
    let kind = match (status, cycles) {
        (200, Some(_)) => Some("application/json"),
        (200, None) if target.ends_with("/roster") => Some("application/json"),
        (200, None) if target.ends_with("/tokens/issue") => {
            Some("application/private-token-generic-batch-response")
        }
        (200, None) => Some("application/octet-stream"),
        (_, cycles) => {
            assert_eq!(cycles, None, "only beside a bundle");
            None
        }
    };
    assert_eq!(value("content-type"), kind);
    // Only a post without a token is told what to bring.
    let may_ask = status == 401 && target.ends_with("/in");
    assert!(may_ask || value("www-authenticate").is_none());
    let known = [
        "content-type",
        "content-length",
        "cache-control",
        "retry-after",
        "sotto-cycles",
        "www-authenticate",
    ];
    for name in headers.keys() {
        assert!(known.contains(&name.as_str()), "stray header {name}");
    }
}

fn page(request: &Request) -> Option<u32> {
    let (_, page) = request.target.split_once("/out/")?.1.split_once('/')?;
    page.parse().ok()
}

fn what(request: &Request) -> String {
    let path = request.target.split('?').next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').skip(3).collect();
    parts.retain(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
    format!("{} {}", request.method.name(), parts.join("/"))
}
