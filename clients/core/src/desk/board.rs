//! What stands on a page: answers whose own page it is, sealed afresh, and genuine envelopes to nobody.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    conversation::{Cycle, Slot},
    id::{Address, Board, LineId},
    limits::{DAY_SECONDS, MAX_PER_PAGE, PAGE_BODY_BYTES, PAGE_ENVELOPES},
    message::{Kind, Message},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret, random},
    statement::Policy,
};
use zeroize::Zeroizing;

use super::{Case, Desk, case::Pending};
use crate::timetable::Due;

/// Answers younger than this stand on *new*.
const NEW_SECONDS: u64 = 7 * DAY_SECONDS;

impl Desk {
    /// The 8 envelopes of a page.
    pub(super) fn compose(
        &self,
        policy: &Policy,
        due: Due,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Reject> {
        let (line, day) = (self.line(), day_of(now));
        let slot = Slot::Board(due.board, due.cycle);
        let answers = self.allocate(policy, due, now);
        let mut envelopes = Vec::with_capacity(PAGE_ENVELOPES);
        for pending in answers {
            envelopes.push(pending.outgoing.seal(line, day, slot, rng)?);
        }
        let nobody = SealingSecret::make(rng);
        while envelopes.len() < PAGE_ENVELOPES {
            envelopes.push(seal_filler(line, day, &nobody, rng)?);
        }
        shuffle(&mut envelopes, rng);
        let mut page = Vec::with_capacity(PAGE_BODY_BYTES);
        for envelope in envelopes {
            page.extend_from_slice(envelope.as_bytes());
        }
        Ok(page)
    }

    /// How many answers a board has to carry.
    pub(super) fn pending_on(&self, policy: &Policy, board: Board, now: u64) -> usize {
        let cases = self.cases.values();
        cases
            .map(|case| due_answers(case, policy, board, now).count())
            .sum()
    }

    /// The answers of one page. Every conversation has a first and a second page in each cycle; what
    /// does not fit the first goes to the second, and what fits neither waits for the next cycle.
    fn allocate(&self, policy: &Policy, due: Due, now: u64) -> Vec<&Pending> {
        let Some(count) = self.pages(due.board, due.cycle) else {
            return Vec::new();
        };
        let cycle = Cycle {
            number: due.cycle,
            seconds: policy.cycle_seconds(due.board),
        };
        let mut pages: BTreeMap<u32, Vec<&Pending>> = BTreeMap::new();
        let mut left = Vec::new();
        for case in self.cases.values() {
            let mut answers: Vec<&Pending> = due_answers(case, policy, due.board, now).collect();
            let length = u64::try_from(answers.len()).unwrap_or(1).max(1);
            let turn = usize::try_from(due.cycle % length).unwrap_or(0);
            answers.rotate_left(turn);
            let rest = place(
                &mut pages,
                own_page(case, due.board, cycle, 0, count),
                answers,
            );
            left.push((case, rest));
        }
        for (case, answers) in left {
            place(
                &mut pages,
                own_page(case, due.board, cycle, 1, count),
                answers,
            );
        }
        pages.remove(&due.page).unwrap_or_default()
    }
}

fn own_page(case: &Case, board: Board, cycle: Cycle, choice: u8, pages: u32) -> Option<u32> {
    case.conversation.own_page(board, cycle, choice, pages)
}

/// Puts up to four answers on a page; what is left over.
fn place<'d>(
    pages: &mut BTreeMap<u32, Vec<&'d Pending>>,
    page: Option<u32>,
    mut answers: Vec<&'d Pending>,
) -> Vec<&'d Pending> {
    let Some(page) = page else { return answers };
    let on_page = pages.entry(page).or_default();
    let room = PAGE_ENVELOPES.saturating_sub(on_page.len());
    let fits = room.min(MAX_PER_PAGE).min(answers.len());
    on_page.extend(answers.drain(..fits));
    answers
}

/// Unacknowledged answers that belong on `board` at `now`. For two cycles of *old* they stand on
/// both, so that an answer never leaves *new* before *old* shows it.
fn due_answers<'d>(
    case: &'d Case,
    policy: &Policy,
    board: Board,
    now: u64,
) -> impl Iterator<Item = &'d Pending> {
    let overlap = policy.old_cycle_seconds.saturating_mul(2);
    let lasts = u64::from(policy.repeat_days).saturating_mul(DAY_SECONDS);
    case.pending.iter().filter(move |pending| {
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
    line: LineId,
    day: u32,
    nobody: &SealingSecret,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let message = Message {
        kind: Kind::Cover,
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
    let place = Place {
        line,
        day,
        address: Address(random(rng)),
    };
    seal::seal(&message, &nobody.public(), None, place, rng)
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for last in (1..items.len()).rev() {
        let bound = u64::try_from(last).unwrap_or(0).saturating_add(1);
        // 64 random bits over at most 8 places: the bias is below 2^-60.
        let other = rng.next_u64().checked_rem(bound).unwrap_or(0);
        items.swap(last, usize::try_from(other).unwrap_or(0));
    }
}
