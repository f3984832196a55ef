//! `cargo xtask test` is what CI runs, exactly.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool speaks on standard output"
)]

use std::process::{Command, ExitCode};

const GATES: &[(&str, &[&str])] = &[
    (
        "protocol alone",
        &["check", "--locked", "-p", "sotto-protocol"],
    ),
    ("tests", &["test", "--locked", "--workspace"]),
];

fn main() -> ExitCode {
    let mut failed = 0;
    for (name, arguments) in GATES {
        println!("== {name}");
        let passed = Command::new("cargo")
            .args(*arguments)
            .status()
            .is_ok_and(|s| s.success());
        failed += usize::from(!passed);
    }
    println!(
        "{} passed, {failed} failed",
        GATES.len().saturating_sub(failed)
    );
    ExitCode::from(u8::from(failed > 0))
}
