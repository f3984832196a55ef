//! Comparisons of secrets take the same path wherever they fail: traced, not timed.
use crate::gate::Plan;
use crate::step::{self, Step};

/// Traces each check of `tests/traced` twice, and one that has to be found out.
pub(crate) fn plan() -> Plan {
    if !["valgrind", "setarch", "nm"]
        .iter()
        .all(|tool| step::is_installed(tool))
    {
        return Plan::Skip(
            "needs valgrind: apt-get install valgrind util-linux binutils".to_owned(),
        );
    }
    let build =
        Step::cargo("build -p sotto-traced --release --locked").set("CARGO_TARGET_DIR", TARGET);
    let compare = CASES.iter().map(|case| {
        let program = format!("{TARGET}/release/sotto-traced");
        Step::new(
            "tests/traced/compare.sh",
            &[&[program.as_str()], case.as_slice()].concat(),
        )
    });
    Plan::Run([build].into_iter().chain(compare).collect())
}

/// What is checked, what is compared, and what has to come of it.
const CASES: &[[&str; 3]] = &[
    ["early", "instructions", "different"],
    ["commitment", "all", "same"],
    ["tag", "all", "same"],
    // Base64, which the MAC travels in, looks its letters up in a table: nothing there is secret.
    ["mac", "instructions", "same"],
    ["recontact", "all", "same"],
];

/// Where the program is, whatever folder the environment names for everything else.
const TARGET: &str = "target";
