//! The real programs, as people run them: over HTTP, on both stores, ended and killed.

mod key_file;

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::{
    ceremony::{self, Beginning, LineKeys},
    desk::{Desk, Identity},
    native::Http,
    relay::{Relay, RelayError, Signer},
    vault::VAULT_BYTES,
};
use sotto_protocol::{
    drain::Cursor, id::LineId, limits::ENVELOPE_BYTES, secret::random, statement::DeviceRole,
};
use sotto_relay::store::{Embedded, Store as _, Stored};
use sotto_tests::{
    cluster::RedisCluster,
    hunt::Planted,
    programs::{Programs, text, until},
    redis::{AppendFsync, RedisServer},
    world::policy,
};

const TIP: &str = "河边有人倒废料，负责人是王小明。\nيلقي أحدهم نفايات في النهر.\nSomebody dumps waste by the river.";
const ANSWER: &str = "谢谢，仓库在哪里？\nأين المستودع؟\nWhere is the warehouse?";
const FOLLOW_UP: &str = "North bank, behind the sawmill, every Tuesday.";

fn redis_settings(server: &RedisServer) -> String {
    format!("[store]\nkind = \"redis\"\nurl = \"{}\"\n", server.url())
}

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

/// Posts while the relay is killed again and again: what got its 204 is drained exactly once.
struct Storm {
    programs: Programs,
    line: LineKeys,
    signer: Signer,
    rng: ChaCha20Rng,
}

const POSTS: usize = 2_000;
const POSTERS: u64 = 8;
const KILLS: usize = 6;

impl Storm {
    fn begin(seed: u64, store: &str) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut programs = Programs::new();
        let keys = programs.run("sotto-relay", &["keys", "--out", "relay.keys"], "");
        let beginning = Beginning {
            base: format!("http://127.0.0.1:{}", programs.port()),
            names: [("en".into(), "Storm".into())].into(),
            relay: serde_json::from_slice(&keys.stdout).unwrap(),
            policy: policy(),
        };
        let now = sotto_core::native::now();
        let (_, mut line) = ceremony::begin(beginning, now, &mut rng);
        let desk = line
            .add_desk([("en".into(), "Desk".into())].into())
            .unwrap();
        let link = sotto_core::link::Link {
            base: line.book.base.clone(),
            pin: line.book.pin().unwrap(),
        };
        let identity = Identity::make(link, &mut rng);
        line.add_device(identity.card(), desk, DeviceRole::Drainer)
            .unwrap();
        let fp = line.book.pin().unwrap().fingerprint.to_text();
        programs.write_settings(&fp, store);
        programs.start_relay();
        let http = Http::new(&line.book.base);
        let relay = Relay::new(&http, line.book.pin().unwrap().line);
        for (kind, dsse) in line.publish(now).unwrap().0 {
            relay.put_statement(kind, dsse.to_json()).unwrap();
        }
        let bundle = relay.bundle().unwrap().json;
        let published = sotto_protocol::bundle::Untrusted::parse(&bundle)
            .unwrap()
            .verify_line(line.book.pin().unwrap(), now)
            .unwrap();
        let signer = Desk::begin(identity).signer(&published.line);
        Self {
            programs,
            line,
            signer,
            rng,
        }
    }

    fn rage(mut self) {
        let (base, line) = (
            self.line.book.base.clone(),
            self.line.book.pin().unwrap().line,
        );
        let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let acknowledged: Mutex<BTreeMap<Vec<u8>, Vec<u8>>> = Mutex::default();
        let storm = Posting {
            base: &base,
            line,
            next: &next,
            taken: &taken,
            acknowledged: &acknowledged,
        };
        thread::scope(|scope| {
            for seed in 0..POSTERS {
                scope.spawn(move || storm.post(seed));
            }
            self.kill_at_random(&taken);
        });
        self.programs.kill("sotto-relay");
        self.programs.start_relay();
        let mut acknowledged = acknowledged.into_inner().unwrap();
        assert_eq!(acknowledged.len(), POSTS);
        for body in self.drain(&base) {
            let expected = acknowledged.remove(&body[4..36]);
            assert_eq!(expected.as_ref(), Some(&body), "drained twice or changed");
        }
        assert!(acknowledged.is_empty(), "{} are lost", acknowledged.len());
    }

    fn kill_at_random(&mut self, taken: &AtomicUsize) {
        let mut moments: Vec<usize> = (0..KILLS)
            .map(|_| usize::try_from(self.rng.next_u32()).unwrap() % (POSTS - 100))
            .collect();
        moments.sort_unstable();
        for moment in moments {
            while taken.load(Ordering::SeqCst) < moment {
                thread::yield_now();
            }
            self.programs.kill("sotto-relay");
            self.programs.start_relay();
        }
    }

    fn drain(&mut self, base: &str) -> Vec<Vec<u8>> {
        let http = Http::new(base);
        let relay = Relay::new(&http, self.line.book.pin().unwrap().line);
        let (mut cursor, mut bodies) = (Cursor::start(0), Vec::new());
        loop {
            let stamp = self.signer.stamp(sotto_core::native::now(), &mut self.rng);
            let page = match relay.drain(&stamp, cursor) {
                Err(RelayError::Unreachable(_)) => continue,
                other => other.unwrap(),
            };
            cursor = page.cursor;
            match (page.records.is_empty(), cursor.shard == page.last_shard) {
                (true, true) => return bodies,
                (true, false) => cursor = Cursor::start(cursor.shard + 1),
                (false, _) => {}
            }
            bodies.extend(page.records.into_iter().map(|record| record.body));
        }
    }
}

/// What all posters share.
#[derive(Clone, Copy)]
struct Posting<'s> {
    base: &'s str,
    line: LineId,
    next: &'s AtomicUsize,
    taken: &'s AtomicUsize,
    acknowledged: &'s Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Posting<'_> {
    fn post(self, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(1_000 + seed);
        let http = Http::new(self.base);
        let relay = Relay::new(&http, self.line);
        while self.next.fetch_add(1, Ordering::SeqCst) < POSTS {
            let envelope = envelope(&mut rng);
            // As a phone does: again and again until the relay says that it holds it.
            while relay.post(envelope.clone()).is_err() {
                thread::yield_now();
            }
            let mut all = self.acknowledged.lock().unwrap();
            all.insert(envelope[4..36].to_vec(), envelope);
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn envelope(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut envelope = vec![0; ENVELOPE_BYTES];
    rng.fill_bytes(&mut envelope);
    envelope[..4].copy_from_slice(&[1, 1, 0, 0]);
    let address: [u8; 32] = random(rng);
    envelope[4..36].copy_from_slice(&address);
    envelope
}

#[test]
fn killed_during_2000_posts_on_the_embedded_store() {
    Storm::begin(1, "").rage();
}

#[test]
fn killed_during_2000_posts_on_redis() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    Storm::begin(2, &redis_settings(&server)).rage();
}

#[test]
fn killed_during_2000_posts_on_a_cluster() {
    let cluster = RedisCluster::start(3, true);
    Storm::begin(3, &cluster_settings(&cluster)).rage();
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
