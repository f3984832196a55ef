//! The real programs, as people run them: over HTTP, on both stores, ended and killed.

mod key_file;

use std::fs;

use sotto_core::vault::VAULT_BYTES;
use sotto_relay::store::{Embedded, Store as _, Stored};
use sotto_tests::{
    cluster::RedisCluster,
    hunt::Planted,
    programs::{Programs, text, until},
    redis::{AppendFsync, RedisServer},
    storm::{Storm, redis_settings},
};

const TIP: &str = "河边有人倒废料，负责人是王小明。\nيلقي أحدهم نفايات في النهر.\nSomebody dumps waste by the river.";
const ANSWER: &str = "谢谢，仓库在哪里？\nأين المستودع؟\nWhere is the warehouse?";
const FOLLOW_UP: &str = "North bank, behind the sawmill, every Tuesday.";

fn cluster_settings(cluster: &RedisCluster) -> String {
    let urls: Vec<String> = cluster
        .urls()
        .iter()
        .map(|url| format!("\"{url}\""))
        .collect();
    let urls = urls.join(", ");
    format!("[store]\nkind = \"redis-cluster\"\nurls = [{urls}]\nreplicas_acknowledge = 1\n")
}

/// The demo's story as a test, then a hunt through everything that was written down.
fn a_whole_conversation(programs: &mut Programs, store: &str, redis: Option<&RedisServer>) {
    let (link, _) = programs.make_line(store);
    programs.start_desk();
    until("the line can be written to", || {
        let health = programs.health("/readyz");
        let sent = programs.run("sotto", &["tip", "check", &link, "--state", "probe"], WORDS);
        health.is_some() && sent.status.success()
    });
    let sent = programs.tip(&["send", &link], TIP);
    let code = text(&sent["code"]);
    until("the tip is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    assert_eq!(programs.desk(&["show", "1"], "")["texts"][0]["text"], TIP);
    programs.desk(&["reply", "1"], ANSWER);
    let seen = programs.tip(&["check", &link, "--wait", "40"], &code);
    assert_eq!(seen["answers"][0], ANSWER);
    assert_eq!(seen["receipts"]["answered"], 1);
    programs.tip(&["reply", &link], &format!("{code}\n{FOLLOW_UP}"));
    until("the follow-up is in the list", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    let shown = programs.desk(&["show", "1"], "");
    assert_eq!(shown["texts"][2]["text"], FOLLOW_UP);
    assert_eq!(shown["texts"][1]["status"], "opened by the tipster");
    assert_eq!(programs.desk(&["list"], "").as_array().unwrap().len(), 1);
    let health = programs.health("/readyz").unwrap_or_default();
    hunt(programs, &code, redis, &health);
    // Used or not, what a phone keeps is as long; and used, it is written anew at every start.
    let kept = programs.files("tip/vault");
    assert_eq!(kept.len(), VAULT_BYTES);
    assert_eq!(programs.files("probe/vault").len(), VAULT_BYTES);
    programs.tip(&["check", &link], &code);
    assert_eq!(programs.files("tip/vault").len(), VAULT_BYTES);
    assert_ne!(programs.files("tip/vault"), kept);
    assert!(programs.terminate("sotto-relay"), "the relay ends well");
}

/// Valid words that belong to nothing.
const WORDS: &str = "april reflect rigid enforce despair arrest fashion pyramid";

fn hunt(programs: &Programs, code: &str, redis: Option<&RedisServer>, health: &str) {
    let mut places = vec![
        ("the relay's file", programs.files("relay.redb")),
        ("the relay's log", programs.files("sotto-relay.log")),
        ("the relay's health", health.as_bytes().to_vec()),
        ("the desk's files", programs.files("desk")),
        ("the tipster's files", programs.files("tip")),
        ("the line's files", programs.files("line")),
    ];
    if let Some(server) = redis {
        let dump = server.dump();
        assert!(!dump.is_empty());
        let all: Vec<u8> = dump
            .into_iter()
            .flat_map(|(key, value)| [key, value].concat())
            .collect();
        places.push(("Redis", all));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(server.data_dir().join("appendonlydir")).unwrap() {
            files.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        assert!(!files.is_empty());
        places.push(("Redis's log on disk", files));
    }
    let mut planted = vec![
        Planted::new("a name", "王小明".as_bytes()),
        Planted::new("the follow-up", b"behind the sawmill"),
        Planted::new("the passphrase", b"a passphrase for tests"),
    ];
    for line in TIP.lines().chain(ANSWER.lines()) {
        planted.push(Planted::new(line, line.as_bytes()));
    }
    let words: Vec<&str> = code.split(' ').collect();
    for pair in words.windows(2) {
        planted.push(Planted::new("words of the code", pair.join(" ").as_bytes()));
    }
    for (place, bytes) in &places {
        for secret in &planted {
            secret.must_not_be_in(place, bytes);
        }
    }
}

#[test]
fn a_whole_conversation_on_the_embedded_store() {
    let mut programs = Programs::new();
    a_whole_conversation(&mut programs, "", None);
}

#[test]
fn a_whole_conversation_on_redis() {
    let mut programs = Programs::new();
    let server = RedisServer::start(AppendFsync::EverySecond);
    let settings = redis_settings(&server);
    a_whole_conversation(&mut programs, &settings, Some(&server));
}

#[test]
fn a_whole_conversation_on_a_cluster() {
    let mut programs = Programs::new();
    let cluster = RedisCluster::start(3, true);
    a_whole_conversation(&mut programs, &cluster_settings(&cluster), None);
}

#[test]
fn endings_say_what_happened() {
    let mut programs = Programs::new();
    let (link, _) = programs.make_line("");
    programs.desk(&["list"], "");
    // No prekey has been published: refused, and the tip is kept.
    let output = programs.run("sotto", &["tip", "send", &link, "--state", "tip"], TIP);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no key to seal with today"), "{said}");
    assert!(said.contains("Your tip is kept here"), "{said}");
    let words = said.trim_end().lines().last().unwrap().trim().to_owned();
    // A second tip does not overwrite it.
    let again = programs.run("sotto", &["tip", "send", &link, "--state", "tip"], TIP);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("--new"));
    // With another fingerprint: refused with a sentence about the link.
    let (base, _) = link.split_once("&fp=").unwrap();
    let wrong = format!("{base}&fp={}", "a".repeat(52));
    let refused = programs.run("sotto", &["tip", "check", &wrong, "--state", "tip"], &words);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("fingerprint")
    );
    // Not reachable: 3, and nothing is lost.
    programs.kill("sotto-relay");
    let away = programs.run("sotto", &["tip", "check", &link, "--state", "tip"], &words);
    assert_eq!(away.status.code(), Some(3));
    assert!(
        String::from_utf8(away.stderr)
            .unwrap()
            .contains("nothing is lost")
    );
    // Everything is there again: the kept tip goes out by itself.
    programs.start_relay();
    programs.start_desk();
    until("the tip goes out", || {
        let check = programs.run("sotto", &["tip", "check", &link, "--state", "tip"], &words);
        check.status.success()
    });
    until("the tip arrives", || {
        programs.desk(&["list"], "")[0]["unread"] == 1
    });
    assert_eq!(programs.desk(&["show", "1"], "")["texts"][0]["text"], TIP);
    usage(&programs, &link);
}

fn usage(programs: &Programs, link: &str) {
    let code = |program: &str, arguments: &[&str], input: &str| {
        let output = programs.run(program, arguments, input);
        (output.status.code().unwrap(), output.stderr)
    };
    assert_eq!(code("sotto", &["tip", "send"], "").0, 2);
    assert_eq!(code("sotto", &["tip", "send", "nonsense"], TIP).0, 2);
    assert_eq!(
        code("sotto", &["tip", "send", link, "--state", "t2"], " \n").0,
        1
    );
    // Words that are none: said before anything is asked of the relay.
    let words = "abandon amount lair amount expire adjust cage candy";
    let (exit, said) = code("sotto", &["tip", "check", link, "--state", "t4"], words);
    assert_eq!(exit, 1);
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("word 3 is in no list"), "{said}");
    assert!(said.contains("Perhaps word 3: liar"), "{said}");
    let wrong = words.replace("lair", "liar").replace("cage", "cake");
    let (exit, said) = code("sotto", &["tip", "reply", link, "--state", "t4"], &wrong);
    assert_eq!(exit, 1);
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("Perhaps word 7: cage"), "{said}");
    let long = "x".repeat(17_153);
    assert_eq!(
        code("sotto", &["tip", "send", link, "--state", "t3"], &long).0,
        1
    );
    let (ended, said) = code("sotto", &["tip", "check", link, "--state", "tip"], "a b c");
    assert_eq!(ended, 1);
    assert!(String::from_utf8(said).unwrap().contains("8 words"));
    let desk = ["--state", "desk", "--passphrase-file", "passphrase"];
    assert_eq!(
        code("sotto-desk", &[&["show", "9"], &desk[..]].concat(), "").0,
        1
    );
    assert_eq!(
        code("sotto-desk", &[&["reply", "9"], &desk[..]].concat(), "x").0,
        1
    );
    std::fs::write(programs.path().join("other"), "another passphrase\n").unwrap();
    let (ended, said) = code(
        "sotto-desk",
        &["list", "--state", "desk", "--passphrase-file", "other"],
        "",
    );
    assert_eq!(ended, 1);
    assert!(
        String::from_utf8(said)
            .unwrap()
            .contains("passphrase is wrong")
    );
    // Words that belong to nothing: the same empty answer.
    let nothing = programs.ask(
        "sotto",
        &["tip", "check", link, "--state", "t4", "--json"],
        WORDS,
    );
    assert_eq!(nothing["answers"].as_array().unwrap().len(), 0);
}

#[test]
fn killed_during_2000_posts_on_the_embedded_store() {
    Storm::begin(1, "").rage(2_000, 6, |_| {});
}

#[test]
fn killed_during_2000_posts_on_redis() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    Storm::begin(2, &redis_settings(&server)).rage(2_000, 6, |_| {});
}

#[test]
fn killed_during_2000_posts_on_a_cluster() {
    let cluster = RedisCluster::start(3, true);
    Storm::begin(3, &cluster_settings(&cluster)).rage(2_000, 6, |_| {});
}

/// The key file is lost, another store's, or back; the store is one from before.
#[test]
fn a_relay_without_its_retention_keys_does_not_start() {
    let mut programs = Programs::new();
    let (_, fp) = programs.make_line("");
    programs.kill("sotto-relay");
    let serve = ["serve", "--config", "relay.toml"];
    let refused = |programs: &Programs, because: &str| {
        let output = programs.run("sotto-relay", &serve, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(because), "{said}");
    };
    let path = programs.path().join("relay.epochs");
    let own = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    refused(&programs, "the retention key file is missing");
    assert!(!path.exists(), "none is made in its place");
    programs.write_settings(&fp, "[store]\nkind = \"embedded\"\npath = \"new.redb\"\n");
    programs.start_relay();
    programs.kill("sotto-relay");
    programs.write_settings(&fp, "");
    refused(&programs, "another retention key file");
    fs::write(&path, own).unwrap();
    programs.start_relay();
    programs.kill("sotto-relay");

    let line = sotto_protocol::id::Fingerprint::parse(&fp).unwrap().line();
    let clear = Embedded::open(&programs.path().join("clear.redb"), 1).unwrap();
    let statement = Stored {
        name: "line".into(),
        serial: 1,
        json: "{}".into(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(clear.put_statement(line, statement))
        .unwrap();
    drop(clear);
    programs.write_settings(&fp, "[store]\nkind = \"embedded\"\npath = \"clear.redb\"\n");
    until("the file is closed", || {
        let output = programs.run("sotto-relay", &serve, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        said.contains("without retention keys")
    });
}
