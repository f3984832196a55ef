//! The drainer: round after round, resting until something is due.

use std::time::Duration;

use serde_json::json;
use sotto_core::{
    desk::{LiveLog, Rounded, Rounds, Shared as _},
    native::{self, Entropy, Http, Stop},
    relay::Relay,
};
use sotto_protocol::{bundle::Pin, statement::Policy};

use crate::{say::Say, standing, store::Store};

/// Everything one round needs.
pub(crate) struct Drainer {
    store: Store,
    http: Http,
    pin: Pin,
    rng: Entropy,
    log: LiveLog,
    say: Say,
    /// The absence that was spoken of last, by when it began.
    told: Option<u64>,
}

/// The longest rest, so that a changed line statement is noticed.
const LONGEST_REST: u64 = 60;
/// The shortest, so that a mistake in a policy is no busy loop.
const SHORTEST_REST: Duration = Duration::from_millis(200);
/// After a round that failed.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(2);

impl Drainer {
    pub(crate) fn new(mut store: Store, rng: Entropy, say: Say) -> Result<Self, Stop> {
        let (link, told, reach) = store.with(|desk, _| {
            let told = desk.missed().last().map(|missed| missed.since);
            let link = desk.identity().link().clone();
            Ok((link, told, standing::reach(desk)))
        })?;
        if let Some((words, value)) = reach {
            say.event(&words, &value);
        }
        Ok(Self {
            store,
            http: Http::new(&link.base),
            pin: link.pin,
            rng,
            log: LiveLog::default(),
            say,
            told,
        })
    }

    /// Rounds without end; says once when the relay goes away and once when it is back.
    pub(crate) fn run(&mut self) -> Result<(), Stop> {
        let mut was_away = false;
        loop {
            let done = self.round();
            self.tell(&done, was_away);
            was_away = done.is_err();
            match done {
                Ok(policy) => self.rest(&policy)?,
                Err(_) => native::pause(REST_AFTER_FAILURE),
            }
        }
    }

    fn tell(&self, done: &Result<Policy, Stop>, was_away: bool) {
        match done {
            Ok(_) if was_away => self
                .say
                .event("The relay is back.", &json!({ "relay": "back" })),
            Err(stop) if !was_away => self.say.event(&stop.text, &json!({ "error": stop.text })),
            _ => {}
        }
    }

    /// One round.
    pub(crate) fn round(&mut self) -> Result<Policy, Stop> {
        let mut rounds = Rounds {
            relay: Relay::new(&self.http, self.pin.line),
            pin: self.pin,
            clock: &native::now,
            rng: &mut self.rng,
            log: &mut self.log,
        };
        let Rounded {
            statements,
            texts,
            policy,
        } = rounds.go(&mut self.store)?;
        if statements > 0 {
            let words = format!("Keys for {statements} days published.");
            self.say.event(&words, &json!({ "published": statements }));
            self.tell_standing()?;
        }
        if texts > 0 {
            let words = format!("{texts} new; `sotto-desk list` shows it.");
            self.say.event(&words, &json!({ "new": texts }));
        }
        Ok(policy)
    }

    /// With every publication, thus daily and after every absence.
    fn tell_standing(&mut self) -> Result<(), Stop> {
        let now = native::now();
        let (missed, key) = self.store.with(|desk, _| {
            let missed = desk.missed().last().copied();
            Ok((missed, standing::signing_key(desk, now)))
        })?;
        let since = missed.map(|missed| missed.since);
        let news = missed.filter(|_| since != self.told);
        self.told = since;
        for (words, value) in news.as_ref().map(standing::missed).into_iter().chain(key) {
            self.say.event(&words, &value);
        }
        Ok(())
    }

    fn rest(&mut self, policy: &Policy) -> Result<(), Stop> {
        let most = policy.drain_seconds.min(LONGEST_REST);
        let now = native::now();
        let idle = self
            .store
            .with(|desk, _| Ok(desk.idle(policy, now, most)))?;
        native::pause(Duration::from_secs(idle).max(SHORTEST_REST));
        Ok(())
    }
}
