//! What the documents say about the code, held against the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sotto_tests::programs::Programs;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Every Rust file below a folder of the workspace.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The cells of the rows of the first table after a heading.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = document.split_once(heading).unwrap();
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let cells = row.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let metadata: Value = serde_json::from_str(&cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version=1",
    ]))
    .unwrap();
    let allowed: BTreeMap<&str, &[&str]> = [
        ("sotto-protocol", &[][..]),
        ("sotto-relay", &["sotto-protocol"]),
        ("sotto-core", &["sotto-protocol"]),
        ("sotto", &["sotto-core", "sotto-protocol"]),
        ("sotto-desk", &["sotto-core", "sotto-protocol"]),
        (
            "sotto-tests",
            &["sotto-core", "sotto-protocol", "sotto-relay"],
        ),
        (
            "sotto-benches",
            &["sotto-core", "sotto-protocol", "sotto-relay", "sotto-tests"],
        ),
        ("sotto-wasm-tests", &["sotto-core", "sotto-protocol"]),
        ("sotto-traced", &["sotto-protocol"]),
        ("xtask", &[]),
    ]
    .into();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let ours: Vec<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| dependency["name"].as_str().unwrap())
            .filter(|dependency| allowed.contains_key(dependency))
            .collect();
        assert_eq!(ours, allowed[name], "{name}");
    }
}

#[test]
fn limits_are_those_of_the_specification() {
    let written: BTreeMap<String, u64> = table(&read("SPEC.md"), "### 1.4")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].parse().unwrap()))
        .collect();
    let coded: BTreeMap<String, u64> = read("protocol/src/limits.rs")
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("pub const ")?.split_once(':')?;
            let (_, value) = rest.split_once('=')?;
            let value = value.trim().trim_end_matches(';').replace('_', "");
            Some((name.to_owned(), value.parse().unwrap()))
        })
        // A day has as many seconds in every specification.
        .filter(|(name, _)| name != "DAY_SECONDS")
        .collect();
    assert_eq!(written, coded);
}

#[test]
fn layouts_of_the_specification_add_up() {
    let spec = read("SPEC.md");
    let layouts = [
        ("### 2.1", 8_128),
        ("### 2.3", 6_924),
        ("### 3.6", 65_472),
        ("carries the **manifest**", 104),
        ("desk to phone, says what is missing", 42),
        ("### 5.4", 65_040),
        ("### 5.6", 16_320),
    ];
    for (heading, total) in layouts {
        let mut end: u64 = 0;
        for row in table(&spec, heading) {
            assert_eq!(row[0].parse(), Ok(end), "{heading}: {row:?}");
            end += row[1].parse::<u64>().unwrap();
        }
        assert_eq!(end, total, "{heading}");
    }
}

#[test]
fn sections_that_the_code_cites_exist() {
    let spec = read("SPEC.md");
    let sections: BTreeSet<&str> = spec
        .lines()
        .filter_map(|line| {
            line.strip_prefix("##")?
                .trim_start_matches('#')
                .split_whitespace()
                .next()
        })
        .map(|number| number.trim_end_matches('.'))
        .collect();
    let all = ["protocol", "server", "clients"].map(sources);
    for (path, text) in all.iter().flatten() {
        for number in text.split("SPEC ").skip(1).filter_map(section) {
            assert!(
                sections.contains(number),
                "SPEC {number} in {}",
                path.display()
            );
        }
    }
}

/// The number a text begins with, if it does.
fn section(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number = text[..end].trim_end_matches('.');
    (!number.is_empty()).then_some(number)
}

#[test]
fn the_relay_alone_cannot_decrypt() {
    let tree = cargo(&[
        "tree",
        "--offline",
        "-p",
        "sotto-relay",
        "-e",
        "normal",
        "--prefix",
        "none",
        "-f",
        "{p} [{f}]",
    ]);
    // Argon2 it has, to verify the work that tokens are sold for.
    for package in ["ml-kem ", "x-wing "] {
        let found = tree.lines().find(|line| line.starts_with(package));
        assert_eq!(found, None, "the relay links it");
    }
    // Its HPKE opens requests sealed to the relay (SPEC 6.2), and knows no X-Wing.
    let hpke: Vec<&str> = tree
        .lines()
        .filter(|line| line.starts_with("hpke "))
        .collect();
    assert!(!hpke.is_empty());
    assert!(hpke.iter().all(|line| !line.contains("mlkem")), "{hpke:?}");
    let protocol = tree
        .lines()
        .find(|line| line.starts_with("sotto-protocol "));
    assert!(protocol.unwrap().contains("[gateway]"), "{protocol:?}");
    // Its one cipher seals what it stores, under keys of its own.
    for (path, text) in sources("server") {
        let is_store = path.ends_with("store/sealed/record.rs");
        assert_eq!(text.contains("chacha20"), is_store, "{}", path.display());
    }
}

#[test]
fn events_are_those_of_the_security_policy() {
    let written: Vec<(String, Vec<String>)> =
        table(&read("SECURITY.md"), "## Everything the relay logs")
            .into_iter()
            .map(|row| {
                let fields = row[1].split_whitespace().map(ToOwned::to_owned);
                (row[0].clone(), fields.collect())
            })
            .collect();
    let coded: Vec<(String, Vec<String>)> = sotto_relay::telemetry::EVENTS
        .iter()
        .map(|(name, fields)| {
            let fields = fields.iter().map(ToString::to_string);
            ((*name).to_owned(), fields.collect())
        })
        .collect();
    assert_eq!(written, coded);
    // And nothing is written anywhere else.
    for (path, text) in sources("server") {
        let speaks = text.contains("event!(") || text.contains("tracing::info");
        assert!(
            !speaks || path.ends_with("telemetry.rs"),
            "{}",
            path.display()
        );
    }
    let telemetry = read("server/src/telemetry.rs");
    let events = telemetry.matches("event!(target").count();
    assert_eq!(events, coded.len());
}

#[test]
fn metrics_are_those_of_the_security_policy() {
    let written = table(&read("SECURITY.md"), "## Everything the relay counts");
    let written: Vec<(&str, Vec<&str>)> = written
        .iter()
        .map(|row| (row[0].as_str(), row[1].split_whitespace().collect()))
        .collect();
    let coded = sotto_relay::telemetry::metrics::METRICS;
    let coded: Vec<(&str, Vec<&str>)> = coded
        .iter()
        .map(|(name, labels)| (*name, labels.to_vec()))
        .collect();
    assert_eq!(written, coded);
    // And nothing is counted anywhere else.
    for (path, text) in sources("server") {
        let counts = text.contains("prometheus_client");
        assert!(
            !counts || path.ends_with("telemetry/exposition.rs"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_promise_names_a_test() {
    let promises = read("SECURITY.md") + &read("SOUNDNESS.md");
    let named: Vec<(&str, &str)> = promises
        .split('`')
        .filter_map(|word| word.split_once("::"))
        .collect();
    assert!(named.len() > 20);
    for (module, name) in named {
        let text = read(&format!("tests/{module}.rs"));
        assert!(text.contains(&format!("fn {name}(")), "{module}::{name}");
    }
}

#[test]
fn no_secret_is_an_argument() {
    let programs = Programs::new();
    let commands: [(&str, &[&str]); 23] = [
        ("sotto", &["tip", "send"]),
        ("sotto", &["tip", "check"]),
        ("sotto", &["tip", "reply"]),
        ("sotto", &["cover"]),
        ("sotto", &["line", "init"]),
        ("sotto", &["line", "desk"]),
        ("sotto", &["line", "device"]),
        ("sotto", &["line", "publish"]),
        ("sotto", &["line", "show"]),
        ("sotto", &["line", "renew-key"]),
        ("sotto", &["line", "renew-roots"]),
        ("sotto", &["line", "renew-desk"]),
        ("sotto", &["line", "renew-relay"]),
        ("sotto", &["line", "remove-device"]),
        ("sotto", &["line", "remove-desk"]),
        ("sotto-desk", &["init"]),
        ("sotto-desk", &["card"]),
        ("sotto-desk", &["run"]),
        ("sotto-desk", &["show"]),
        ("sotto-desk", &["reply"]),
        ("sotto-desk", &["save"]),
        ("sotto-relay", &["serve"]),
        ("sotto-relay", &["keys"]),
    ];
    for (program, command) in commands {
        let output = programs.run(program, &[command, &["--help"]].concat(), "");
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout).unwrap().to_lowercase();
        for name in [
            "--code",
            "<code>",
            "--words",
            "--passphrase ",
            "--password",
            "--secret",
        ] {
            assert!(!help.contains(name), "{program} {command:?} takes {name}");
        }
    }
}

#[test]
fn files_stay_small() {
    for folder in ["protocol", "server", "clients", "xtask"] {
        for (path, text) in sources(folder) {
            let production = text.split("#[cfg(test)]").next().unwrap();
            let lines = production.lines().count();
            assert!(lines <= 420, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn the_project_speaks_of_itself_alone() {
    // Paths of one machine in a document would be wrong on every other.
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "SOUNDNESS.md",
        "SPEC.md",
        "CHANGELOG.md",
        "CAPACITY.md",
        "BENCHMARKS.md",
        "docs/mutants.md",
        "docs/operating.md",
    ] {
        let text = read(document);
        for path in ["/home/", "/root/", "/tmp/"] {
            assert!(!text.contains(path), "{document} names {path}");
        }
    }
}
