//! Symbolic models of the protocol: `protocol/model/*.vp`, asked with Verifpal.
//!
//! Every query of a model is followed by a comment that begins with what it must come to, `holds` or
//! `attack`. An attack that is not found is as much a failure as one that is: a model in which
//! nothing can go wrong would say nothing. SOUNDNESS.md repeats all of it.
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::gate::Plan;
use crate::step::{self, Step};

/// Every model, with as many sessions of each principal as it says.
pub(crate) fn plan() -> Plan {
    ask(|model| model.sessions)
}

/// Every model with two sessions of each principal, also those that take minutes then.
pub(crate) fn thorough_plan() -> Plan {
    ask(|_| 2)
}

fn ask(sessions: fn(&Model) -> u8) -> Plan {
    if !step::is_installed("verifpal") {
        return Plan::Skip(format!("no verifpal here: {INSTALL}"));
    }
    match models() {
        Ok(models) => {
            let step = |model: &Model| model.step(sessions(model));
            Plan::Run(models.iter().map(step).collect())
        }
        Err(error) => Plan::Fail(format!("{error:#}")),
    }
}

#[derive(Debug)]
struct Model {
    name: String,
    /// Concurrent runs of each principal that are looked at.
    sessions: u8,
    queries: Vec<Query>,
}

/// One question of a model, and what it must come to.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    text: String,
    is_broken: bool,
    /// The whole comment, verdict and reason.
    expected: String,
}

impl Model {
    fn parse(name: &str, source: &str) -> anyhow::Result<Self> {
        let (_, queries) = source
            .split_once("queries[")
            .with_context(|| format!("{name}.vp asks nothing"))?;
        let queries = queries
            .lines()
            .filter(|line| line.contains('?'))
            .map(|line| Query::parse(line).with_context(|| format!("{name}.vp: {line}")))
            .collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!queries.is_empty(), "{name}.vp asks nothing");
        let only_one = source.lines().any(|line| line == "// sessions: 1");
        Ok(Self {
            name: name.to_owned(),
            sessions: if only_one { 1 } else { 2 },
            queries,
        })
    }

    /// The last line of Verifpal's output says of each query its kind and whether it is broken.
    fn step(&self, sessions: u8) -> Step {
        let code: String = self.queries.iter().map(Query::code).collect();
        let (sessions, path) = (sessions.to_string(), format!("{FOLDER}/{}.vp", self.name));
        let arguments = ["verify", "--result-code", "--sessions", &sessions, &path];
        Step::new("verifpal", &arguments).ending_with(code)
    }
}

impl Query {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let (text, expected) = line
            .split_once("//")
            .context("does not say what it must come to")?;
        let (text, expected) = (text.trim(), expected.trim());
        let (verdict, _) = expected.split_once(':').unwrap_or((expected, ""));
        ensure!(
            matches!(verdict, "holds" | "attack"),
            "must come to `holds` or `attack`"
        );
        Ok(Self {
            text: text.to_owned(),
            is_broken: verdict == "attack",
            expected: expected.to_owned(),
        })
    }

    fn code(&self) -> String {
        let kind = self.text.chars().take(1);
        kind.chain([if self.is_broken { '1' } else { '0' }])
            .collect()
    }
}

/// All models, by name.
fn models() -> anyhow::Result<Vec<Model>> {
    let mut paths: Vec<_> = fs::read_dir(step::root().join(FOLDER))
        .context(FOLDER)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "vp"))
        .collect();
    paths.sort();
    ensure!(!paths.is_empty(), "no model in {FOLDER}");
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> anyhow::Result<Model> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let source = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Model::parse(&name, &source)
}

const FOLDER: &str = "protocol/model";

const INSTALL: &str = "cargo install verifpal --version 1.6.7 --locked --ignore-rust-version";

#[cfg(test)]
mod tests {
    use super::{INSTALL, Model, models};
    use crate::step;
    use std::fs;

    const SOURCE: &str = "\
        // sessions: 1\n\
        attacker[active]\n\
        queries[\n\
        \tconfidentiality? text // holds\n\
        \tauthentication? Phone -> Desk: envelope // attack: anyone may write\n\
        ]\n";

    #[test]
    fn a_model_says_what_its_queries_must_come_to() {
        let model = Model::parse("m", SOURCE).unwrap();
        let step = model.step(model.sessions);
        assert_eq!(
            step.to_string(),
            "verifpal verify --result-code --sessions 1 protocol/model/m.vp"
        );
        assert_eq!(step.last_line.as_deref(), Some("c0a1"));
        let reasons: Vec<_> = model.queries.iter().map(|q| q.expected.as_str()).collect();
        assert_eq!(reasons, ["holds", "attack: anyone may write"]);
    }

    #[test]
    fn a_model_that_does_not_say_it_is_refused() {
        for (right, wrong) in [
            (" // holds", ""),
            ("// holds", "// of course"),
            ("// attack: anyone", "// attacks: anyone"),
            ("queries[", "scenarios["),
        ] {
            let source = SOURCE.replace(right, wrong);
            assert_ne!(source, SOURCE);
            assert!(Model::parse("m", &source).is_err(), "{wrong}");
        }
    }

    #[test]
    fn some_models_must_fail() {
        let models = models().unwrap();
        let broken = |model: &&Model| model.queries.iter().all(|query| query.is_broken);
        assert!(models.iter().filter(broken).count() >= 2);
    }

    #[test]
    fn soundness_repeats_the_models() {
        let document = fs::read_to_string(step::root().join("SOUNDNESS.md")).unwrap();
        let rows: Vec<&str> = document
            .lines()
            .filter(|line| line.contains("? ") && line.starts_with("| "))
            .collect();
        let expected: Vec<String> = models()
            .unwrap()
            .iter()
            .flat_map(|Model { name, queries, .. }| {
                let row =
                    move |q: &super::Query| format!("| {name} | `{}` | {} |", q.text, q.expected);
                queries.iter().map(row).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(rows, expected);
        assert!(document.contains(INSTALL));
    }
}
