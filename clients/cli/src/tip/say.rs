//! What a tipster is told.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sotto_core::{
    attachment::Progress,
    date,
    native::Stop,
    sitting,
    strip::name_of,
    tipster::{Attached, Sent, Stage, Tipster, View},
};
use sotto_protocol::limits::DAY_SECONDS;
use zeroize::Zeroizing;

/// Days after which it is said that nobody has opened something.
const LONG_DAYS: u64 = 3;

/// What was found.
pub(super) struct Heard {
    pub(super) texts: Vec<Zeroizing<String>>,
    /// Unix seconds.
    pub(super) now: u64,
}

impl Heard {
    /// For a person and for a program.
    pub(super) fn said(&self, tipster: &Tipster) -> (Zeroizing<String>, Value) {
        let mut out = Zeroizing::new(String::new());
        for text in &self.texts {
            let _infallible = write!(out, "The desk writes:\n\n{}\n\n", text.as_str());
        }
        if self.texts.is_empty() {
            out.push_str("Nothing new.");
        }
        for line in self.receipts(tipster) {
            let _infallible = write!(out, "\n{line}");
        }
        let answers: Vec<&str> = self.texts.iter().map(|text| text.as_str()).collect();
        let files = tipster.attached();
        let files = files.iter().map(|file| {
            json!({
                "type": name_of(file.kind),
                "bytes": file.length,
                "sent": file.progress.done,
                "of": file.progress.total,
            })
        });
        let value = json!({
            "answers": answers,
            "receipts": counts(tipster),
            "attachments": files.collect::<Value>(),
        });
        (out, value)
    }

    fn receipts(&self, tipster: &Tipster) -> Vec<String> {
        let sent = tipster.sent();
        let mut lines = Vec::new();
        if tipster.keeps_nothing() {
            match tipster.receipts() {
                0 => {}
                1 => lines.push("The desk has opened one message of yours.".to_owned()),
                many => lines.push(format!("The desk has opened {many} messages of yours.")),
            }
        } else if !sent.is_empty() {
            let count = |stage| sent.iter().filter(|sent| sent.stage == stage).count();
            lines.push(format!(
                "What you sent: {} answered, {} opened by the desk, {} held by the relay, {} still here.",
                count(Stage::Answered),
                count(Stage::Opened),
                count(Stage::Held),
                count(Stage::Waiting)
            ));
        }
        let longest = sent.iter().filter_map(|sent| sent.days_unopened(self.now));
        lines.extend(tipster.attached().iter().map(waiting));
        if let Some(days) = longest.max().filter(|days| *days >= LONG_DAYS) {
            lines.push(format!(
                "Something you sent {days} days ago has not been opened yet. It is sent again by itself while you look here."
            ));
        }
        let is_on_its_way = |sent: &&Sent| sent.was_lost && sent.stage < Stage::Opened;
        if sent.iter().any(|sent| is_on_its_way(&sent)) {
            lines.push(
                "The relay had lost something you sent. It was noticed and is sent again."
                    .to_owned(),
            );
        }
        lines
    }
}

fn waiting(file: &Attached) -> String {
    let Progress { done, total } = file.progress;
    let kind = name_of(file.kind);
    if done < total {
        format!("Attachment ({kind}): {done} of {total} parts sent; `sotto tip check` goes on.")
    } else {
        format!("Attachment ({kind}): sent; the desk has not said yet that it has all of it.")
    }
}

/// After a tip was sent.
pub(super) fn sent(
    (words, digits): (&str, &str),
    tipster: &Tipster,
    (leave_nothing, silence): (bool, Option<String>),
) -> (Zeroizing<String>, Value) {
    let where_kept = if leave_nothing {
        "Nothing is kept on this machine. Come back and check that it was received: nothing is sent again by itself."
    } else {
        "Look for an answer with: sotto tip check"
    };
    let warning = silence
        .as_ref()
        .map_or_else(String::new, |silence| format!("\n{silence}"));
    let said = format!(
        "Sent. The relay holds it until the desk has read it; it cannot read it itself.\n\n    {words}\n\nThese eight words are the only way back to this conversation. Write them on paper. In digits they are\n\n    {digits}\n\n{where_kept}{warning}"
    );
    let value =
        json!({ "code": words, "digits": digits, "receipts": counts(tipster), "silence": silence });
    (Zeroizing::new(said), value)
}

/// A desk signs its keys daily: where it has not for long, nobody may be reading.
pub(super) fn silence(view: &View, desk: u16) -> Option<String> {
    let desk = match desk {
        0 => view.bundle.line.desks.first()?.id,
        desk => desk,
    };
    let signed = view.bundle.last_signed(desk)?;
    let is_long = view.now.saturating_sub(signed) > SILENT_DAYS * DAY_SECONDS;
    is_long.then(|| {
        format!(
            "Nobody has read this line since {}, as far as can be told. The relay keeps what you send for some days only: come back and check that it was opened.",
            date::of(signed)
        )
    })
}

/// A weekend and a day of grace.
const SILENT_DAYS: u64 = 3;

/// One step of a sitting.
pub(super) fn step(progress: &sitting::Progress) -> String {
    let seconds = progress.elapsed / 1_000;
    let what = match (progress.failure, progress.is_waiting) {
        (Some(_), true) => "the relay does not answer; trying again",
        (_, true) => "sending takes its turn",
        (_, false) => "looking at the boards takes its turn",
    };
    let left = progress.looked_by.saturating_sub(progress.elapsed) / 1_000;
    if left == 0 {
        format!("{seconds} s: {what}")
    } else {
        format!("{seconds} s: {what}; both boards will have been looked at in about {left} s")
    }
}

fn counts(tipster: &Tipster) -> Value {
    let count = |stage| {
        let sent = tipster.sent().iter();
        sent.filter(|sent| sent.stage == stage).count()
    };
    let lost = tipster.sent().iter().filter(|sent| sent.was_lost).count();
    json!({
        "waiting": count(Stage::Waiting),
        "held": count(Stage::Held),
        "opened": count(Stage::Opened),
        "answered": count(Stage::Answered),
        "lost": lost,
        "messages_opened": tipster.receipts(),
    })
}

pub(super) fn kept(stop: Stop, words: &str) -> Stop {
    stop.and(&format!(
        "\n\nYour tip is kept here, sealed. Nothing needs to be written again: when it works, `sotto tip check` sends it. You need these words for it:\n\n    {words}"
    ))
}

pub(super) fn no_memory() -> Stop {
    Stop::refused("this machine has too little free memory: 64 MiB are needed for a moment")
}
