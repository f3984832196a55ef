//! `sotto line`: the ceremony, and what the administrator publishes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;
use sotto_core::{
    ceremony::{self, Beginning, Book, DeviceCard, LineKeys},
    keep::KeepError,
    link::Link,
    native::{self, Entropy, Http, StateDir, Stop},
    relay::Relay,
    sealed,
};
use sotto_protocol::{
    limits::{DAY_SECONDS, RETENTION_DAYS},
    statement::{DeviceRole, Policy, RelayKeys, ScheduleTimings, Texts},
};

use crate::say::Say;

/// The administrator's commands, in the order they are needed.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the keys of a new line and print its link.
    Init(Init),
    /// Add a desk: a group of people who read together.
    Desk {
        /// What people call it.
        name: String,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Add a device, from the card that `sotto-desk init` wrote.
    Device {
        /// The card.
        card: PathBuf,
        /// The desk it belongs to.
        #[arg(long)]
        desk: u16,
        /// It may read the desk's log but not the inbox.
        #[arg(long)]
        reader: bool,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Sign what has changed and give it to the relay. Again at least every 60 days.
    Publish {
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Print the line's link, its fingerprint, and what the relay's settings need.
    Show {
        #[command(flatten)]
        unlock: Unlock,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// A file whose first line is the passphrase [default: ask].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Who reads this, as tipsters will see it.
    name: String,
    /// The relay's address, as tipsters reach it.
    #[arg(long, value_name = "URL")]
    relay: String,
    /// What `sotto-relay keys` printed.
    #[arg(long, value_name = "FILE")]
    relay_keys: PathBuf,
    /// Seconds of a cycle of the board with new answers; divides a day.
    #[arg(long, default_value_t = 300)]
    new_cycle: u64,
    /// Seconds of a cycle of the board with old answers; divides a day.
    #[arg(long, default_value_t = 21_600)]
    old_cycle: u64,
    /// Seconds between two looks of a desk into the inbox.
    #[arg(long, default_value_t = 60)]
    drain: u64,
    #[command(flatten)]
    unlock: Unlock,
}

/// Needed to begin and once per 90 days; belongs on a medium of its own, offline.
const ROOTS: &str = "roots.sealed";
const LINE: &str = "line.sealed";

pub(crate) fn run(command: Command, state: &Path, say: Say) -> Result<(), Stop> {
    let mut rng = native::entropy()?;
    let dir = StateDir::open(state)?;
    let _lock = dir.lock()?;
    match command {
        Command::Init(init) => begin(&dir, init, say, &mut rng),
        Command::Desk { name, unlock } => {
            let mut open = Open::read(&dir, &unlock)?;
            let id = open.keys.add_desk(named(name))?;
            open.write(&mut rng)?;
            let words = format!("Desk {id} added. It is part of the line once you publish.");
            say.done(&words, &json!({ "desk": id }));
            Ok(())
        }
        Command::Device {
            card,
            desk,
            reader,
            unlock,
        } => {
            let card = read_card(&card)?;
            let mut open = Open::read(&dir, &unlock)?;
            let role = if reader {
                DeviceRole::Device
            } else {
                DeviceRole::Drainer
            };
            open.keys.add_device(card, desk, role)?;
            open.write(&mut rng)?;
            let words = format!("Device added to desk {desk}. It may work once you publish.");
            say.done(&words, &json!({ "desk": desk }));
            Ok(())
        }
        Command::Publish { unlock } => publish(&mut Open::read(&dir, &unlock)?, say, &mut rng),
        Command::Show { unlock } => show(&Open::read(&dir, &unlock)?.keys.book, say),
    }
}

fn begin(dir: &StateDir, init: Init, say: Say, rng: &mut Entropy) -> Result<(), Stop> {
    if dir.read(LINE)?.is_some() {
        return Err(Stop::refused(
            "there is a line in this directory already; it is left as it is. Use another --state",
        ));
    }
    let divides = |seconds: u64| DAY_SECONDS.checked_rem(seconds) == Some(0);
    if !divides(init.new_cycle) || !divides(init.old_cycle) {
        return Err(Stop::usage(
            "the length of a cycle must divide a day of 86,400 seconds, for example 300 or 21600",
        ));
    }
    let relay = read_relay_keys(&init.relay_keys)?;
    let passphrase = native::passphrase(init.unlock.passphrase_file.as_deref(), true)?;
    let beginning = Beginning {
        base: init.relay.trim_end_matches('/').to_owned(),
        names: named(init.name),
        relay,
        policy: Policy {
            new_cycle_seconds: init.new_cycle,
            old_cycle_seconds: init.old_cycle,
            repeat_days: 365,
            retention_days: u32::try_from(RETENTION_DAYS).unwrap_or(u32::MAX),
            drain_seconds: init.drain,
            schedule: ScheduleTimings::default(),
        },
    };
    let (roots, keys) = ceremony::begin(beginning, native::now(), rng);
    // The link must be one that people can use before anything is kept.
    Link::parse(&link(&keys.book)?.to_text())?;
    let sealed = sealed::seal_file(&passphrase, &roots.to_bytes(), rng)?;
    dir.write(ROOTS, &sealed).map_err(|_| KeepError)?;
    let sealed = sealed::seal_file(&passphrase, &keys.to_bytes(), rng)?;
    dir.write(LINE, &sealed).map_err(|_| KeepError)?;
    say.note(&format!(
        "The root keys are in {}. Move that file to a medium you keep offline; it is needed again in 90 days.",
        dir.path(ROOTS).display()
    ));
    show(&keys.book, say)
}

fn publish(open: &mut Open<'_>, say: Say, rng: &mut Entropy) -> Result<(), Stop> {
    let publication = open.keys.publish(native::now())?;
    // The serial is kept before it is used, so that it is never used twice.
    open.write(rng)?;
    let link = link(&open.keys.book)?;
    let http = Http::new(&link.base);
    let relay = Relay::new(&http, link.pin.line);
    for (kind, dsse) in publication.0 {
        relay.put_statement(kind, dsse.to_json())?;
    }
    let words = "Published. Valid for 60 days; publish again before they have passed.";
    say.done(words, &json!({ "link": link.to_text() }));
    Ok(())
}

fn show(book: &Book, say: Say) -> Result<(), Stop> {
    let link = link(book)?;
    let (line, fp) = (link.pin.line.to_text(), link.pin.fingerprint.to_text());
    let mut words = format!(
        "Link for tipsters:\n\n    {}\n\nFingerprint, to be compared whole:\n\n    {fp}\n\nFor the relay's settings:\n\n    [[lines]]\n    fp = \"{fp}\"\n",
        link.to_text()
    );
    for desk in &book.desks {
        let devices = book.devices.iter().filter(|device| device.desk == desk.id);
        let name = desk.names.values().next().map_or("", String::as_str);
        let _infallible = write!(
            words,
            "\nDesk {}: {name}, {} device(s)",
            desk.id,
            devices.count()
        );
    }
    let desks: Vec<_> = book
        .desks
        .iter()
        .map(|desk| json!({ "id": desk.id, "names": desk.names }))
        .collect();
    let value = json!({ "link": link.to_text(), "line": line, "fp": fp, "desks": desks });
    say.done(words.trim_end(), &value);
    Ok(())
}

/// The administrator's file, unlocked.
struct Open<'d> {
    dir: &'d StateDir,
    passphrase: zeroize::Zeroizing<String>,
    keys: LineKeys,
}

impl<'d> Open<'d> {
    fn read(dir: &'d StateDir, unlock: &Unlock) -> Result<Self, Stop> {
        let sealed = dir.read(LINE)?.ok_or_else(|| {
            Stop::refused("there is no line in this directory; `sotto line init` makes one")
        })?;
        let passphrase = native::passphrase(unlock.passphrase_file.as_deref(), false)?;
        let bytes = sealed::open_file(&passphrase, &sealed)?;
        let keys = LineKeys::from_bytes(&bytes)?;
        Ok(Self {
            dir,
            passphrase,
            keys,
        })
    }

    fn write(&self, rng: &mut Entropy) -> Result<(), Stop> {
        let sealed = sealed::seal_file(&self.passphrase, &self.keys.to_bytes(), rng)?;
        Ok(self.dir.write(LINE, &sealed).map_err(|_| KeepError)?)
    }
}

fn link(book: &Book) -> Result<Link, Stop> {
    Ok(Link {
        base: book.base.clone(),
        pin: book.pin()?,
    })
}

fn named(name: String) -> Texts {
    // "und": a name in no particular language (BCP 47).
    BTreeMap::from([("und".to_owned(), name)])
}

fn read_card(path: &Path) -> Result<DeviceCard, Stop> {
    let text = fs::read(path).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| Stop::usage("that is no device card; `sotto-desk init` writes one"))
}

fn read_relay_keys(path: &Path) -> Result<RelayKeys, Stop> {
    let text = fs::read(path).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| Stop::usage("those are no relay keys; `sotto-relay keys` prints them"))
}
