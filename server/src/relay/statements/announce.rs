//! The relay's own statement: made, renewed in time, and served once every desk repeats it.
//!
//! It follows from settings, key file and week alone, so that all relay processes of one store make
//! the same bytes. What is served is decided anew from the store at each look: nothing is switched.

use data_encoding::BASE64;
use sotto_protocol::{
    dsse::Dsse,
    id::LineId,
    statement::{LineStatement, RelayStatement, Statement as _, TokenKey},
};

use super::{
    super::Relay,
    shelf::{Shelf, relay_name},
};
use crate::{
    admission::period::Period,
    error::Error,
    store::{StoreError, Stored},
};

impl Relay {
    /// Makes what the relay has to say on each of its lines, where that is not stored yet. What fails
    /// on one line does not keep it from another.
    pub async fn announce(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for line in self.lines.ids() {
            outcome = self.announce_on(line).await.and(outcome);
        }
        outcome
    }

    async fn announce_on(&self, line: LineId) -> Result<(), Error> {
        let now = self.clock.now();
        let stored = self.store.statements(line).await?;
        let shelf = Shelf::of(line, &stored);
        let Ok(force) = shelf.in_force(now) else {
            // Nobody has published yet.
            return Ok(());
        };
        let period = Period::at(now);
        let said = Said {
            period,
            tokens: if self.admission.asks_for_tokens() {
                self.issuer.announced(period).await?
            } else {
                Vec::new()
            },
            // Also where the line names no oblivious relay: once it does, phones need a key at once.
            ohttp: BASE64.encode(&self.secrets.ohttp_keys(period.issued())),
        };
        let Some(statement) = said.due(&shelf, &force.line, now) else {
            return Ok(());
        };
        let Some(dsse) = self.secrets.sign(statement.to_dsse(), &force.line) else {
            // The line has another relay.
            return Ok(());
        };
        let serial = statement.serial;
        let statement = Stored {
            name: relay_name(serial),
            serial,
            json: dsse.to_json().into(),
        };
        match self.store.put_statement(line, statement).await {
            // Another process was quicker; its statement is looked at in the next turn.
            Ok(()) | Err(StoreError::Conflict) => self.lines.forget(line),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// What the relay has to say now.
struct Said {
    period: Period,
    tokens: Vec<TokenKey>,
    ohttp: String,
}

impl Said {
    /// The statement to make, unless the newest one says it.
    fn due(&self, shelf: &Shelf, line: &LineStatement, now: u64) -> Option<RelayStatement> {
        let relays = shelf.relays(line, now);
        if let Some((dsse, newest)) = relays.last()
            && self.is_said(dsse, newest, line)
        {
            return None;
        }
        let issued = self.period.issued();
        let after_last = shelf.last_relay_serial().map(|last| last.saturating_add(1));
        Some(RelayStatement {
            line: line.line,
            serial: after_last.unwrap_or(issued).max(issued),
            issued,
            expires: self.period.expires(),
            tokens: self.tokens.clone(),
            ohttp: Some(self.ohttp.clone()),
        })
    }

    fn is_said(&self, dsse: &Dsse, newest: &RelayStatement, line: &LineStatement) -> bool {
        // Another process's clock may be in the next period already.
        let is_later = newest.issued > self.period.issued();
        let is_same = newest.issued == self.period.issued()
            && newest.expires == self.period.expires()
            && newest.tokens == self.tokens
            && newest.ohttp.as_ref() == Some(&self.ohttp);
        // By a key that gives way to a newer one it would be lost with that key.
        let newest_key = core::slice::from_ref(&line.relay.signing_key);
        let is_lasting = RelayStatement::open(dsse, newest_key, 1).is_ok();
        (is_later || is_same) && (is_lasting || line.relay_before.is_none())
    }
}
