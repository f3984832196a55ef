//! The machine, in general terms.

use std::{fs, process::Command, thread};

/// One line per property.
pub fn describe() -> Vec<(&'static str, String)> {
    vec![
        ("processor", processor()),
        ("memory", memory()),
        ("kernel", kernel()),
        ("temporary files on", filesystem()),
        ("Redis", version("redis-server", |text| word(text, "v="))),
        ("Rust", version("rustc", |text| word(text, "rustc "))),
    ]
}

fn processor() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = text.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown model", |(_, model)| model);
    format!("{model}, {cores} cores")
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = word(&text, "MemTotal:").parse().unwrap_or(0.0_f64);
    format!("{:.0} GiB", total / 1_048_576.0)
}

fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = text.trim().split(['.', '-']);
    let mut part = || parts.next().unwrap_or("?").to_owned();
    format!("Linux {}.{}", part(), part())
}

/// The kind of the file system that temporary files are on.
fn filesystem() -> String {
    let folder = std::env::temp_dir();
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let covering = mounts.filter(|(place, _)| folder.starts_with(place));
    let (_, kind) = covering
        .max_by_key(|(place, _)| place.len())
        .unwrap_or(("", "?"));
    kind.to_owned()
}

fn version(program: &str, find: impl Fn(&str) -> String) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(
        |_| "?".to_owned(),
        |output| find(&String::from_utf8_lossy(&output.stdout)),
    )
}

/// What follows a mark, up to a blank.
fn word(text: &str, mark: &str) -> String {
    let rest = text.split_once(mark).map_or("?", |(_, rest)| rest);
    let word = rest.split_whitespace().next();
    word.unwrap_or("?").to_owned()
}
