//! A real Redis of one's own, on a socket in a directory that goes away.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, Connection, Value};
use tempfile::TempDir;

/// How it writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFsync {
    /// Every write is synced.
    Always,
    /// Synced every second.
    EverySecond,
    /// No log at all.
    Off,
}

/// A running Redis. Killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    dir: TempDir,
    fsync: AppendFsync,
    port: u16,
    child: Child,
}

impl RedisServer {
    /// Starts `redis-server` and waits until it answers.
    ///
    /// # Panics
    /// Where there is none: `cargo xtask test` installs it.
    pub fn start(fsync: AppendFsync) -> Self {
        Self::start_on(fsync, 0)
    }

    /// One that listens on TCP too.
    pub fn on_tcp(fsync: AppendFsync) -> Self {
        Self::start_on(fsync, free_port())
    }

    /// One that listens on TLS alone; `options` say with which certificates.
    pub fn on_tls(options: &[&str]) -> (Self, u16) {
        let port = free_port();
        let number = port.to_string();
        let options = [&["--tls-port", number.as_str()], options].concat();
        (
            Self::start_with(AppendFsync::EverySecond, 0, &options),
            port,
        )
    }

    fn start_on(fsync: AppendFsync, port: u16) -> Self {
        Self::start_with(fsync, port, &[])
    }

    fn start_with(fsync: AppendFsync, port: u16, options: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let child = spawn(dir.path(), (fsync, port), options);
        let server = Self {
            dir,
            fsync,
            port,
            child,
        };
        server.wait();
        server
    }

    /// For the `redis` crate and the relay's settings.
    pub fn url(&self) -> String {
        let socket = self.socket();
        format!("redis+unix://{}?user=relay&pass={RELAY}", socket.display())
    }

    /// The same for somebody who may do everything.
    pub fn operator_url(&self) -> String {
        let socket = self.socket();
        format!(
            "redis+unix://{}?user=operator&pass={OPERATOR}",
            socket.display()
        )
    }

    /// The same over TCP, after [`Self::on_tcp`].
    pub fn tcp_url(&self) -> String {
        format!("redis://relay:{RELAY}@127.0.0.1:{}/", self.port)
    }

    /// Kills it and starts it again on the same files.
    pub fn restart(&mut self) {
        self.kill();
        self.revive();
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it and leaves its files.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(self.socket()).ok();
    }

    /// Starts it again after [`Self::kill`].
    pub fn revive(&mut self) {
        self.child = spawn(self.dir.path(), (self.fsync, self.port), &[]);
        self.wait();
    }

    /// Where its log on disk is.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// A connection.
    pub fn connection(&self) -> Connection {
        let client = Client::open(self.operator_url()).unwrap();
        client.get_connection().unwrap()
    }

    /// Every key with its whole value, raw.
    pub fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        dump(&mut self.connection())
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn wait(&self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a real program starts in real time"
        )]
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let client = Client::open(self.operator_url()).unwrap();
            let pong = client
                .get_connection()
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            if pong.is_ok() {
                return;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a real program starts in real time"
            )]
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no redis-server answers; `cargo xtask test` installs it");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Passwords of the file that operators begin with.
pub(crate) const RELAY: &str = "change-this";
pub(crate) const OPERATOR: &str = "change-this-too";

/// That file: what is missing in it fails every test in Redis.
pub(crate) fn users() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy/redis/users.acl")
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Free at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(dir: &Path, (fsync, port): (AppendFsync, u16), options: &[&str]) -> Child {
    let (on, every) = match fsync {
        AppendFsync::Always => ("yes", "always"),
        AppendFsync::EverySecond => ("yes", "everysec"),
        AppendFsync::Off => ("no", "no"),
    };
    // The documented settings; places and speed are a test's own.
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy/redis/redis.conf");
    // A file that may not grow is an error to it, as a full disk is, and not its end.
    Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; exec redis-server \"$@\"",
            "redis-server",
        ])
        .arg(settings.canonicalize().unwrap())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--unixsocket", "socket", "--maxmemory", "0"])
        .arg("--aclfile")
        .arg(users())
        .args(options)
        .args(["--appendonly", on, "--appendfsync", every])
        .arg("--dir")
        .arg(dir)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Every key of one node with its whole value, raw.
pub(crate) fn dump(connection: &mut Connection) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    keys.into_iter()
        .map(|key| {
            let value = value(connection, &key);
            let mut bytes = Vec::new();
            flatten(&value, &mut bytes);
            (key, bytes)
        })
        .collect()
}

fn value(connection: &mut Connection, key: &[u8]) -> Value {
    let kind: String = redis::cmd("TYPE").arg(key).query(connection).unwrap();
    let mut command = match kind.as_str() {
        "string" => redis::cmd("GET"),
        "hash" => redis::cmd("HGETALL"),
        "list" => redis::cmd("LRANGE"),
        "zset" => redis::cmd("ZRANGE"),
        "set" => redis::cmd("SMEMBERS"),
        "stream" => redis::cmd("XRANGE"),
        other => panic!("a key of kind {other}"),
    };
    command.arg(key);
    match kind.as_str() {
        "list" | "zset" => command.arg(0).arg(-1),
        "stream" => command.arg("-").arg("+"),
        _ => &mut command,
    };
    command.query(connection).unwrap()
}

fn flatten(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::BulkString(text) => bytes.extend_from_slice(text),
        Value::SimpleString(text) => bytes.extend_from_slice(text.as_bytes()),
        Value::Int(number) => bytes.extend_from_slice(number.to_string().as_bytes()),
        Value::Array(values) | Value::Set(values) => {
            for value in values {
                flatten(value, bytes);
            }
        }
        Value::Map(pairs) => {
            for (key, value) in pairs {
                flatten(key, bytes);
                flatten(value, bytes);
            }
        }
        _ => {}
    }
}
