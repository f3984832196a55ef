//! One run of the program at one line: a sitting with a beginning and an end.

use std::path::Path;

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

use super::say::{Heard, kept, no_memory, sent};
use crate::{
    say::Say,
    vault::{Forgetful, VaultFile},
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
        (new, leave_nothing): (bool, bool),
    ) -> Result<(), Stop> {
        refuse_to_overwrite(&dir, new)?;
        let text = native::text(file, "Write your tip, then press Ctrl-D on an empty line.")?;
        let code = Code::make(&mut self.rng);
        let keys = self.derive(&code)?;
        let mut vault = VaultFile::new(dir, keys.clone(), self.rng);
        let (line, now) = (self.link.pin.line, native::now());
        let mut tipster = Tipster::begin(line, keys, desk, now, &mut self.rng);
        let written = tipster.write(&text, now, &mut self.rng)?;
        written.save(&mut vault)?;
        let words = code.to_words();
        let sat = self.sit(&mut tipster, &mut vault, all_sent);
        let (_, progress) = sat.map_err(|stop| kept(stop, &words))?;
        if tipster.has_unsent() {
            return Err(kept(given_up(&progress), &words));
        }
        if leave_nothing {
            self.leave(&mut tipster, &mut vault)
                .map_err(|stop| kept(stop, &words))?;
        }
        let (said, value) = sent(&words, &tipster, leave_nothing);
        self.say.done(&said, &value);
        Ok(())
    }

    pub(super) fn check(&mut self, dir: StateDir, wait: u64) -> Result<(), Stop> {
        let (words, _) = native::code_and_rest()?;
        let keys = self.derive(&Code::parse(&words)?)?;
        let mut vault = VaultFile::new(dir, keys.clone(), self.rng);
        let known = vault.open()?;
        vault.ensure()?;
        let until = wait.saturating_mul(1_000);
        let is_over = move |progress: &Progress| {
            let has_news = progress.found > 0 || progress.elapsed >= until;
            has_news && all_looked_at(progress)
        };
        if let Some(mut tipster) = known {
            self.sit(&mut tipster, &mut vault, is_over)?;
            return self.show(&mut tipster, &mut vault);
        }
        // Words that are kept nowhere, or belong to nothing: the same requests, and the same empty
        // screen where there is nothing.
        let mut tipster = Tipster::recall(self.link.pin.line, keys, 0);
        self.sit(&mut tipster, &mut Forgetful, is_over)?;
        self.show(&mut tipster, &mut Forgetful)
    }

    pub(super) fn reply(
        &mut self,
        dir: StateDir,
        file: Option<&Path>,
        desk: u16,
        (new, leave_nothing): (bool, bool),
    ) -> Result<(), Stop> {
        let (words, rest) = native::code_and_rest()?;
        let text = match (file, rest) {
            (None, Some(rest)) => rest,
            (file, _) => native::text(file, "Write, then press Ctrl-D on an empty line.")?,
        };
        let keys = self.derive(&Code::parse(&words)?)?;
        let mut vault = VaultFile::new(dir, keys.clone(), self.rng);
        let (line, now) = (self.link.pin.line, native::now());
        let known = vault.open()?;
        if leave_nothing && known.is_none() {
            let mut tipster = Tipster::recall(line, keys, desk);
            tipster
                .write(&text, now, &mut self.rng)?
                .save(&mut Forgetful)?;
            let (_, progress) = self.sit(&mut tipster, &mut Forgetful, all_sent)?;
            if tipster.has_unsent() {
                return Err(given_up(&progress).and(" Your text is not kept here: send it again."));
            }
            return self.show(&mut tipster, &mut Forgetful);
        }
        let mut tipster = if let Some(tipster) = known {
            tipster
        } else {
            if !new && VaultFile::is_used(&vault)? {
                return Err(Stop::refused(
                    "no conversation is kept here for these words. If it was kept on a machine that is lost: --new keeps it here from now on and forgets what may be kept here, --leave-nothing keeps nothing",
                ));
            }
            Tipster::come_back(line, keys, desk, now, &mut self.rng)
        };
        tipster.write(&text, now, &mut self.rng)?.save(&mut vault)?;
        let kept = " Your text is kept and goes out with the next look.";
        let sat = self.sit(&mut tipster, &mut vault, all_sent);
        let (_, progress) = sat.map_err(|stop| stop.and(kept))?;
        if tipster.has_unsent() {
            return Err(given_up(&progress).and(kept));
        }
        if leave_nothing {
            self.leave(&mut tipster, &mut vault)?;
        }
        self.show(&mut tipster, &mut vault)
    }

    /// Tells the desk, then wipes.
    fn leave(&mut self, tipster: &mut Tipster, vault: &mut VaultFile) -> Result<(), Stop> {
        tipster.leave().save(vault)?;
        let (_, progress) = self.sit(tipster, vault, all_sent)?;
        if tipster.is_waiting() {
            return Err(given_up(&progress).and(
                " The desk has not been told yet, so that the conversation is still kept here; `sotto tip check` goes on.",
            ));
        }
        vault.wipe()
    }

    fn derive(&self, code: &Code) -> Result<CodeKeys, Stop> {
        code.derive(self.link.pin.line).ok_or_else(no_memory)
    }

    fn sit(
        &mut self,
        tipster: &mut Tipster,
        keeper: &mut dyn Keeper<State>,
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
        let mut people = [Person { tipster, keeper }];
        let sat = sitting.sit(&mut people, &Seen::default(), times, |progress| {
            say.note(&super::say::step(progress));
            is_over(progress) || progress.tries >= progress.posts + PATIENCE
        });
        Ok(sat?)
    }

    fn show(&self, tipster: &mut Tipster, keeper: &mut dyn Keeper<State>) -> Result<(), Stop> {
        let unread = tipster.unread();
        let heard = Heard {
            texts: unread
                .iter()
                .map(|(_, text)| Zeroizing::new(text.clone()))
                .collect(),
            now: native::now(),
        };
        let (words, value) = heard.said(tipster);
        self.say.done(&words, &value);
        let ids: Vec<u64> = unread.iter().map(|(id, _)| *id).collect();
        // Erased only after it was shown: a crash in between shows it twice rather than never.
        Ok(tipster.shown(&ids).save(keeper)?)
    }
}

const fn all_sent(progress: &Progress) -> bool {
    !progress.is_waiting
}

fn all_looked_at(progress: &Progress) -> bool {
    progress.left_to_look_at == [0; 2] && !progress.is_waiting && progress.tries > 0
}

fn given_up(progress: &Progress) -> Stop {
    match progress.failure {
        Some(failure) => failure.into(),
        None => Stop::refused("the relay takes nothing now; try again later."),
    }
}

fn refuse_to_overwrite(dir: &StateDir, new: bool) -> Result<(), Stop> {
    if !new && VaultFile::is_there(dir)? {
        return Err(Stop::refused(
            "a conversation may be kept here already. To go on with it: sotto tip reply. To forget it and begin another: --new. To keep both: another --state",
        ));
    }
    Ok(())
}
