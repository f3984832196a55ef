//! What a desk's keys and its absence mean, in sentences.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sotto_core::{
    date,
    desk::{Desk, Missed, SigningKey},
};
use sotto_protocol::{
    bundle::day_of,
    limits::{DAY_SECONDS, KEY_OVERLAP_DAYS},
};

/// A sentence for a person and the same for a program.
pub(crate) type Said = (String, Value);

/// Beforehand: until when nothing is lost.
pub(crate) fn reach(desk: &Desk) -> Option<Said> {
    let reach = desk.reach()?;
    let words = format!(
        "Nothing is lost if `sotto-desk run` is back before {}. People can write until {} with the keys that are published.",
        date::of(reach.read_by),
        date::of(reach.open_until)
    );
    let value = json!({ "read_by": reach.read_by, "open_until": reach.open_until });
    Some((words, value))
}

/// Afterwards: what may be lost.
pub(crate) fn missed(missed: &Missed) -> Said {
    let mut words = format!(
        "This desk was away for longer than the relay keeps what nobody reads. What people sent from {} to {} may be lost.",
        date::of_day(missed.from),
        date::of_day(missed.to)
    );
    if let Some(day) = missed.closed_from {
        let (from, to) = (date::of_day(day), date::of(missed.noticed));
        let _infallible = write!(
            words,
            " From {from} to {to} nobody could write, because the keys had run out."
        );
    }
    let value = json!({ "missed": {
        "from": date::of_day(missed.from),
        "to": date::of_day(missed.to),
        "closed_from": missed.closed_from.map(date::of_day),
    }});
    (words, value)
}

/// Whether the signing key is to be replaced.
pub(crate) fn signing_key(desk: &Desk, now: u64) -> Option<Said> {
    if desk.is_reader() {
        return None;
    }
    let words = match desk.identity().signing_key() {
        SigningKey::Waiting => {
            "The administrator has yet to publish this desk's newest signing key: sotto-desk card writes its card.".to_owned()
        }
        SigningKey::Until(until) => {
            let is_due = until.saturating_sub(now) < KEY_OVERLAP_DAYS * DAY_SECONDS;
            is_due.then(|| {
                format!(
                    "This desk's signing key is to be replaced by {}: sotto-desk card --renew, and give the card to the line's administrator.",
                    date::of(until)
                )
            })?
        }
    };
    let value = json!({ "signing_key": words });
    Some((words, value))
}

/// Everything of the above that an analyst should see below the list.
pub(crate) fn all(desk: &Desk, now: u64) -> Vec<Said> {
    let shown_from = day_of(now).saturating_sub(MISSED_SHOWN_DAYS);
    let recent = desk.missed().iter();
    let recent = recent.filter(|missed| day_of(missed.noticed) >= shown_from);
    recent
        .map(missed)
        .chain(signing_key(desk, now))
        .chain(reach(desk))
        .collect()
}

/// How long an absence stays below the list.
const MISSED_SHOWN_DAYS: u32 = 30;
