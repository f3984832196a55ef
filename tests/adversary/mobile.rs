//! A phone as its machine runs it: state is read back from bytes before every use, saved before
//! anything is sent, and it may stop at any save.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    draws::{Draw, Draws},
    keep::{KeepError, Keeper},
    tipster::{State, Tipster, View},
};
use sotto_protocol::{
    bundle::{Bundle, Seen},
    code::CodeKeys,
    id::Board,
};

use super::net::{Net, Sender};

/// Saves, until it stops: then the machine is off.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) kept: State,
    /// Saves that are left.
    pub(crate) left: Option<u8>,
}

impl Disk {
    /// The power went with the last save: what it would have let out is not sent.
    const fn is_off(&self) -> bool {
        matches!(self.left, Some(0))
    }
}

impl Keeper<State> for Disk {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        match &mut self.left {
            Some(0) => return Err(KeepError),
            Some(left) => *left -= 1,
            None => {}
        }
        self.kept.clone_from(state);
        Ok(())
    }
}

/// What a phone knows of the line at `now`.
fn view(net: &Net, now: u64) -> View {
    let bundle = Bundle {
        line: net.line.statement.clone(),
        desks: net.desks(now),
        relay: None,
        hash: net.line.hash,
        seen: Seen::default(),
    };
    View {
        bundle,
        cycles: net.served(),
        now,
    }
}

/// A phone.
#[derive(Clone)]
pub(crate) struct Mobile {
    pub(crate) disk: Disk,
    pub(crate) keys: CodeKeys,
    pub(crate) keeps_nothing: bool,
    /// What somebody who keeps nothing writes at the next opening.
    pub(crate) draft: Option<String>,
    pub(crate) sender: Sender,
    pub(crate) rng: ChaCha20Rng,
}

impl Mobile {
    pub(crate) fn new(keys: CodeKeys, state: State, life: u32) -> Self {
        Self {
            disk: Disk {
                kept: state,
                left: None,
            },
            keys,
            keeps_nothing: false,
            draft: None,
            sender: Sender { life, sitting: 0 },
            rng: ChaCha20Rng::seed_from_u64(u64::from(life) + 1_000),
        }
    }

    pub(crate) fn tipster(&self) -> Tipster {
        Tipster::from_bytes(&self.disk.kept).unwrap()
    }

    /// One opening of the app, in the order of the schedule: first the own pages, then `turns`
    /// posts. What the person was shown.
    pub(crate) fn open(
        &mut self,
        net: &mut Net,
        now: u64,
        (turns, left): (usize, Option<u8>),
    ) -> Vec<String> {
        if self.keeps_nothing {
            let mut tipster = Tipster::recall(net.line.pin.line, self.keys.clone(), 0);
            if let Some(text) = self.draft.take() {
                let written = tipster.write(&text, now, &mut self.rng).unwrap();
                written.save(&mut self.disk).unwrap();
            }
            self.disk.kept = tipster.to_bytes();
        }
        self.sender.sitting += 1;
        self.disk.left = left;
        let mut shown = Vec::new();
        let view = view(net, now);
        // A phone that stops is one that goes on from what it saved.
        let _stopped = self.go(&view, net, turns, &mut shown);
        self.disk.left = None;
        shown
    }

    fn go(
        &mut self,
        view: &View,
        net: &mut Net,
        turns: usize,
        shown: &mut Vec<String>,
    ) -> Result<(), KeepError> {
        let mut tipster = self.tipster();
        tipster.opened(view).save(&mut self.disk)?;
        for board in Board::ALL {
            self.draw(&mut tipster, view, board, net)?;
        }
        let unread = tipster.unread();
        shown.extend(unread.iter().map(|(_, text)| text.clone()));
        let ids: Vec<u64> = unread.iter().map(|(id, _)| *id).collect();
        tipster.shown(&ids).save(&mut self.disk)?;
        let mut unanswered = None;
        for _ in 0..turns {
            let post = match unanswered.take() {
                Some(post) => post,
                None => match tipster.next_post(view, &mut self.rng).unwrap() {
                    Some(post) => post.save(&mut self.disk)?,
                    None => return Ok(()),
                },
            };
            if self.disk.is_off() {
                return Err(KeepError);
            }
            if net.post(&post.envelope, self.sender, view.now) {
                tipster.posted(&post).save(&mut self.disk)?;
            } else {
                unanswered = Some(post);
            }
        }
        Ok(())
    }

    /// Both own pages of every conversation, each once in a cycle.
    fn draw(
        &mut self,
        tipster: &mut Tipster,
        view: &View,
        board: Board,
        net: &Net,
    ) -> Result<(), KeepError> {
        loop {
            let all: Vec<_> = tipster.drawn().collect();
            let has_own = |place: &usize| tipster.own_page(view, board, *place, 0).is_some();
            let places: Vec<usize> = (0..all.len()).filter(has_own).collect();
            let mut draws = Draws::new(places.iter().map(|place| all[*place]).collect());
            let proposal = draws.propose(board, view.served(board));
            let Draw::Own {
                conversation,
                choice,
            } = proposal.draw()
            else {
                return Ok(());
            };
            let place = places[conversation];
            let page = tipster.own_page(view, board, place, choice).unwrap();
            draws.given(proposal).unwrap();
            let drawn = *draws.drawn(conversation).unwrap();
            tipster.draw(place, drawn).save(&mut self.disk)?;
            let bytes = net.page(board, page);
            tipster.saw(view).save(&mut self.disk)?;
            tipster
                .read_page(view, board, &bytes)
                .save(&mut self.disk)?;
        }
    }
}
