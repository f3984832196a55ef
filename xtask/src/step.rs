//! One command, and where and how commands are run.
use std::env;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// One command of a gate.
#[derive(Debug)]
pub(crate) struct Step {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    pub(crate) counts_tests: bool,
    pub(crate) last_line: Option<String>,
}

impl Step {
    pub(crate) fn new(program: impl Into<String>, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            counts_tests: false,
            last_line: None,
        }
    }

    /// A cargo command, its words set apart by blanks.
    pub(crate) fn cargo(line: &str) -> Self {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        Self::new("cargo", &arguments)
    }

    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// The output ends with a count of tests, and has to.
    pub(crate) fn counting_tests(mut self) -> Self {
        self.counts_tests = true;
        self
    }

    /// The last line of the output has to be this.
    pub(crate) fn ending_with(mut self, line: impl Into<String>) -> Self {
        self.last_line = Some(line.into());
        self
    }

    /// Ready to start: without input, in the workspace's root.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .env("CARGO_TERM_COLOR", colour());
        // `cargo run` describes this package to us; passed on, some build scripts would run again.
        for (name, _) in env::vars_os() {
            let known = name.to_string_lossy();
            if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// As one would type it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Whether `name` can be run, without running it.
pub(crate) fn is_installed(name: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn colour() -> &'static str {
    if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() {
        "always"
    } else {
        "never"
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_step_reads_as_one_would_type_it() {
        let step = Step::cargo("doc --no-deps").set("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            step.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }
}
