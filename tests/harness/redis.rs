//! A real Redis of one's own, on a socket in a directory that goes away.

use std::{
    fs,
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
    child: Child,
}

impl RedisServer {
    /// Starts `redis-server` and waits until it answers.
    ///
    /// # Panics
    /// Where there is none: `cargo xtask test` installs it.
    pub fn start(fsync: AppendFsync) -> Self {
        let dir = TempDir::new().unwrap();
        let child = spawn(dir.path(), fsync);
        let server = Self { dir, fsync, child };
        server.wait();
        server
    }

    /// For the `redis` crate and the relay's settings.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it and starts it again on the same files.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(self.socket()).ok();
        self.child = spawn(self.dir.path(), self.fsync);
        self.wait();
    }

    /// Where its log on disk is.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// A connection.
    pub fn connection(&self) -> Connection {
        Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Every key with its whole value, raw.
    pub fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut connection = self.connection();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        keys.into_iter()
            .map(|key| {
                let value = value(&mut connection, &key);
                let mut bytes = Vec::new();
                flatten(&value, &mut bytes);
                (key, bytes)
            })
            .collect()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn wait(&self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a real program starts in real time"
        )]
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let client = Client::open(self.url()).unwrap();
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
        panic!("redis-server does not answer after {PATIENCE:?}");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn spawn(dir: &Path, fsync: AppendFsync) -> Child {
    let (on, every) = match fsync {
        AppendFsync::Always => ("yes", "always"),
        AppendFsync::EverySecond => ("yes", "everysec"),
        AppendFsync::Off => ("no", "no"),
    };
    // The documented settings; places and speed are a test's own.
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy/redis/redis.conf");
    Command::new("redis-server")
        .arg(settings.canonicalize().unwrap())
        .args(["--unixsocket", "socket", "--maxmemory", "0"])
        .args(["--appendonly", on, "--appendfsync", every])
        .arg("--dir")
        .arg(dir)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("no redis-server here; `cargo xtask test` installs it")
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
