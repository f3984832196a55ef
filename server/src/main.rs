//! `sotto-relay`: builds the real world and hands it over.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to its operator"
)]

mod command;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    else {
        eprintln!("sotto-relay: the machine gives no threads; raise its limits");
        return ExitCode::from(1);
    };
    match runtime.block_on(command::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sotto-relay: {error}");
            ExitCode::from(1)
        }
    }
}
