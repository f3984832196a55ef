//! Fuzzing: each target in `tests/fuzz/fuzz_targets` for a while.
//!
//! Built with the pinned toolchain: the flags below are what `cargo fuzz` passes, without the
//! sanitizers. Those need a nightly and find misused memory, which code without `unsafe` has little of.
use std::fs;

use crate::gate::Plan;
use crate::step::{self, Step};

/// Every target, `seconds` each.
pub(crate) fn plan(seconds: u32) -> Plan {
    let targets = targets();
    if targets.is_empty() {
        return Plan::Skip(format!("nothing in {FOLDER}/fuzz_targets"));
    }
    if !step::is_installed("c++") {
        return Plan::Skip("libFuzzer needs a C++ compiler: apt-get install g++".to_owned());
    }
    let build = cargo("build", "--bins");
    let smoke = targets.iter().map(|target| smoke(target, seconds));
    Plan::Run([build].into_iter().chain(smoke).collect())
}

fn targets() -> Vec<String> {
    let sources = fs::read_dir(step::root().join(FOLDER).join("fuzz_targets"));
    let mut targets: Vec<String> = sources
        .into_iter()
        .flatten()
        .filter_map(|source| source.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    targets.sort();
    targets
}

fn smoke(target: &str, seconds: u32) -> Step {
    let seeds = format!("{FOLDER}/seeds/{target}");
    let seeds = if step::root().join(&seeds).is_dir() {
        seeds
    } else {
        String::new()
    };
    cargo(
        "run",
        &format!(
            "--bin {target} -- -max_total_time={seconds} -timeout=10 -rss_limit_mb=4096 \
             -create_missing_dirs=1 -artifact_prefix={FOLDER}/artifacts/{target}/ \
             {FOLDER}/corpus/{target} {seeds}"
        ),
    )
}

/// Naming a target, even our own, keeps the flags away from build scripts.
fn cargo(command: &str, rest: &str) -> Step {
    let manifest = format!("--manifest-path {FOLDER}/Cargo.toml");
    Step::cargo(&format!(
        "{command} --locked --release --target=host-tuple {manifest} {rest}"
    ))
    .set("RUSTFLAGS", FLAGS.join(" "))
}

const FOLDER: &str = "tests/fuzz";

const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];
