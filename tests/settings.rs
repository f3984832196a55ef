//! The relay's settings: the sample is true, mistakes are named, secrets are not shown.

use sotto_relay::config::{Config, ConfigError, LogFormat, SAMPLE, StoreConfig};

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

#[test]
fn secrets_are_not_shown() {
    let store = "[store]\nkind = \"redis\"\nurl = \"redis://user:a-secret@host/0\"\n";
    let config = parse(&format!("{LINE}{store}"), &[]).unwrap();
    assert!(!format!("{config:?} {}", config.store).contains("a-secret"));
}
