//! Which answers a page has room for.

use std::collections::BTreeMap;

use sotto_protocol::{
    conversation::Cycle,
    limits::{MAX_PER_PAGE, PAGE_ENVELOPES},
    statement::Policy,
};

use super::{
    Desk,
    board::{Placed, answer, due_answers},
};
use crate::timetable::Due;

/// What stands on each page of a cycle.
type Pages<'d> = BTreeMap<u32, Vec<Placed<'d>>>;

impl Desk {
    /// The answers of one page. Every conversation has a first and a second page in each cycle; what
    /// does not fit the first goes to the second, and what fits neither waits for the next cycle.
    pub(super) fn allocate(&self, policy: &Policy, due: Due, now: u64) -> Vec<Placed<'_>> {
        let Some(count) = self.pages(due.board, due.cycle) else {
            return Vec::new();
        };
        let cycle = Cycle {
            number: due.cycle,
            seconds: policy.cycle_seconds(due.board),
        };
        let mut waiting: Vec<Waiting<'_>> = self
            .threads()
            .map(|thread| {
                let answers = due_answers(thread, policy, due.board, now);
                let own = |choice| {
                    let conversation = &thread.conversation;
                    conversation.own_page(due.board, cycle, choice, count)
                };
                Waiting {
                    own: [own(0), own(1)],
                    messages: in_turn(answers.map(|pending| (thread, pending)), due.cycle),
                }
            })
            .collect();
        let mut pages = Pages::new();
        for choice in 0..=1 {
            for one in &mut waiting {
                self.place(due, &mut pages, one, choice);
            }
        }
        pages.remove(&due.page).unwrap_or_default()
    }

    /// Puts up to four answers of one conversation on a page: what stands there already, then
    /// messages of which all parts fit, then what parts do.
    ///
    /// Whole messages, because somebody who keeps nothing has only what one opening shows.
    fn place<'d>(&self, due: Due, pages: &mut Pages<'d>, waiting: &mut Waiting<'d>, choice: usize) {
        let Some(number) = waiting.own.get(choice).copied().flatten() else {
            return;
        };
        let page = pages.entry(number).or_default();
        let mut room = PAGE_ENVELOPES.saturating_sub(page.len()).min(MAX_PER_PAGE);
        let at = |placed: &Placed<'_>| self.stood.page(&answer(placed)?, due);
        let is_here = |placed: &Placed<'_>| at(placed) == Some(number);
        let is_free = |placed: &Placed<'_>| at(placed).is_none();
        for message in &mut waiting.messages {
            room -= move_over(message, page, room, is_here);
        }
        for message in &mut waiting.messages {
            if message.iter().filter(|placed| is_free(placed)).count() <= room {
                room -= move_over(message, page, room, is_free);
            }
        }
        for message in &mut waiting.messages {
            room -= move_over(message, page, room, is_free);
        }
    }
}

/// Moves at most `room` of those that `is_wanted`. How many.
fn move_over<'d>(
    from: &mut Vec<Placed<'d>>,
    page: &mut Vec<Placed<'d>>,
    room: usize,
    is_wanted: impl Fn(&Placed<'d>) -> bool,
) -> usize {
    let before = page.len();
    page.extend(from.extract_if(.., |placed| is_wanted(placed)).take(room));
    page.len() - before
}

/// What of one conversation has no place yet: messages, each with its parts.
struct Waiting<'d> {
    /// Its first and its second page.
    own: [Option<u32>; 2],
    messages: Vec<Vec<Placed<'d>>>,
}

/// Answers by message, each cycle beginning with another one.
fn in_turn<'d>(answers: impl Iterator<Item = Placed<'d>>, cycle: u64) -> Vec<Vec<Placed<'d>>> {
    let mut messages: Vec<Vec<Placed<'d>>> = Vec::new();
    for placed in answers {
        let same = |message: &&mut Vec<Placed<'d>>| {
            let first = message.first();
            first.is_some_and(|first| (first.1.kind, first.1.id) == (placed.1.kind, placed.1.id))
        };
        match messages.iter_mut().find(same) {
            Some(message) => message.push(placed),
            None => messages.push(vec![placed]),
        }
    }
    let length = u64::try_from(messages.len()).unwrap_or(1).max(1);
    messages.rotate_left(usize::try_from(cycle % length).unwrap_or(0));
    messages
}
