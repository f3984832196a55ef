//! WebAssembly: the protocol and the clients' core build for it, and their vectors run in Node.
//!
//! The pinned toolchain does it where it has the target's standard library. Where that cannot be
//! fetched, Debian's compiler for the web builds it from the sources that Debian brings along.
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::gate::Plan;
use crate::run;
use crate::setup;
use crate::step::{self, Step};

/// Builds the program of `tests/wasm` and runs it.
pub(crate) fn plan() -> Plan {
    let (true, Some(compiler)) = (step::is_installed("node"), Compiler::find()) else {
        return Plan::Skip(format!(
            "needs Node and the standard library of {TARGET}: rustup target add {TARGET}, or on \
             Debian: apt-get update && apt-get install {}",
            PACKAGES.join(" ")
        ));
    };
    let folder = compiler.folder();
    let program = format!("{folder}/{TARGET}/release/sotto-wasm-tests.wasm");
    let run = Step::new("node", &["tests/wasm/run.mjs", &program]);
    Plan::Run(vec![compiler.build().set("CARGO_TARGET_DIR", folder), run])
}

/// Gets what [`plan`] needs, where that is possible here; returns what it installed.
pub(crate) fn install() -> Vec<&'static str> {
    let has_node = step::is_installed("node");
    let mut installed = Vec::new();
    if !has_node && setup::install(&["nodejs"]).is_ok() {
        installed.push("nodejs");
    }
    if Compiler::find().is_some() {
        return installed;
    }
    let add = Step::new("rustup", &["target", "add", TARGET]);
    if setup::quietly(&add).is_ok() {
        installed.push(TARGET);
    } else if setup::install(LIBRARY).is_ok() {
        installed.extend(LIBRARY);
    }
    installed
}

/// What compiles for the target.
#[derive(Debug, PartialEq, Eq)]
enum Compiler {
    /// The pinned toolchain.
    Pinned,
    /// Debian's, which builds the standard library too; the linker is the pinned toolchain's.
    Debian { linker: PathBuf },
}

impl Compiler {
    fn find() -> Option<Self> {
        let library = says("rustc", &["--print", "target-libdir", "--target", TARGET])?;
        if Path::new(&library).is_dir() {
            return Some(Self::Pinned);
        }
        if !is_recent(&says(DEBIAN, &["--version"])?) {
            return None;
        }
        let sysroot = says(DEBIAN, &["--print", "sysroot"])?;
        let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
        let host = says("rustc", &["--print", "host-tuple"])?;
        let own = says("rustc", &["--print", "sysroot"])?;
        let linker = Path::new(&own).join(format!("lib/rustlib/{host}/bin/rust-lld"));
        (sources.is_dir() && linker.is_file()).then_some(Self::Debian { linker })
    }

    /// Two compilers must not share a folder.
    const fn folder(&self) -> &'static str {
        match self {
            Self::Pinned => "target/wasm",
            Self::Debian { .. } => "target/wasm-debian",
        }
    }

    fn build(&self) -> Step {
        let build = format!("build -p sotto-wasm-tests --release --locked --target {TARGET}");
        match self {
            Self::Pinned => Step::cargo(&build),
            Self::Debian { linker } => Step::cargo(&format!("{build} -Zbuild-std=std,panic_abort"))
                .set("RUSTC", DEBIAN)
                .set("RUSTC_BOOTSTRAP", "1")
                .set(
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                    linker.to_string_lossy(),
                ),
        }
    }
}

/// Whether `rustc 1.96.0 (...)` is at least what the workspace asks for.
fn is_recent(version: &str) -> bool {
    let number = version.split(' ').nth(1).unwrap_or_default();
    minor(number) >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

/// 96 of `1.96.0`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

/// The last line that a command prints.
fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let deadline = clock::now() + Duration::from_mins(1);
    let ran = run::run(&Step::new(program, arguments), deadline, false).ok()?;
    let line = ran.output.lines().last()?.trim();
    ran.succeeded().then(|| line.to_owned())
}

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN: &str = "/usr/bin/rustc";
const LIBRARY: &[&str] = &["rustc-web", "rust-web-src"];
const PACKAGES: &[&str] = &["nodejs", "rustc-web", "rust-web-src"];

#[cfg(test)]
mod tests {
    use super::{Compiler, is_recent};

    #[test]
    fn versions() {
        assert!(is_recent(
            "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"
        ));
        assert!(is_recent(concat!(
            "rustc ",
            env!("CARGO_PKG_RUST_VERSION"),
            ".0"
        )));
        assert!(!is_recent("rustc 1.63.0"));
        assert!(!is_recent("command not found"));
    }

    #[test]
    fn compilers_keep_apart() {
        let linker = "/somewhere/rust-lld".into();
        let debian = Compiler::Debian { linker };
        assert_ne!(debian.folder(), Compiler::Pinned.folder());
        let build = debian.build().to_string();
        assert!(build.contains("LINKER=/somewhere/rust-lld"), "{build}");
        assert!(!Compiler::Pinned.build().to_string().contains("build-std"));
    }
}
