//! What an operator is told in numbers: enough to run a relay, and nothing about anybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use sotto_protocol::limits::ENVELOPE_BYTES;
use sotto_relay::{
    admission::Admission,
    http::{Bounds, app, health},
    relay::Relay,
    store::Durability,
    telemetry::metrics::{COUNT_STEP, METRICS, PUBLISH_SECONDS},
};
use sotto_tests::{
    machines::DeskMachine,
    redis::{AppendFsync, RedisServer},
    world::{Backend, World},
};
use tower::ServiceExt as _;

/// A world, and the two doors of a relay on its store.
struct Operator {
    world: World,
    relay: Arc<Relay>,
    public: Router,
    health: Router,
}

impl Operator {
    fn new(seed: u64, in_flight: usize) -> Self {
        let mut world = World::new(Backend::Embedded, seed);
        world.publish();
        let relay = Arc::new(Relay::new(
            Arc::clone(&world.store),
            Arc::new(world.clock.clone()),
            Admission::Open,
            world.secrets(),
            &[world.pin()],
        ));
        let bounds = Bounds {
            in_flight,
            request_timeout: Duration::from_secs(30),
        };
        Self {
            public: app(Arc::clone(&relay), bounds),
            health: health(Arc::clone(&relay), Durability::Synced),
            relay,
            world,
        }
    }

    fn publish(&self) {
        self.world.block_on(self.relay.publish(123 << 20));
    }

    fn metrics(&self) -> String {
        let (status, text) = ask(&self.world, &self.health, "GET", "/metrics", Vec::new());
        assert_eq!(status, StatusCode::OK);
        text
    }

    /// One number of the text.
    fn value(&self, series: &str) -> u64 {
        let text = self.metrics();
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let found = found.unwrap_or_else(|| panic!("no {series} in {text}"));
        found.parse().unwrap()
    }

    fn post(&self, number: u16) -> StatusCode {
        let mut envelope = vec![0; ENVELOPE_BYTES];
        envelope[..2].copy_from_slice(&[1, 1]);
        envelope[4..6].copy_from_slice(&number.to_le_bytes());
        let target = format!("/v1/{}/in", self.world.pin().line.to_text());
        ask(&self.world, &self.public, "POST", &target, envelope).0
    }
}

fn ask(
    world: &World,
    app: &Router,
    method: &str,
    target: &str,
    body: Vec<u8>,
) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(target);
    let request = request.body(Body::from(body)).unwrap();
    world.block_on(async {
        let response: Response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    })
}

/// Names and labels of a text, with the values of each label.
fn series(text: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = all.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split(',') {
            if let Some((label, value)) = label.split_once('=') {
                let values = known.entry(label.to_owned()).or_default();
                values.insert(value.trim_matches('"').to_owned());
            }
        }
    }
    all
}

/// Before anybody came and afterwards, the same series with the same labels: those of the list.
#[test]
fn metrics_are_those_of_the_list() {
    let operator = Operator::new(1, 64);
    operator.publish();
    let before = series(&operator.metrics());
    for number in 0..300 {
        operator.post(number);
    }
    ask(
        &operator.world,
        &operator.public,
        "GET",
        "/v1/x/y?z=1",
        Vec::new(),
    );
    operator.publish();
    let after = series(&operator.metrics());
    assert_eq!(before, after);
    let ends = &after["sotto_store_append_seconds_bucket"]["le"];
    let named: BTreeSet<&str> = ends.iter().map(String::as_str).collect();
    assert_eq!(named, ["+Inf", "0.001", "0.01", "0.1", "1", "5"].into());
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (name, labels) in after {
        let labels: Vec<String> = labels.into_keys().collect();
        if let Some(histogram) = name.strip_suffix("_bucket") {
            found.push((histogram.to_owned(), labels));
        } else if !name.starts_with("sotto_store_append_seconds") {
            found.push((name, labels));
        }
    }
    let mut listed: Vec<(String, Vec<String>)> = METRICS
        .iter()
        .map(|(name, labels)| {
            let labels = labels.iter().map(ToString::to_string);
            ((*name).to_owned(), labels.collect())
        })
        .collect();
    listed.sort();
    found.sort();
    assert_eq!(found, listed);
}

/// Nobody who reads the metrics learns when somebody was there, nor that it was one person.
#[test]
fn what_a_visitor_does_does_not_show() {
    let operator = Operator::new(2, 64);
    operator.publish();
    let before = operator.metrics();
    for number in 0..99 {
        assert_eq!(operator.post(number), StatusCode::NO_CONTENT);
    }
    // Not even on a slow disk, where seconds add up.
    for _ in 0..49 {
        operator.relay.metrics().appended(Duration::from_mins(1));
    }
    assert_eq!(operator.metrics(), before, "nothing changes in between");
    operator.world.clock.pass(PUBLISH_SECONDS);
    operator.publish();
    let at = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        // Boards are written by nobody here, so that they fall behind.
        let told = ["sotto_published_time", "sotto_board_cycles"];
        let kept = lines.filter(|line| !told.iter().any(|name| line.starts_with(name)));
        kept.map(ToOwned::to_owned).collect()
    };
    assert_eq!(at(&operator.metrics()), at(&before), "nor do 99 posts show");
    operator.post(99);
    operator.publish();
    let accepted = "sotto_requests_total{kind=\"post\",outcome=\"accepted\"}";
    assert_eq!(operator.value(accepted), COUNT_STEP);
    assert_eq!(operator.value("sotto_waiting_records"), COUNT_STEP);
    assert_eq!(
        operator.value("sotto_published_time_seconds") % PUBLISH_SECONDS,
        0
    );
    assert_eq!(operator.value("sotto_resident_bytes"), 123 << 20);
    let text = operator.metrics();
    let line = operator.world.pin().line.to_text();
    for planted in [line.as_str(), "/v1", "City watch"] {
        assert!(!text.contains(planted));
    }
}

/// What is the relay's own fault shows at the first time.
#[test]
fn a_relay_that_refuses_says_so() {
    let operator = Operator::new(3, 0);
    assert_eq!(operator.post(1), StatusCode::SERVICE_UNAVAILABLE);
    operator.publish();
    let busy = "sotto_requests_total{kind=\"post\",outcome=\"busy\"}";
    assert_eq!(operator.value(busy), COUNT_STEP);
}

/// Nobody drains, nobody writes boards: both can be seen.
#[test]
fn an_absent_desk_shows() {
    let mut operator = Operator::new(4, 64);
    let mut desk = DeskMachine::join(&mut operator.world);
    desk.run(&operator.world, 1_200);
    operator.publish();
    assert!(operator.value("sotto_board_cycles_behind{board=\"new\"}") <= 2);
    assert_eq!(operator.value("sotto_waiting_oldest_hours"), 0);
    assert_eq!(operator.value("sotto_lines{state=\"served\"}"), 1);
    operator.post(1);
    operator.world.clock.pass(2 * 86_400);
    operator.publish();
    assert_eq!(operator.value("sotto_waiting_oldest_hours"), 48);
    assert!(operator.value("sotto_board_cycles_behind{board=\"new\"}") > 100);
    operator.world.clock.pass(400 * 86_400);
    operator.publish();
    assert_eq!(operator.value("sotto_lines{state=\"closed\"}"), 1);
}

#[test]
fn readiness_says_why_not() {
    let operator = Operator::new(5, 64);
    let ask = |target| ask(&operator.world, &operator.health, "GET", target, Vec::new());
    assert_eq!(ask("/healthz").0, StatusCode::OK);
    let (status, why) = ask("/readyz");
    assert_eq!(status, StatusCode::OK);
    assert!(why.contains("on disk before it is acknowledged"), "{why}");
}

/// A Redis that is set up otherwise while the relay runs.
#[test]
fn a_redis_that_breaks_its_word_is_not_ready() {
    let world = World::new(Backend::Embedded, 6);
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = world.block_on(sotto_relay::store::Redis::connect(&server.url(), 2, 7));
    let relay = Relay::new(
        Arc::new(store.unwrap()),
        Arc::new(world.clock.clone()),
        Admission::Open,
        world.secrets(),
        &[world.pin()],
    );
    let health = health(Arc::new(relay), Durability::EverySecond);
    let mut connection = server.connection();
    let mut set = |name: &str, value: &str| {
        let mut set = redis::cmd("CONFIG");
        let () = set
            .arg("SET")
            .arg(name)
            .arg(value)
            .query(&mut connection)
            .unwrap();
    };
    let ready = || ask(&world, &health, "GET", "/readyz", Vec::new());
    assert_eq!(ready().0, StatusCode::OK);
    set("appendonly", "no");
    let (status, why) = ready();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.contains("keeps nothing on disk any more"), "{why}");
    set("maxmemory", "100mb");
    set("maxmemory-policy", "allkeys-lru");
    let (status, why) = ready();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.contains("noeviction"), "{why}");
}
