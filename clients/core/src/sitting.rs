//! One sitting of a phone: the same requests in the same order, whoever is there and whatever for.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Pin, Seen, Untrusted, VerifyError},
    id::Board,
    seal::Reject,
};

use crate::{
    keep::{KeepError, Keeper},
    relay::{Relay, RelayError},
    tipster::{self, State, Tipster, View},
    transport::Transport,
};

/// Why a sitting ended early. Nothing is lost: what waited still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SittingError {
    /// The line's keys are not to be trusted; nothing was sealed or sent.
    #[error(transparent)]
    Bundle(#[from] VerifyError),
    /// The relay did not do what it should.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The state could not be saved, so nothing was sent.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The desk's key cannot be sealed to.
    #[error("the desk's key in the bundle is damaged; nothing was sent, try again tomorrow")]
    Prekey,
}

impl From<Reject> for SittingError {
    fn from(_: Reject) -> Self {
        Self::Prekey
    }
}

/// Bundle, a page of each board, one post, another page of each board.
///
/// A person without a conversation draws pages at random and posts cover. Texts of several parts
/// take one more post each.
pub fn sit<T: Transport>(
    relay: &Relay<'_, T>,
    pin: Pin,
    person: &mut Person<'_, impl Keeper<State>>,
    now: u64,
    rng: &mut impl CryptoRng,
) -> Result<View, SittingError> {
    let view = look(relay, pin, person.seen(), now)?;
    person.saw(&view)?;
    draw(relay, person, &view, 0, rng)?;
    loop {
        let envelope = match person {
            Person::Known(tipster, keeper) => tipster.next_post(&view, rng)?.save(*keeper)?,
            Person::Visitor(_) => tipster::seal_cover(pin.line, &view, 0, rng)?,
        };
        relay.post(envelope.into_bytes())?;
        if !person.posted()? {
            break;
        }
    }
    draw(relay, person, &view, 1, rng)?;
    Ok(view)
}

/// Who sits there.
#[derive(Debug)]
pub enum Person<'a, K> {
    /// Somebody with a conversation, and where it is kept.
    Known(&'a mut Tipster, &'a mut K),
    /// Somebody without one.
    Visitor(Seen),
}

impl<K: Keeper<State>> Person<'_, K> {
    const fn seen(&self) -> &Seen {
        match self {
            Self::Known(tipster, _) => tipster.seen(),
            Self::Visitor(seen) => seen,
        }
    }

    fn saw(&mut self, view: &View) -> Result<(), KeepError> {
        match self {
            Self::Known(tipster, keeper) => tipster.saw(view).save(*keeper),
            Self::Visitor(seen) => {
                *seen = view.bundle.seen.clone();
                Ok(())
            }
        }
    }

    /// Whether more waits.
    fn posted(&mut self) -> Result<bool, KeepError> {
        match self {
            Self::Known(tipster, keeper) => {
                tipster.posted().save(*keeper)?;
                Ok(tipster.is_waiting())
            }
            Self::Visitor(_) => Ok(false),
        }
    }
}

fn look<T: Transport>(
    relay: &Relay<'_, T>,
    pin: Pin,
    seen: &Seen,
    now: u64,
) -> Result<View, SittingError> {
    let answer = relay.bundle()?;
    let bundle = Untrusted::parse(&answer.json)?.verify(pin, now, seen)?;
    Ok(View {
        bundle,
        cycles: answer.cycles,
        now,
    })
}

fn draw<T: Transport>(
    relay: &Relay<'_, T>,
    person: &mut Person<'_, impl Keeper<State>>,
    view: &View,
    choice: u8,
    rng: &mut impl CryptoRng,
) -> Result<(), SittingError> {
    for board in Board::ALL {
        let page = match person {
            Person::Known(tipster, keeper) => {
                tipster.draw(view, board, choice, rng).save(*keeper)?
            }
            Person::Visitor(_) => view.draw_uniform(board, rng),
        };
        let bytes = relay.page(board, page)?;
        if let Person::Known(tipster, keeper) = person {
            tipster.read_page(view, board, &bytes).save(*keeper)?;
        }
    }
    Ok(())
}
