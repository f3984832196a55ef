//! What stands on a page: answers whose own page it is, sealed afresh, and genuine envelopes to nobody.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    conversation::{Content, Outgoing, Slot},
    id::Board,
    limits::{DAY_SECONDS, PAGE_BODY_BYTES, PAGE_ENVELOPES},
    message::{Flags, Kind, Message},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret},
    statement::Policy,
};
use zeroize::Zeroizing;

use super::{
    Desk, Row,
    pending::Pending,
    stood::{Answer, Spot},
    thread::Thread,
};
use crate::timetable::Due;

/// Answers younger than this stand on *new*.
const NEW_SECONDS: u64 = 7 * DAY_SECONDS;

impl Desk {
    /// The 8 envelopes of a page.
    ///
    /// A page that is composed again, because nobody knows whether the relay has it, shows the same
    /// addresses in the same order: otherwise the relay could tell answers from the rest.
    pub(super) fn compose(
        &mut self,
        policy: &Policy,
        due: Due,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Reject> {
        let (line, day) = (self.line(), day_of(now));
        let slot = Slot::Board(due.board, due.cycle);
        let spots = match self.stood.unanswered(due) {
            Some(spots) => spots.clone(),
            None => self.lay_out(policy, due, now),
        };
        let nobody = SealingSecret::make(rng);
        let mut page = Vec::with_capacity(PAGE_BODY_BYTES);
        for spot in &spots {
            let outgoing = match spot.answer.and_then(|answer| self.placed(answer)) {
                Some((thread, pending)) => current(thread, pending, rng)?,
                None => None,
            };
            let address = spot.address;
            let place = Place { line, day, address };
            let envelope = match outgoing {
                Some(outgoing) => outgoing.seal(line, day, slot, rng)?,
                None => seal_filler(place, &nobody, rng)?,
            };
            page.extend_from_slice(envelope.as_bytes());
        }
        self.stood.note(spots, due);
        self.changed.insert(Row::Stood);
        Ok(page)
    }

    /// What stands where on a page that is composed for the first time.
    fn lay_out(&self, policy: &Policy, due: Due, now: u64) -> Vec<Spot> {
        let slot = Slot::Board(due.board, due.cycle);
        let answers = self.allocate(policy, due, now);
        let answers = answers.iter().filter_map(|placed| {
            Some(Spot {
                address: placed.1.outgoing.as_ref()?.address(slot),
                answer: answer(placed),
            })
        });
        let fillers = (0_u8..).map(|number| Spot {
            address: self.identity.filler(due, number),
            answer: None,
        });
        let mut spots: Vec<Spot> = answers.chain(fillers).take(PAGE_ENVELOPES).collect();
        spots.sort_by_key(|spot| spot.address);
        spots
    }

    /// An answer that still waits where it stood.
    fn placed(&self, wanted: Answer) -> Option<Placed<'_>> {
        let all = self.threads().flat_map(|thread| {
            let waiting = thread.receipt.iter().chain(&thread.pending);
            waiting.map(move |pending| (thread, pending))
        });
        all.into_iter()
            .find(|placed| answer(placed) == Some(wanted))
    }

    /// How many answers a board has to carry.
    pub(super) fn pending_on(&self, policy: &Policy, board: Board, now: u64) -> usize {
        self.threads()
            .map(|thread| due_answers(thread, policy, board, now).count())
            .sum()
    }

    pub(super) fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.cases.values().flat_map(|case| &case.threads)
    }
}

/// A message and the conversation it belongs to.
pub(super) type Placed<'d> = (&'d Thread, &'d Pending);

pub(super) fn answer((thread, pending): &Placed<'_>) -> Option<Answer> {
    let number = pending.outgoing.as_ref()?.number();
    Some((*thread.conversation.nonce(), number))
}

/// A message as it is sealed in this cycle: with the newest acknowledgement, and once more to the
/// code's static key where it is in doubt who reads it.
fn current(
    thread: &Thread,
    pending: &Pending,
    rng: &mut impl CryptoRng,
) -> Result<Option<Outgoing>, Reject> {
    let Some(mut outgoing) = pending.outgoing.clone() else {
        return Ok(None);
    };
    outgoing.acknowledge(thread.conversation.received());
    if let Some(twice) = thread.twice().filter(|_| pending.kind.is_repeated()) {
        let body = twice.seal(pending.content(), rng)?;
        outgoing.replace(Content {
            flags: Flags::Twice,
            body: &body,
            ..pending.content()
        });
    }
    Ok(Some(outgoing))
}

/// Unacknowledged answers that belong on `board` at `now`. For two cycles of *old* they stand on
/// both, so that an answer never leaves *new* before *old* shows it.
pub(super) fn due_answers<'d>(
    thread: &'d Thread,
    policy: &Policy,
    board: Board,
    now: u64,
) -> impl Iterator<Item = &'d Pending> {
    let overlap = policy.old_cycle_seconds.saturating_mul(2);
    let lasts = u64::from(policy.repeat_days).saturating_mul(DAY_SECONDS);
    let all = thread.receipt.iter().chain(&thread.pending);
    let placed = all.filter(|pending| pending.outgoing.is_some());
    placed.filter(move |pending| {
        let age = now.saturating_sub(pending.since);
        match board {
            Board::New => age < NEW_SECONDS,
            Board::Old => age.saturating_add(overlap) >= NEW_SECONDS && age < lasts,
        }
    })
}

/// A genuine envelope to a key that nobody keeps: random bytes would show.
///
/// # Errors
/// [`Reject`] never occurs with a key that was made here.
pub fn seal_filler(
    place: Place,
    nobody: &SealingSecret,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let message = Message {
        kind: Kind::Cover,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 0,
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::make(rng),
        ratchet_key: nobody.public(),
        body: Zeroizing::default(),
    };
    seal::seal(&message, &nobody.public(), None, place, rng)
}
