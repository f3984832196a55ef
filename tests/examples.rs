//! The worked examples: computed step by step from the formulas of SPEC, compared with what the
//! engine does, with SPEC 7, and with `protocol/vectors`.

mod attachment;
mod boards;
mod book;
mod code;
mod envelope;
mod first_contact;
mod leave_nothing;
mod log;
mod request;
mod schedule;
mod statements;
mod twice;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sotto_protocol::id::LineId;
use sotto_tests::cases;

use self::book::Area;

const LINE: LineId = LineId([0xaa; 16]);
const DAY: u32 = 20_000;
const NONCE: [u8; 32] = [0x22; 32];
const ES0: [u8; 32] = [0x11; 32];
const SEED0: [u8; 32] = [0x12; 32];
/// 32 bytes for ML-KEM-768, then 32 for X25519.
const ENCAPSULATION: [u8; 64] = {
    let mut bytes = [0x77; 64];
    let (_, second) = bytes.split_at_mut(32);
    second.copy_from_slice(&[0x78; 32]);
    bytes
};

fn areas() -> Vec<Area> {
    let keys = code::keys();
    vec![
        code::code(&keys),
        schedule::schedule(),
        envelope::envelope(),
        first_contact::first_contact(&keys),
        twice::twice(&keys),
        leave_nothing::leave_nothing(&keys),
        attachment::attachment(),
        statements::statements(),
        boards::boards(),
        log::log(),
        request::request(),
    ]
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().into()
}

const FOLDER: &str = "protocol/vectors";

/// With `SOTTO_WRITE_VECTORS=1`, as in `cargo xtask vectors`, both are written anew.
#[test]
fn the_examples_of_the_specification_are_true() {
    let areas = areas();
    let spec = root().join("SPEC.md");
    let text = fs::read_to_string(&spec).unwrap();
    let (before, rest) = text.split_once("## 7. Worked examples").unwrap();
    let [intro, block, after] = rest
        .splitn(3, "```")
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let lines: String = areas.iter().map(Area::to_spec).collect();
    let is_written = cases::must_write_vectors();
    if is_written {
        let new = format!("{before}## 7. Worked examples{intro}```\n{lines}```{after}");
        fs::write(&spec, new).unwrap();
    } else {
        let block = block.trim_start_matches('\n');
        assert!(block == lines, "SPEC 7 should read\n{lines}");
    }
    let mut files = Vec::new();
    let readme = fs::read_to_string(root().join(FOLDER).join("README.md")).unwrap();
    for area in &areas {
        let named = format!("`{}.json`", area.name);
        assert!(readme.contains(&named), "{named} is not in its README");
        let file = root().join(FOLDER).join(format!("{}.json", area.name));
        let json = area.to_json();
        serde_json::from_str::<Value>(&json).unwrap();
        if is_written {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, json).unwrap();
        } else {
            let stored = fs::read_to_string(&file).unwrap_or_default();
            assert!(
                stored == json,
                "{}: run cargo xtask vectors",
                file.display()
            );
        }
        files.push(file);
    }
    for entry in fs::read_dir(root().join(FOLDER)).unwrap() {
        let path = entry.unwrap().path();
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        assert!(!is_json || files.contains(&path), "{}", path.display());
    }
}

/// The cases of a file by their names.
fn cases_of(json: &[u8]) -> BTreeMap<String, Value> {
    let file: Value = serde_json::from_slice(json).unwrap();
    let cases = file["cases"].as_array().unwrap().iter();
    cases
        .map(|case| (case["name"].as_str().unwrap().to_owned(), case.clone()))
        .collect()
}

/// What vanished or was changed between two states of a file.
fn broken(before: &[u8], after: &[u8]) -> Vec<String> {
    let after = cases_of(after);
    let before = cases_of(before).into_iter();
    before
        .filter(|(name, case)| after.get(name) != Some(case))
        .map(|(name, _)| name)
        .collect()
}

fn git(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    // Whose checkout it is does not matter for this question, so git need not refuse.
    git.args(["-c", "safe.directory=*"]).args(arguments);
    let output = git.current_dir(root()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Other implementations are tested with them: entries may be added, never changed.
#[test]
fn vectors_are_append_only() {
    let folder = format!("{FOLDER}/");
    let Some(listed) = git(&["ls-tree", "--name-only", "HEAD", &folder]) else {
        println!("skipped: no git, or no commit, to compare with");
        return;
    };
    for file in String::from_utf8(listed).unwrap().lines() {
        if Path::new(file)
            .extension()
            .is_none_or(|ending| ending != "json")
        {
            continue;
        }
        let before = git(&["show", &format!("HEAD:{file}")]).unwrap();
        let after = fs::read(root().join(file)).unwrap_or_else(|_| b"{\"cases\":[]}".to_vec());
        let broken = broken(&before, &after);
        assert!(broken.is_empty(), "{file}: changed or gone: {broken:?}");
    }
}

#[test]
fn a_changed_or_missing_entry_is_noticed() {
    let before =
        br#"{"cases":[{"name":"a","inputs":{"x":"00"}},{"name":"b","inputs":{"x":"01"}}]}"#;
    let grown = br#"{"cases":[{"name":"c"},{"name":"b","inputs":{"x":"01"}},{"name":"a","inputs":{"x":"00"}}]}"#;
    assert!(broken(before, grown).is_empty());
    let changed =
        br#"{"cases":[{"name":"a","inputs":{"x":"02"}},{"name":"b","inputs":{"x":"01"}}]}"#;
    assert_eq!(broken(before, changed), ["a"]);
    let shorter = br#"{"cases":[{"name":"a","inputs":{"x":"00"}}]}"#;
    assert_eq!(broken(before, shorter), ["b"]);
}
