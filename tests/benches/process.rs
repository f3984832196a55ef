//! Servers in processes of their own, and what they use.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sotto_tests::redis::RedisServer;
use tempfile::TempDir;

use crate::{clock, line::Line, peer::Kind};

/// Where a relay stores.
#[derive(Debug, Clone, Copy)]
pub enum Storage<'a> {
    /// One file of its own.
    Embedded,
    /// One file that is there already, sealed with the retention keys of [`epochs`] beside it.
    File(&'a Path),
    /// A Redis over so many connections.
    Redis(&'a RedisServer, usize),
}

/// A server under load. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _dir: Option<TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// A relay that serves `line`.
    pub fn relay(line: &Line, storage: Storage<'_>) -> Self {
        let dir = TempDir::new().unwrap();
        line.write_keys(&dir.path().join("relay.keys"));
        let (address, health) = (free(), free());
        let store = match storage {
            Storage::Embedded => "kind = \"embedded\"".to_owned(),
            Storage::File(path) => format!("kind = \"embedded\"\npath = \"{}\"", path.display()),
            Storage::Redis(server, connections) => format!(
                "kind = \"redis\"\nurl = \"{}\"\nconnections = {connections}",
                server.url()
            ),
        };
        let keys = match storage {
            Storage::File(path) => epochs(path),
            _ => dir.path().join("relay.epochs"),
        };
        let keys = keys.display();
        let settings = format!(
            "retention_keys = \"{keys}\"\nlisten = \"{address}\"\nhealth = \"{health}\"\n[[lines]]\nfp = \"{}\"\n[store]\n{store}\n[limits]\nconnections = 16384\n",
            line.pin.fingerprint.to_text()
        );
        fs::write(dir.path().join("relay.toml"), settings).unwrap();
        let log = File::create(dir.path().join("relay.log")).unwrap();
        let child = Command::new(beside("sotto-relay"))
            .args(["serve", "--config", "relay.toml"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            child,
            address,
            _dir: Some(dir),
        };
        wait_for(health);
        line.publish(address);
        server
    }

    /// A bare server, from this same program.
    pub fn peer(kind: Kind) -> Self {
        let address = free();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["peer", kind.name(), &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            address,
            _dir: None,
        };
        until("a bare server listens", || {
            TcpStream::connect(address).is_ok()
        });
        server
    }

    /// Seconds of processor it has used.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        // The name of the program, in parentheses, may have blanks in it.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let mut ticks = fields.split_whitespace().skip(11);
        let mut next = || ticks.next().unwrap().parse::<f64>().unwrap();
        (next() + next()) / TICKS
    }

    /// Resident bytes.
    pub fn resident(&self) -> f64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1_024.0
    }

    fn proc(&self, file: &str) -> PathBuf {
        format!("/proc/{}/{file}", self.child.id()).into()
    }
}

/// Where the retention keys of a store in one file are.
pub fn epochs(file: &Path) -> PathBuf {
    file.with_extension("epochs")
}

/// Of the kernel's accounting, a second; the same on every Linux.
const TICKS: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(30);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = clock::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        clock::pause(Duration::from_millis(10));
    }
}

fn wait_for(health: SocketAddr) {
    until("the relay is ready", || {
        ready(health).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    });
}

fn ready(health: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(health).ok()?;
    let head = "GET /readyz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A program that cargo put into the same profile's folder.
fn beside(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    let path = folder.join(program);
    assert!(
        path.exists(),
        "{program} is not built; `cargo xtask bench` builds it"
    );
    path
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
