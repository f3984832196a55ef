//! ratios.json, and the part of BENCHMARKS.md between its markers.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    goals::{self, ABSENT, BENCHES, Bound},
    machine,
    measure::{Measured, Samples},
};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Where results are kept.
#[derive(Debug)]
pub struct Report {
    root: PathBuf,
    all: BTreeMap<String, Measured>,
}

impl Report {
    /// An empty one; `keep` begins with what earlier runs have left.
    pub fn open(root: &Path, keep: bool) -> anyhow::Result<Self> {
        let mut report = Self {
            root: root.to_owned(),
            all: BTreeMap::new(),
        };
        fs::create_dir_all(report.folder())?;
        if let Ok(text) = fs::read(report.folder().join("results.json"))
            && keep
        {
            report.all = serde_json::from_slice(&text)?;
        }
        Ok(report)
    }

    /// Takes results and writes both JSON files.
    pub fn add(&mut self, measured: Vec<Measured>) -> anyhow::Result<()> {
        for one in measured {
            self.all.insert(one.name.clone(), one);
        }
        let ratios: BTreeMap<&str, f64> = self
            .all
            .values()
            .filter(|one| goals::goal(&one.name).is_some())
            .map(|one| (one.name.as_str(), rounded(one.value())))
            .collect();
        let write = |name: &str, text: String| fs::write(self.folder().join(name), text + "\n");
        write("ratios.json", serde_json::to_string_pretty(&ratios)?)?;
        write("results.json", serde_json::to_string_pretty(&self.all)?)?;
        Ok(())
    }

    /// Writes the generated part of BENCHMARKS.md; what stands outside the markers stays.
    pub fn write_document(&self) -> anyhow::Result<()> {
        let path = self.root.join("BENCHMARKS.md");
        let text = fs::read_to_string(&path).context("BENCHMARKS.md is gone")?;
        let (before, rest) = text.split_once(BEGIN).context("a marker is gone")?;
        let (_, after) = rest.split_once(END).context("a marker is gone")?;
        let text = format!("{before}{BEGIN}\n{}{END}{after}", self.document());
        Ok(fs::write(path, text)?)
    }

    fn folder(&self) -> PathBuf {
        self.root.join("target/bench")
    }

    fn document(&self) -> String {
        let mut text = String::from("\n| machine | |\n|---|---|\n");
        for (name, value) in machine::describe() {
            writeln!(text, "| {name} | {value} |").ok();
        }
        text.push_str("\n| name | median | quartiles | goal | |\n|---|---|---|---|---|\n");
        let goals = BENCHES.iter().flat_map(|bench| bench.goals);
        let measured = goals.filter_map(|goal| Some((goal, self.all.get(goal.name)?)));
        for (goal, one) in measured.clone() {
            let value = one.value();
            let (sign, bound) = match goal.bound {
                Bound::AtLeast(bound) => ("at least", bound),
                Bound::AtMost(bound) => ("at most", bound),
            };
            let verdict = if goal.bound.is_met(rounded(value)) {
                "met"
            } else {
                "**missed**"
            };
            writeln!(
                text,
                "| `{}` | {} | {} | {sign} {} | {verdict} |",
                one.name,
                number(value),
                spread(&one.values),
                number(bound)
            )
            .ok();
        }
        for (name, feature) in ABSENT {
            writeln!(
                text,
                "| `{name}` | | | | not measured: {feature} does not exist yet |"
            )
            .ok();
        }
        text.push_str("\n| name | what; beside what | ours, median (quartiles) | peer, median (quartiles) | unit | rounds |\n|---|---|---|---|---|---|\n");
        for (goal, one) in measured {
            writeln!(text, "{}", detail(&one.name, goal.what, one)).ok();
        }
        let others = self
            .all
            .values()
            .filter(|one| goals::goal(&one.name).is_none());
        for one in others {
            writeln!(
                text,
                "{}",
                detail(&one.name, "no goal; for CAPACITY.md", one)
            )
            .ok();
        }
        text.push('\n');
        text
    }
}

fn detail(name: &str, what: &str, one: &Measured) -> String {
    format!(
        "| `{name}` | {what} | {} | {} | {} | {} |",
        with_spread(&one.ours),
        with_spread(&one.peer),
        one.unit,
        one.ours.0.len()
    )
}

fn with_spread(samples: &Samples) -> String {
    if samples.0.is_empty() {
        return String::new();
    }
    format!("{} ({})", number(samples.median()), spread(samples))
}

fn spread(samples: &Samples) -> String {
    let (low, high) = samples.quartiles();
    format!("{} to {}", number(low), number(high))
}

/// Three digits that matter.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 10_000.0 {
        let hundreds = (value / 100.0).round();
        let thousands = (hundreds / 10.0).floor();
        format!("{thousands},{}00", hundreds - thousands * 10.0)
    } else if magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 {
        value.round()
    } else {
        (value * 10_000.0).round() / 10_000.0
    }
}
