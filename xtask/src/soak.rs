//! The long counts: the same tests with many more cases, comparisons of secrets traced, and two
//! minutes of noise at each fuzz target.
use std::time::Duration;

use crate::fuzz;
use crate::gate::{Gate, Plan};
use crate::gates::{self, NEEDS};
use crate::models;
use crate::traced;

pub(crate) const GATES: &[Gate] = &[
    Gate::set_up(NEEDS),
    Gate::planned("tests", "every test, with many more cases", || {
        let tests = gates::tests()
            .set("SOTTO_SOAK", "1")
            .set("NEXTEST_PROFILE", "soak");
        Plan::Run(vec![tests])
    })
    .streaming()
    .within(Duration::from_hours(12)),
    Gate::planned(
        "models",
        "every query of the protocol's models, with two runs of everybody",
        models::thorough_plan,
    ),
    Gate::planned(
        "constant-time",
        "comparisons of secrets take the same path wherever they fail",
        traced::plan,
    )
    .streaming(),
    Gate::planned("fuzz", "two minutes of noise at each fuzz target", || {
        fuzz::plan(120)
    })
    .streaming()
    .within(Duration::from_hours(2)),
];
