//! The real programs, in a directory that goes away.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Programs, their state and their ports.
#[derive(Debug)]
pub struct Programs {
    dir: TempDir,
    port: u16,
    health: u16,
    running: Vec<(String, Child)>,
}

impl Programs {
    /// A directory with a passphrase in it, and free ports for a relay.
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("passphrase"), "a passphrase for tests\n").unwrap();
        Self {
            dir,
            port: free_port(),
            health: free_port(),
            running: Vec::new(),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The relay's port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs a program to its end.
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(program, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        child.wait_with_output().unwrap()
    }

    /// Runs a program and kills it as soon as it says something on standard error; what it said.
    pub fn kill_when(&self, word: &str, program: &str, arguments: &[&str], input: &str) -> String {
        let mut child = self
            .command(program, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        for line in errors.lines() {
            said.push_str(&line.unwrap());
            said.push('\n');
            if said.contains(word) {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        assert!(said.contains(word), "{said}");
        said
    }

    /// Runs a program that must succeed and print JSON.
    pub fn ask(&self, program: &str, arguments: &[&str], input: &str) -> Value {
        let output = self.run(program, arguments, input);
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {text}{errors}"
        );
        serde_json::from_str(&text).unwrap()
    }

    /// `sotto line ..`
    pub fn line(&self, arguments: &[&str]) -> Value {
        let unlock = [
            "--state",
            "line",
            "--passphrase-file",
            "passphrase",
            "--json",
        ];
        self.ask("sotto", &[&["line"], arguments, &unlock].concat(), "")
    }

    /// `sotto-desk ..`
    pub fn desk(&self, arguments: &[&str], input: &str) -> Value {
        self.ask("sotto-desk", &[arguments, &DESK].concat(), input)
    }

    /// `sotto tip ..`
    pub fn tip(&self, arguments: &[&str], input: &str) -> Value {
        self.ask("sotto", &[&["tip"], arguments, &TIP].concat(), input)
    }

    /// Makes a line with cycles of 2 and 4 seconds, whose desk has yet to run; its link and fp. Its
    /// schedule stays dense: later draws are too far apart for cycles that are so short.
    pub fn make_line(&mut self, store: &str) -> (String, String) {
        let keys = self.run("sotto-relay", &["keys", "--out", "relay.keys"], "");
        fs::write(self.path().join("relay.json"), keys.stdout).unwrap();
        let address = format!("http://127.0.0.1:{}", self.port);
        let made = self.line(&[
            "init",
            "City watch",
            "--relay",
            &address,
            "--relay-keys",
            "relay.json",
            "--new-cycle",
            "2",
            "--old-cycle",
            "4",
            "--drain",
            "1",
            "--schedule",
            "60,1,2,1,2",
        ]);
        let (link, fp) = (text(&made["link"]), text(&made["fp"]));
        self.write_settings(&fp, store);
        self.start_relay();
        self.desk(&["init", "--link", &link, "--card", "card.json"], "");
        self.line(&["desk", "Environment"]);
        self.line(&["device", "card.json", "--desk", "1"]);
        self.line(&["publish"]);
        (link, fp)
    }

    /// The relay's settings: one line, and how it stores.
    pub fn write_settings(&self, fp: &str, store: &str) {
        let settings = format!(
            "listen = \"127.0.0.1:{}\"\nhealth = \"127.0.0.1:{}\"\n[[lines]]\nfp = \"{fp}\"\n{store}",
            self.port, self.health
        );
        fs::write(self.path().join("relay.toml"), settings).unwrap();
    }

    /// Starts the relay and waits until it is ready.
    pub fn start_relay(&mut self) {
        self.start("sotto-relay", &["serve", "--config", "relay.toml"]);
        let health = self.health;
        until("the relay is ready", || {
            get(health, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
    }

    /// Starts the relay with files of at most `bytes` each, as on a disk that is full then.
    pub fn start_relay_with_room_for(&mut self, bytes: u64) {
        let relay = executable("sotto-relay");
        // Who ignores the signal gets an error instead, as from a full disk.
        let script = format!(
            "trap '' XFSZ; exec prlimit --fsize={bytes}: {} serve --config relay.toml",
            relay.display()
        );
        let log = File::create(self.path().join("limited.log")).unwrap();
        let child = Command::new("sh")
            .args(["-c", &script])
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running.push(("sotto-relay".to_owned(), child));
        let health = self.health;
        until("the relay is ready", || {
            get(health, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
    }

    /// Takes that limit away while it runs.
    pub fn make_room(&self) {
        let mut running = self.running.iter();
        let (_, child) = running.find(|(name, _)| name == "sotto-relay").unwrap();
        let pid = child.id().to_string();
        let mut limit = Command::new("prlimit");
        limit.args(["--pid", &pid, "--fsize=unlimited:"]);
        assert!(limit.status().unwrap().success());
    }

    /// Starts the drainer.
    pub fn start_desk(&mut self) {
        let arguments: Vec<&str> = [&["run"], &DESK[..]].concat();
        self.start("sotto-desk", &arguments);
    }

    /// Kills a program with SIGKILL.
    pub fn kill(&mut self, program: &str) {
        let place = self.running.iter().position(|(name, _)| name == program);
        let (_, mut child) = self.running.swap_remove(place.unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks a program to end, with SIGTERM, and waits for it; whether it ended well.
    pub fn terminate(&mut self, program: &str) -> bool {
        let place = self.running.iter().position(|(name, _)| name == program);
        let (_, mut child) = self.running.swap_remove(place.unwrap());
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        child.wait().unwrap().success()
    }

    /// What the relay says on its health port.
    pub fn health(&self, path: &str) -> Option<String> {
        get(self.health, path)
    }

    /// Everything below one entry of the directory, with names.
    pub fn files(&self, below: &str) -> Vec<u8> {
        let mut all = Vec::new();
        collect(&self.path().join(below), &mut all);
        all
    }

    /// Starts a program whose output goes to a file of its name.
    pub fn start(&mut self, program: &str, arguments: &[&str]) {
        let log = self.path().join(format!("{program}.log"));
        let log = File::options().append(true).create(true).open(log).unwrap();
        let child = self
            .command(program, arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running.push((program.to_owned(), child));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable(program));
        command.args(arguments).current_dir(self.path());
        command
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

const DESK: [&str; 5] = [
    "--state",
    "desk",
    "--passphrase-file",
    "passphrase",
    "--json",
];
const TIP: [&str; 3] = ["--state", "tip", "--json"];
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for something that programs do in real time.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        #[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A JSON text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Beside the folder of the test binary, where cargo puts programs.
fn executable(program: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let path = folder.join(program);
    assert!(
        path.exists(),
        "{program} is not built; `cargo build --workspace --bins` builds it"
    );
    path
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn collect(path: &Path, all: &mut Vec<u8>) {
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries {
            let entry = entry.unwrap();
            all.extend_from_slice(entry.file_name().as_encoded_bytes());
            collect(&entry.path(), all);
        }
    } else if let Ok(bytes) = fs::read(path) {
        all.extend_from_slice(&bytes);
    }
}
