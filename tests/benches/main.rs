//! `cargo xtask bench`.
#![forbid(unsafe_code)]

use std::path::Path;

use clap::{Parser, Subcommand};
use sotto_benches::{
    curves,
    goals::{BENCHES, Bench},
    measure::Effort,
    peer,
    report::Report,
};

/// Measures the goals for speed and size.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Arguments {
    /// A smoke run of about a minute, which leaves BENCHMARKS.md alone
    #[arg(long)]
    quick: bool,
    /// Measure only what gives this name; give it again for more of them
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Vec<String>,
    /// Draw the growth curves instead
    #[arg(long)]
    curves: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A bare server to compare with
    #[command(hide = true)]
    Peer { kind: peer::Kind, port: u16 },
}

fn names() -> clap::builder::PossibleValuesParser {
    let goals = BENCHES.iter().flat_map(|bench| bench.goals);
    goals.map(|goal| goal.name).into()
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Peer { kind, port }) = arguments.command {
        peer::run(kind, port);
        return Ok(());
    }
    let effort = if arguments.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize()?;
    if arguments.curves {
        return curves::draw(&root, effort);
    }
    let mut report = Report::open(&root, !arguments.only.is_empty())?;
    let is_chosen = |bench: &&Bench| {
        let mut goals = bench.goals.iter();
        arguments.only.is_empty() || goals.any(|goal| arguments.only.iter().any(|n| n == goal.name))
    };
    for bench in BENCHES.iter().filter(is_chosen) {
        let measured = (bench.run)(effort);
        for one in &measured {
            let (low, high) = one.values.quartiles();
            let (value, unit) = (one.value(), &one.unit);
            println!(
                "{:30} {value:10.4}  ({low:.4} to {high:.4})  ours {:.1}, peer {:.1} {unit}",
                one.name,
                one.ours.median(),
                one.peer.median()
            );
        }
        report.add(measured)?;
    }
    if !arguments.quick {
        report.write_document()?;
    }
    Ok(())
}
