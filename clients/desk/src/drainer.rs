//! The drainer's round: publish keys, read the inbox, write the boards, rest until something is due.
//!
//! The store is locked for each change, never while a request is under way, so that analysts do not
//! wait for the network.

use std::time::Duration;

use serde_json::json;
use sotto_core::{
    desk::{Batch, Effect},
    native::{self, Entropy, Http, Stop},
    relay::{Relay, RelayError, Signer},
    timetable::Due,
};
use sotto_protocol::{
    bundle::{Pin, Published, Untrusted},
    statement::Policy,
};

use crate::{say::Say, store::Store};

/// Everything one round needs.
pub(crate) struct Drainer {
    store: Store,
    http: Http,
    pin: Pin,
    rng: Entropy,
    say: Say,
}

/// The longest rest, so that a changed line statement is noticed.
const LONGEST_REST: u64 = 60;
/// The shortest, so that a mistake in a policy is no busy loop.
const SHORTEST_REST: Duration = Duration::from_millis(200);
/// After a round that failed.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(2);

impl Drainer {
    pub(crate) fn new(mut store: Store, rng: Entropy, say: Say) -> Result<Self, Stop> {
        let link = store.with(|desk, _| Ok(desk.identity().link().clone()))?;
        Ok(Self {
            store,
            http: Http::new(&link.base),
            pin: link.pin,
            rng,
            say,
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
        let relay = Relay::new(&self.http, self.pin.line);
        let answer = relay.bundle()?;
        let published = Untrusted::parse(&answer.json)?.verify_line(self.pin, native::now())?;
        self.duties(&published)?;
        self.drain(&published)?;
        Ok(published.line.policy)
    }

    fn duties(&mut self, published: &Published) -> Result<(), Stop> {
        let (mut rng, now) = (self.rng, native::now());
        let (effects, signer) = self.store.with(|desk, keeper| {
            let effects = desk.duties(published, now, &mut rng)?.save(keeper)?;
            Ok((effects, desk.signer(&published.line)))
        })?;
        let (mut statements, mut written) = (0, Vec::new());
        let sent = self.send(effects, &signer, &mut statements, &mut written);
        // What the relay took is remembered even if it then went away.
        if !written.is_empty() {
            self.store
                .with(|desk, keeper| Ok(desk.written(&written).save(keeper)?))?;
        }
        sent?;
        if statements > 0 {
            let words = format!("Keys for {statements} days published.");
            self.say.event(&words, &json!({ "published": statements }));
        }
        Ok(())
    }

    fn send(
        &mut self,
        effects: Vec<Effect>,
        signer: &Signer,
        statements: &mut usize,
        written: &mut Vec<Due>,
    ) -> Result<(), Stop> {
        let relay = Relay::new(&self.http, self.pin.line);
        for effect in effects {
            match effect {
                Effect::Statement(json) => {
                    relay.put_statement("desk", json)?;
                    *statements += 1;
                }
                Effect::Page(due, body) => {
                    let stamp = signer.stamp(native::now(), &mut self.rng);
                    match relay.put_page(&stamp, due, body) {
                        // The relay's clock or board size says otherwise: this page is past.
                        Ok(()) | Err(RelayError::Conflict) => written.push(due),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Ok(())
    }

    fn drain(&mut self, published: &Published) -> Result<(), Stop> {
        let relay = Relay::new(&self.http, self.pin.line);
        loop {
            let (cursor, signer) = self
                .store
                .with(|desk, _| Ok((desk.cursor(), desk.signer(&published.line))))?;
            let now = native::now();
            let stamp = signer.stamp(now, &mut self.rng);
            let page = match relay.drain(&stamp, cursor) {
                Err(RelayError::Conflict) if cursor.is_some() => {
                    self.store
                        .with(|desk, keeper| Ok(desk.rewind().save(keeper)?))?;
                    continue;
                }
                other => other?,
            };
            let is_empty = page.records.is_empty();
            let Batch { cursor, texts } = self
                .store
                .with(|desk, keeper| Ok(desk.take(&page, now).save(keeper)?))?;
            if is_empty {
                return Ok(());
            }
            let stamp = signer.stamp(now, &mut self.rng);
            relay.acknowledge(&stamp, cursor)?;
            if texts > 0 {
                let words = format!("{texts} new; `sotto-desk list` shows it.");
                self.say.event(&words, &json!({ "new": texts }));
            }
        }
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
