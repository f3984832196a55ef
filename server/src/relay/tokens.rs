//! Tokens: asked for, sold, taken (SPEC 6.3).

use std::sync::Arc;

use bytes::Bytes;
use sotto_protocol::{
    envelope::Class,
    hash,
    id::LineId,
    limits::WORK_LIFE_SECONDS,
    token::{Token, TokenChallenge, batch::Requested, work::WorkProof},
};

use super::{Relay, lines::Line};
use crate::{
    admission::{
        issuer::IssuerKey,
        period::Week,
        sale::{is_met, proof_token},
    },
    error::Error,
    store::{SHARES, Spending},
};

/// What was asked for in one go, signed.
#[derive(Debug)]
pub struct Issued {
    /// As it travels.
    pub body: Vec<u8>,
    /// Whether several were asked for.
    pub is_batch: bool,
}

impl Relay {
    /// What a batch costs now: the same bytes for everybody.
    ///
    /// # Errors
    /// [`Error::Unknown`] where no tokens are sold.
    pub async fn work_challenge(&self, line: LineId) -> Result<Vec<u8>, Error> {
        let now = self.clock.now();
        self.line(line).await?.must_sell(now)?;
        Ok(self.sale.challenge(line, now).to_bytes())
    }

    /// Signs what it cannot read, for work. The same request again is answered with the same bytes.
    ///
    /// # Errors
    /// [`Error::Unauthorised`] without a good proof, [`Error::TooMany`] where it was answered too
    /// often, [`Error::Busy`] where too many wait.
    pub async fn issue(
        &self,
        line: LineId,
        proof: Option<&str>,
        body: Bytes,
    ) -> Result<Issued, Error> {
        let requested = Requested::from_bytes(&body).map_err(|_| Error::Malformed)?;
        let now = self.clock.now();
        self.line(line).await?.must_sell(now)?;
        let proof = proof.ok_or(Error::Unauthorised)?;
        let proof = WorkProof::from_header(proof).map_err(|_| Error::Unauthorised)?;
        self.sale.check(line, &proof, now)?;
        let key = self.issuer.key(Week::at(now)).await?;
        let [.., truncated] = key.id;
        let mut requests = requested.requests().iter();
        if requests.any(|request| request.truncated_key_id != truncated) {
            // Of a key that does not sign now: the buyer reads the bundle anew.
            return Err(Error::Malformed);
        }
        let turn = self.sale.turn().await?;
        let what = hash::digest(&[b"sotto/1 work for", &body]);
        let is_good = blocking(move || is_met(&proof, &body)).await?;
        if !is_good {
            return Err(Error::Unauthorised);
        }
        let spending = Spending {
            what,
            share: SHARES,
            until: proof.challenge.begins.saturating_add(WORK_LIFE_SECONDS),
        };
        let spent = self.store.redeem(line, proof_token(&proof), spending, now);
        if !spent.await? {
            return Err(Error::Unauthorised);
        }
        let issued = blocking(move || sign(&key, &requested)).await?;
        drop(turn);
        self.sale.answered(&proof);
        issued
    }

    /// Where a post of `line` needs a token: the value of `www-authenticate` (RFC 9577).
    pub async fn asks(&self, line: LineId) -> Option<String> {
        let state = self.line(line).await.ok()?;
        let statement = state.relay.as_ref()?;
        let spki = statement.token_key(self.clock.now())?.spki()?;
        self.needs_token(&state)
            .then(|| TokenChallenge::of(line).to_header(&spki))
    }

    fn needs_token(&self, state: &Line) -> bool {
        let statement = state.relay.as_ref();
        let is_announced = statement.is_some_and(|statement| !statement.tokens.is_empty());
        self.admission.asks_for_tokens() && is_announced
    }

    /// Takes a token for one post, where one is needed. The same post again under the same token is
    /// let through again: whoever got no answer asks twice.
    pub(super) async fn admit(
        &self,
        (line, state): (LineId, &Line),
        (class, body): (Class, &Bytes),
        authorization: Option<&str>,
    ) -> Result<(), Error> {
        if !self.needs_token(state) {
            return Ok(());
        }
        let token = authorization.and_then(|value| Token::from_header(value).ok());
        let token = token.ok_or(Error::Unauthorised)?;
        let (input, now) = (token.input(), self.clock.now());
        if input.challenge_digest != TokenChallenge::of(line).digest() {
            return Err(Error::Unauthorised);
        }
        let key = self.issuer.named(&input.key_id, now).await?;
        let (signed, signature) = token.parts();
        if !key.verifies(signed, signature) {
            return Err(Error::Unauthorised);
        }
        let spending = Spending {
            // The address is in the body.
            what: hash::digest(&[b"sotto/1 post", body]),
            share: match class {
                Class::Envelope => SHARES,
                Class::Chunk => 1,
            },
            until: key.until,
        };
        if self.store.redeem(line, token.hash(), spending, now).await? {
            Ok(())
        } else {
            Err(Error::Unauthorised)
        }
    }
}

impl Line {
    fn must_sell(&self, now: u64) -> Result<(), Error> {
        let statement = self.relay.as_ref();
        let key = statement.and_then(|statement| statement.token_key(now));
        key.map(drop).ok_or(Error::Unknown)
    }
}

fn sign(key: &Arc<IssuerKey>, requested: &Requested) -> Result<Issued, Error> {
    let requests = requested.requests().iter();
    let signed = requests.map(|request| key.sign(&request.blinded));
    let signatures: Vec<Vec<u8>> = signed.collect::<Option<_>>().ok_or(Error::Malformed)?;
    Ok(Issued {
        body: requested.answer(&signatures),
        is_batch: matches!(requested, Requested::Batch(_)),
    })
}

/// What takes a core for milliseconds, on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Unavailable)
}
