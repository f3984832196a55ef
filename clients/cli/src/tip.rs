//! `sotto tip`: what the phone app does, in a terminal.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Subcommand;
use serde_json::{Value, json};
use sotto_core::{
    date,
    link::Link,
    native::{self, Entropy, Http, StateDir, Stop},
    relay::Relay,
    sitting::{Person, sit},
    tipster::{Receipts, Tipster, View},
};
use sotto_protocol::{bundle::Seen, code::Code, limits::DAY_SECONDS};
use zeroize::Zeroizing;

use crate::{say::Say, vault::VaultFile};

/// Every command makes the same requests in the same order, whatever it is for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a tip. Shows the eight words with which you come back.
    Send {
        /// The line's link, in quotation marks.
        link: String,
        /// The text [default: standard input].
        file: Option<PathBuf>,
        /// Which desk of the line is meant [default: the first].
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        desk: u16,
        /// Forget the conversation that may be kept here and begin another one.
        #[arg(long)]
        new: bool,
    },
    /// Look for answers; send what still waits. Asks for your words.
    Check {
        /// The line's link, in quotation marks.
        link: String,
        /// Look again until something has arrived, for so long.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Answer, or add to what you sent. Asks for your words, then for the text.
    Reply {
        /// The line's link, in quotation marks.
        link: String,
        /// The text [default: standard input, after the line with your words].
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(command: Command, state: &Path, say: Say) -> Result<(), Stop> {
    let rng = native::entropy()?;
    let dir = StateDir::open(state)?;
    let _lock = dir.lock()?;
    match command {
        Command::Send {
            link,
            file,
            desk,
            new,
        } => {
            let mut desk_of = Visit::new(&link, rng, say)?;
            desk_of.send(dir, file.as_deref(), desk, new)
        }
        Command::Check { link, wait } => Visit::new(&link, rng, say)?.check(dir, wait),
        Command::Reply { link, file } => Visit::new(&link, rng, say)?.reply(dir, file.as_deref()),
    }
}

/// One run of the program at one line.
struct Visit {
    link: Link,
    http: Http,
    rng: Entropy,
    say: Say,
}

impl Visit {
    fn new(link: &str, rng: Entropy, say: Say) -> Result<Self, Stop> {
        let link = Link::parse(link)?;
        let http = Http::new(&link.base);
        Ok(Self {
            link,
            http,
            rng,
            say,
        })
    }

    fn send(
        &mut self,
        dir: StateDir,
        file: Option<&Path>,
        desk: u16,
        new: bool,
    ) -> Result<(), Stop> {
        if !new && VaultFile::is_there(&dir)? {
            return Err(Stop::refused(
                "a conversation may be kept here already. To go on with it: sotto tip reply. To forget it and begin another: --new. To keep both: another --state",
            ));
        }
        let text = native::text(file, "Write your tip, then press Ctrl-D on an empty line.")?;
        let code = Code::make(&mut self.rng);
        let line = self.link.pin.line;
        let keys = code.derive(line).ok_or_else(no_memory)?;
        let mut vault = VaultFile::new(dir, keys.clone(), self.rng);
        let mut tipster = Tipster::begin(line, keys, desk, native::now(), &mut self.rng);
        tipster.write(&text, &mut self.rng)?.save(&mut vault)?;
        let words = code.to_words();
        let sat = self.sit(&mut Person::Known(&mut tipster, &mut vault));
        let view = sat.map_err(|stop| kept(stop, &words))?;
        let silence = silence(&view, desk);
        if let Some(sentence) = &silence {
            self.say.note(sentence);
        }
        let mut shown = Zeroizing::new(String::new());
        let _infallible = write!(
            shown,
            "Sent. The relay holds it until the desk has read it; it cannot read it itself.\n\n    {}\n\nThese eight words are the only way back to this conversation. Write them on paper.\nLook for an answer with: sotto tip check",
            words.as_str()
        );
        let value = json!({
            "code": words.as_str(),
            "receipts": receipts(tipster.receipts()),
            "silence": silence,
        });
        self.say.done(&shown, &value);
        Ok(())
    }

    fn check(&mut self, dir: StateDir, wait: u64) -> Result<(), Stop> {
        let (words, _) = native::code_and_rest()?;
        let mut vault = self.vault(dir, &words)?;
        let mut tipster = vault.open()?;
        vault.ensure()?;
        let deadline = native::now().saturating_add(wait);
        loop {
            let view = self.look(tipster.as_mut(), &mut vault)?;
            let has_news = tipster.as_ref().is_some_and(|t| !t.unread().is_empty());
            let left = deadline.saturating_sub(native::now());
            if has_news || left == 0 {
                break;
            }
            let cycle = view.bundle.line.policy.new_cycle_seconds;
            native::pause(Duration::from_secs(cycle.clamp(1, left)));
        }
        self.show(tipster.as_mut(), &mut vault)
    }

    fn reply(&mut self, dir: StateDir, file: Option<&Path>) -> Result<(), Stop> {
        let (words, rest) = native::code_and_rest()?;
        let text = match (file, rest) {
            (None, Some(rest)) => rest,
            (file, _) => native::text(file, "Write, then press Ctrl-D on an empty line.")?,
        };
        let mut vault = self.vault(dir, &words)?;
        let mut tipster = vault.open()?.ok_or_else(|| {
            Stop::refused("no conversation is kept here for these words; is it another --state?")
        })?;
        tipster.write(&text, &mut self.rng)?.save(&mut vault)?;
        self.look(Some(&mut tipster), &mut vault)
            .map_err(|stop| stop.and(" Your text is kept and goes out with the next look."))?;
        self.show(Some(&mut tipster), &mut vault)
    }

    fn vault(&self, dir: StateDir, words: &str) -> Result<VaultFile, Stop> {
        let keys = Code::parse(words)?.derive(self.link.pin.line);
        Ok(VaultFile::new(dir, keys.ok_or_else(no_memory)?, self.rng))
    }

    fn look(&mut self, tipster: Option<&mut Tipster>, vault: &mut VaultFile) -> Result<View, Stop> {
        match tipster {
            Some(tipster) => self.sit(&mut Person::Known(tipster, vault)),
            // Words that belong to nothing here: the same requests, and the same empty screen.
            None => self.sit(&mut Person::<VaultFile>::Visitor(Seen::default())),
        }
    }

    fn sit(&mut self, person: &mut Person<'_, VaultFile>) -> Result<View, Stop> {
        let relay = Relay::new(&self.http, self.link.pin.line);
        let sat = sit(&relay, self.link.pin, person, native::now(), &mut self.rng);
        Ok(sat?)
    }

    fn show(&self, tipster: Option<&mut Tipster>, vault: &mut VaultFile) -> Result<(), Stop> {
        let Some(tipster) = tipster else {
            let value = json!({ "answers": [], "receipts": Value::Null });
            self.say.done("Nothing new.", &value);
            return Ok(());
        };
        let unread = tipster.unread();
        let texts: Vec<&str> = unread.iter().map(|(_, text)| text.as_str()).collect();
        let counts = tipster.receipts();
        let value = json!({ "answers": texts, "receipts": receipts(counts) });
        self.say.done(&sentences(&texts, counts), &value);
        let ids: Vec<u64> = unread.iter().map(|(id, _)| *id).collect();
        // Erased only after it was shown: a crash in between shows it twice rather than never.
        Ok(tipster.shown(&ids).save(vault)?)
    }
}

fn sentences(texts: &[&str], counts: Receipts) -> String {
    let mut out = String::new();
    for text in texts {
        let _infallible = write!(out, "The desk writes:\n\n{text}\n\n");
    }
    if texts.is_empty() {
        out.push_str("Nothing new.\n");
    }
    let Receipts {
        waiting,
        held,
        opened,
    } = counts;
    let _infallible = write!(
        out,
        "What you sent: {opened} opened by the desk, {held} held by the relay, {waiting} still here."
    );
    out
}

/// A desk signs its keys daily: where it has not for long, nobody may be reading.
fn silence(view: &View, desk: u16) -> Option<String> {
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

fn receipts(counts: Receipts) -> Value {
    json!({ "waiting": counts.waiting, "held": counts.held, "opened": counts.opened })
}

fn kept(stop: Stop, words: &str) -> Stop {
    stop.and(&format!(
        "\n\nYour tip is kept here, sealed. Nothing needs to be written again: when it works, `sotto tip check` sends it. You need these words for it:\n\n    {words}"
    ))
}

fn no_memory() -> Stop {
    Stop::refused("this machine has too little free memory: 64 MiB are needed for a moment")
}
