//! The table of gates: everything CI runs, in order, cheap and telling ones first.
use std::time::Duration;

use crate::clock;
use crate::fuzz;
use crate::gate::{Gate, Plan};
use crate::models;
use crate::run;
use crate::setup::Need;
use crate::step::{self, Step};
use crate::wasm;

/// What a machine needs to build and test the workspace.
pub(crate) const NEEDS: &[Need] = &[Need::CCompiler, Need::Redis, Need::Rustfmt, Need::Clippy];

/// `cargo xtask test`.
pub(crate) const GATES: &[Gate] = &[
    Gate::set_up(NEEDS),
    Gate::cargo("fmt", "the code is formatted", "fmt --all --check"),
    Gate::clippy(
        "clippy",
        "no lint speaks up, in any target",
        "--workspace --all-targets",
    ),
    Gate::clippy(
        "clippy-features",
        "nor with every feature on",
        "--workspace --all-targets --all-features",
    ),
    // A workspace build unites features. Alone, the relay has no type able to decrypt to lean on.
    Gate::clippy(
        "relay",
        "the relay alone, as it is shipped",
        "-p sotto-relay",
    ),
    Gate::clippy(
        "protocol",
        "the protocol alone, with no feature",
        "-p sotto-protocol --no-default-features",
    ),
    Gate::clippy(
        "protocol-seal",
        "the protocol alone, with what seals and opens",
        "-p sotto-protocol --no-default-features --features seal",
    ),
    Gate::clippy(
        "core",
        "the clients' core without network, files and clock",
        "-p sotto-core --no-default-features",
    ),
    Gate::planned(
        "docs",
        "the documentation builds, and every link leads somewhere",
        docs,
    ),
    Gate::planned("tests", "every test", || {
        Plan::Run(vec![programs(), tests()])
    })
    .streaming(),
    Gate::planned("doctests", "every example in the documentation", doctests),
    Gate::planned(
        "bare",
        "the protocol where there is no operating system",
        bare,
    ),
    Gate::planned(
        "models",
        "every query of the protocol's models comes to what it should",
        models::plan,
    ),
    Gate::planned(
        "wasm",
        "published vectors and a conversation in WebAssembly, run by Node",
        wasm::plan,
    ),
    Gate::planned("deny", "licences, sources and banned crates", deny),
    Gate::planned("fuzz", "ten seconds of noise at each fuzz target", || {
        fuzz::plan(10)
    }),
    Gate::planned(
        "lock",
        "Cargo.lock is committed, and fits the manifests",
        lock,
    ),
];

fn docs() -> Plan {
    let step = Step::cargo("doc --workspace --no-deps --locked");
    Plan::Run(vec![step.set("RUSTDOCFLAGS", "-D warnings")])
}

/// The journeys run the programs themselves, and a test build leaves them out.
pub(crate) fn programs() -> Step {
    Step::cargo("build --workspace --bins --locked")
}

/// Every test but the documentation's, which nextest cannot run.
pub(crate) fn tests() -> Step {
    Step::cargo(if step::is_installed("cargo-nextest") {
        "nextest run --workspace --locked"
    } else {
        "test --workspace --locked --lib --bins --tests --no-fail-fast"
    })
    .counting_tests()
}

fn doctests() -> Plan {
    let step = Step::cargo("test --doc --workspace --locked --no-fail-fast");
    Plan::Run(vec![step.counting_tests()])
}

fn bare() -> Plan {
    let list = Step::new("rustup", &["target", "list", "--installed"]);
    let listed = run::run(&list, clock::now() + Duration::from_mins(1), false);
    let checks: Vec<Step> = listed
        .map(|ran| ran.output)
        .unwrap_or_default()
        .lines()
        .filter(|target| is_bare(target))
        .flat_map(|target| {
            let check = format!("check -p sotto-protocol --locked --target {target}");
            [
                Step::cargo(&check),
                Step::cargo(&format!("{check} --features seal")),
            ]
        })
        .collect();
    if checks.is_empty() {
        Plan::Skip("no such target here: rustup target add thumbv7em-none-eabihf".to_owned())
    } else {
        Plan::Run(checks)
    }
}

fn is_bare(target: &str) -> bool {
    target.starts_with("wasm32-unknown-") || target.contains("-none")
}

fn deny() -> Plan {
    if step::is_installed("cargo-deny") {
        let check = Step::cargo("deny --offline check bans licenses sources");
        Plan::Run(vec![check])
    } else {
        Plan::Skip("no cargo-deny here: cargo install cargo-deny --locked".to_owned())
    }
}

fn lock() -> Plan {
    let mut steps = vec![Step::cargo("metadata --locked --format-version=1")];
    if step::root().join(".git").exists() {
        // Whose checkout it is does not matter for this question, so git need not refuse.
        let tracked = [
            "-c",
            "safe.directory=*",
            "ls-files",
            "--error-unmatch",
            "Cargo.lock",
        ];
        steps.push(Step::new("git", &tracked));
    }
    Plan::Run(steps)
}

#[cfg(test)]
mod tests {
    use super::{GATES, is_bare};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = GATES.iter().map(|gate| gate.name).collect();
        assert_eq!(names.len(), GATES.len());
    }

    #[test]
    fn bare_targets() {
        assert!(is_bare("wasm32-unknown-unknown"));
        assert!(is_bare("thumbv7em-none-eabihf"));
        assert!(is_bare("x86_64-unknown-none"));
        assert!(!is_bare("x86_64-unknown-linux-gnu"));
        assert!(!is_bare("wasm32-wasip1"));
    }
}
