//! One run of the program at one line: a sitting with a beginning and an end.

use std::path::Path;

use serde_json::json;
use sotto_core::{
    keep::Keeper,
    link::Link,
    native::{self, Entropy, RealTime, StateDir, Stop, Ways},
    relay::Relay,
    sitting::{Person, Progress, Sitting},
    tipster::{AttachError, State, Tipster, View},
};
use sotto_protocol::{
    bundle::Seen,
    code::{Code, CodeKeys},
    statement::RelayStatement,
};
use zeroize::Zeroizing;

use super::{
    attach::Parcel,
    key,
    say::{Heard, kept, no_memory, sent, silence},
};
use crate::{
    say::Say,
    vault::{Forgetful, Place, VaultFile},
};

/// Posts that may fail before the program gives up; what waits is kept.
const PATIENCE: usize = 4;
const WRITE: &str = "Write, then press Ctrl-D on an empty line.";

/// Where the run is going.
pub(super) struct Visit {
    pub(super) link: Link,
    pub(super) http: Ways<Entropy>,
    pub(super) rng: Entropy,
    pub(super) say: Say,
    /// What the relay said of itself in the last sitting.
    pub(super) relay: Option<RelayStatement>,
}

impl Visit {
    pub(super) fn new(link: &str, rng: Entropy, say: Say) -> Result<Self, Stop> {
        let link = Link::parse(link)?;
        let http = native::ways(&link, rng);
        Ok(Self {
            link,
            http,
            rng,
            say,
            relay: None,
        })
    }

    pub(super) fn send(
        &mut self,
        dir: StateDir,
        (file, parcel): (Option<&Path>, &Parcel),
        desk: u16,
        choice: Choice,
    ) -> Result<(), Stop> {
        let mut shelf = dir.clone();
        let vault = VaultFile::open(dir, self.rng)?;
        if vault.was_there() && choice.room == Room::Safe {
            return Err(Stop::refused(
                "conversations may be kept here already. To go on with one: sotto tip reply. To begin another beside those whose words you give: --keep. To begin another wherever there is room, even where one is kept: --new",
            ));
        }
        if choice.room == Room::Beside {
            for code in native::codes()? {
                let keys = self.derive(&code)?;
                vault.unlock(&keys)?.ok_or_else(not_here)?;
            }
        }
        let text = native::text(file, "Write your tip, then press Ctrl-D on an empty line.")?;
        let code = Code::make(&mut self.rng);
        let keys = self.derive(&code)?;
        let mut place = vault.place(&keys);
        let (line, now) = (self.link.pin.line, native::now());
        let mut tipster = Tipster::begin(line, keys, desk, now, &mut self.rng);
        let written = tipster.write(&text, now, &mut self.rng)?;
        written.save(&mut place)?;
        let words = code.to_words();
        self.shelve(parcel, (&mut tipster, &mut place), &mut shelf)
            .map_err(|stop| kept(stop, &words))?;
        let sat = self.sit(&mut [(&mut tipster, &mut place)], all_sent);
        let (view, progress) = sat.map_err(|stop| kept(stop, &words))?;
        if tipster.has_unsent() {
            return Err(kept(given_up(&progress), &words));
        }
        self.post_files(&mut [(&mut tipster, &mut place)], &mut shelf)
            .map_err(|stop| kept(stop, &words))?;
        let silence = silence(&view, desk);
        if choice.leave_nothing {
            self.leave(&mut tipster, &mut place, &mut shelf)
                .map_err(|stop| kept(stop, &words))?;
        }
        let how = (choice.leave_nothing, silence);
        let (said, mut value) = sent((&words, &code.to_digits()), &tipster, how);
        if let Some(value) = value.as_object_mut() {
            value.insert("files".into(), parcel.value());
        }
        self.say.done(&said, &value);
        Ok(())
    }

    pub(super) fn check(
        &mut self,
        dir: StateDir,
        wait: u64,
        key_file: Option<&Path>,
    ) -> Result<(), Stop> {
        let mut shelf = dir.clone();
        let vault = VaultFile::open(dir, self.rng)?;
        let mut people: Vec<(Tipster, Box<dyn Keeper<State> + '_>)> = Vec::new();
        if let Some(file) = key_file {
            let known = vault.unlock_with(&key::read(file)?)?;
            let (tipster, place) = known.ok_or_else(key::opens_nothing)?;
            people.push((tipster, Box::new(place)));
        } else {
            for code in native::codes()? {
                people.push(self.person(&vault, &code)?);
            }
        }
        vault.rewrite()?;
        let until = wait.saturating_mul(1_000);
        let seats = people.iter_mut();
        let seats = seats.map(|(tipster, keeper)| -> Seat<'_> { (tipster, &mut **keeper) });
        let mut all: Vec<Seat<'_>> = seats.collect();
        self.sit(&mut all, move |progress| {
            let has_news = progress.found > 0 || progress.elapsed >= until;
            has_news && all_looked_at(progress)
        })?;
        // What was found is shown even where the rest of a file cannot be sent now.
        let posted = self.post_files(&mut all, &mut shelf);
        self.show(&mut all)?;
        posted
    }

    /// Whoever these words belong to, and what keeps their conversation.
    fn person<'v>(
        &self,
        vault: &'v VaultFile,
        code: &Code,
    ) -> Result<(Tipster, Box<dyn Keeper<State> + 'v>), Stop> {
        let keys = self.derive(code)?;
        Ok(match vault.unlock(&keys)? {
            Some((tipster, place)) => (tipster, Box::new(place)),
            // Words that are kept nowhere, or belong to nothing: the same requests, and the same
            // empty screen where there is nothing.
            None => (
                Tipster::recall(self.link.pin.line, keys, 0),
                Box::new(Forgetful),
            ),
        })
    }

    pub(super) fn reply(
        &mut self,
        dir: StateDir,
        (file, parcel): (Option<&Path>, &Parcel),
        desk: u16,
        choice: Choice,
    ) -> Result<(), Stop> {
        let (code, rest) = native::code_and_rest()?;
        let text = match (file, rest) {
            (None, Some(rest)) => rest,
            (file, _) => native::text(file, WRITE)?,
        };
        let keys = self.derive(&code)?;
        let mut shelf = dir.clone();
        let vault = VaultFile::open(dir, self.rng)?;
        let (line, now) = (self.link.pin.line, native::now());
        let known = vault.unlock(&keys)?;
        if choice.leave_nothing && known.is_none() {
            if !parcel.is_empty() {
                return Err(AttachError::KeepsNothing.into());
            }
            return self.reply_and_keep_nothing(Tipster::recall(line, keys, desk), &text);
        }
        if known.is_none() && vault.was_there() && choice.room == Room::Safe {
            return Err(not_here());
        }
        let seat = known.unwrap_or_else(|| {
            let place = vault.place(&keys);
            (
                Tipster::come_back(line, keys, desk, now, &mut self.rng),
                place,
            )
        });
        self.go_on(seat, (&text, parcel), &mut shelf, choice)
    }

    /// The same with a key file, which opens only what is kept here.
    pub(super) fn reply_with_key(
        &mut self,
        dir: StateDir,
        (file, parcel): (Option<&Path>, &Parcel),
        key: &Path,
        choice: Choice,
    ) -> Result<(), Stop> {
        let mut shelf = dir.clone();
        let vault = VaultFile::open(dir, self.rng)?;
        let known = vault.unlock_with(&key::read(key)?)?;
        let seat = known.ok_or_else(key::opens_nothing)?;
        let text = native::text(file, WRITE)?;
        self.go_on(seat, (&text, parcel), &mut shelf, choice)
    }

    /// Sends one more text of a conversation, and shows what has come.
    fn go_on(
        &mut self,
        (mut tipster, mut place): (Tipster, Place<'_>),
        (text, parcel): (&str, &Parcel),
        shelf: &mut StateDir,
        choice: Choice,
    ) -> Result<(), Stop> {
        let written = tipster.write(text, native::now(), &mut self.rng)?;
        written.save(&mut place)?;
        let kept = " Your text is kept and goes out with the next look.";
        self.shelve(parcel, (&mut tipster, &mut place), shelf)
            .map_err(|stop| stop.and(kept))?;
        let sat = self.sit(&mut [(&mut tipster, &mut place)], all_sent);
        let (_, progress) = sat.map_err(|stop| stop.and(kept))?;
        if tipster.has_unsent() {
            return Err(given_up(&progress).and(kept));
        }
        self.post_files(&mut [(&mut tipster, &mut place)], shelf)?;
        if choice.leave_nothing {
            self.leave(&mut tipster, &mut place, shelf)?;
        }
        self.show(&mut [(&mut tipster, &mut place)])
    }

    fn reply_and_keep_nothing(&mut self, mut tipster: Tipster, text: &str) -> Result<(), Stop> {
        tipster
            .write(text, native::now(), &mut self.rng)?
            .save(&mut Forgetful)?;
        let (_, progress) = self.sit(&mut [(&mut tipster, &mut Forgetful)], all_sent)?;
        if tipster.has_unsent() {
            return Err(given_up(&progress).and(" Your text is not kept here: send it again."));
        }
        self.show(&mut [(&mut tipster, &mut Forgetful)])
    }

    /// Tells the desk, then wipes.
    fn leave(
        &mut self,
        tipster: &mut Tipster,
        place: &mut Place<'_>,
        shelf: &mut StateDir,
    ) -> Result<(), Stop> {
        tipster.leave().save(place)?;
        let (_, progress) = self.sit(&mut [(&mut *tipster, &mut *place)], all_sent)?;
        if tipster.is_waiting() {
            return Err(given_up(&progress).and(
                " The desk has not been told yet, so that the conversation is still kept here; `sotto tip check` goes on.",
            ));
        }
        Self::clear_shelf((tipster, place), shelf)?;
        place.wipe()
    }

    /// The keys of words that are asked for, and what is kept here.
    pub(super) fn words_and_vault(&self, dir: StateDir) -> Result<(CodeKeys, VaultFile), Stop> {
        let vault = VaultFile::open(dir, self.rng)?;
        let (code, _) = native::code_and_rest()?;
        Ok((self.derive(&code)?, vault))
    }

    fn derive(&self, code: &Code) -> Result<CodeKeys, Stop> {
        code.derive(self.link.pin.line).ok_or_else(no_memory)
    }

    pub(super) fn sit(
        &mut self,
        people: &mut [Seat<'_>],
        is_over: impl Fn(&Progress) -> bool,
    ) -> Result<(View, Progress), Stop> {
        let times = self.rng;
        let say = self.say;
        let mut sitting = Sitting {
            relay: Relay::new(&self.http, self.link.pin.line),
            pin: self.link.pin,
            pace: &RealTime,
            rng: &mut self.rng,
        };
        let mut people: Vec<Person<'_>> = people
            .iter_mut()
            .map(|(tipster, keeper)| Person {
                tipster,
                keeper: &mut **keeper,
            })
            .collect();
        let sat = sitting.sit(&mut people, &Seen::default(), times, |progress| {
            say.note(&super::say::step(progress));
            is_over(progress) || progress.tries >= progress.posts + PATIENCE
        });
        let (view, progress) = sat?;
        self.relay.clone_from(&view.bundle.relay);
        Ok((view, progress))
    }

    fn show(&self, people: &mut [Seat<'_>]) -> Result<(), Stop> {
        let mut words = Zeroizing::new(String::new());
        let mut values = Vec::new();
        let mut shown = Vec::new();
        for (tipster, _) in people.iter() {
            let unread = tipster.unread();
            let texts = unread.iter().map(|(_, text)| text.clone().into());
            let heard = Heard {
                texts: texts.collect(),
                now: native::now(),
            };
            let (said, value) = heard.said(tipster);
            if !words.is_empty() {
                words.push_str("\n\n");
            }
            words.push_str(&said);
            values.push(value);
            shown.push(unread.iter().map(|(id, _)| *id).collect::<Vec<u64>>());
        }
        let value = match values.as_slice() {
            [one] => one.clone(),
            several => json!({ "conversations": several }),
        };
        self.say.done(&words, &value);
        // Erased only after it was shown: a crash in between shows it twice rather than never.
        for ((tipster, keeper), ids) in people.iter_mut().zip(shown) {
            tipster.shown(&ids).save(&mut **keeper)?;
        }
        Ok(())
    }
}

/// A person and where their conversation is kept.
pub(super) type Seat<'a> = (&'a mut Tipster, &'a mut dyn Keeper<State>);

/// How a conversation is to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) room: Room,
    /// Nowhere, once the desk knows.
    pub(super) leave_nothing: bool,
}

/// Where a new conversation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Only where nothing can be overwritten.
    Safe,
    /// Beside those whose words are given.
    Beside,
    /// Wherever there is room, even where something is kept.
    Anywhere,
}

pub(super) fn not_here() -> Stop {
    Stop::refused(
        "no conversation is kept here for these words. If it was kept on a machine that is lost: `sotto tip reply --new` keeps it here from now on, in a place where another one may be kept; --leave-nothing keeps nothing",
    )
}

pub(super) const fn all_sent(progress: &Progress) -> bool {
    !progress.is_waiting
}

fn all_looked_at(progress: &Progress) -> bool {
    progress.has_looked == [true; 2] && !progress.is_waiting && progress.tries > 0
}

pub(super) fn given_up(progress: &Progress) -> Stop {
    match progress.failure {
        Some(failure) => failure.into(),
        None => Stop::refused("the relay takes nothing now; try again later."),
    }
}
