//! Backups of a relay that runs, by its own program.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

use sotto_tests::{
    hunt::Planted,
    programs::{Programs, text, until},
    redis::{AppendFsync, RedisServer},
};

const TIP: &str = "Somebody dumps waste by the river.";
const LATER: &str = "North bank, behind the sawmill.";
/// Valid words that belong to nothing.
const WORDS: &str = "april reflect rigid enforce despair arrest fashion pyramid";

fn relay(programs: &Programs, arguments: &[&str]) -> Output {
    let settings = ["--config", "relay.toml"];
    programs.run("sotto-relay", &[arguments, &settings].concat(), "")
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
}

fn done(programs: &Programs, arguments: &[&str]) -> String {
    let output = relay(programs, arguments);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn refused(programs: &Programs, arguments: &[&str]) -> String {
    let output = relay(programs, arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

fn mode(programs: &Programs, name: &str) -> u32 {
    let found = fs::metadata(programs.path().join(name)).unwrap();
    found.permissions().mode() & 0o777
}

#[test]
fn a_relay_is_backed_up_while_it_runs_and_put_back() {
    let mut programs = Programs::new();
    let (link, _) = programs.make_line("");
    programs.start_desk();
    until("the line can be written to", || {
        let check = ["tip", "check", &link, "--state", "probe"];
        programs.run("sotto", &check, WORDS).status.success()
    });
    let sent = programs.tip(&["send", &link], TIP);
    let code = text(&sent["code"]);
    until("the tip is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    let statements = done(&programs, &["backup", "--to", "first"]);
    assert!(statements.contains("statements"), "{statements}");
    assert_eq!(mode(&programs, "first"), 0o600);
    assert_eq!(mode(&programs, "relay.redb.backup"), 0o600);
    assert!(refused(&programs, &["backup", "--to", "first"]).contains("is there already"));
    assert!(refused(&programs, &["restore", "--from", "first"]).contains("is there already"));
    let drill = done(&programs, &["drill"]);
    assert!(drill.contains("The drill went well"), "{drill}");
    let backup = programs.files("first");
    Planted::new("the tip", TIP.as_bytes()).must_not_be_in("a backup", &backup);
    Planted::new("the relay's keys", &programs.files("relay.keys")[..])
        .must_not_be_in("a backup", &backup);
    let log = String::from_utf8(programs.files("sotto-relay.log")).unwrap();
    assert_eq!(log.matches("backup taken").count(), 2);

    // The machine is lost, and comes back with yesterday's store. The desk goes on by itself.
    programs.kill("sotto-relay");
    fs::remove_file(programs.path().join("relay.redb")).unwrap();
    assert!(refused(&programs, &["backup", "--to", "second"]).contains("no store"));
    assert!(refused(&programs, &["restore", "--from", "relay.keys"]).contains("no whole backup"));
    let restored = done(&programs, &["restore", "--from", "first"]);
    assert!(restored.contains("from its start"), "{restored}");
    // Without a relay the file itself is read.
    done(&programs, &["backup", "--to", "second"]);
    programs.start_relay();
    programs.desk(&["show", "1"], "");
    programs.tip(&["reply", &link], &format!("{code}\n{LATER}"));
    until("the follow-up is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    let shown = programs.desk(&["show", "1"], "");
    assert_eq!(shown["texts"].as_array().unwrap().len(), 2);
    assert_eq!(shown["texts"][1]["text"], LATER);
}

#[test]
fn a_redis_is_drilled_by_reading_it() {
    let mut programs = Programs::new();
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = format!("[store]\nkind = \"redis\"\nurl = \"{}\"\n", server.url());
    programs.make_line(&store);
    assert!(refused(&programs, &["backup", "--to", "first"]).contains("redis-cli --rdb"));
    let drill = done(&programs, &["drill"]);
    assert!(drill.contains("0 waiting"), "{drill}");
}
