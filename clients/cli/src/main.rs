//! `sotto`: a line's administrator and a tipster, each at a terminal.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to a person"
)]

mod cover;
mod line;
mod say;
mod tip;
mod vault;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use sotto_core::native::Stop;

/// Tip off an organisation without saying who you are, and keep talking to it.
///
/// `sotto tip` is for the person who knows something. `sotto line` is for the organisation's
/// administrator, who makes the keys everybody relies on. `sotto cover` is for whoever wants people
/// not to be alone at a small line.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage, 3 relay not reachable (nothing is lost).
#[derive(Debug, Parser)]
#[command(name = "sotto", version)]
struct Arguments {
    /// Print one JSON object instead of sentences.
    #[arg(long, global = true)]
    json: bool,
    /// Where this program keeps its state [default: sotto-line or sotto-tip, here].
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a line, add desks and devices, publish what clients rely on.
    #[command(subcommand)]
    Line(line::Command),
    /// Send a tip, look for answers, answer them.
    #[command(subcommand)]
    Tip(tip::Command),
    Cover(cover::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let say = say::Say::new(arguments.json);
    match run(arguments, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            say.stop(&stop);
            stop.exit_code()
        }
    }
}

fn run(arguments: Arguments, say: say::Say) -> Result<(), Stop> {
    let state = |default: &str| arguments.state.clone().unwrap_or_else(|| default.into());
    match arguments.command {
        Command::Line(command) => line::run(command, &state("sotto-line"), say),
        Command::Tip(command) => tip::run(command, &state("sotto-tip"), say),
        Command::Cover(command) => cover::run(&command, say),
    }
}
