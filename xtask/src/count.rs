//! How many tests ran: read from the summary lines of `cargo nextest` and of `cargo test`.
use std::ops::AddAssign;

/// What a test runner reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl AddAssign for Tests {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The tests in a runner's output; `None` if it holds no summary, which is never "all is well".
pub(crate) fn tests(output: &str) -> Option<Tests> {
    let output = plain(output);
    let mut sum = None;
    for found in output.lines().filter_map(summary) {
        *sum.get_or_insert_with(Tests::default) += found;
    }
    sum
}

/// One line: `Summary [ 0.1s] 3 tests run: 2 passed, 1 failed` of nextest or
/// `test result: FAILED. 2 passed; 1 failed; 0 ignored` of the built-in runner.
fn summary(line: &str) -> Option<Tests> {
    let line = line.trim();
    let verdicts = if let Some(rest) = line.strip_prefix("test result: ") {
        rest.split_once(". ")?.1
    } else {
        let rest = line.strip_prefix("Summary [")?;
        rest.split_once(" tests run: ")
            .or_else(|| rest.split_once(" test run: "))?
            .1
    };
    let mut found = Tests::default();
    for verdict in outside_brackets(verdicts).split([',', ';']) {
        let Some((number, word)) = verdict.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else {
            continue;
        };
        match word.trim() {
            "passed" => found.passed += number,
            "failed" | "timed out" | "exec failed" => found.failed += number,
            _ => {}
        }
    }
    Some(found)
}

/// nextest says more about some verdicts in brackets: `9 passed (1 slow, 1 flaky), 1 failed`.
fn outside_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|character| match character {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

/// The text without its terminal colours (`ESC [ ... letter`).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            let _ = characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Tests, tests};

    fn of(passed: usize, failed: usize) -> Tests {
        Tests { passed, failed }
    }

    #[test]
    fn nextest_all_well() {
        let output =
            "  PASS [ 0.005s] x y\n     Summary [   0.123s] 42 tests run: 42 passed, 3 skipped\n";
        assert_eq!(tests(output), Some(of(42, 0)));
    }

    #[test]
    fn nextest_every_way_to_fail() {
        let output = "     Summary [ 301.1s] 9/12 tests run: 4 passed (1 slow, 1 flaky), 2 failed \
                      (1 due to being leaky), 1 timed out, 2 exec failed, 3 skipped";
        assert_eq!(tests(output), Some(of(4, 5)));
    }

    #[test]
    fn nextest_one_test() {
        assert_eq!(
            tests("Summary [   0.001s] 1 test run: 1 passed, 0 skipped"),
            Some(of(1, 0))
        );
    }

    #[test]
    fn nextest_in_colour() {
        let output = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \
                      \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \
                      \u{1b}[31;1mfailed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(tests(output), Some(of(1, 1)));
    }

    #[test]
    fn the_built_in_runner_is_summed_over_its_binaries() {
        let output = "\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n\
            test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(tests(output), Some(of(7, 3)));
    }

    #[test]
    fn no_summary_is_not_zero_tests() {
        assert_eq!(tests("error: could not compile `sotto-relay`"), None);
        assert_eq!(tests(""), None);
    }
}
