//! The worked examples: `protocol/vectors` and SPEC 7.
//!
//! What they are made from knows the protocol, which this package does not: a test writes them when
//! asked to in its environment, and compares them otherwise.
use std::process::ExitCode;
use std::time::Duration;

use crate::clock;
use crate::run;
use crate::step::Step;

/// Writes them anew, or with `check` only compares.
pub(crate) fn run(check: bool) -> anyhow::Result<ExitCode> {
    let write = Step::cargo(&format!("{TEST} examples::the_examples"));
    let compare = Step::cargo(&format!("{TEST} examples::"));
    let steps = if check {
        vec![compare]
    } else {
        vec![write.set("SOTTO_WRITE_VECTORS", "1"), compare]
    };
    for step in steps {
        let ran = run::run(&step, clock::now() + LONGEST, true)?;
        if !ran.succeeded() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

const TEST: &str = "test -p sotto-tests --test all --locked --";
/// Most of it is building.
const LONGEST: Duration = Duration::from_mins(30);
