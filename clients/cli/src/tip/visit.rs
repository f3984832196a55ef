//! One run of the program at one line: a sitting with a beginning and an end.

use std::{cell::Cell, path::Path};

use serde_json::json;
use sotto_core::{
    keep::Keeper,
    link::Link,
    native::{self, Entropy, Http, RealTime, StateDir, Stop},
    relay::Relay,
    sitting::{Person, Progress, Sitting},
    tipster::{State, Tipster, View},
};
use sotto_protocol::{
    bundle::Seen,
    code::{Code, CodeKeys},
};
use zeroize::Zeroizing;

use super::say::{Heard, kept, no_memory, sent, silence};
use crate::{
    say::Say,
    vault::{Forgetful, Place, VaultFile},
};

/// Posts that may fail before the program gives up; what waits is kept.
const PATIENCE: usize = 4;

/// Where the run is going.
pub(super) struct Visit {
    link: Link,
    http: Http,
    rng: Entropy,
    say: Say,
}

impl Visit {
    pub(super) fn new(link: &str, rng: Entropy, say: Say) -> Result<Self, Stop> {
        let link = Link::parse(link)?;
        let http = Http::new(&link.base);
        Ok(Self {
            link,
            http,
            rng,
            say,
        })
    }

    pub(super) fn send(
        &mut self,
        dir: StateDir,
        file: Option<&Path>,
        desk: u16,
        choice: Choice,
    ) -> Result<(), Stop> {
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
        let sat = self.sit(&mut [(&mut tipster, &mut place)], all_sent);
        let (view, progress) = sat.map_err(|stop| kept(stop, &words))?;
        if tipster.has_unsent() {
            return Err(kept(given_up(&progress), &words));
        }
        let silence = silence(&view, desk);
        if choice.leave_nothing {
            self.leave(&mut tipster, &mut place)
                .map_err(|stop| kept(stop, &words))?;
        }
        let how = (choice.leave_nothing, silence);
        let (said, value) = sent((&words, &code.to_digits()), &tipster, how);
        self.say.done(&said, &value);
        Ok(())
    }

    pub(super) fn check(&mut self, dir: StateDir, wait: u64) -> Result<(), Stop> {
        let vault = VaultFile::open(dir, self.rng)?;
        let mut people: Vec<(Tipster, Box<dyn Keeper<State> + '_>)> = Vec::new();
        for code in native::codes()? {
            let keys = self.derive(&code)?;
            people.push(match vault.unlock(&keys)? {
                Some((tipster, place)) => (tipster, Box::new(place)),
                // Words that are kept nowhere, or belong to nothing: the same requests, and the
                // same empty screen where there is nothing.
                None => (
                    Tipster::recall(self.link.pin.line, keys, 0),
                    Box::new(Forgetful),
                ),
            });
        }
        vault.rewrite()?;
        let until = wait.saturating_mul(1_000);
        let seats = people.iter_mut();
        let seats = seats.map(|(tipster, keeper)| -> Seat<'_> { (tipster, &mut **keeper) });
        let mut all: Vec<Seat<'_>> = seats.collect();
        // Each board once: where cycles are shorter than the time between two draws, both are
        // hardly ever looked at in the newest cycle at once.
        let looked_at = Cell::new([false; 2]);
        self.sit(&mut all, |progress| {
            let [new, old] = progress.left_to_look_at.map(|left| left == 0);
            let [had_new, had_old] = looked_at.get();
            looked_at.set([had_new || new, had_old || old]);
            let has_news = progress.found > 0 || progress.elapsed >= until;
            has_news && looked_at.get() == [true; 2] && all_sent(progress) && progress.tries > 0
        })?;
        self.show(&mut all)
    }

    pub(super) fn reply(
        &mut self,
        dir: StateDir,
        file: Option<&Path>,
        desk: u16,
        choice: Choice,
    ) -> Result<(), Stop> {
        let (code, rest) = native::code_and_rest()?;
        let text = match (file, rest) {
            (None, Some(rest)) => rest,
            (file, _) => native::text(file, "Write, then press Ctrl-D on an empty line.")?,
        };
        let keys = self.derive(&code)?;
        let vault = VaultFile::open(dir, self.rng)?;
        let (line, now) = (self.link.pin.line, native::now());
        let known = vault.unlock(&keys)?;
        if choice.leave_nothing && known.is_none() {
            return self.reply_and_keep_nothing(Tipster::recall(line, keys, desk), &text);
        }
        if known.is_none() && vault.was_there() && choice.room == Room::Safe {
            return Err(not_here());
        }
        let (mut tipster, mut place) = known.unwrap_or_else(|| {
            let place = vault.place(&keys);
            (
                Tipster::come_back(line, keys, desk, now, &mut self.rng),
                place,
            )
        });
        tipster.write(&text, now, &mut self.rng)?.save(&mut place)?;
        let kept = " Your text is kept and goes out with the next look.";
        let sat = self.sit(&mut [(&mut tipster, &mut place)], all_sent);
        let (_, progress) = sat.map_err(|stop| stop.and(kept))?;
        if tipster.has_unsent() {
            return Err(given_up(&progress).and(kept));
        }
        if choice.leave_nothing {
            self.leave(&mut tipster, &mut place)?;
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
    fn leave(&mut self, tipster: &mut Tipster, place: &mut Place<'_>) -> Result<(), Stop> {
        tipster.leave().save(place)?;
        let (_, progress) = self.sit(&mut [(&mut *tipster, &mut *place)], all_sent)?;
        if tipster.is_waiting() {
            return Err(given_up(&progress).and(
                " The desk has not been told yet, so that the conversation is still kept here; `sotto tip check` goes on.",
            ));
        }
        place.wipe()
    }

    fn derive(&self, code: &Code) -> Result<CodeKeys, Stop> {
        code.derive(self.link.pin.line).ok_or_else(no_memory)
    }

    fn sit(
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
        Ok(sat?)
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
type Seat<'a> = (&'a mut Tipster, &'a mut dyn Keeper<State>);

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

fn not_here() -> Stop {
    Stop::refused(
        "no conversation is kept here for these words. If it was kept on a machine that is lost: `sotto tip reply --new` keeps it here from now on, in a place where another one may be kept; --leave-nothing keeps nothing",
    )
}

const fn all_sent(progress: &Progress) -> bool {
    !progress.is_waiting
}

fn given_up(progress: &Progress) -> Stop {
    match progress.failure {
        Some(failure) => failure.into(),
        None => Stop::refused("the relay takes nothing now; try again later."),
    }
}
