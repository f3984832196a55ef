//! `sotto-desk`: reads, answers, and keeps a line's boards.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to a person"
)]

mod command;
mod drainer;
mod files;
mod say;
mod standing;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    let say = say::Say::new(arguments.json);
    match command::run(arguments, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            say.stop(&stop);
            stop.exit_code()
        }
    }
}
