//! What a line is and how it stands.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sotto_core::{
    ceremony::{Book, Standing, Task},
    date,
    link::Link,
    native::{self, Stop},
};
use sotto_protocol::statement::{DeviceEntry, DeviceRole};

use crate::say::Say;

pub(super) fn show(book: &Book, say: Say) -> Result<(), Stop> {
    let link = link(book)?;
    let (line, fp) = (link.pin.line.to_text(), link.pin.fingerprint.to_text());
    let mut words = format!(
        "Link for tipsters:\n\n    {}\n\nFingerprint, to be compared whole:\n\n    {fp}\n\nFor the relay's settings:\n\n    [[lines]]\n    fp = \"{fp}\"\n",
        link.to_text()
    );
    if book.has_new_roots() {
        let _infallible = writeln!(words, "    line = \"{line}\"");
    }
    let mut desks = Vec::new();
    for desk in &book.desks {
        let name = desk.names.values().next().map_or("", String::as_str);
        let _infallible = write!(words, "\nDesk {}: {name}", desk.id);
        let devices = book.devices.iter().filter(|device| device.desk == desk.id);
        let devices: Vec<Value> = devices.map(|one| device(one, &mut words)).collect();
        desks.push(json!({ "id": desk.id, "names": desk.names, "devices": devices }));
    }
    let standing = book.standing(native::now())?;
    describe(&standing, &mut words);
    let mut value = json!({ "link": link.to_text(), "line": line, "fp": fp, "desks": desks });
    if let Some(fields) = value.as_object_mut() {
        fields.extend(dates(&standing).as_object().cloned().unwrap_or_default());
    }
    say.done(words.trim_end(), &value);
    Ok(())
}

fn device(device: &DeviceEntry, words: &mut String) -> Value {
    let role = match device.role {
        DeviceRole::Drainer => "drainer",
        DeviceRole::Device => "reader",
    };
    let id = device.id().to_text();
    let _infallible = write!(words, "\n    device {id}, {role}");
    json!({ "id": id, "role": role })
}

fn describe(standing: &Standing, words: &mut String) {
    let _infallible = write!(
        words,
        "\n\nThe line key is good until {}.",
        date::of(standing.line_key_until)
    );
    match standing.published_until {
        Some(until) => {
            let until = date::of(until);
            let _infallible = write!(words, "\nWhat is published is good until {until}.");
        }
        None => words.push_str("\nNothing is published yet."),
    }
    if let Some(until) = standing.relay_keys_until {
        let until = date::of(until);
        let _infallible = write!(words, "\nThe relay's keys are to be replaced by {until}.");
    }
    tasks(standing, words);
}

/// What is to be done, one sentence each.
pub(super) fn tasks(standing: &Standing, words: &mut String) {
    if !standing.tasks.is_empty() {
        words.push_str("\n\nTo do:");
    }
    for task in &standing.tasks {
        let _infallible = write!(words, "\n  - {}", sentence(*task));
    }
}

/// For programs: unix seconds, and the sentences.
pub(super) fn dates(standing: &Standing) -> Value {
    let tasks: Vec<String> = standing.tasks.iter().map(|task| sentence(*task)).collect();
    json!({
        "line_key_until": standing.line_key_until,
        "published_until": standing.published_until,
        "relay_keys_until": standing.relay_keys_until,
        "tasks": tasks,
    })
}

fn sentence(task: Task) -> String {
    match task {
        Task::PublishRenewal => {
            "New keys wait for the relay to take them: sotto line publish.".to_owned()
        }
        Task::RenewLineKey(0) => {
            "The line key has expired; nobody can write. Fetch the root keys: sotto line renew-key --roots FILE.".to_owned()
        }
        Task::RenewLineKey(days) => format!(
            "The line key is good for {days} more day(s). Fetch the root keys: sotto line renew-key --roots FILE."
        ),
        Task::Publish(0) => {
            "What is published has expired; nobody can write: sotto line publish.".to_owned()
        }
        Task::Publish(days) => format!(
            "What is published is good for {days} more day(s): sotto line publish."
        ),
        Task::AddDrainer(desk) => format!(
            "Desk {desk} has no drainer, and until it has one nobody can write to the line: sotto line device CARD --desk {desk}, or sotto line remove-desk {desk}."
        ),
        Task::RenewDeskKey(desk, device, days) => format!(
            "The signing key of a drainer of desk {desk} is to be replaced within {days} day(s). Ask for the card that `sotto-desk card --renew` writes on device {}: sotto line renew-desk CARD.",
            device.to_text()
        ),
        Task::RenewRelayKeys(days) => format!(
            "The relay's keys are to be replaced within {days} day(s). Ask its operator for what `sotto-relay keys --renew` prints: sotto line renew-relay FILE."
        ),
    }
}

pub(super) fn link(book: &Book) -> Result<Link, Stop> {
    Ok(Link {
        base: book.base.clone(),
        pin: book.pin()?,
        ohttp: book.ohttp.first().cloned(),
    })
}
