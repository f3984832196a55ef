//! What the machine needs before anything can be built or tested here, and how it gets it.
//!
//! Looking for what is missing asks no network, so a machine that has everything works offline.
use std::fmt;
use std::time::Duration;

use anyhow::{bail, ensure};

use crate::clock;
use crate::run::{self, Ran};
use crate::step::{self, Step};

/// Something a task cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    CCompiler,
    Redis,
    Rustfmt,
    Clippy,
}

/// Where a need is met from.
enum Source {
    /// A program, and the Debian package that brings it.
    Package {
        program: &'static str,
        package: &'static str,
    },
    /// A part of the Rust toolchain, and the cargo command that shows it is there.
    Component {
        command: &'static str,
        component: &'static str,
    },
}

impl Need {
    const fn source(self) -> Source {
        match self {
            Self::CCompiler => Source::Package {
                program: "cc",
                package: "build-essential",
            },
            Self::Redis => Source::Package {
                program: "redis-server",
                package: "redis-server",
            },
            Self::Rustfmt => Source::Component {
                command: "fmt",
                component: "rustfmt",
            },
            Self::Clippy => Source::Component {
                command: "clippy",
                component: "clippy",
            },
        }
    }

    fn is_met(self) -> bool {
        match self.source() {
            Source::Package { program, .. } => step::is_installed(program),
            Source::Component { command, .. } => {
                quietly(&Step::new("cargo", &[command, "--version"])).is_ok()
            }
        }
    }
}

/// Only a person with more rights can go on; says with which command.
#[derive(Debug)]
pub(crate) struct NeedsHands {
    packages: Vec<&'static str>,
}

impl fmt::Display for NeedsHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = self.packages.join(" ");
        write!(
            f,
            "some programs are missing here, and installing them takes an administrator. Please run\n\n    \
             sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}\n\n\
             (elsewhere than on Debian: the same packages, under your system's names), then try again."
        )
    }
}

impl std::error::Error for NeedsHands {}

/// Sees to it that all of `needs` are met; returns what had to be installed.
pub(crate) fn ensure(needs: &[Need]) -> anyhow::Result<Vec<&'static str>> {
    let (mut packages, mut components) = (Vec::new(), Vec::new());
    for need in needs.iter().filter(|need| !need.is_met()) {
        match need.source() {
            Source::Package { package, .. } => packages.push(package),
            Source::Component { component, .. } => components.push(component),
        }
    }
    if !packages.is_empty() {
        install(&packages)?;
    }
    if !components.is_empty() {
        let add = [&["component", "add"], components.as_slice()].concat();
        quietly(&Step::new("rustup", &add))?;
    }
    if !packages.is_empty() || !components.is_empty() {
        let unmet = needs.iter().filter(|need| !need.is_met()).count();
        ensure!(unmet == 0, "installed, but still not found on the PATH");
    }
    Ok([packages, components].concat())
}

/// Installs Debian packages, where that is possible without asking anybody.
pub(crate) fn install(packages: &[&'static str]) -> anyhow::Result<()> {
    if !(is_root() && step::is_installed("apt-get")) {
        return Err(NeedsHands {
            packages: packages.to_vec(),
        }
        .into());
    }
    // Out-of-date lists often still do: only the installation has to work.
    quietly(&Step::new("apt-get", &["update"])).ok();
    let options = [
        "-o",
        "DPkg::Lock::Timeout=120",
        "install",
        "-y",
        "--no-install-recommends",
    ];
    let install = Step::new("apt-get", &[options.as_slice(), packages].concat())
        .set("DEBIAN_FRONTEND", "noninteractive")
        .set("RUNLEVEL", "1"); // "single user": Debian then starts no service
    quietly(&install)?;
    if packages.contains(&"redis-server") {
        // Where systemd started it all the same. Tests start their own.
        quietly(&Step::new("service", &["redis-server", "stop"])).ok();
    }
    Ok(())
}

fn is_root() -> bool {
    quietly(&Step::new("id", &["-u"])).is_ok_and(|ran| ran.output.trim() == "0")
}

/// Runs a step without showing it; its output becomes the error if it fails.
pub(crate) fn quietly(step: &Step) -> anyhow::Result<Ran> {
    let ran = match run::run(step, clock::now() + LIMIT, false) {
        Ok(ran) => ran,
        Err(error) => bail!("{step}: {error}"),
    };
    ensure!(ran.succeeded(), "{step} failed:\n{}", ran.output.trim_end());
    Ok(ran)
}

/// For each command: package mirrors can be slow.
const LIMIT: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::{Need, NeedsHands, ensure};

    #[test]
    fn nothing_missing_installs_nothing() {
        assert!(ensure(&[]).unwrap().is_empty());
        // Whoever compiled this test had one.
        assert!(ensure(&[Need::CCompiler]).unwrap().is_empty());
    }

    #[test]
    fn says_the_exact_command() {
        let advice = NeedsHands {
            packages: vec!["redis-server", "build-essential"],
        }
        .to_string();
        assert!(advice.contains(
            "sudo apt-get install -y --no-install-recommends redis-server build-essential\n"
        ));
    }
}
