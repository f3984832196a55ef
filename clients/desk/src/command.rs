//! The commands of `sotto-desk`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use sotto_core::{
    ceremony::DeviceCard,
    desk::{Case, Desk, DeskError, Direction, Entry, Identity, Shared as _, Status},
    link::Link,
    native::{self, Entropy, StateDir, Stop},
};

use crate::{drainer::Drainer, files, say::Say, standing, store::Store};

/// Read what people tell your line, and answer them.
///
/// One `sotto-desk run` stays on; `list`, `show` and `reply` work beside it.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage, 3 relay not reachable (nothing is lost).
#[derive(Debug, Parser)]
#[command(name = "sotto-desk", version)]
pub(crate) struct Arguments {
    /// Print JSON instead of sentences: one object, or one per line while running.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where this desk keeps its state, encrypted.
    #[arg(long, global = true, value_name = "DIR", default_value = "sotto-desk")]
    state: PathBuf,
    /// A file whose first line is the passphrase [default: ask].
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make this device's keys and a card for the line's administrator.
    Init {
        /// The line's link, from `sotto line show`, in quotation marks.
        #[arg(long)]
        link: String,
        /// Where the card is written.
        #[arg(long, value_name = "FILE", default_value = "device.json")]
        card: PathBuf,
    },
    /// Write the card for the line's administrator again, with a new signing key if asked for.
    Card {
        /// Make a new signing key: every 60 days, at the latest after 90.
        #[arg(long)]
        renew: bool,
        /// Where the card is written.
        #[arg(long, value_name = "FILE", default_value = "device.json")]
        card: PathBuf,
    },
    /// Publish keys, read the inbox and write the boards, until stopped. A device that is no
    /// drainer keeps up with the desk's other devices.
    Run {
        /// One round, then end.
        #[arg(long)]
        once: bool,
    },
    /// List conversations, those with news first.
    List,
    /// Show a conversation and mark it as read.
    Show {
        /// Its number in the list.
        number: u32,
        /// Leave it unread.
        #[arg(long)]
        peek: bool,
    },
    /// Save an attachment in a new file, not encrypted. Open it with care.
    Save {
        /// Number of the conversation in the list.
        number: u32,
        /// Number of the attachment, as `show` shows it.
        attachment: usize,
        /// Where it goes; nothing is overwritten.
        file: PathBuf,
    },
    /// Answer a conversation. The text comes from a file or standard input.
    Reply {
        /// Its number in the list.
        number: u32,
        /// The text [default: standard input].
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(arguments: Arguments, say: Say) -> Result<(), Stop> {
    let rng = native::entropy()?;
    let passphrase_file = arguments.passphrase_file.as_deref();
    if let Command::Init { link, card } = &arguments.command {
        let dir = StateDir::open(&arguments.state)?;
        return init(dir, (link, card), passphrase_file, rng, say);
    }
    let dir = StateDir::open(&arguments.state)?;
    if !Store::is_there(&dir)? {
        return Err(Stop::refused(
            "there is no desk in this directory; `sotto-desk init` makes one",
        ));
    }
    let passphrase = native::passphrase(passphrase_file, false)?;
    let mut store = Store::open(dir, &passphrase, rng)?;
    match arguments.command {
        Command::Init { .. } => Ok(()),
        Command::Run { once: true } => Drainer::new(store, rng, say)?.round().map(drop),
        Command::Run { once: false } => Drainer::new(store, rng, say)?.run(),
        Command::Card { renew, card } => write_renewed(&mut store, renew, &card, rng, say),
        Command::List => store.with(|desk, keeper| {
            list(desk, say);
            Ok(desk.note_use(native::now()).save(keeper)?)
        }),
        Command::Show { number, peek } => store.with(|desk, keeper| {
            desk.note_use(native::now()).save(keeper)?;
            let case = desk.cases().get(&number).ok_or(DeskError::NoCase(number))?;
            show(number, (case, &desk.drafts(number)), say);
            if !peek {
                desk.read(number)?.save(keeper)?;
            }
            Ok(())
        }),
        Command::Save {
            number,
            attachment,
            file,
        } => files::save(&mut store, (number, attachment), &file, say),
        Command::Reply { number, file } => reply(&mut store, number, file.as_deref(), rng, say),
    }
}

fn init(
    dir: StateDir,
    (link, card): (&str, &Path),
    passphrase_file: Option<&Path>,
    mut rng: Entropy,
    say: Say,
) -> Result<(), Stop> {
    let link = Link::parse(link)?;
    if Store::is_there(&dir)? {
        return Err(Stop::refused(
            "there is a desk in this directory already; it is left as it is. Use another --state",
        ));
    }
    let passphrase = native::passphrase(passphrase_file, true)?;
    let identity = Identity::make(link, &mut rng);
    write_card(&identity.card(), card)?;
    Store::make(dir, &passphrase, identity, rng)?;
    let words = format!(
        "Give {} to the line's administrator, for `sotto line device`. It holds no secret.",
        card.display()
    );
    say.done(&words, &json!({ "card": card }));
    Ok(())
}

fn write_card(card: &DeviceCard, path: &Path) -> Result<(), Stop> {
    let text = serde_json::to_vec_pretty(card).unwrap_or_default();
    std::fs::write(path, text)
        .map_err(|_| Stop::refused(format!("{} cannot be written", path.display())))
}

fn write_renewed(
    store: &mut Store,
    renew: bool,
    path: &Path,
    mut rng: Entropy,
    say: Say,
) -> Result<(), Stop> {
    let card = store.with(|desk, keeper| {
        if renew {
            Ok(desk.renew_signing_key(&mut rng).save(keeper)?)
        } else {
            Ok(desk.identity().card())
        }
    })?;
    write_card(&card, path)?;
    let words = format!(
        "Give {} to the line's administrator, for `sotto line renew-desk`. It holds no secret. Nothing changes here until it is published.",
        path.display()
    );
    say.done(&words, &json!({ "card": path }));
    Ok(())
}

fn list(desk: &Desk, say: Say) {
    let mut cases: Vec<(u32, &Case)> = desk.cases().iter().map(|(n, case)| (*n, case)).collect();
    cases.sort_by_key(|(number, case)| (case.unread() == 0, std::cmp::Reverse(*number)));
    let mut words = String::new();
    let mut rows = Vec::new();
    for (number, case) in cases {
        let last = case.entries().last();
        let last = last.map_or_else(String::new, |entry| first_line(case, entry));
        let news = match case.unread() {
            0 => String::new(),
            unread => format!("{unread} new"),
        };
        let mark = if case.is_unconfirmed() { "? " } else { "" };
        let _infallible = writeln!(words, "{number:>6}  {news:<8}{mark}{last}");
        rows.push(json!({
            "number": number,
            "unread": case.unread(),
            "unconfirmed": case.is_unconfirmed(),
            "foreign": case.is_foreign(),
            "last": last,
        }));
    }
    if rows.is_empty() {
        words.push_str("Nothing yet.");
    }
    for (sentence, _) in standing::all(desk, native::now()) {
        let _infallible = write!(words, "\n{sentence}");
    }
    say.done(words.trim_end(), &Value::Array(rows));
}

/// The number of an entry among the attachments, where it is one.
fn number_of(case: &Case, entry: &Entry) -> usize {
    let mut all = case.attachments();
    let place = all.position(|other| std::ptr::eq(other, entry));
    place.map_or(0, |place| place + 1)
}

fn first_line(case: &Case, entry: &Entry) -> String {
    const WIDTH: usize = 60;
    let text = match entry.attachment() {
        None => entry.text(),
        Some(file) => files::words(number_of(case, entry), file),
    };
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(WIDTH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn show(number: u32, (case, drafts): (&Case, &[Entry]), say: Say) {
    let mut words = format!("Conversation {number}\n");
    for warning in warnings(case) {
        let _infallible = writeln!(words, "{warning}");
    }
    let mut rows = Vec::new();
    let entries = case.entries().iter();
    let entries = entries.map(|entry| (entry, case.status(entry)));
    let drafts = drafts.iter().map(|entry| (entry, Status::Draft));
    for (entry, at) in entries.chain(drafts) {
        let status = status(at);
        let who = match entry.direction {
            Direction::In => "tipster",
            Direction::Out => "desk",
        };
        let mut text = entry.text();
        let mut row = json!({ "from": who, "status": status, "at": entry.at, "text": text });
        if let Some(file) = entry.attachment() {
            let attachment = number_of(case, entry);
            text = files::words(attachment, file);
            let value = files::value(attachment, file);
            row.as_object_mut()
                .map(|row| row.insert("attachment".into(), value));
        }
        let _infallible = write!(words, "\n[{who}, {status}]\n{text}\n");
        rows.push(row);
    }
    let value = json!({
        "number": number,
        "unconfirmed": case.is_unconfirmed(),
        "leaves_nothing": case.leaves_nothing(),
        "foreign": case.is_foreign(),
        "texts": rows,
    });
    say.done(words.trim_end(), &value);
}

fn warnings(case: &Case) -> Vec<&'static str> {
    let all = [
        (
            case.is_unconfirmed(),
            "UNCONFIRMED: somebody came back from another phone. Answers are sealed to the words of the person who wrote first; say nothing that only they may know until the mark is gone.",
        ),
        (
            case.is_foreign(),
            "ALARM: something here was sealed under keys this desk has never seen. The relay may have shown this person a bundle of its own.",
        ),
        (
            case.leaves_nothing(),
            "This person keeps nothing on a phone. They come back with their words alone.",
        ),
    ];
    all.into_iter()
        .filter_map(|(is_so, words)| is_so.then_some(words))
        .collect()
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::Read => "read",
        Status::Draft => "waiting for the desk's other devices",
        Status::Queued => "waiting until the tipster has opened what was sent before",
        Status::Posted => "waiting for the tipster",
        Status::Opened => "opened by the tipster",
        Status::Arriving => "still arriving",
    }
}

fn reply(
    store: &mut Store,
    number: u32,
    file: Option<&Path>,
    mut rng: Entropy,
    say: Say,
) -> Result<(), Stop> {
    store.with(|desk, _| {
        let case = desk.cases().get(&number);
        Ok(case.map(drop).ok_or(DeskError::NoCase(number))?)
    })?;
    let text = native::text(file, "Write, then press Ctrl-D on an empty line.")?;
    let is_draft = store.with(|desk, keeper| {
        desk.note_use(native::now()).save(keeper)?;
        let reply = desk.reply(number, &text, native::now(), &mut rng)?;
        reply.save(keeper)?;
        Ok(!desk.drafts(number).is_empty())
    })?;
    let words = if is_draft {
        "Kept. It goes out once it stands in the desk's log, and stays on the board until it is opened."
    } else {
        "Kept. It goes out with the next page of the board and stays until it is opened."
    };
    say.done(words, &json!({ "number": number }));
    Ok(())
}
