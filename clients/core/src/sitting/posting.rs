//! The turns of a sitting in which something is posted, and what pays for it.

use rand_core::CryptoRng;
use sotto_protocol::{seal::Envelope, token::Token};

use super::{Course, Person, Sitting, SittingError};
use crate::{
    pace::Pace,
    relay::RelayError,
    tipster::{self, Post, View},
    transport::Transport,
};

impl<T: Transport, P: Pace, R: CryptoRng> Sitting<'_, T, P, R> {
    pub(super) fn post(
        &mut self,
        people: &mut [Person<'_>],
        course: &mut Course,
    ) -> Result<(), SittingError> {
        course.progress.tries += 1;
        // What was not answered is posted again as it is: whether real or cover, and for the token
        // that it was posted for.
        let turn = match course.unanswered.take() {
            Some(turn) => turn,
            None => match self.pay(course) {
                Ok(token) => self.next_post(people, &course.view, token)?,
                Err(error) => {
                    // For everybody alike, before it is seen what there is to post.
                    course.progress.failure = Some(error);
                    return Ok(());
                }
            },
        };
        let body = turn.envelope.as_bytes().to_vec();
        match self.relay.post(body, turn.token.as_ref()) {
            Ok(()) => {
                course.progress.posts += 1;
                let of = turn
                    .of
                    .and_then(|(at, post)| Some((people.get_mut(at)?, post)));
                if let Some((person, post)) = of {
                    person.tipster.posted(&post).save(person.keeper)?;
                }
            }
            Err(error) => {
                course.progress.failure = Some(error);
                if let RelayError::Unreachable(_) = error {
                    course.unanswered = Some(turn);
                }
            }
        }
        if course.purse.is_empty() && course.unanswered.is_none() {
            self.prepare(course);
        }
        Ok(())
    }

    /// The token for a post, where one is asked for; buys a batch where none is left.
    fn pay(&mut self, course: &mut Course) -> Result<Option<Token>, RelayError> {
        let purse = &mut course.purse;
        if !purse.is_asked_for() {
            return Ok(None);
        }
        if purse.is_empty() {
            purse.buy(&self.relay, self.rng)?;
        }
        purse.take().map(Some).ok_or(RelayError::Unpaid)
    }

    /// What is real takes the turn, otherwise cover.
    fn next_post(
        &mut self,
        people: &mut [Person<'_>],
        view: &View,
        token: Option<Token>,
    ) -> Result<Turn, SittingError> {
        for (at, person) in people.iter_mut().enumerate() {
            if let Some(post) = person.tipster.next_post(view, self.rng)? {
                let post = post.save(person.keeper)?;
                return Ok(Turn {
                    envelope: post.envelope.clone(),
                    of: Some((at, post)),
                    token,
                });
            }
        }
        let envelope = tipster::seal_cover(self.pin.line, view, 0, self.rng)?;
        Ok(Turn {
            envelope,
            of: None,
            token,
        })
    }
}

/// What is posted in a turn, whose it is, and what pays for it.
pub(super) struct Turn {
    envelope: Envelope,
    of: Option<(usize, Post)>,
    token: Option<Token>,
}
