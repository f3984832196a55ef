//! Attachments with the real programs.

use std::fs;

use serde_json::Value;
use sotto_core::strip::strip;
use sotto_tests::{
    hunt::Planted,
    programs::{Programs, text, until},
};

use super::{LIMIT, photo};
use crate::strip::pictures::GPS;

const LETTER: &[u8] = b"%PDF-1.7 Mr. Wang signs for the north bank";
const TIP: &str = "See the attached photo.";

/// A line that can be written to.
fn begin() -> (Programs, String) {
    let mut programs = Programs::new();
    let (link, _) = programs.make_line("");
    programs.start_desk();
    until("the line can be written to", || {
        let log = programs.files("sotto-desk.log");
        memchr::memmem::find(&log, b"published").is_some()
    });
    (programs, link)
}

fn attachments(programs: &Programs) -> Vec<Value> {
    let shown = programs.desk(&["show", "1", "--peek"], "");
    let entries = shown["texts"].as_array().unwrap().clone();
    let attachments = entries.iter().map(|entry| entry["attachment"].clone());
    attachments.filter(|value| !value.is_null()).collect()
}

#[test]
fn a_photo_and_a_letter_arrive() {
    let (programs, link) = begin();
    let photo = photo(300_000);
    fs::write(programs.path().join("IMG_2041.jpg"), &photo).unwrap();
    fs::write(programs.path().join("letter.pdf"), LETTER).unwrap();
    let send = [
        "send",
        &link,
        "--yes",
        "--with-hidden-data",
        "--attach",
        "IMG_2041.jpg",
        "--attach",
        "letter.pdf",
    ];
    let sent = programs.tip(&send, TIP);
    let code = text(&sent["code"]);
    assert_eq!(sent["files"][0]["type"], "JPEG picture");
    assert_eq!(sent["files"][0]["removed"][1], "place");
    assert_eq!(sent["files"][1]["removed"], Value::Array(Vec::new()));
    until("both are whole", || {
        let all = attachments(&programs);
        all.len() == 2 && all.iter().all(|one| one["state"] == "whole")
    });

    // What is saved is the photo without its metadata; nothing is overwritten.
    programs.desk(&["save", "1", "1", "saved.jpg"], "");
    let clean = strip(&photo).unwrap().bytes;
    assert!(fs::read(programs.path().join("saved.jpg")).unwrap() == clean);
    programs.desk(&["save", "1", "2", "saved.pdf"], "");
    assert!(fs::read(programs.path().join("saved.pdf")).unwrap() == LETTER);
    let desk = ["--state", "desk", "--passphrase-file", "passphrase"];
    for (number, file) in [("1", "saved.jpg"), ("3", "third")] {
        let save = [&["save", "1", number, file], &desk[..]].concat();
        let refused = programs.run("sotto-desk", &save, "");
        assert_eq!(refused.status.code(), Some(1));
    }
    assert!(!programs.path().join("third").exists());

    let places = [
        ("the relay's file", programs.files("relay.redb")),
        ("the relay's log", programs.files("sotto-relay.log")),
        ("the desk's files", programs.files("desk")),
        ("the tipster's files", programs.files("tip")),
    ];
    let planted = [
        Planted::new("the place", GPS),
        Planted::new("pixels", &photo[photo.len() - 5_000..photo.len() - 4_900]),
        Planted::new("the letter", b"Mr. Wang signs"),
        Planted::new("a file's name", b"IMG_2041"),
    ];
    for (place, bytes) in &places {
        for secret in &planted {
            secret.must_not_be_in(place, bytes);
        }
    }

    // Once the desk has said that it has them, nothing of them is left on the phone.
    let is_sealed = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("sealed-")
    };
    let left = || {
        let entries = fs::read_dir(programs.path().join("tip")).unwrap();
        entries
            .filter(|entry| is_sealed(entry.as_ref().unwrap()))
            .count()
    };
    assert_eq!(left(), 2);
    until("the phone knows", || {
        let checked = programs.tip(&["check", &link], &code);
        checked["attachments"] == Value::Array(Vec::new())
    });
    assert_eq!(left(), 0);
}

/// The program is killed while it sends a file: the next look sends the rest, and then it is told.
#[test]
fn killed_while_a_file_is_sent() {
    let (programs, link) = begin();
    let photo = photo(2_500_000);
    fs::write(programs.path().join("photo.jpg"), &photo).unwrap();
    let code = text(&programs.tip(&["send", &link], TIP)["code"]);
    let reply = [
        "tip",
        "reply",
        &link,
        "--state",
        "tip",
        "--yes",
        "--attach",
        "photo.jpg",
    ];
    let input = format!("{code}\nThe photo.");
    let said = programs.kill_when("9 of 64 parts sent", "sotto", &reply, &input);
    assert!(said.contains("taken out: camera, settings and times, place, a small copy"));
    // Nobody at the desk has heard of a file yet.
    until("the text is there", || {
        let shown = programs.desk(&["show", "1", "--peek"], "");
        shown["texts"].as_array().unwrap().len() == 2
    });
    assert_eq!(attachments(&programs), [Value::Null; 0]);
    let check = ["tip", "check", &link, "--state", "tip"];
    let checked = programs.run("sotto", &check, &code);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{said}");
    assert!(!said.contains("\n9 of 64 parts sent"), "{said}");
    assert!(said.contains("\n64 of 64 parts sent"), "{said}");
    until("it is whole", || {
        let all = attachments(&programs);
        all.len() == 1 && all[0]["state"] == "whole"
    });
    programs.desk(&["save", "1", "1", "saved.jpg"], "");
    let clean = strip(&photo).unwrap().bytes;
    assert!(fs::read(programs.path().join("saved.jpg")).unwrap() == clean);
}

#[test]
fn a_file_that_cannot_be_sent_stops_everything() {
    let mut programs = Programs::new();
    let (link, _) = programs.make_line("");
    let write = |name: &str, bytes: &[u8]| fs::write(programs.path().join(name), bytes).unwrap();
    write("empty.txt", b"");
    write("large.txt", &vec![b'x'; LIMIT + 1]);
    write("letter.pdf", LETTER);
    write("note.txt", b"a note");
    let cases: [(&[&str], i32); 5] = [
        (&["--yes", "--attach", "empty.txt"], 1),
        (&["--yes", "--attach", "large.txt"], 1),
        // Nobody is here to say that it may be traced.
        (&["--yes", "--attach", "letter.pdf"], 2),
        // Nor that its size may be seen.
        (&["--attach", "note.txt"], 2),
        (&["--yes", "--attach", "nowhere.txt"], 2),
    ];
    for (options, code) in cases {
        let send = ["tip", "send", &link, "--state", "tip"];
        let refused = programs.run("sotto", &[&send, options].concat(), TIP);
        assert_eq!(refused.status.code(), Some(code), "{options:?}");
        assert!(!programs.path().join("tip/vault").exists(), "{options:?}");
    }
    let words = "april reflect rigid enforce despair arrest fashion pyramid";
    let reply = [
        "tip",
        "reply",
        &link,
        "--state",
        "tip",
        "--leave-nothing",
        "--yes",
        "--attach",
        "note.txt",
    ];
    let refused = programs.run("sotto", &reply, &format!("{words}\nmore"));
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("could not be sent again"), "{said}");
    assert_eq!(programs.desk(&["list"], ""), Value::Array(Vec::new()));
}
