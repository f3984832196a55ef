//! The workspace's own tasks. `cargo xtask test` is what CI runs, exactly.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its standard outputs"
)]

mod bench;
mod clock;
mod count;
mod demo;
mod fuzz;
mod gate;
mod gates;
mod leash;
mod models;
mod report;
mod run;
mod setup;
mod soak;
mod step;
mod suite;
mod traced;
mod vectors;
mod wasm;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::gate::Gate;
use crate::gates::GATES;
use crate::setup::NeedsHands;

/// Sotto's own tasks: check it, wear it out, see it work.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check everything CI checks, and count it
    ///
    /// Goes through the gates in order, goes on when one fails, and shows what a gate printed only
    /// if it failed. Installs what is missing first, if it may; a machine that has everything can
    /// be offline. The last line reads `N passed, N failed`, gates and tests together; a gate that
    /// cannot be asked here is skipped with its reason and counts as neither.
    Test {
        /// Ask only this gate; give it again for more of them
        #[arg(long, value_name = "GATE", value_parser = names(GATES), hide_possible_values = true)]
        only: Vec<String>,
        /// Say which gates there are, and what each asks
        #[arg(long, conflicts_with = "only")]
        list: bool,
    },
    /// Run the tests with many more cases and fuzz for longer: for nights and before releases
    Soak {
        /// Ask only this gate; give it again for more of them
        #[arg(long, value_name = "GATE", value_parser = names(soak::GATES), hide_possible_values = true)]
        only: Vec<String>,
        /// Say which gates there are, and what each asks
        #[arg(long, conflicts_with = "only")]
        list: bool,
    },
    /// See a line at work on this machine: a relay, a desk and a tipster
    Demo(demo::Options),
    /// Measure the goals for speed and size, each beside a peer that does the same
    ///
    /// Builds what is released, writes `target/bench/ratios.json` and the generated part of
    /// BENCHMARKS.md. Takes a quarter of an hour.
    Bench(bench::Options),
    /// Write the vectors in `protocol/vectors` and the examples of SPEC 7 anew
    Vectors {
        /// Only compare: what stands there must be what would be written, and nothing may have
        /// changed since the last commit
        #[arg(long)]
        check: bool,
    },
}

fn names(gates: &'static [Gate]) -> PossibleValuesParser {
    gates.iter().map(|gate| gate.name).into()
}

fn main() -> ExitCode {
    perform(Cli::parse().task).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        let not_ready = error.downcast_ref::<NeedsHands>().is_some();
        ExitCode::from(if not_ready { 2 } else { 1 })
    })
}

fn perform(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Test { list, only } => Ok(gates(GATES, list, &only)),
        Task::Soak { list, only } => Ok(gates(soak::GATES, list, &only)),
        Task::Demo(options) => demo::run(options),
        Task::Bench(options) => bench::run(options),
        Task::Vectors { check } => vectors::run(check),
    }
}

fn gates(all: &[Gate], list: bool, only: &[String]) -> ExitCode {
    if list {
        suite::list(all);
        return ExitCode::SUCCESS;
    }
    suite::run(all, only)
}
