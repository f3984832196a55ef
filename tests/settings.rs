//! The relay's settings: the sample is true, mistakes are named, secrets are not shown.

use sotto_relay::config::{Config, ConfigError, Limits, LogFormat, SAMPLE, StoreConfig};

const LINE: &str = "[[lines]]\nfp = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter();
    Config::parse(
        text,
        environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[test]
fn the_sample_is_the_default() {
    let sample = parse(SAMPLE, &[]).unwrap();
    let defaults = parse(LINE, &[]).unwrap();
    assert_eq!(format!("{sample:?}"), format!("{defaults:?}"));
}

/// `Debug` names every field there is.
#[test]
fn the_sample_has_every_limit() {
    let limits = format!("{:?}", Limits::default());
    let fields = limits.split(['{', ',']).skip(1);
    let names: Vec<&str> = fields.filter_map(|field| field.split(':').next()).collect();
    assert!(names.len() > 5);
    for name in names {
        assert!(SAMPLE.contains(&format!("\n{} = ", name.trim())), "{name}");
    }
}

#[test]
fn every_key_of_the_sample_is_used() {
    // Also those in comments: with each of them uncommented it still reads.
    let redis = "kind = \"redis\"\nurl = \"redis://127.0.0.1:6379/0\"\nconnections = 2\nallow_volatile = false\n";
    for key in redis.lines().map(|line| line.split(' ').next().unwrap()) {
        assert!(SAMPLE.contains(key));
    }
    let config = parse(&format!("{LINE}[store]\n{redis}"), &[]).unwrap();
    assert!(matches!(
        config.store,
        StoreConfig::Redis { connections: 2, .. }
    ));
}

#[test]
fn the_environment_wins() {
    let config = parse(
        LINE,
        &[
            ("SOTTO_RELAY_LISTEN", "127.0.0.1:1"),
            ("SOTTO_RELAY_LIMITS__IN_FLIGHT", "7"),
            ("SOTTO_RELAY_STORE__KIND", "redis"),
            ("SOTTO_RELAY_STORE__URL", "redis://somewhere"),
            ("SOTTO_RELAY_LOG", "json"),
            ("PATH", "unrelated"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.limits.in_flight, 7);
    assert_eq!(config.log, LogFormat::Json);
    assert!(matches!(config.store, StoreConfig::Redis { .. }));
}

#[test]
fn a_line_may_come_from_the_environment_alone() {
    let lines = "[{fp = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]";
    let config = parse("", &[("SOTTO_RELAY_LINES", lines)]).unwrap();
    assert_eq!(config.pins().unwrap().len(), 1);
}

#[test]
fn mistakes_are_named() {
    let text = |result: Result<Config, ConfigError>| result.unwrap_err().to_string();
    assert!(text(parse(&format!("lisen = \"127.0.0.1:1\"\n{LINE}"), &[])).contains("lisen"));
    assert!(text(parse(&format!("{LINE}[limits]\nconections = 1\n"), &[])).contains("conections"));
    assert!(text(parse(&format!("{LINE}[store]\nkind = \"sqlite\"\n"), &[])).contains("sqlite"));
    assert!(text(parse(LINE, &[("SOTTO_RELAY_LISEN", "x")])).contains("lisen"));
    assert_eq!(
        parse(LINE, &[("SOTTO_RELAY_STORE__", "x")]).unwrap_err(),
        ConfigError::Variable("SOTTO_RELAY_STORE__".into())
    );
    let half = parse(&format!("tls_key = \"key.pem\"\n{LINE}"), &[]);
    assert_eq!(half.unwrap_err(), ConfigError::HalfTls);
    assert_eq!(parse("", &[]).unwrap_err(), ConfigError::NoLine);
    assert_eq!(
        parse("[[lines]]\nfp = \"short\"\n", &[]).unwrap_err(),
        ConfigError::Line(0)
    );
    assert_eq!(
        parse(&format!("{LINE}[limits]\nin_flight = 0\n"), &[]).unwrap_err(),
        ConfigError::Zero
    );
    assert!(text(parse("listen = ", &[])).contains("line 1"));
}

/// Everything the sample shows of a Cluster reads, and what cannot be meant is named.
#[test]
fn a_cluster_is_set_up() {
    let cluster = |rest: &str| {
        let store = format!("{LINE}[store]\nkind = \"redis-cluster\"\n{rest}");
        parse(&store, &[]).map(|config| config.store)
    };
    let urls = "urls = [\"rediss://a:1\", \"rediss://b:2/0\"]\n";
    let all = "connections = 32\nshards = 16\nreplicas_acknowledge = 1\nallow_volatile = false\n";
    let store = cluster(&format!("{urls}{all}")).unwrap();
    let settings = store.redis(7).unwrap().unwrap();
    assert_eq!((settings.shards, settings.replicas), (16, 1));
    assert!(settings.is_cluster);
    for key in all
        .lines()
        .chain(["urls = ", "[store.tls]", "certificate = "])
    {
        let key = key.split(" =").next().unwrap();
        assert!(SAMPLE.contains(key), "{key}");
    }
    let mistakes = [
        ("urls = []\n", ConfigError::NoNode),
        ("urls = [\"redis+unix:///socket\"]\n", ConfigError::Node),
        ("urls = [\"redis://a:1/3\"]\n", ConfigError::Node),
        (
            "urls = [\"redis://a:1\", \"rediss://b:1\"]\n",
            ConfigError::Node,
        ),
        (
            "urls = [\"redis://a:1\"]\nshards = 0\n",
            ConfigError::Shards,
        ),
        (
            "urls = [\"redis://a:1\"]\nshards = 257\n",
            ConfigError::Shards,
        ),
        (
            "urls = [\"redis://a:1\"]\n[store.tls]\n",
            ConfigError::TlsWithoutScheme,
        ),
        (
            "urls = [\"rediss://a:1\"]\n[store.tls]\nkey = \"k\"\n",
            ConfigError::HalfCertificate,
        ),
        (
            "urls = [\"rediss://a:1\"]\n[store.tls]\nca = \"/nowhere/ca\"\n",
            ConfigError::Certificate("/nowhere/ca".into()),
        ),
    ];
    for (text, mistake) in mistakes {
        assert_eq!(cluster(text).unwrap_err(), mistake, "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let store = "[store]\nkind = \"redis\"\nurl = \"redis://user:a-secret@host/0\"\n";
    let config = parse(&format!("{LINE}{store}"), &[]).unwrap();
    assert!(!format!("{config:?} {}", config.store).contains("a-secret"));
}
