//! Admission tokens of one sitting: bought in batches whose time does not depend on what is sent, and
//! thrown away at its end (SPEC 6.3).

use std::fmt;

use rand_core::CryptoRng;
use sotto_protocol::{
    id::LineId,
    statement::{RelayStatement, TokenKey},
    token::Token,
};

use crate::{
    relay::{Relay, RelayError},
    transport::Transport,
};

/// Tokens that are left, and what is ready to be bought.
pub struct Purse {
    #[cfg_attr(
        not(feature = "tokens"),
        expect(dead_code, reason = "nothing is bought")
    )]
    line: LineId,
    /// As the bundle has it; `None` where nothing is asked for.
    key: Option<TokenKey>,
    left: Vec<Token>,
    #[cfg(feature = "tokens")]
    ready: Option<bought::Ready>,
}

impl fmt::Debug for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purse(..)")
    }
}

impl Purse {
    /// An empty one, for a line whose relay says this of itself.
    pub fn new(line: LineId, relay: Option<&RelayStatement>, now: u64) -> Self {
        Self {
            line,
            key: relay.and_then(|relay| relay.token_key(now)).cloned(),
            left: Vec::new(),
            #[cfg(feature = "tokens")]
            ready: None,
        }
    }

    /// Whether a post costs a token.
    pub const fn is_asked_for(&self) -> bool {
        self.key.is_some()
    }

    /// Whether the next post has to be paid for first.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// One token, which pays for one envelope.
    pub fn take(&mut self) -> Option<Token> {
        self.left.pop()
    }

    /// Asks what a batch costs and works for it: up to some seconds. Nothing where nothing is asked
    /// for.
    pub fn prepare<T: Transport>(
        &mut self,
        relay: &Relay<'_, T>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RelayError> {
        if self.key.is_some() {
            self.work(relay, rng)
        } else {
            Ok(())
        }
    }
}

#[cfg(not(feature = "tokens"))]
impl Purse {
    #[expect(
        clippy::unused_self,
        clippy::needless_pass_by_ref_mut,
        reason = "this program cannot buy"
    )]
    fn work<T>(&mut self, _: &Relay<'_, T>, _: &mut impl CryptoRng) -> Result<(), RelayError> {
        Err(RelayError::Unpaid)
    }

    /// Buys a batch, working for it first where that was not done.
    #[expect(
        clippy::unused_self,
        clippy::needless_pass_by_ref_mut,
        reason = "this program cannot buy"
    )]
    pub fn buy<T>(&mut self, _: &Relay<'_, T>, _: &mut impl CryptoRng) -> Result<(), RelayError> {
        Err(RelayError::Unpaid)
    }
}

#[cfg(feature = "tokens")]
mod bought {
    use rand_core::CryptoRng;
    use sotto_protocol::{
        limits::TOKEN_BATCH,
        statement::TokenKey,
        token::{
            TokenChallenge,
            purchase::Purchase,
            work::{WorkChallenge, WorkProof},
        },
    };

    use super::Purse;
    use crate::{
        relay::{Relay, RelayError},
        transport::Transport,
    };

    /// A request and the work done for it.
    pub(super) struct Ready {
        purchase: Purchase,
        proof: WorkProof,
    }

    impl Purse {
        pub(super) fn work<T: Transport>(
            &mut self,
            relay: &Relay<'_, T>,
            rng: &mut impl CryptoRng,
        ) -> Result<(), RelayError> {
            let spki = self.key.as_ref().and_then(TokenKey::spki);
            let spki = spki.ok_or(RelayError::Unpaid)?;
            let asked = relay.work_challenge()?;
            let asked = WorkChallenge::from_bytes(&asked).map_err(|_| RelayError::Strange)?;
            let of = TokenChallenge::of(self.line);
            let purchase = Purchase::begin(&of, &spki, TOKEN_BATCH, rng);
            let purchase = purchase.map_err(|_| RelayError::Strange)?;
            let proof = purchase.work(asked, rng).ok_or(RelayError::Strange)?;
            self.ready = Some(Ready { purchase, proof });
            Ok(())
        }

        /// Buys a batch, working for it first where that was not done.
        pub fn buy<T: Transport>(
            &mut self,
            relay: &Relay<'_, T>,
            rng: &mut impl CryptoRng,
        ) -> Result<(), RelayError> {
            if self.ready.is_none() {
                self.work(relay, rng)?;
            }
            let ready = self.ready.take().ok_or(RelayError::Unpaid)?;
            let answer = relay.issue(&ready.proof, ready.purchase.request().to_vec());
            let answer = match answer {
                Err(error @ RelayError::Unreachable(_)) => {
                    // Whether it was sold or not: the same request again gets the same tokens.
                    self.ready = Some(ready);
                    return Err(error);
                }
                other => other?,
            };
            let tokens = ready.purchase.finish(&answer);
            self.left = tokens.map_err(|_| RelayError::Strange)?;
            Ok(())
        }
    }
}
