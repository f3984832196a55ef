//! Asks gates one after another and says what came of it.
use std::process::ExitCode;

use crate::clock;
use crate::gate::{Gate, Outcome};
use crate::report::{self, Row};

/// All of `gates`, or only those named. Fails with 1, or with 2 if the machine is not ready.
pub(crate) fn run(gates: &[Gate], only: &[String]) -> ExitCode {
    let chosen = |gate: &&Gate| only.is_empty() || only.iter().any(|name| name == gate.name);
    let mut rows = Vec::new();
    for gate in gates.iter().filter(chosen) {
        println!("== {}: {}", gate.name, gate.about);
        let started = clock::now();
        let (outcome, tests) = gate.ask();
        let row = Row {
            gate: gate.name,
            outcome,
            tests,
            took: started.elapsed(),
        };
        println!("   {}", row.verdict());
        let stopped = matches!(row.outcome, Outcome::Stopped(_));
        rows.push(row);
        if stopped {
            break;
        }
    }
    println!("\n{}", report::render(&rows));
    let stopped = |row: &Row| matches!(row.outcome, Outcome::Stopped(_));
    if rows.iter().any(stopped) {
        ExitCode::from(2)
    } else {
        ExitCode::from(u8::from(report::totals(&rows).failed > 0))
    }
}

/// A gate a line: its name, and what it asks.
pub(crate) fn list(gates: &[Gate]) {
    let width = gates.iter().map(|gate| gate.name.len()).max().unwrap_or(0);
    for gate in gates {
        println!("{:width$}  {}", gate.name, gate.about);
    }
}
