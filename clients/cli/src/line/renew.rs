//! Publishing, and the keys that are replaced by it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sotto_core::{
    date,
    native::{self, Entropy, Http, StateDir, Stop},
    relay::Relay,
    sealed,
};
use sotto_protocol::{id::DeviceId, statement::RelayKeys};

use super::{
    open::{Open, RootsFile},
    show::{dates, link, tasks},
};
use crate::say::Say;

#[derive(Debug, Args)]
pub(crate) struct NewRoots {
    #[command(flatten)]
    pub(super) roots: RootsFile,
    /// Where the new root keys are written, under the passphrase of the old ones.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

pub(super) fn publish(open: &mut Open<'_>, say: Say, rng: &mut Entropy) -> Result<(), Stop> {
    let publication = open.keys.publish(native::now())?;
    // The serial is kept before it is used, so that it is never used twice.
    open.write(rng)?;
    let book = &open.keys.book;
    let http = Http::new(&book.base);
    let relay = Relay::new(&http, book.pin()?.line);
    for (kind, dsse) in &publication.0 {
        relay.put_statement(kind, dsse.to_json()).map_err(|error| {
            Stop::from(error)
                .and(" What was signed is kept; `sotto line publish` goes on from here.")
        })?;
    }
    open.keys.accepted(&publication)?;
    open.write(rng)?;
    let standing = open.keys.book.standing(native::now())?;
    let until = date::of(standing.published_until.unwrap_or_default());
    let mut words = format!("Published. Good until {until}; publish again before.");
    tasks(&standing, &mut words);
    let mut value = dates(&standing);
    if let Some(fields) = value.as_object_mut() {
        let text = link(&open.keys.book)?.to_text();
        fields.insert("link".to_owned(), text.into());
    }
    say.done(&words, &value);
    Ok(())
}

pub(super) fn line_key(
    open: &mut Open<'_>,
    file: &RootsFile,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    let (roots, _) = open.roots(file, say)?;
    open.keys.renew_key(&roots, native::now(), rng)?;
    open.write(rng)?;
    publish(open, say, rng)?;
    say.note("The line key before is gone from this machine. Take the root keys offline again.");
    Ok(())
}

pub(super) fn roots(
    open: &mut Open<'_>,
    new: &NewRoots,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    let (old, passphrase) = open.roots(&new.roots, say)?;
    let roots = open.keys.renew_roots(&old, native::now(), rng)?;
    let sealed = sealed::seal_file(&passphrase, &roots.to_bytes(), rng)?;
    write_new(&new.out, &sealed)?;
    open.write(rng)?;
    publish(open, say, rng)?;
    say.note(&format!(
        "The new root keys are in {}. Move that file to a medium you keep offline, and destroy the old ones. Links from now on carry the new fingerprint; old links go on working. The relay's settings may stay, or take both fp and line from `sotto line show`.",
        new.out.display()
    ));
    Ok(())
}

pub(super) fn relay(
    open: &mut Open<'_>,
    keys: RelayKeys,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    open.keys.renew_relay(keys)?;
    open.write(rng)?;
    say.done(
        "The relay's new keys are noted. Publish once the relay runs with them; devices follow by themselves.",
        &json!({}),
    );
    Ok(())
}

pub(super) fn remove_device(
    open: &mut Open<'_>,
    device: &str,
    say: Say,
    rng: &mut Entropy,
) -> Result<(), Stop> {
    let id = DeviceId::parse(device).ok_or_else(|| {
        Stop::usage("a device's id has 32 characters; `sotto line show` lists them")
    })?;
    let desk = open.keys.remove_device(id)?;
    open.write(rng)?;
    let words = format!("Removed from desk {desk}. The relay refuses it once you publish.");
    say.done(&words, &json!({ "desk": desk }));
    Ok(())
}

/// A file that is not there yet, for its owner only.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Stop::usage("--out is no file name"))?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let dir = StateDir::open(folder.unwrap_or_else(|| Path::new(".")))?;
    if dir.read(name)?.is_some() {
        return Err(Stop::refused(
            "there is a file of that name already; it is left as it is. Use another --out",
        ));
    }
    dir.write(name, bytes)
        .map_err(|_| Stop::refused(format!("{} cannot be written", path.display())))
}
