//! The renewals as people type them.

use sotto_tests::programs::{Programs, text, until};

/// Valid words that belong to nothing.
const WORDS: &str = "april reflect rigid enforce despair arrest fashion pyramid";

fn tasks(value: &serde_json::Value) -> usize {
    value["tasks"].as_array().unwrap().len()
}

#[test]
fn every_key_of_a_line_is_renewed() {
    let mut programs = Programs::new();
    let (old_link, old_fp) = programs.make_line("");
    programs.start_desk();
    let works = |programs: &Programs, link: &str| {
        until("the line can be written to", || {
            let check = ["tip", "check", link, "--state", "probe"];
            programs.run("sotto", &check, WORDS).status.success()
        });
    };
    works(&programs, &old_link);

    let renewed = programs.line(&["renew-key"]);
    assert_eq!(tasks(&renewed), 0);
    assert_eq!(text(&renewed["link"]), old_link);
    works(&programs, &old_link);

    programs.desk(&["card", "--renew", "--card", "renewed.json"], "");
    programs.line(&["renew-desk", "renewed.json"]);
    let keys = ["keys", "--out", "relay.keys", "--renew"];
    let keys = programs.run("sotto-relay", &keys, "");
    std::fs::write(programs.path().join("relay-2.json"), keys.stdout).unwrap();
    programs.kill("sotto-relay");
    programs.start_relay();
    works(&programs, &old_link);
    programs.line(&["renew-relay", "relay-2.json"]);
    programs.line(&["publish"]);
    works(&programs, &old_link);

    let renewed = programs.line(&["renew-roots", "--out", "roots-2.sealed"]);
    let new_link = text(&renewed["link"]);
    assert!(!new_link.contains(&old_fp));
    works(&programs, &new_link);
    works(&programs, &old_link);
    let unlock = ["--state", "line", "--passphrase-file", "passphrase"];
    let old = programs.run("sotto", &[&["line", "renew-key"], &unlock[..]].concat(), "");
    assert_eq!(old.status.code(), Some(1), "by the roots before");
    programs.line(&["renew-key", "--roots", "roots-2.sealed"]);

    // All of it in the end: a tip goes through, and a removed device is out.
    programs.tip(&["send", &new_link], "A tip after everything.");
    until("the tip is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    let shown = programs.line(&["show"]);
    assert_eq!(tasks(&shown), 0);
    let device = text(&shown["desks"][0]["devices"][0]["id"]);
    programs.line(&["remove-device", &device]);
    assert_eq!(tasks(&programs.line(&["publish"])), 1, "it has no drainer");
    programs.kill("sotto-desk");
    let desk = ["--state", "desk", "--passphrase-file", "passphrase"];
    let refused = programs.run("sotto-desk", &[&["run", "--once"], &desk[..]].concat(), "");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("not part of the line"), "{said}");
}
