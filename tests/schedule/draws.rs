//! Whose own page is drawn: each once, all in turn, over any number of sittings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use sotto_core::draws::{CHOICES, Draw, Drawn, Draws};
use sotto_protocol::{
    id::Board,
    wire::{Reader, Writer},
};
use sotto_tests::cases::runner;

/// As after the app was closed and opened again.
fn reopen(draws: &Draws) -> Draws {
    let mut number = 0..;
    let kept = std::iter::from_fn(|| draws.drawn(number.next()?)).map(|drawn| {
        let bytes = drawn.write(Writer::default()).finish();
        assert_eq!(bytes.len(), Drawn::BYTES);
        let mut reader = Reader::new(&bytes);
        let read = Drawn::read(&mut reader).unwrap();
        reader.finish().unwrap();
        read
    });
    Draws::new(kept.collect())
}

fn draw(draws: &mut Draws, board: Board, cycle: u64) -> Draw {
    let proposal = draws.propose(board, cycle);
    let draw = proposal.draw();
    let changed = draws.given(proposal);
    match draw {
        Draw::Own { conversation, .. } => assert_eq!(changed, Some(conversation)),
        Draw::Uniform => assert_eq!(changed, None),
    }
    draw
}

const fn own(conversation: usize, choice: u8) -> Draw {
    Draw::Own {
        conversation,
        choice,
    }
}

fn phone(conversations: usize) -> Draws {
    Draws::new(vec![Drawn::default(); conversations])
}

#[test]
fn the_first_choice_of_all_comes_before_the_second_of_any() {
    let mut draws = phone(3);
    let drawn = [0; 7].map(|_: i32| draw(&mut draws, Board::New, 9));
    let expected = [
        own(0, 0),
        own(1, 0),
        own(2, 0),
        own(0, 1),
        own(1, 1),
        own(2, 1),
        Draw::Uniform,
    ];
    assert_eq!(drawn, expected);
    // The other board and the next cycle have turns of their own.
    assert_eq!(draw(&mut draws, Board::Old, 9), own(0, 0));
    assert_eq!(draw(&mut draws, Board::New, 10), own(0, 0));
}

#[test]
fn without_a_conversation_every_draw_is_uniform() {
    let mut draws = phone(0);
    assert_eq!(draw(&mut draws, Board::New, 9), Draw::Uniform);
    assert_eq!(outstanding(&draws, [9, 9]), [0, 0]);
    // A board nobody has written yet is served as cycle 0, which has no own pages.
    assert_eq!(draw(&mut phone(2), Board::Old, 0), Draw::Uniform);
    assert_eq!(outstanding(&phone(2), [0, 9]), [0, 4]);
}

#[test]
fn a_proposal_counts_only_once_it_was_given() {
    let mut draws = phone(2);
    for _ in 0..3 {
        assert_eq!(draws.propose(Board::New, 9).draw(), own(0, 0));
    }
    assert_eq!(outstanding(&draws, [9, 9]), [4, 4]);
    assert_eq!(draw(&mut draws, Board::New, 9), own(0, 0));
    assert_eq!(draws.propose(Board::New, 9).draw(), own(1, 0));
    assert_eq!(outstanding(&draws, [9, 9]), [3, 4]);
    // Of two proposals that were both given, the page was drawn, and is not drawn again.
    let twice = [draws.propose(Board::New, 9), draws.propose(Board::New, 9)];
    for proposal in twice {
        assert_eq!(draws.given(proposal), Some(1));
    }
    assert_eq!(draws.propose(Board::New, 9).draw(), own(0, 1));
}

#[test]
fn nobody_goes_back_to_an_older_cycle() {
    let mut draws = phone(1);
    assert_eq!(draw(&mut draws, Board::New, 9), own(0, 0));
    assert_eq!(draw(&mut draws, Board::New, 11), own(0, 0));
    for cycle in [10, 9] {
        assert_eq!(draw(&mut draws, Board::New, cycle), Draw::Uniform);
        assert_eq!(outstanding(&draws, [cycle, 5]), [0, 2]);
    }
    assert_eq!(draw(&mut draws, Board::New, 11), own(0, 1));
    assert_eq!(draw(&mut draws, Board::New, 10), Draw::Uniform);
    // One that began later has drawn nothing yet.
    assert_eq!(draws.add(Drawn::default()), 1);
    assert_eq!(draw(&mut draws, Board::New, 10), own(1, 0));
}

/// A person who never stays longer than for one look: everybody's turn comes all the same.
#[test]
fn short_sittings_are_shared_out() {
    let mut draws = phone(4);
    let mut times = [0; 4];
    for cycle in 1..=400 {
        draws = reopen(&draws);
        match draw(&mut draws, Board::New, cycle) {
            Draw::Own {
                conversation,
                choice: 0,
            } => times[conversation] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(times, [100; 4]);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Draw(Board),
    Lost(Board),
    Cycles(u64),
    Back(u64),
    Reopen,
    Begin,
}

fn step() -> impl Strategy<Value = Step> {
    let board = || prop_oneof![Just(Board::New), Just(Board::Old)];
    prop_oneof![
        8 => board().prop_map(Step::Draw),
        1 => board().prop_map(Step::Lost),
        2 => (1_u64..4).prop_map(Step::Cycles),
        1 => (1_u64..3).prop_map(Step::Back),
        2 => Just(Step::Reopen),
        1 => Just(Step::Begin),
    ]
}

/// Everything that was ever drawn, which the phone does not remember.
#[derive(Default)]
struct History {
    drawn: BTreeSet<(usize, u8, u64, u8)>,
    conversations: usize,
}

impl History {
    fn newest(&self, conversation: usize, board: Board, choices: &[u8]) -> u64 {
        let all = self.drawn.iter();
        all.filter(|(c, b, _, k)| *c == conversation && *b == board.byte() && choices.contains(k))
            .map(|(_, _, cycle, _)| *cycle)
            .max()
            .unwrap_or(0)
    }

    /// Whether this draw was never made before.
    fn note(&mut self, draw: Draw, board: Board, cycle: u64) -> bool {
        let Draw::Own {
            conversation,
            choice,
        } = draw
        else {
            return true;
        };
        let page = (conversation, board.byte(), cycle, choice);
        self.drawn.insert(page)
    }

    /// What the specification says, word by word.
    fn expected(&self, board: Board, cycle: u64) -> Draw {
        let mut waiting = BTreeMap::new();
        for (conversation, choice) in
            (0..self.conversations).flat_map(|c| (0..CHOICES).map(move |k| (c, k)))
        {
            let is_back = self.newest(conversation, board, &[0, 1]) > cycle;
            let is_drawn = self
                .drawn
                .contains(&(conversation, board.byte(), cycle, choice));
            if !is_back && !is_drawn {
                let since = self.newest(conversation, board, &[choice]);
                waiting.insert((choice, since, conversation), own(conversation, choice));
            }
        }
        waiting.values().next().copied().unwrap_or(Draw::Uniform)
    }
}

#[test]
fn no_own_page_is_drawn_twice() {
    let cases = (0_usize..4, vec(step(), 1..120));
    let outcome = runner(256).run(&cases, |(conversations, steps)| {
        let mut draws = phone(conversations);
        let mut history = History {
            conversations,
            ..History::default()
        };
        let mut cycle = 1_000;
        for step in steps {
            match step {
                Step::Draw(board) => {
                    let drawn = draw(&mut draws, board, cycle);
                    prop_assert_eq!(drawn, history.expected(board, cycle));
                    prop_assert!(history.note(drawn, board, cycle));
                }
                Step::Lost(board) => drop(draws.propose(board, cycle)),
                Step::Cycles(count) => cycle += count,
                Step::Back(count) => cycle -= count,
                Step::Reopen => draws = reopen(&draws),
                Step::Begin if history.conversations < 8 => {
                    prop_assert_eq!(draws.add(Drawn::default()), history.conversations);
                    history.conversations += 1;
                }
                Step::Begin => {}
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

/// On *new* and on *old*.
fn outstanding(draws: &Draws, served: [u64; 2]) -> [u8; 2] {
    let [new, old] = served;
    [
        draws.outstanding(Board::New, new),
        draws.outstanding(Board::Old, old),
    ]
}
