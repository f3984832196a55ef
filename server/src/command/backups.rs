//! `backup`, `restore` and `drill`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write as _},
    os::unix::{
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use sotto_protocol::{drain::Cursor, id::LineId};
use sotto_relay::{
    config::{Config, StoreConfig},
    control,
    store::{
        Embedded, Store, StoreError,
        backup::{self, BackupError, Counts, TABLES},
    },
};

use super::{
    Failure,
    opened::{self, Opened},
};

/// Takes a backup from the relay that runs, or from its file if none does.
pub(super) fn backup(config: &Config, to: &Path) -> Result<(), Failure> {
    let counts = take(store_file(config)?, to)?;
    println!("backup    {}", to.display());
    print_counts(&counts);
    Ok(())
}

/// Makes the configured store from a backup.
pub(super) fn restore(config: &Config, from: &Path) -> Result<(), Failure> {
    let path = store_file(config)?;
    if path.try_exists().unwrap_or(true) {
        return Err(Failure::Occupied(path.to_path_buf()));
    }
    let counts = Embedded::restore(path, from, opened::random()?)?;
    println!("restored  {}", path.display());
    print_counts(&counts);
    println!("Desks read this store from its start; boards come back when desks write them.");
    Ok(())
}

/// Takes a backup, puts it back beside the store, reads everything, and removes both.
pub(super) async fn drill(config: &Config) -> Result<(), Failure> {
    if !matches!(config.store, StoreConfig::Embedded { .. }) {
        let store = opened::open(&config.store, &config.pins()?).await?;
        println!("store     {}", config.store);
        look(&store, config).await?;
        println!("Start a Redis on a copy of its data, and drill with settings for that one:");
        println!("what waits there has to be what waited here when the copy was taken.");
        return Ok(());
    }
    let place = Place::make(store_file(config)?)?;
    let (file, copy) = (place.0.join("backup"), place.0.join("store"));
    let taken = take(store_file(config)?, &file)?;
    println!(
        "taken     {} bytes",
        fs::metadata(&file).map_or(0, |file| file.len())
    );
    print_counts(&taken);
    let restored = Embedded::restore(&copy, &file, opened::random()?)?;
    println!("restored  to a place of its own");
    let store = Embedded::open(&copy, opened::random()?)?;
    let reread = store.backup(&mut io::sink())?;
    if restored != taken || reread != taken {
        return Err(Failure::Drill);
    }
    println!("compared  every table has as many rows");
    let store = Opened {
        shared: Arc::new(store),
        embedded: None,
    };
    look(&store, config).await?;
    println!("The drill went well; its files are removed.");
    Ok(())
}

fn store_file(config: &Config) -> Result<&Path, Failure> {
    match &config.store {
        StoreConfig::Embedded { path } => Ok(path),
        StoreConfig::Redis { .. } | StoreConfig::RedisCluster { .. } => Err(Failure::RedisBackup),
    }
}

/// Writes a whole backup to a new file, or none.
fn take(store: &Path, to: &Path) -> Result<Counts, Failure> {
    let part = {
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        PathBuf::from(name)
    };
    if to.try_exists().unwrap_or(true) {
        return Err(Failure::Occupied(to.to_path_buf()));
    }
    let taken = write(store, &part).and_then(|()| verify(&part));
    if taken.is_ok() {
        fs::rename(&part, to).map_err(BackupError::from)?;
    } else {
        // What is left of it is of no use to anybody.
        let _gone = fs::remove_file(&part);
    }
    taken
}

fn write(store: &Path, part: &Path) -> Result<(), Failure> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(part);
    let mut file = BufWriter::with_capacity(1 << 18, file.map_err(BackupError::from)?);
    match UnixStream::connect(control::path(store)) {
        Ok(mut relay) => {
            let sent = io::copy(&mut relay, &mut file).map_err(BackupError::from)?;
            if sent == 0 {
                return Err(Failure::Stranger);
            }
        }
        // No relay runs, so that its file can be opened here.
        Err(_) if store.try_exists().unwrap_or(false) => {
            let opened = Embedded::open(store, 0).map_err(|error| match error {
                StoreError::Unavailable => Failure::Unreachable,
                other => other.into(),
            })?;
            opened.backup(&mut file)?;
        }
        Err(_) => return Err(Failure::NoStore(store.to_path_buf())),
    }
    file.flush().map_err(BackupError::from)?;
    Ok(file.get_ref().sync_all().map_err(BackupError::from)?)
}

fn verify(file: &Path) -> Result<Counts, Failure> {
    let file = File::open(file).map_err(BackupError::from)?;
    backup::read(&mut BufReader::new(file), |_, _, _| Ok(()))
}

/// Reads everything of the configured lines that drainers and devices would read, and so opens it.
async fn look(store: &Opened, config: &Config) -> Result<(), Failure> {
    let pins = config.pins()?;
    let store = store.sealed(&config.retention_keys, &pins).await?;
    let store = &*store;
    for pin in pins {
        let (mut waiting, mut cursor) = (0, Cursor::start(0));
        loop {
            let page = store.read(pin.line, Some(cursor), PAGE).await?;
            waiting += page.records.len();
            cursor = match page.records.len() {
                0 if cursor.shard == page.last_shard => break,
                0 => Cursor::start(cursor.shard.saturating_add(1)),
                _ => page.cursor,
            };
        }
        let statements = store.statements(pin.line).await?.len();
        let logged = logged(store, pin.line).await?;
        println!(
            "line      {}: {waiting} waiting, {statements} statements, {logged} log records",
            pin.line.to_text()
        );
    }
    Ok(())
}

/// Records of the line's log and of its desks' logs, which are numbered without gaps or nearly so.
async fn logged(store: &dyn Store, line: LineId) -> Result<usize, Failure> {
    let mut records = 0;
    for log in 0..LOGS {
        let mut from = 0;
        loop {
            let page = store.read_log(line, log, from, PAGE).await?;
            if page.records.is_empty() {
                break;
            }
            records += page.records.len();
            // Where the log begins later, what was asked for is not what came first.
            let last = page.records.last();
            let last = last.and_then(|record| sotto_protocol::log::LogHeader::parse(record).ok());
            match last {
                Some(last) => from = last.position.saturating_add(1),
                None => return Err(StoreError::Corrupt.into()),
            }
        }
    }
    Ok(records)
}

fn print_counts(counts: &Counts) {
    for (table, count) in TABLES.iter().zip(counts) {
        if *count > 0 {
            println!("          {table:12} {count}");
        }
    }
}

/// A directory beside the store for as long as a drill lasts.
struct Place(PathBuf);

impl Place {
    fn make(store: &Path) -> Result<Self, Failure> {
        let mut name = store.as_os_str().to_owned();
        name.push(".drill");
        let place = PathBuf::from(name);
        let made = fs::DirBuilder::new().mode(0o700).create(&place);
        made.map_err(|_| Failure::Occupied(place.clone()))?;
        Ok(Self(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays behind is named by the next drill.
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// Records asked for at once.
const PAGE: usize = 64;
/// Logs looked at: the line's, and those of as many desks as a statement lists at most.
const LOGS: u16 = 65;
