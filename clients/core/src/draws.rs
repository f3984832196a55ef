//! Whose own page is drawn next, where a phone has conversations (SPEC 5.7).
//!
//! Each own page is drawn once, mail or not; they take turns. Here are only the turns: which page is
//! whose, the conversations know.

use sotto_protocol::{
    id::Board,
    wire::{DecodeError, Reader, Writer},
};

/// Own pages of a conversation on one board in one cycle: k = 0 and k = 1 (SPEC 5.4).
pub const CHOICES: u8 = 2;

/// Which own pages one conversation has drawn: of each board and k, the newest cycle. Older ones need no
/// memory, because it never goes back to them.
///
/// Kept with its conversation and not in a table of all, so that what is kept of one does not tell
/// of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawn {
    /// By board, then by k; 0 for never.
    newest: [[u64; CHOICES as usize]; 2],
}

impl Drawn {
    /// Bytes of [`Self::write`].
    pub const BYTES: usize = 32;

    /// Appends [`Self::BYTES`] bytes.
    pub fn write(&self, out: Writer) -> Writer {
        let cycles = self.newest.as_flattened().iter();
        cycles.fold(out, |out, cycle| out.u64(*cycle))
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut drawn = Self::default();
        for cycle in drawn.newest.as_flattened_mut() {
            *cycle = from.u64()?;
        }
        Ok(drawn)
    }

    const fn of(&self, board: Board) -> [u64; 2] {
        let [new, old] = self.newest;
        match board {
            Board::New => new,
            Board::Old => old,
        }
    }

    const fn of_mut(&mut self, board: Board) -> &mut [u64; 2] {
        let [new, old] = &mut self.newest;
        match board {
            Board::New => new,
            Board::Old => old,
        }
    }

    /// When k was last drawn, if it may be drawn in `cycle`.
    fn waits_since(&self, board: Board, cycle: u64, choice: u8) -> Option<u64> {
        let newest = self.of(board);
        let is_back = newest.iter().any(|drawn| *drawn > cycle);
        let last = *newest.get(usize::from(choice))?;
        (!is_back && last < cycle).then_some(last)
    }

    fn note(&mut self, board: Board, cycle: u64, choice: u8) {
        if let Some(newest) = self.of_mut(board).get_mut(usize::from(choice)) {
            *newest = cycle.max(*newest);
        }
    }
}

/// Whose page the next draw is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// The own page k = `choice` of a conversation.
    Own {
        /// Its place in the list that [`Draws::new`] was given.
        conversation: usize,
        /// 0 or 1.
        choice: u8,
    },
    /// Uniform over all pages, as of a phone without a conversation.
    Uniform,
}

/// A draw that does not count yet.
#[must_use = "an own draw counts once its request was given to a connection"]
#[derive(Debug)]
pub struct Proposal {
    board: Board,
    cycle: u64,
    draw: Draw,
}

impl Proposal {
    /// Whose page to ask for.
    pub const fn draw(&self) -> Draw {
        self.draw
    }
}

/// The turns of all conversations that are open in this sitting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draws {
    conversations: Vec<Drawn>,
}

impl Draws {
    /// With what each open conversation has drawn; their places in the list are their numbers.
    pub const fn new(conversations: Vec<Drawn>) -> Self {
        Self { conversations }
    }

    /// One more conversation, and its number.
    pub fn add(&mut self, drawn: Drawn) -> usize {
        self.conversations.push(drawn);
        self.conversations.len() - 1
    }

    /// What one conversation has drawn, to be kept with it.
    pub fn drawn(&self, conversation: usize) -> Option<&Drawn> {
        self.conversations.get(conversation)
    }

    /// The draw whose turn it is on `board` in the served `cycle`: k = 0 before k = 1, then the
    /// conversation longest undrawn. Changes nothing.
    pub fn propose(&self, board: Board, cycle: u64) -> Proposal {
        let draw = (0..CHOICES).find_map(|choice| self.longest_undrawn(board, cycle, choice));
        Proposal {
            board,
            cycle,
            draw: draw.unwrap_or(Draw::Uniform),
        }
    }

    /// The request of a proposal is being given to a connection: from now on the draw counts, whatever
    /// becomes of it. The number of the conversation whose [`Drawn`] has changed and must be kept
    /// before the first byte is sent.
    pub fn given(&mut self, proposal: Proposal) -> Option<usize> {
        let Draw::Own {
            conversation,
            choice,
        } = proposal.draw
        else {
            return None;
        };
        let drawn = self.conversations.get_mut(conversation)?;
        drawn.note(proposal.board, proposal.cycle, choice);
        Some(conversation)
    }

    /// Own draws of *new* and of *old* that are outstanding in the served cycles, for
    /// [`crate::schedule::Schedule::looks_complete`].
    pub fn outstanding(&self, served: [u64; 2]) -> [u8; 2] {
        let [new, old] = served;
        [(Board::New, new), (Board::Old, old)].map(|(board, cycle)| {
            let waiting = self.conversations.iter().flat_map(|drawn| {
                (0..CHOICES).filter_map(move |choice| drawn.waits_since(board, cycle, choice))
            });
            u8::try_from(waiting.count()).unwrap_or(u8::MAX)
        })
    }

    fn longest_undrawn(&self, board: Board, cycle: u64, choice: u8) -> Option<Draw> {
        let waiting = self.conversations.iter().enumerate();
        let waiting = waiting.filter_map(|(conversation, drawn)| {
            let since = drawn.waits_since(board, cycle, choice)?;
            Some((since, conversation))
        });
        let (_, conversation) = waiting.min()?;
        Some(Draw::Own {
            conversation,
            choice,
        })
    }
}
