//! What operators are given beside the program: it names what there is, and does what it says.

use std::{collections::BTreeSet, fs, path::PathBuf};

use redis::cmd;
use sotto_relay::{config::Limits, telemetry::metrics::METRICS};
use sotto_tests::{
    programs::Programs,
    redis::{AppendFsync, RedisServer},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What operators read and run.
const TEXTS: [&str; 10] = [
    "docs/operating.md",
    "CAPACITY.md",
    "server/deploy/Containerfile",
    "server/deploy/sotto-relay.service",
    "server/deploy/sotto-relay-ohttp.service",
    "server/deploy/sotto-relay-backup.service",
    "server/deploy/sotto-relay-backup.timer",
    "server/deploy/sotto-relay.sysusers",
    "server/deploy/redis/redis.conf",
    "server/deploy/redis/sotto-redis-rewrite.service",
];

fn setting<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_unit_leaves_little_and_fits_the_settings() {
    let unit = read("server/deploy/sotto-relay.service");
    for line in [
        "CapabilityBoundingSet=",
        "MemoryDenyWriteExecute=yes",
        "NoNewPrivileges=yes",
        "ProtectProc=invisible",
        "ProtectSystem=strict",
        "Restart=on-failure",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SystemCallFilter=@system-service",
        "UMask=0077",
        "User=sotto-relay",
        "LimitCORE=0",
    ] {
        assert!(unit.lines().any(|has| has == line), "{line}");
    }
    let limits = Limits::default();
    let stop: u64 = setting(&unit, "TimeoutStopSec").parse().unwrap();
    assert!(stop > limits.stop_seconds);
    let files: usize = setting(&unit, "LimitNOFILE").parse().unwrap();
    assert!(files > 2 * limits.connections);
    let program = setting(&unit, "ExecStart").split(' ').next().unwrap();
    assert!(read("server/deploy/Containerfile").contains(program));
}

/// Every `sotto-relay X`, `sotto line X` and so on is a command.
#[test]
fn every_command_that_is_named_exists() {
    let texts = TEXTS.map(read).concat();
    let commands: BTreeSet<Vec<String>> = texts.lines().flat_map(commands).collect();
    let programs = Programs::new();
    assert!(commands.len() > 12, "{commands:?}");
    for command in &commands {
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        let output = programs.run(&command[0], &[&arguments[..], &["--help"]].concat(), "");
        assert!(output.status.success(), "{command:?}");
    }
}

/// The commands of our programs that a line names.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = format!("{line}    ");
    let words: Vec<&str> = line.split([' ', '`', '"']).collect();
    let is_word = |word: &str| {
        let is_first = word.starts_with(|c: char| c.is_ascii_lowercase());
        // An account has the name of a program.
        is_first
            && !word.starts_with("sotto")
            && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    let mut found = Vec::new();
    for near in words.windows(3) {
        let program = near[0].rsplit('/').next().unwrap();
        let named = match program {
            "sotto-relay" | "sotto-desk" if is_word(near[1]) => &near[1..2],
            "sotto" if ["line", "tip"].contains(&near[1]) && is_word(near[2]) => &near[1..3],
            "sotto" if near[1] == "cover" => &near[1..2],
            _ => continue,
        };
        let named = named.iter().map(ToString::to_string);
        found.push([program.to_owned()].into_iter().chain(named).collect());
    }
    found
}

/// Every path of this repository that is named is there.
#[test]
fn every_file_that_is_named_exists() {
    let mut named = 0;
    for text in TEXTS.map(read) {
        let words = text.split(|c: char| c.is_whitespace() || "`()\"',;".contains(c));
        for word in words.map(|word| word.trim_end_matches(['.', ':'])) {
            if word.starts_with("server/") || word.starts_with("docs/") {
                assert!(root().join(word).exists(), "{word}");
                named += 1;
            }
        }
    }
    assert!(named > 8);
    let container = read("server/deploy/Containerfile");
    let copied: BTreeSet<&str> = container
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--"))
        .flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' '))
        .collect();
    for path in &copied {
        assert!(root().join(path).exists(), "{path}");
    }
    // All that cargo needs to know of the workspace is copied.
    let workspace = read("Cargo.toml");
    let members = workspace.lines().find(|line| line.starts_with("members"));
    for member in members.unwrap().split('"').skip(1).step_by(2) {
        let folder = member.split('/').next().unwrap();
        assert!(copied.contains(folder), "{member}");
    }
    assert!(copied.contains("Cargo.lock"));
    let channel = read("rust-toolchain.toml");
    let channel = channel
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    let (version, _) = channel.unwrap().trim_matches('"').rsplit_once('.').unwrap();
    assert!(container.contains(&format!("rust:{version}-")));
}

#[test]
fn alerts_ask_for_what_is_shown() {
    let alerts = read("server/deploy/alerts.yml");
    let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("sotto_")).collect();
    assert!(asked.len() > 5);
    for name in asked {
        assert!(METRICS.iter().any(|(known, _)| *known == name), "{name}");
    }
}

/// The harness starts every Redis of these tests with the documented settings.
#[test]
fn the_redis_settings_are_what_they_say() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let mut connection = server.connection();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
        ("maxmemory-policy", "noeviction"),
        ("slowlog-log-slower-than", "-1"),
        ("port", "0"),
        ("enable-debug-command", "no"),
    ] {
        let mut ask = cmd("CONFIG");
        let answer: Vec<String> = ask.arg("GET").arg(name).query(&mut connection).unwrap();
        assert_eq!(answer, [name, value]);
    }
    for command in ["MONITOR", "SLOWLOG", "FLUSHALL", "FLUSHDB", "DEBUG"] {
        let refused = cmd(command).query::<()>(&mut connection).unwrap_err();
        assert!(refused.to_string().contains("unknown command"), "{refused}");
    }
    let settings = read("server/deploy/redis/redis.conf");
    assert!(settings.lines().any(|line| line == "maxmemory 2gb"));
}
