//! `cargo xtask bench`: builds what is released, and measures it.
use std::process::ExitCode;

use anyhow::ensure;

use crate::setup::{self, Need};
use crate::step::Step;

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A smoke run of about a minute, which leaves BENCHMARKS.md alone
    #[arg(long)]
    quick: bool,
    /// Measure only what gives this name of ratios.json; give it again for more of them
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Draw the growth curves in `docs` instead
    #[arg(long, conflicts_with = "only")]
    curves: bool,
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    setup::ensure(&[Need::CCompiler, Need::Redis])?;
    // The relay alone, as it is shipped: built together with clients, it would share their features.
    let build = Step::cargo("build --release --locked -p sotto-relay");
    ensure!(build.command().status()?.success(), "{build} failed");
    let status = measure(&options).command().status()?;
    Ok(ExitCode::from(u8::from(!status.success())))
}

fn measure(options: &Options) -> Step {
    let mut words = vec![
        "bench",
        "--locked",
        "-p",
        "sotto-benches",
        "--bench",
        "goals",
        "--",
    ];
    if options.quick {
        words.push("--quick");
    }
    if options.curves {
        words.push("--curves");
    }
    for name in &options.only {
        words.extend(["--only", name]);
    }
    // Ten thousand connections need as many descriptors.
    let script = "ulimit -n \"$(ulimit -H -n)\"; exec cargo \"$@\"";
    let shell = ["-c", script, "cargo"];
    Step::new("sh", &[shell.as_slice(), words.as_slice()].concat())
}
