//! `sotto line`: the ceremony, and what the administrator publishes.

mod open;
mod renew;
mod show;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;
use sotto_core::{
    ceremony::{self, Beginning, DeviceCard},
    keep::KeepError,
    link::Link,
    native::{self, Entropy, StateDir, Stop},
    sealed,
};
use sotto_protocol::{
    limits::{DAY_SECONDS, RETENTION_DAYS},
    statement::{DeviceRole, Policy, RelayKeys, ScheduleTimings, Texts},
};

use self::{
    open::{LINE, Open, ROOTS, RootsFile, Unlock},
    renew::NewRoots,
    show::{link, show},
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
    /// Make a new line key and publish it. Needs the root keys; every 60 days, at the latest after 90.
    RenewKey {
        #[command(flatten)]
        roots: RootsFile,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Replace the root keys and the line key, and publish. The line and its old links stay.
    RenewRoots {
        #[command(flatten)]
        roots: NewRoots,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Take a drainer's new signing key, from the card that `sotto-desk card --renew` wrote.
    RenewDesk {
        /// The card.
        card: PathBuf,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Take the relay's new keys, as `sotto-relay keys --renew` printed them.
    RenewRelay {
        /// The file with them.
        keys: PathBuf,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Remove a device that was lost or is out of use.
    RemoveDevice {
        /// Its id, as `sotto line show` prints it.
        device: String,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Remove a desk with all its devices.
    RemoveDesk {
        /// Its number.
        desk: u16,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Name the oblivious relays that phones are to use, run by others than the relay; without any, they
    /// ask the relay itself. The first one also stands in the link. Takes effect once you publish.
    Ohttp {
        /// Their addresses, in the order in which they are tried.
        #[arg(value_name = "URL")]
        relays: Vec<String>,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Print the line's link, its fingerprint, what the relay's settings need, until when everything
    /// is good and what is to be done.
    Show {
        #[command(flatten)]
        unlock: Unlock,
    },
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
    /// When an open phone asks the relay for something, in seconds: how long it is dense, between
    /// two looks and later, between two posts and later [default: 180,45,120,15,60].
    #[arg(long, value_name = "SECONDS")]
    schedule: Option<String>,
    #[command(flatten)]
    unlock: Unlock,
}

pub(crate) fn run(command: Command, state: &Path, say: Say) -> Result<(), Stop> {
    let mut rng = native::entropy()?;
    let rng = &mut rng;
    let dir = StateDir::open(state)?;
    let _lock = dir.lock()?;
    let open = |unlock: &Unlock| Open::read(&dir, unlock);
    match command {
        Command::Init(init) => begin(&dir, init, say, rng),
        Command::Desk { name, unlock } => add_desk(&mut open(&unlock)?, name, say, rng),
        Command::Device {
            card,
            desk,
            reader,
            unlock,
        } => {
            let card = read_card(&card)?;
            let role = if reader {
                DeviceRole::Device
            } else {
                DeviceRole::Drainer
            };
            add_device(&mut open(&unlock)?, card, (desk, role), say, rng)
        }
        Command::Publish { unlock } => renew::publish(&mut open(&unlock)?, say, rng),
        Command::RenewKey { roots, unlock } => {
            renew::line_key(&mut open(&unlock)?, &roots, say, rng)
        }
        Command::RenewRoots { roots, unlock } => {
            renew::roots(&mut open(&unlock)?, &roots, say, rng)
        }
        Command::RenewDesk { card, unlock } => {
            let card = read_card(&card)?;
            renew_desk(&mut open(&unlock)?, card, say, rng)
        }
        Command::RenewRelay { keys, unlock } => {
            let keys = read_relay_keys(&keys)?;
            renew::relay(&mut open(&unlock)?, keys, say, rng)
        }
        Command::RemoveDevice { device, unlock } => {
            renew::remove_device(&mut open(&unlock)?, &device, say, rng)
        }
        Command::RemoveDesk { desk, unlock } => remove_desk(&mut open(&unlock)?, desk, say, rng),
        Command::Ohttp { relays, unlock } => ohttp(&mut open(&unlock)?, relays, say, rng),
        Command::Show { unlock } => show(&open(&unlock)?.keys.book, say),
    }
}

fn schedule(seconds: Option<&str>) -> Result<ScheduleTimings, Stop> {
    let Some(seconds) = seconds else {
        return Ok(ScheduleTimings::default());
    };
    let numbers: Result<Vec<u64>, _> = seconds.split(',').map(|part| part.trim().parse()).collect();
    let numbers = numbers.map_err(|_| Stop::usage(SCHEDULE_USAGE))?;
    let [early, draw, later_draw, post, later_post] = numbers.as_slice() else {
        return Err(Stop::usage(SCHEDULE_USAGE));
    };
    let timings = ScheduleTimings {
        early_seconds: *early,
        draw_seconds: *draw,
        later_draw_seconds: *later_draw,
        post_seconds: *post,
        later_post_seconds: *later_post,
    };
    if timings.is_sound() {
        Ok(timings)
    } else {
        Err(Stop::usage(SCHEDULE_USAGE))
    }
}

const SCHEDULE_USAGE: &str = "--schedule takes five numbers of seconds, each from 1 to 3600, and later ones are at least as long: 180,45,120,15,60";
fn add_desk(open: &mut Open<'_>, name: String, say: Say, rng: &mut Entropy) -> Result<(), Stop> {
    let id = open.keys.add_desk(named(name))?;
    open.write(rng)?;
    let words = format!("Desk {id} added. It is part of the line once you publish.");
    say.done(&words, &json!({ "desk": id }));
    Ok(())
}

fn add_device(
    open: &mut Open<'_>,
    card: DeviceCard,
    (desk, role): (u16, DeviceRole),
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    open.keys.add_device(card, desk, role)?;
    open.write(rng)?;
    let words = format!("Device added to desk {desk}. It may work once you publish.");
    say.done(&words, &json!({ "desk": desk }));
    Ok(())
}

fn renew_desk(
    open: &mut Open<'_>,
    card: DeviceCard,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    let desk = open.keys.renew_desk_key(card)?;
    open.write(rng)?;
    let words = format!(
        "The new signing key of desk {desk} is noted. Publish; the one before stays good for 30 days from then."
    );
    say.done(&words, &json!({ "desk": desk }));
    Ok(())
}

fn remove_desk(open: &mut Open<'_>, desk: u16, say: Say, rng: &mut Entropy) -> Result<(), Stop> {
    let devices = open.keys.remove_desk(desk)?;
    open.write(rng)?;
    let words = format!(
        "Desk {desk} and its {devices} device(s) removed. The relay refuses them once you publish."
    );
    say.done(&words, &json!({ "desk": desk, "devices": devices }));
    Ok(())
}

fn ohttp(
    open: &mut Open<'_>,
    relays: Vec<String>,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    let words = match relays.len() {
        0 => "Phones ask the relay itself once you publish.".to_owned(),
        count => format!(
            "{count} oblivious relay(s) noted. Phones use them once you publish; the link has changed, and old links go on working."
        ),
    };
    open.keys.name_oblivious_relays(relays.clone())?;
    open.write(rng)?;
    say.done(&words, &json!({ "ohttp": relays }));
    Ok(())
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
            schedule: schedule(init.schedule.as_deref())?,
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
        "The root keys are in {}. Move that file to a medium you keep offline; it is needed again within 90 days, for `sotto line renew-key`.",
        dir.path(ROOTS).display()
    ));
    show(&keys.book, say)
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
