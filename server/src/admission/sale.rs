//! What a batch of tokens costs, and that nobody pays less.
//!
//! A challenge is the same bytes for everybody for [`WORK_WINDOW_SECONDS`], and nothing of it is kept:
//! its MAC says that a relay with this key file made it. Only the pace of selling and the number of
//! repeats of each proof are remembered, for minutes.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{Algorithm, Argon2, Params, Version};
use sotto_protocol::{
    hash,
    id::LineId,
    limits::{WORK_LIFE_SECONDS, WORK_TRIES_MAX, WORK_WINDOW_SECONDS},
    token::work::{WorkChallenge, WorkProof, password},
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::Price;
use crate::error::Error;

/// Sells batches.
pub(crate) struct Sale {
    key: Zeroizing<[u8; 32]>,
    price: Price,
    pace: Mutex<Pace>,
    repeats: Mutex<Repeats>,
    /// Those who are verified and signed for, which takes a core.
    working: Arc<Semaphore>,
    /// Those and the ones that wait for their turn; further ones are told to come later.
    waiting: Arc<Semaphore>,
}

impl fmt::Debug for Sale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sale(..)")
    }
}

/// What adapts the work.
#[derive(Debug)]
struct Pace {
    window: u64,
    sold: u32,
    tries: u32,
}

/// How often each proof was answered, by the window of its challenge and itself.
type Repeats = BTreeMap<(u64, [u8; 32]), u8>;

/// A proof is answered again where an answer was lost; more often it would be work for nothing.
const ANSWERS: u8 = 4;
/// Proofs that are remembered at most, the latest.
const REMEMBERED: usize = 65_536;
/// How many may wait for their turn, for each that has it.
const QUEUE: usize = 16;
/// Clocks of two relay processes may be so far apart, in seconds.
const DRIFT_SECONDS: u64 = 60;

impl Sale {
    pub(crate) fn new(secret: &[u8; 32], price: Price) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            key: Zeroizing::new(hash::expand(secret, &[b"sotto/1 work key"])),
            price,
            pace: Mutex::new(Pace {
                window: 0,
                sold: 0,
                tries: price.tries,
            }),
            repeats: Mutex::default(),
            working: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(cores.saturating_mul(QUEUE))),
        }
    }

    /// What everybody is asked for at `now`.
    pub(crate) fn challenge(&self, line: LineId, now: u64) -> WorkChallenge {
        let window = now / WORK_WINDOW_SECONDS;
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.move_to(window, self.price);
        let mut challenge = WorkChallenge {
            tries: pace.tries,
            kib: self.price.kib,
            begins: window * WORK_WINDOW_SECONDS,
            mac: [0; 32],
        };
        challenge.mac = self.mac(line, &challenge);
        challenge
    }

    fn mac(&self, line: LineId, challenge: &WorkChallenge) -> [u8; 32] {
        let fields = challenge.fields();
        hash::expand(&self.key, &[b"sotto/1 work challenge", &line.0, &fields])
    }

    /// What costs nothing to find out: whether the challenge is the relay's and of these minutes, and
    /// that the proof was not answered too often.
    pub(crate) fn check(&self, line: LineId, proof: &WorkProof, now: u64) -> Result<(), Error> {
        let WorkChallenge { begins, mac, .. } = proof.challenge;
        let is_ours: bool = self.mac(line, &proof.challenge).ct_eq(&mac).into();
        let is_current = begins <= now.saturating_add(DRIFT_SECONDS)
            && now < begins.saturating_add(WORK_LIFE_SECONDS);
        if !is_ours || !is_current {
            return Err(Error::Unauthorised);
        }
        let repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        match repeats.get(&(begins, id(proof))) {
            Some(answers) if *answers >= ANSWERS => Err(Error::TooMany),
            _ => Ok(()),
        }
    }

    /// A turn for what costs a core: verifying and signing.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many wait.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        let waits = Arc::clone(&self.waiting).try_acquire_owned();
        let waits = waits.map_err(|_| Error::Busy)?;
        let works = Arc::clone(&self.working).acquire_owned().await;
        let works = works.map_err(|_| Error::Busy)?;
        Ok(Turn(waits, works))
    }

    /// A proof is answered.
    pub(crate) fn answered(&self, proof: &WorkProof) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = repeats
            .entry((proof.challenge.begins, id(proof)))
            .or_default();
        *answers = answers.saturating_add(1);
        let is_first = *answers == 1;
        while repeats.len() > REMEMBERED {
            repeats.pop_first();
        }
        drop(repeats);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.sold = pace.sold.saturating_add(u32::from(is_first));
    }
}

/// One of few, until it is dropped.
pub(crate) struct Turn(
    #[expect(dead_code, reason = "held until the turn is over")] tokio::sync::OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held until the turn is over")] tokio::sync::OwnedSemaphorePermit,
);

impl Pace {
    /// Twice the work after a minute in which too much was bought, half of it after one in which less
    /// than half of that was, or nothing.
    fn move_to(&mut self, window: u64, price: Price) {
        while self.window < window && (self.sold > 0 || self.tries > price.tries) {
            let most = WORK_TRIES_MAX.max(price.tries);
            if self.sold > price.batches {
                self.tries = self.tries.saturating_mul(2).min(most);
            } else if self.sold <= price.batches / 2 {
                self.tries = (self.tries / 2).max(price.tries);
            }
            self.window = self.window.saturating_add(1);
            self.sold = 0;
        }
        self.window = self.window.max(window);
    }
}

fn id(proof: &WorkProof) -> [u8; 32] {
    hash::digest(&[&proof.challenge.to_bytes(), &proof.nonce])
}

/// By which the store knows a proof: it is spent like a token, on one request.
pub(crate) fn proof_token(proof: &WorkProof) -> [u8; 32] {
    hash::digest(&[b"sotto/1 work proof", &id(proof)])
}

/// Whether a proof is good for a request: one try, a few milliseconds.
pub(crate) fn is_met(proof: &WorkProof, request: &[u8]) -> bool {
    let WorkProof { challenge, nonce } = proof;
    let Ok(params) = Params::new(challenge.kib, 1, 1, Some(32)) else {
        return false;
    };
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut tried = [0; 32];
    let password = password(request, nonce);
    let done = argon.hash_password_into(&password, &challenge.salt(), &mut tried);
    done.is_ok() && challenge.is_met_by(&tried)
}
