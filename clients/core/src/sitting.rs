//! One sitting of a phone, from the opening of the app to its end: the same requests at the same
//! times, whoever is there and whatever for (SPEC 5.7).

mod posting;

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::{Pin, Seen, Untrusted, VerifyError},
    id::Board,
    oblivious::ObliviousError,
    page::PageHeader,
    seal::Reject,
};

use crate::{
    draws::{Draw, Drawn, Draws},
    keep::{KeepError, Keeper},
    pace::Pace,
    purse::Purse,
    relay::{Relay, RelayError},
    schedule::{self, Ask, Schedule},
    tipster::{State, Tipster, View},
    transport::{Transport, Unreachable},
};

/// Why a sitting ended early. Nothing is lost: what waited still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SittingError {
    /// The line's keys are not to be trusted; nothing was sealed or sent.
    #[error(transparent)]
    Bundle(#[from] VerifyError),
    /// The relay did not give the bundle.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The state could not be saved, so nothing was sent.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The line is to be asked through somebody else, and that cannot be done.
    #[error(transparent)]
    Way(#[from] ObliviousError),
    /// The desk's key cannot be sealed to.
    #[error("the desk's key in the bundle is damaged; nothing was sent, try again tomorrow")]
    Prekey,
}

impl From<Reject> for SittingError {
    fn from(_: Reject) -> Self {
        Self::Prekey
    }
}

/// A person with a code, and where their state is kept.
pub struct Person<'a> {
    /// The person.
    pub tipster: &'a mut Tipster,
    /// Makes changes durable.
    pub keeper: &'a mut dyn Keeper<State>,
}

impl std::fmt::Debug for Person<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

/// How far a sitting is. Nothing of it changes what is asked for next; it only says when the person
/// may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Milliseconds since the app was opened.
    pub elapsed: u64,
    /// Whether every first own page of *new* and of *old* has been looked at, in one cycle or
    /// another.
    pub has_looked: [bool; 2],
    /// Milliseconds after the opening when all own pages will have been looked at, about.
    pub looked_by: u64,
    /// Whether something waits for a turn.
    pub is_waiting: bool,
    /// Texts or parts of texts that were new.
    pub found: usize,
    /// Turns in which something was posted.
    pub tries: usize,
    /// Those that were answered.
    pub posts: usize,
    /// What went wrong last; the schedule goes on.
    pub failure: Option<RelayError>,
}

/// Everything a sitting is made with.
pub struct Sitting<'s, T, P, R> {
    /// The line's relay.
    pub relay: Relay<'s, T>,
    /// Whom to believe.
    pub pin: Pin,
    /// Time.
    pub pace: &'s P,
    /// Randomness of what is sealed and drawn.
    pub rng: &'s mut R,
}

impl<T, P, R> std::fmt::Debug for Sitting<'_, T, P, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sitting(..)")
    }
}

impl<T: Transport, P: Pace, R: CryptoRng> Sitting<'_, T, P, R> {
    /// Sits until `is_over`; `seen` is for somebody without a conversation. `times` is the randomness
    /// of the schedule, which nothing else touches.
    pub fn sit(
        &mut self,
        people: &mut [Person<'_>],
        seen: &Seen,
        times: impl CryptoRng,
        is_over: impl Fn(&Progress) -> bool,
    ) -> Result<(View, Progress), SittingError> {
        let mut course = self.open(people, seen)?;
        let timings = course.view.bundle.line.policy.schedule;
        let mut schedule = Schedule::new(timings, times);
        while let Some(turn) = schedule.next() {
            if turn.ask == Ask::Bundle {
                // That was `open`.
                continue;
            }
            self.take_turn(people, turn, &mut course)?;
            let Course { view, progress, .. } = &mut course;
            let left = Board::ALL.map(|board| Turns::of(people, view, board).left());
            progress.looked_by = schedule.looks_complete(left.map(|left| left.all));
            for (has_looked, left) in progress.has_looked.iter_mut().zip(left) {
                *has_looked |= left.first == 0;
            }
            progress.is_waiting = people.iter().any(|person| person.tipster.is_waiting());
            if is_over(progress) {
                break;
            }
        }
        Ok((course.view, course.progress))
    }

    /// A sitting without anybody, closed `lasts` milliseconds after its opening: what comes later in
    /// its schedule is not asked for.
    pub fn visit(
        &mut self,
        seen: &Seen,
        times: impl CryptoRng,
        lasts: u64,
    ) -> Result<(View, Progress), SittingError> {
        let mut course = self.open(&mut [], seen)?;
        let timings = course.view.bundle.line.policy.schedule;
        let turns = Schedule::new(timings, times).take_while(|turn| turn.moment <= lasts);
        for turn in turns.filter(|turn| turn.ask != Ask::Bundle) {
            self.take_turn(&mut [], turn, &mut course)?;
        }
        self.pace.wait_until(course.opened.saturating_add(lasts));
        Ok((course.view, course.progress))
    }

    fn open(&self, people: &mut [Person<'_>], seen: &Seen) -> Result<Course, SittingError> {
        let opened = self.pace.now();
        let view = self.look(people, seen)?;
        let purse = Purse::new(self.pin.line, view.bundle.relay.as_ref(), view.now);
        Ok(Course {
            opened,
            view,
            progress: Progress::default(),
            unanswered: None,
            purse,
        })
    }

    fn take_turn(
        &mut self,
        people: &mut [Person<'_>],
        turn: schedule::Turn,
        course: &mut Course,
    ) -> Result<(), SittingError> {
        self.pace
            .wait_until(course.opened.saturating_add(turn.moment));
        course.view.now = self.pace.now() / 1_000;
        match turn.ask {
            Ask::Bundle => {}
            Ask::Page(board) => {
                self.draw(people, &mut course.view, board, &mut course.progress)?;
                // The last of the opening. What a batch costs is found out and worked for long before
                // the first post, so that the work of a slow phone moves no request.
                if turn.moment == 0 && board == Board::Old {
                    self.prepare(course);
                }
            }
            Ask::Post => self.post(people, course)?,
        }
        course.progress.elapsed = turn.moment;
        Ok(())
    }

    fn prepare(&mut self, course: &mut Course) {
        let prepared = course.purse.prepare(&self.relay, self.rng);
        // Tried again before the next post.
        course.progress.failure = prepared.err().or(course.progress.failure);
    }

    fn look(&self, people: &mut [Person<'_>], seen: &Seen) -> Result<View, SittingError> {
        let answer = self.relay.bundle()?;
        let now = self.pace.now() / 1_000;
        let untrusted = Untrusted::parse(&answer.json)?;
        let mut bundle = untrusted.verify(self.pin, now, seen)?;
        // Each remembers what it has seen, and each must agree before anything of it is kept.
        for person in people.iter() {
            bundle = untrusted.verify(self.pin, now, person.tipster.seen())?;
        }
        self.relay.offered(&bundle, now)?;
        let view = View {
            bundle,
            cycles: answer.cycles,
            now,
        };
        for person in people {
            person.tipster.opened(&view).save(person.keeper)?;
        }
        Ok(view)
    }

    fn draw(
        &mut self,
        people: &mut [Person<'_>],
        view: &mut View,
        board: Board,
        progress: &mut Progress,
    ) -> Result<(), SittingError> {
        let own = Turns::of(people, view, board).propose(people, view);
        let page = own.as_ref().map(|own| own.page);
        let page = page.unwrap_or_else(|| view.draw_uniform(board, self.rng));
        if let Some(own) = &own {
            own.put(people, own.after)?;
        }
        match self.relay.page(board, page) {
            Ok(bytes) => {
                if let Ok((header, _)) = PageHeader::parse(&bytes) {
                    view.name(board, header.cycle);
                }
                for person in people {
                    person.tipster.saw(view).save(person.keeper)?;
                    let read = person.tipster.read_page(view, board, &bytes);
                    progress.found += read.save(person.keeper)?;
                }
            }
            Err(error) => {
                progress.failure = Some(error);
                // Nobody has seen the request, so that it may be made again.
                if let (RelayError::Unreachable(Unreachable::NotGiven), Some(own)) = (error, own) {
                    own.put(people, own.before)?;
                }
            }
        }
        Ok(())
    }
}

/// What a sitting has come to.
struct Course {
    /// Milliseconds.
    opened: u64,
    view: View,
    progress: Progress,
    unanswered: Option<posting::Turn>,
    purse: Purse,
}

/// An own page that is asked for next.
struct Own {
    person: usize,
    thread: usize,
    page: u32,
    before: Drawn,
    after: Drawn,
}

impl Own {
    fn put(&self, people: &mut [Person<'_>], drawn: Drawn) -> Result<(), KeepError> {
        match people.get_mut(self.person) {
            Some(person) => person.tipster.draw(self.thread, drawn).save(person.keeper),
            None => Ok(()),
        }
    }
}

/// The own pages of one board in the cycle last named, and whose turn it is.
struct Turns {
    /// Conversations that have an own page there: person, place among that person's.
    of: Vec<(usize, usize)>,
    draws: Draws,
    board: Board,
    cycle: u64,
}

/// Own pages still to be looked at.
#[derive(Debug, Clone, Copy)]
struct Left {
    all: u8,
    first: usize,
}

impl Turns {
    fn of(people: &[Person<'_>], view: &View, board: Board) -> Self {
        let people = people.iter().zip(0..);
        let threads = people.flat_map(|(person, at)| {
            // A conversation younger than the cycle has no own page yet.
            let has_own = move |thread| person.tipster.own_page(view, board, thread, 0).is_some();
            let threads = person.tipster.drawn().zip(0..);
            threads
                .filter_map(move |(drawn, thread)| has_own(thread).then_some(((at, thread), drawn)))
        });
        let (of, all) = threads.unzip();
        Self {
            of,
            draws: Draws::new(all),
            board,
            cycle: view.served(board),
        }
    }

    fn left(&self) -> Left {
        Left {
            all: self.draws.outstanding(self.board, self.cycle),
            first: self.draws.first_outstanding(self.board, self.cycle),
        }
    }

    fn propose(mut self, people: &[Person<'_>], view: &View) -> Option<Own> {
        let proposal = self.draws.propose(self.board, self.cycle);
        let Draw::Own {
            conversation,
            choice,
        } = proposal.draw()
        else {
            return None;
        };
        let (person, thread) = self.of.get(conversation).copied()?;
        let tipster = &people.get(person)?.tipster;
        let page = tipster.own_page(view, self.board, thread, choice)?;
        let before = *self.draws.drawn(conversation)?;
        let changed = self.draws.given(proposal)?;
        Some(Own {
            person,
            thread,
            page,
            before,
            after: *self.draws.drawn(changed)?,
        })
    }
}
