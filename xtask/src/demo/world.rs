//! The demo's world: programs built, a directory thrown away afterwards, a relay, perhaps a Redis.
use std::{
    fmt, fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::story::Told;
use crate::{clock, leash::Leash, step};

/// Where the relay keeps what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    Embedded,
    PrivateRedis,
    Redis(String),
}

impl Backend {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "the embedded store",
            Self::PrivateRedis => "a Redis of its own",
            Self::Redis(_) => "your Redis",
        }
    }
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) dir: PathBuf,
    pub(crate) redis: Option<String>,
    relay_port: u16,
    running: Vec<(Child, Leash)>,
}

/// Builds the three programs, showing cargo's own progress.
pub(crate) fn build() -> anyhow::Result<()> {
    println!("Building sotto, sotto-desk and sotto-relay. The first time this takes minutes.");
    let status = step::Step::cargo("build --locked --workspace --bins")
        .command()
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "the programs do not build");
    Ok(())
}

impl World {
    /// An empty directory, and a Redis where one is wanted.
    pub(crate) fn begin(backend: &Backend) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("sotto-demo-{}", std::process::id()));
        fs::create_dir_all(&dir).context("no directory for the demo can be made")?;
        fs::write(dir.join("passphrase"), "only for this demo\n")?;
        let mut world = Self {
            dir,
            redis: None,
            relay_port: free_port()?,
            running: Vec::new(),
        };
        world.redis = match backend {
            Backend::Embedded => None,
            Backend::Redis(url) => Some(url.clone()),
            Backend::PrivateRedis => Some(world.start_redis()?),
        };
        Ok(world)
    }

    /// The relay's address.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.relay_port)
    }

    /// Runs a program to its end with `input`, and reads the JSON it prints.
    pub(crate) fn ask(
        &self,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> anyhow::Result<Value> {
        let output = self.output(program, arguments, input)?;
        serde_json::from_str(&output)
            .with_context(|| format!("{program} printed no JSON: {}", output.trim()))
    }

    /// Runs a program to its end with `input`; what it printed.
    pub(crate) fn output(
        &self,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> anyhow::Result<String> {
        let mut child = self
            .command(program, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input.as_bytes()).ok();
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{program} {} failed: {}", arguments.join(" "), text.trim());
        }
        Ok(text)
    }

    /// Starts a program that stays on; it ends with the demo.
    pub(crate) fn start(&mut self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let log = fs::File::create(self.dir.join(format!("{program}.log")))?;
        let mut command = self.command(program, arguments);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let started = Leash::spawn(&mut command);
        let started = started.with_context(|| format!("{program} cannot be started"))?;
        self.running.push(started);
        Ok(())
    }

    /// Writes the relay's settings and starts it.
    pub(crate) fn start_relay(&mut self, fp: &str) -> anyhow::Result<()> {
        let store = match &self.redis {
            None => "kind = \"embedded\"\npath = \"relay.redb\"\n".to_owned(),
            // Somebody's own Redis may be without a log on disk: for a demo that is good enough.
            Some(url) => format!("kind = \"redis\"\nurl = \"{url}\"\nallow_volatile = true\n"),
        };
        let health = free_port()?;
        let settings = format!(
            "listen = \"127.0.0.1:{}\"\nhealth = \"127.0.0.1:{health}\"\n\n[[lines]]\nfp = \"{fp}\"\n\n[store]\n{store}",
            self.relay_port
        );
        fs::write(self.dir.join("relay.toml"), settings)?;
        self.output(
            "sotto-relay",
            &["check-config", "--config", "relay.toml"],
            "",
        )?;
        self.start("sotto-relay", &["serve", "--config", "relay.toml"])?;
        Self::until("the relay is ready", || is_ready(health))
    }

    /// Waits for something that takes a moment.
    pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = clock::now() + PATIENCE;
        while !done() {
            ensure!(
                clock::now() < deadline,
                "waited {} s until {what}; in vain",
                PATIENCE.as_secs()
            );
            clock::pause(Duration::from_millis(100));
        }
        Ok(())
    }

    /// What the programs in the background have said.
    pub(crate) fn logs(&self) -> String {
        ["sotto-relay", "sotto-desk", "redis-server"]
            .iter()
            .filter_map(|name| {
                let text = fs::read_to_string(self.dir.join(format!("{name}.log"))).ok()?;
                Some(format!("--- {name}\n{text}"))
            })
            .collect()
    }

    /// Commands to try by hand.
    pub(crate) fn invitation(&self, told: &Told) -> String {
        let dir = self.dir.display();
        let bin = bin().display().to_string();
        format!(
            "\nThe line stays open. In another terminal:\n
  another tip        echo 'I saw it too.' | {bin}/sotto tip send '{link}' --state {dir}/tip2
  the desk's list    {bin}/sotto-desk list --state {dir}/desk --passphrase-file {dir}/passphrase
  one conversation   {bin}/sotto-desk show 1 --state {dir}/desk --passphrase-file {dir}/passphrase
  an answer          echo 'Thank you.' | {bin}/sotto-desk reply 1 --state {dir}/desk --passphrase-file {dir}/passphrase
  look for it        echo '{code}' | {bin}/sotto tip check '{link}' --wait 20 --state {dir}/tip
\nPress Enter to end the demo and remove everything it made.",
            link = told.link,
            code = told.code,
        )
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let path = match program {
            "redis-server" | "redis-cli" => PathBuf::from(program),
            ours => bin().join(ours),
        };
        let mut command = Command::new(path);
        command.args(arguments).current_dir(&self.dir);
        command
    }

    fn start_redis(&mut self) -> anyhow::Result<String> {
        let port = free_port()?.to_string();
        fs::create_dir_all(self.dir.join("redis"))?;
        let arguments = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--dir",
            "redis",
        ];
        self.start("redis-server", &arguments)?;
        let url = format!("redis://127.0.0.1:{port}/0");
        Self::until("Redis answers", || {
            let answer = self.output("redis-cli", &["-u", &url, "PING"], "");
            answer.is_ok_and(|text| text.trim() == "PONG")
        })?;
        Ok(url)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        while let Some((mut child, leash)) = self.running.pop() {
            // Asked to end here and reaped there: a process nobody has reaped still counts as there.
            drop(leash);
            child.wait().ok();
        }
        fs::remove_dir_all(&self.dir).ok();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World(..)")
    }
}

/// Longer than anything here takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_mins(1);

fn bin() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| step::root().join("target"), PathBuf::from);
    let target = if target.is_absolute() {
        target
    } else {
        step::root().join(target)
    };
    target.join("debug")
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
