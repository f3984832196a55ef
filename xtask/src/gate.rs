//! A gate: one question with a yes, a no, or a reason why it could not be asked.
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::clock;
use crate::count::{self, Tests};
use crate::run::{self, End, Ran};
use crate::setup::{self, Need};
use crate::step::Step;
use crate::wasm;

/// One line of a table of gates.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    work: Work,
    streams: bool,
    limit: Duration,
}

#[derive(Debug)]
enum Work {
    SetUp(&'static [Need]),
    Cargo(&'static str),
    Clippy(&'static str),
    Planned(fn() -> Plan),
}

/// What a gate does on this machine.
#[derive(Debug)]
pub(crate) enum Plan {
    /// All of these have to succeed.
    Run(Vec<Step>),
    /// Cannot be asked here: why, and what would change that.
    Skip(String),
    /// Is answered by the look: no.
    Fail(String),
}

/// A gate's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With something worth knowing, or nothing.
    Passed(String),
    Failed(String),
    Skipped(String),
    /// The machine is not ready, so that no other gate makes sense.
    Stopped(String),
}

impl Gate {
    const fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        Self {
            name,
            about,
            work,
            streams: false,
            limit: Duration::from_mins(30),
        }
    }

    pub(crate) const fn set_up(needs: &'static [Need]) -> Self {
        Self::new(
            "set-up",
            "what the machine needs is there, or gets installed",
            Work::SetUp(needs),
        )
    }

    /// One cargo command.
    pub(crate) const fn cargo(name: &'static str, about: &'static str, line: &'static str) -> Self {
        Self::new(name, about, Work::Cargo(line))
    }

    /// Clippy on a part of the workspace, and silent.
    pub(crate) const fn clippy(
        name: &'static str,
        about: &'static str,
        part: &'static str,
    ) -> Self {
        Self::new(name, about, Work::Clippy(part))
    }

    /// What has to be looked at first, or takes more than one command.
    pub(crate) const fn planned(
        name: &'static str,
        about: &'static str,
        plan: fn() -> Plan,
    ) -> Self {
        Self::new(name, about, Work::Planned(plan))
    }

    /// Shows its output as it comes: for gates one would otherwise wonder about.
    pub(crate) const fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }

    /// Is ended, and fails, when it takes longer than this instead of half an hour.
    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Asks the question.
    pub(crate) fn ask(&self) -> (Outcome, Tests) {
        let mut tests = Tests::default();
        let plan = match self.work {
            Work::SetUp(needs) => return (set_up(needs), tests),
            Work::Cargo(line) => Plan::Run(vec![Step::cargo(line)]),
            Work::Clippy(part) => {
                let line = format!("clippy {part} --locked -- -D warnings");
                Plan::Run(vec![Step::cargo(&line)])
            }
            Work::Planned(plan) => plan(),
        };
        let outcome = match plan {
            Plan::Skip(reason) => Outcome::Skipped(reason),
            Plan::Fail(reason) => Outcome::Failed(reason),
            Plan::Run(steps) => match self.run(&steps, &mut tests) {
                Ok(()) => Outcome::Passed(String::new()),
                Err(error) => Outcome::Failed(format!("{error:#}")),
            },
        };
        (outcome, tests)
    }

    fn run(&self, steps: &[Step], tests: &mut Tests) -> anyhow::Result<()> {
        let deadline = clock::now() + self.limit;
        for step in steps {
            let ran = run::run(step, deadline, self.streams).with_context(|| step.to_string())?;
            let counted = step.counts_tests.then(|| count::tests(&ran.output));
            *tests += counted.flatten().unwrap_or_default();
            let wrong_end = step.last_line.as_ref().filter(|line| !ran.ends_with(line));
            if !ran.succeeded() || wrong_end.is_some() {
                self.show(step, &ran);
            }
            match ran.end {
                End::TooLong => bail!("took more than {} min, ended", self.limit.as_secs() / 60),
                End::Exited(status) => ensure!(status.success(), "{status}"),
            }
            if let Some(line) = wrong_end {
                bail!("should have ended with {line}");
            }
            ensure!(
                counted != Some(None),
                "succeeded without saying how many tests it ran"
            );
        }
        Ok(())
    }

    /// What failed, so that it can be tried again by hand, and what it said if that was not shown.
    fn show(&self, step: &Step, ran: &Ran) {
        println!("$ {step}");
        if !self.streams {
            println!("{}", ran.output.trim_end());
        }
    }
}

fn set_up(needs: &[Need]) -> Outcome {
    match setup::ensure(needs) {
        Ok(mut installed) => {
            // Without it one gate is skipped, and says what it misses.
            installed.extend(wasm::install());
            Outcome::Passed(match installed.as_slice() {
                [] => String::new(),
                all => format!("installed {}", all.join(", ")),
            })
        }
        Err(error) => {
            println!("{error}");
            Outcome::Stopped("the machine is not ready".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Outcome, Plan};
    use crate::count::Tests;
    use crate::step::Step;
    use std::time::Duration;

    fn shell(script: &str) -> Step {
        Step::new("sh", &["-c", script])
    }

    #[test]
    fn every_step_has_to_succeed() {
        let gate = Gate::planned("g", "", || {
            Plan::Run(vec![shell("true"), shell("exit 4"), shell("true")])
        });
        let failed = Outcome::Failed("exit status: 4".to_owned());
        assert_eq!(gate.ask(), (failed, Tests::default()));
    }

    #[test]
    fn tests_are_counted_also_when_they_fail() {
        let gate = Gate::planned("g", "", || {
            let line = "test result: FAILED. 2 passed; 1 failed; 0 ignored";
            Plan::Run(vec![
                shell(&format!("echo '{line}'; exit 101")).counting_tests(),
            ])
        });
        let (outcome, tests) = gate.ask();
        assert_eq!(outcome, Outcome::Failed("exit status: 101".to_owned()));
        assert_eq!((tests.passed, tests.failed), (2, 1));
    }

    #[test]
    fn a_test_run_without_a_count_fails() {
        let gate = Gate::planned("g", "", || Plan::Run(vec![shell("true").counting_tests()]));
        assert!(matches!(gate.ask().0, Outcome::Failed(_)));
    }

    #[test]
    fn an_end_that_was_announced_has_to_come() {
        let right = Gate::planned("g", "", || {
            Plan::Run(vec![shell("echo a; echo b").ending_with("b")])
        });
        assert_eq!(right.ask().0, Outcome::Passed(String::new()));
        let wrong = Gate::planned("g", "", || {
            Plan::Run(vec![shell("echo b; echo a").ending_with("b")])
        });
        let failed = Outcome::Failed("should have ended with b".to_owned());
        assert_eq!(wrong.ask().0, failed);
        let silent = Gate::planned("g", "", || Plan::Run(vec![shell("true").ending_with("b")]));
        assert_eq!(silent.ask().0, failed);
    }

    #[test]
    fn a_look_can_be_enough_to_fail() {
        let gate = Gate::planned("g", "", || Plan::Fail("no".to_owned()));
        assert_eq!(gate.ask().0, Outcome::Failed("no".to_owned()));
    }

    #[test]
    fn a_gate_has_a_time_limit_over_all_its_steps() {
        let gate = Gate::planned("g", "", || {
            Plan::Run(vec![shell("true"), shell("sleep 600")])
        })
        .within(Duration::from_millis(300));
        assert_eq!(
            gate.ask().0,
            Outcome::Failed("took more than 0 min, ended".to_owned())
        );
    }

    #[test]
    fn what_cannot_start_fails() {
        let gate = Gate::planned("g", "", || {
            Plan::Run(vec![Step::new("no-such-program-here", &[])])
        });
        assert!(matches!(gate.ask().0, Outcome::Failed(_)));
    }

    #[test]
    fn skipping_is_not_passing() {
        let gate = Gate::planned("g", "", || Plan::Skip("no reason".to_owned()));
        assert_eq!(gate.ask().0, Outcome::Skipped("no reason".to_owned()));
    }
}
