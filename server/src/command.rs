//! The commands of `sotto-relay`.

mod backups;
mod opened;
mod passing;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Parser, Subcommand};
use sotto_protocol::limits::{DAY_SECONDS, KEY_OVERLAP_DAYS, RELAY_KEY_LIFE_DAYS};
use sotto_relay::{
    clock::{Clock as _, SystemClock},
    config::{AdmissionConfig, Config, ConfigError, Limits, SAMPLE},
    control,
    epochs::EpochError,
    forward::GatewayError,
    http::{self, Bounds},
    keys::{KeysError, RelaySecrets},
    relay::Relay,
    serve::{self, Connections, Door},
    store::{Durability, StoreError, backup::BackupError},
    tasks,
    telemetry::{self, metrics::Metrics},
    tls::{self, Tls, TlsError},
};
use tokio::{net::TcpListener, signal::unix::SignalKind, sync::watch};
use zeroize::Zeroizing;

/// Holds sealed messages for a line until its desk has read them.
///
/// The relay cannot read what it holds, does not learn who calls, and writes down only what
/// SECURITY.md lists.
#[derive(Debug, Parser)]
#[command(name = "sotto-relay", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C, then finish what is in progress.
    Serve {
        /// The settings; without it, environment variables alone.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Read the settings and say what they mean, without starting.
    CheckConfig {
        /// The settings; without it, environment variables alone.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Write everything that cannot be made anew into one file, while the relay runs or while it does
    /// not. It holds what the store holds, sealed as it is, and no key.
    Backup {
        /// The relay's settings; without it, environment variables alone.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The new file.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Make the store that the settings name from a backup. It must not exist yet.
    Restore {
        /// The relay's settings; without it, environment variables alone.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The backup.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Take a backup, put it back beside the store, read all of it, compare, and remove both.
    Drill {
        /// The relay's settings; without it, environment variables alone.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make the relay's keys, once, and print their public half for `sotto line init`.
    Keys {
        /// Where they are kept.
        #[arg(long, value_name = "FILE", default_value = "relay.keys")]
        out: PathBuf,
        /// Within a year: add new keys beside those in the file, and print the new public half for
        /// `sotto line renew-relay`. Start the relay anew before it is published.
        #[arg(long, conflicts_with = "forget")]
        renew: bool,
        /// 30 days after every line has published the new keys: drop the ones before.
        #[arg(long)]
        forget: bool,
    },
    /// Pass sealed requests on to a relay that somebody else runs, and its answers back, so that it does
    /// not see who asks. Writes nothing about them anywhere. Run it behind a proxy that ends TLS.
    Ohttp(passing::Passing),
    /// Print a settings file with every key and its default.
    Sample,
}

/// What stops a command; the texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("settings: {0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Keys(#[from] KeysError),
    #[error("{0}")]
    Epochs(#[from] EpochError),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Gateway(#[from] GatewayError),
    #[error("store: {0}")]
    Store(#[from] StoreError),
    #[error(
        "this Redis keeps nothing on disk: a restart would lose every tip. Set `appendonly yes` in Redis, or allow_volatile = true here if you mean it"
    )]
    Volatile,
    #[error("cannot listen on {0}; is another relay running?")]
    Listen(std::net::SocketAddr),
    #[error("the machine gives no randomness")]
    Random,
    #[error(
        "the store failed in a way that only a restart mends; nothing that was acknowledged is lost"
    )]
    StoreEnded,
    #[error("the machine gives no signals")]
    Signals,
    #[error("cannot make the socket {}; make its folder writable, or its path shorter than 100 characters", .0.display())]
    Socket(PathBuf),
    #[error("backup: {0}")]
    Backup(#[from] BackupError),
    #[error("{} is there already; remove it or name another place", .0.display())]
    Occupied(PathBuf),
    #[error("there is no store at {}; check the settings and the folder this runs in", .0.display())]
    NoStore(PathBuf),
    #[error("the store is in use, but its relay does not answer; is it starting or stopping?")]
    Unreachable,
    #[error("the relay sends backups to the account it runs under alone; run this as that account")]
    Stranger,
    #[error(
        "Redis makes its own backups: `redis-cli --rdb FILE`; docs/operating.md says how to put one back"
    )]
    RedisBackup,
    #[error("what was put back is not what was taken; keep the store, and do not rely on backups")]
    Drill,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve { config } => serve(load(config)?).await,
        Command::CheckConfig { config } => check(&load(config)?),
        Command::Backup { config, to } => backups::backup(&load(config)?, &to),
        Command::Restore { config, from } => backups::restore(&load(config)?, &from),
        Command::Drill { config } => backups::drill(&load(config)?).await,
        Command::Keys {
            out, forget: true, ..
        } => {
            RelaySecrets::read(&out)?.forget().replace(&out)?;
            Ok(())
        }
        Command::Keys { out, renew, .. } => keys(&out, renew),
        Command::Ohttp(passing) => passing::run(passing).await,
        Command::Sample => {
            print!("{SAMPLE}");
            Ok(())
        }
    }
}

fn load(file: Option<PathBuf>) -> Result<Config, Failure> {
    Ok(Config::load(file.as_deref(), std::env::vars())?)
}

fn check(config: &Config) -> Result<(), Failure> {
    let secrets = RelaySecrets::read(&config.keys)?;
    println!("listen    {}", config.listen);
    if let Some((certificate, key)) = config.tls() {
        Tls::open(certificate, key)?;
        println!("tls       {}", certificate.display());
    }
    println!("health    {}", config.health);
    println!(
        "keys      {}, {}",
        config.keys.display(),
        describe(&secrets)
    );
    println!("retention {}", config.retention_keys.display());
    println!("store     {}", config.store);
    let asks = match config.admission {
        AdmissionConfig::Off => "nothing is asked of whoever posts",
        AdmissionConfig::Tokens { .. } => "whoever posts spends a token",
    };
    println!("admission {asks}");
    for pin in config.pins()? {
        println!("line      {}", pin.line.to_text());
    }
    println!("The settings are good.");
    Ok(())
}

fn keys(out: &Path, renew: bool) -> Result<(), Failure> {
    let mut bytes = Zeroizing::new([0; 64]);
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the relay's secrets are made"
    )]
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| Failure::Random)?;
    let now = SystemClock.now();
    let secrets = if renew {
        let secrets = RelaySecrets::read(out)?.renew(&bytes, now)?;
        secrets.replace(out)?;
        secrets
    } else {
        let secrets = RelaySecrets::from_bytes(&bytes, now);
        secrets.write(out)?;
        secrets
    };
    let public = serde_json::to_string(&secrets.public()).map_err(|_| KeysError::Damaged)?;
    println!("{public}");
    Ok(())
}

/// How old the keys are, and whether older ones wait to be dropped.
fn describe(secrets: &RelaySecrets) -> String {
    let age = |made: u64| SystemClock.now().saturating_sub(made) / DAY_SECONDS;
    let mut words = match secrets.made().map(age) {
        Some(days) if days + KEY_OVERLAP_DAYS > RELAY_KEY_LIFE_DAYS => {
            format!("{days} days old; renew them: sotto-relay keys --renew")
        }
        Some(days) => format!("{days} days old"),
        None => "of unknown age".to_owned(),
    };
    if secrets.is_overlapping() {
        words.push_str("; the keys before are still accepted where a line names them");
    }
    words
}

async fn serve(config: Config) -> Result<(), Failure> {
    telemetry::install(config.log);
    let secrets = RelaySecrets::read(&config.keys)?;
    let pins = config.pins()?;
    let store = opened::open(&config.store, &pins).await?;
    let sealed = store.sealed(&config.retention_keys, &pins).await?;
    let durability = sealed.check().await?;
    if durability == Durability::Volatile && !config.store.allows_volatile() {
        return Err(Failure::Volatile);
    }
    let tls = config
        .tls()
        .map(|(certificate, key)| Tls::open(certificate, key));
    let tls = tls.transpose()?;
    let public = Door::new(listen(config.listen).await?, tls.clone());
    let health = listen(config.health).await?;
    let clock = Arc::new(SystemClock);
    let relay = Relay::new(sealed, clock, config.admission.admission(), secrets, &pins);
    let relay = relay.holding(config.limits.board_memory_mib.saturating_mul(MIB));
    let relay = Arc::new(relay);
    let metrics = Arc::clone(relay.metrics());
    let backups = backups(&store, Arc::clone(&metrics))?;
    let (bounds, connections) = bounds(config.limits);
    let (stop, stopped) = watch::channel(());
    let signals = signals()?;
    let app = http::app(Arc::clone(&relay), bounds);
    let probes = http::health(Arc::clone(&relay), durability);
    telemetry::started(durability);
    tokio::select! {
        _ = async {
            tokio::join!(
                serve::serve(public, app, connections, metrics, told(stopped.clone())),
                serve::serve(health, probes, connections, Arc::default(), told(stopped)),
                async {
                    signals.await;
                    telemetry::stopping();
                    drop(stop);
                },
            )
        } => {}
        () = tasks::sweep(Arc::clone(&relay)) => {}
        () = tasks::hold_boards(Arc::clone(&relay)) => {}
        () = tasks::announce(Arc::clone(&relay)) => {}
        () = tasks::publish(relay, &SystemClock) => {}
        () = backups => {}
        () = watch(tls) => {}
        () = store.ended() => return Err(Failure::StoreEnded),
    }
    telemetry::stopped();
    Ok(())
}

const MIB: usize = 1_048_576;

const fn bounds(limits: Limits) -> (Bounds, Connections) {
    let bounds = Bounds {
        in_flight: limits.in_flight,
        request_timeout: Duration::from_secs(limits.request_seconds),
    };
    let connections = Connections {
        most: limits.connections,
        head: Duration::from_secs(limits.head_seconds),
        life: Duration::from_secs(limits.connection_seconds),
        stop: Duration::from_secs(limits.stop_seconds),
    };
    (bounds, connections)
}

/// The door for backups; does nothing where the store has its own.
fn backups(
    store: &opened::Opened,
    metrics: Arc<Metrics>,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let door = match &store.embedded {
        Some((path, embedded)) => {
            let listener = control::listen(path);
            let listener = listener.map_err(|_| Failure::Socket(control::path(path)))?;
            Some((listener, embedded.clone(), path.clone()))
        }
        None => None,
    };
    Ok(async move {
        match door {
            Some((listener, store, path)) => {
                control::serve(listener, store, path, &SystemClock, metrics).await;
            }
            None => std::future::pending().await,
        }
    })
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|_| Failure::Listen(address))
}

/// Resolves on SIGTERM or SIGINT.
fn signals() -> Result<impl Future<Output = ()>, Failure> {
    let signal = |kind| tokio::signal::unix::signal(kind).map_err(|_| Failure::Signals);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Takes a renewed certificate, where there is one.
async fn watch(tls: Option<Tls>) {
    match tls {
        Some(tls) => tls::watch(tls).await,
        None => std::future::pending().await,
    }
}

/// Resolves when the sender is dropped.
async fn told(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}
