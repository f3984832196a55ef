//! One round of a drainer: publish keys, write the boards, empty the inbox.
//!
//! The desk is held for each change, never while a request is under way, so that analysts do not
//! wait for the network.

mod fronts;
mod log;

use std::fmt;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Pin, Published, Untrusted, VerifyError},
    drain::{Cursor, DrainPage},
    statement::Policy,
};

use self::fronts::Fronts;
use super::{Batch, Desk, DeskError, Effect, LiveLog, RowKeeper};
use crate::{
    keep::KeepError,
    relay::{Relay, RelayError, Signer, Stamp},
    timetable::Due,
    transport::Transport,
};

/// A desk that several may work with, one at a time.
pub trait Shared {
    /// Why a round ended early.
    type Error: From<RelayError> + From<VerifyError> + From<DeskError> + From<KeepError>;

    /// Works with the desk alone, saving through the keeper.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Desk, &mut dyn RowKeeper) -> Result<T, Self::Error>,
    ) -> Result<T, Self::Error>;
}

/// What came of a round.
#[derive(Debug, Clone)]
pub struct Rounded {
    /// Statements published.
    pub statements: usize,
    /// Texts and parts of texts that were new, and attachments that became whole.
    pub texts: usize,
    /// The line's timings.
    pub policy: Policy,
}

/// What a round is made with.
pub struct Rounds<'r, T, R> {
    /// The line's relay.
    pub relay: Relay<'r, T>,
    /// Whom to believe.
    pub pin: Pin,
    /// Gives unix seconds.
    pub clock: &'r dyn Fn() -> u64,
    /// Randomness.
    pub rng: &'r mut R,
    /// The desk's log, from round to round.
    pub log: &'r mut LiveLog,
}

impl<T, R> fmt::Debug for Rounds<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rounds(..)")
    }
}

impl<T: Transport, R: CryptoRng> Rounds<'_, T, R> {
    /// Goes one round. After an error the next round goes on where this one ended.
    pub fn go<S: Shared>(&mut self, shared: &mut S) -> Result<Rounded, S::Error> {
        let answer = self.relay.bundle()?;
        let bundle = Untrusted::parse(&answer.json)?;
        let published = bundle.verify_line(self.pin, (self.clock)())?;
        let roster = self.fetch_roster(shared, &bundle, &published)?;
        let mut texts = self.tick(shared, &published, roster.as_ref())?;
        let mut statements = 0;
        let is_on_duty = shared.with(|desk, _| Ok(desk.is_on_duty()))?;
        if is_on_duty {
            let [served, _] = answer.cycles;
            statements = self.duties(shared, &published, served)?;
            texts += self.drain(shared, &published)?;
        }
        Ok(Rounded {
            statements,
            texts,
            policy: published.line.policy,
        })
    }

    fn duties<S: Shared>(
        &mut self,
        shared: &mut S,
        published: &Published,
        served: u64,
    ) -> Result<usize, S::Error> {
        let now = (self.clock)();
        let (effects, signer) = shared.with(|desk, keeper| {
            let effects = desk.duties(published, served, now, self.rng)?;
            let effects = effects.save(keeper)?;
            Ok((effects, desk.signer(&published.line)))
        })?;
        let mut sent = Sent::default();
        let result = self.send(effects, &signer, &mut sent);
        // What the relay took is remembered even if it then went away.
        if !sent.pages.is_empty() {
            shared.with(|desk, keeper| Ok(desk.written(&sent.pages).save(keeper)?))?;
        }
        result?;
        Ok(sent.statements)
    }

    fn send(
        &mut self,
        effects: Vec<Effect>,
        signer: &Signer,
        sent: &mut Sent,
    ) -> Result<(), RelayError> {
        for effect in effects {
            match effect {
                Effect::Statement(json) => match self.relay.put_statement("desk", json) {
                    Ok(()) => sent.statements += 1,
                    // Another drainer of the desk was quicker.
                    Err(RelayError::Conflict) => {}
                    Err(error) => return Err(error),
                },
                Effect::Page(due, body) => {
                    let stamp = self.stamp(signer);
                    match self.relay.put_page(&stamp, due, body) {
                        // The relay's clock or board size says otherwise: this page is past.
                        Ok(()) | Err(RelayError::Conflict) => sent.pages.push(due),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(())
    }

    fn drain<S: Shared>(
        &mut self,
        shared: &mut S,
        published: &Published,
    ) -> Result<usize, S::Error> {
        self.pay(shared, published)?;
        let signer = shared.with(|desk, _| Ok(desk.signer(&published.line)))?;
        let mut fronts = Fronts::default();
        let mut all = 0;
        loop {
            self.fetch(shared, &signer, &mut fronts)?;
            let pages = fronts.next();
            let now = (self.clock)();
            let batch: Batch =
                shared.with(|desk, keeper| Ok(desk.take_in(&pages, now, keeper, self.rng)?))?;
            all += batch.texts;
            for cursor in batch.cursors {
                let stamp = self.stamp(&signer);
                self.relay.acknowledge(&stamp, cursor)?;
            }
            if batch.is_last {
                return Ok(all);
            }
        }
    }

    /// Reads on in every shard of which nothing is left to take.
    fn fetch<S: Shared>(
        &mut self,
        shared: &mut S,
        signer: &Signer,
        fronts: &mut Fronts,
    ) -> Result<(), S::Error> {
        let mut shard = 0;
        while shard < fronts.count() {
            if let Some(max) = fronts.wants(shard) {
                let page = self.fetch_shard(shared, signer, (fronts.after(shard), shard, max))?;
                fronts.arrived(page);
            }
            shard += 1;
        }
        Ok(())
    }

    fn fetch_shard<S: Shared>(
        &mut self,
        shared: &mut S,
        signer: &Signer,
        (after, shard, max): (Option<Cursor>, u16, usize),
    ) -> Result<DrainPage, S::Error> {
        let now = (self.clock)();
        let after = match after {
            Some(after) => after,
            None => shared.with(|desk, _| Ok(desk.resume(shard, now)))?,
        };
        let stamp = self.stamp(signer);
        match self.relay.drain_some(&stamp, after, max) {
            Err(RelayError::Conflict) if after.position > 0 => {
                shared.with(|desk, keeper| Ok(desk.rewind(shard).save(keeper)?))?;
                let stamp = self.stamp(signer);
                Ok(self.relay.drain_some(&stamp, Cursor::start(shard), max)?)
            }
            other => Ok(other?),
        }
    }

    /// Acknowledges what had to wait for its place in the log.
    fn pay<S: Shared>(&mut self, shared: &mut S, published: &Published) -> Result<(), S::Error> {
        let (owed, signer) =
            shared.with(|desk, _| Ok((desk.owed(), desk.signer(&published.line))))?;
        for cursor in owed {
            let stamp = self.stamp(&signer);
            match self.relay.acknowledge(&stamp, cursor) {
                // Another life of the relay: it is read from its start.
                Ok(()) | Err(RelayError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            shared.with(|desk, keeper| Ok(desk.paid(cursor).save(keeper)?))?;
        }
        Ok(())
    }

    fn stamp<'s>(&mut self, signer: &'s Signer) -> Stamp<'s> {
        signer.stamp((self.clock)(), self.rng)
    }
}

#[derive(Default)]
struct Sent {
    statements: usize,
    pages: Vec<Due>,
}
