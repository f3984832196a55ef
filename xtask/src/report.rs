//! What came of the gates: a table for people, a last line for machines.
use std::time::Duration;

use crate::count::Tests;
use crate::gate::Outcome;

/// One gate's row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) gate: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) tests: Tests,
    pub(crate) took: Duration,
}

impl Row {
    /// `passed`, 1.2 s, 41 tests.
    pub(crate) fn verdict(&self) -> String {
        let (word, note) = match &self.outcome {
            Outcome::Passed(note) => ("passed", note),
            Outcome::Failed(note) | Outcome::Stopped(note) => ("FAILED", note),
            Outcome::Skipped(note) => return format!("skipped: {note}"),
        };
        let Tests { passed, failed } = self.tests;
        let tests = match passed + failed {
            0 => String::new(),
            all => format!("{passed} of {all} tests passed"),
        };
        format!("{word}  {:>11}  {tests}  {note}", time(self.took))
            .trim_end()
            .to_owned()
    }
}

/// Gates and tests together. A gate that fails with its tests is counted by them.
pub(crate) fn totals(rows: &[Row]) -> Tests {
    let mut sum = Tests::default();
    for row in rows {
        sum += row.tests;
        match row.outcome {
            Outcome::Passed(_) => sum.passed += 1,
            Outcome::Failed(_) | Outcome::Stopped(_) => {
                sum.failed += usize::from(row.tests.failed == 0);
            }
            Outcome::Skipped(_) => {}
        }
    }
    sum
}

/// The table and the last line.
pub(crate) fn render(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.gate.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| format!("{:width$}  {}", row.gate, row.verdict()))
        .collect();
    let Tests { passed, failed } = totals(rows);
    lines.push(format!("\n{passed} passed, {failed} failed"));
    lines.join("\n")
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, render, time, totals};
    use crate::count::Tests;
    use crate::gate::Outcome;
    use std::time::Duration;

    fn row(gate: &'static str, outcome: Outcome, passed: usize, failed: usize) -> Row {
        Row {
            gate,
            outcome,
            tests: Tests { passed, failed },
            took: Duration::from_millis(61_500),
        }
    }

    fn passed() -> Outcome {
        Outcome::Passed(String::new())
    }

    fn failed() -> Outcome {
        Outcome::Failed("exit status: 1".to_owned())
    }

    #[test]
    fn gates_and_tests_count() {
        let rows = [row("fmt", passed(), 0, 0), row("tests", passed(), 40, 0)];
        assert_eq!(
            totals(&rows),
            Tests {
                passed: 42,
                failed: 0
            }
        );
    }

    #[test]
    fn a_failing_gate_counts_once_or_by_its_tests() {
        let compile = [row("tests", failed(), 0, 0)];
        assert_eq!(
            totals(&compile),
            Tests {
                passed: 0,
                failed: 1
            }
        );
        let tests = [row("tests", failed(), 5, 3)];
        assert_eq!(
            totals(&tests),
            Tests {
                passed: 5,
                failed: 3
            }
        );
        let timed_out = [row("tests", failed(), 5, 0)];
        assert_eq!(
            totals(&timed_out),
            Tests {
                passed: 5,
                failed: 1
            }
        );
    }

    #[test]
    fn a_skipped_gate_is_neither() {
        let rows = [row("deny", Outcome::Skipped("not here".to_owned()), 0, 0)];
        assert_eq!(totals(&rows), Tests::default());
        assert_eq!(
            render(&rows),
            "deny  skipped: not here\n\n0 passed, 0 failed"
        );
    }

    #[test]
    fn the_table() {
        let rows = [row("tests", failed(), 2, 1), row("fmt", passed(), 0, 0)];
        let expected = "\
            tests  FAILED   1 min 01 s  2 of 3 tests passed  exit status: 1\n\
            fmt    passed   1 min 01 s\n\
            \n\
            3 passed, 1 failed";
        assert_eq!(render(&rows), expected);
    }

    #[test]
    fn times() {
        assert_eq!(time(Duration::from_millis(1_230)), "1.2 s");
        assert_eq!(time(Duration::from_secs(3_723)), "62 min 03 s");
    }
}
