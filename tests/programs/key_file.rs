//! A file that opens a conversation in place of its words.

use std::fs;

use sotto_core::vault::VAULT_BYTES;
use sotto_tests::programs::{Programs, text, until};

use super::{ANSWER, TIP, WORDS};

/// Ends with this status, and says why.
fn refused(programs: &Programs, arguments: &[&str], input: &str, status: i32, why: &str) {
    let output = programs.run("sotto", &[arguments, &["--state", "tip"]].concat(), input);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_key_file_opens_what_its_words_open_until_it_is_removed() {
    let mut programs = Programs::new();
    let (link, _) = programs.make_line("");
    let link = link.as_str();
    programs.start_desk();
    until("the line can be written to", || {
        let sent = programs.run("sotto", &["tip", "check", link, "--state", "probe"], WORDS);
        sent.status.success()
    });
    let sent = programs.tip(&["send", link], TIP);
    let code = text(&sent["code"]);

    // Words of nothing make no file; those of the conversation do, once.
    refused(
        &programs,
        &["tip", "key", link, "stick"],
        WORDS,
        1,
        "no conversation",
    );
    assert!(!programs.path().join("stick").exists());
    programs.tip(&["key", link, "stick"], &code);
    let key = fs::read(programs.path().join("stick")).unwrap();
    assert_eq!(key.len(), 32);
    refused(
        &programs,
        &["tip", "key", link, "stick"],
        &code,
        1,
        "nothing is yet",
    );

    // With the file and without a word: looked for, answered, shown.
    until("the tip is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    programs.desk(&["show", "1"], "");
    programs.desk(&["reply", "1"], ANSWER);
    let seen = programs.tip(&["check", link, "--wait", "40", "--key-file", "stick"], "");
    assert_eq!(seen["answers"][0], ANSWER);
    programs.tip(&["reply", link, "--key-file", "stick"], "By the sawmill.");
    until("the follow-up is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    assert_eq!(programs.files("tip/vault").len(), VAULT_BYTES);

    // The words still open it; a file of another make, or of before, opens nothing.
    fs::write(programs.path().join("short"), b"31 bytes").unwrap();
    fs::write(programs.path().join("other"), [7; 32]).unwrap();
    let check = |file| ["tip", "check", link, "--key-file", file];
    refused(&programs, &check("short"), "", 2, "no key file");
    refused(
        &programs,
        &check("other"),
        "",
        1,
        "opens no conversation here",
    );
    refused(&programs, &check("missing"), "", 2, "cannot be read");
    programs.tip(&["key", link, "--remove"], &code);
    refused(
        &programs,
        &check("stick"),
        "",
        1,
        "opens no conversation here",
    );
    programs.tip(&["check", link], &code);
}
