//! Every order in which posts that share a token can meet a store, with answers lost anywhere: a model
//! of "spend, then append", run to its end in each.

use std::collections::{BTreeMap, BTreeSet};

/// Where somebody who posts is. Between two steps anybody else may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    /// Asks, and asks again, so many times more at most.
    Asks(u8),
    /// The relay has found the token good and is to store the post.
    Spent(u8),
    /// Has its answer.
    Done(bool),
}

/// What is stored, and where everybody is. Each post has a number; everybody has one token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    token: Option<u8>,
    stored: BTreeSet<u8>,
    people: Vec<(u8, At)>,
}

/// In which order the relay does its two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    SpendFirst,
    AppendFirst,
}

impl State {
    fn spend(&mut self, post: u8) -> bool {
        *self.token.get_or_insert(post) == post
    }

    /// Everything that may come next: one of them goes a step, with or without its answer.
    fn next(&self, order: Order) -> Vec<Self> {
        let mut all = Vec::new();
        for place in 0..self.people.len() {
            let (post, at) = self.people[place];
            let mut step = |state: &Self, at| {
                let mut state = state.clone();
                state.people[place].1 = at;
                all.push(state);
            };
            let mut after = self.clone();
            match at {
                At::Done(_) => {}
                At::Asks(left) => {
                    let goes_on = match order {
                        Order::SpendFirst => after.spend(post),
                        Order::AppendFirst => after.stored.insert(post) || true,
                    };
                    if goes_on {
                        step(&after, At::Spent(left));
                    } else {
                        step(&after, At::Done(false));
                    }
                    // The outcome is not known: asked again.
                    if left > 0 {
                        step(&after, At::Asks(left - 1));
                        step(self, At::Asks(left - 1));
                    }
                }
                At::Spent(left) => {
                    let good = match order {
                        Order::SpendFirst => {
                            after.stored.insert(post);
                            true
                        }
                        Order::AppendFirst => after.spend(post),
                    };
                    step(&after, At::Done(good));
                    if left > 0 {
                        step(&after, At::Asks(left - 1));
                        step(self, At::Asks(left - 1));
                    }
                }
            }
        }
        all
    }
}

/// Every state that nothing follows.
fn ends(people: &[u8], order: Order) -> (BTreeSet<State>, usize) {
    let begin = State {
        token: None,
        stored: BTreeSet::new(),
        people: people.iter().map(|post| (*post, At::Asks(2))).collect(),
    };
    let (mut seen, mut ends) = (BTreeMap::new(), BTreeSet::new());
    let mut open = vec![begin];
    while let Some(state) = open.pop() {
        if seen.insert(state.clone(), ()).is_some() {
            continue;
        }
        let next = state.next(order);
        if next.is_empty() {
            ends.insert(state);
        }
        open.extend(next);
    }
    (ends, seen.len())
}

/// Three posts under one token, one of them put twice at the same time.
#[test]
fn no_order_spends_twice_or_refuses_a_repeat() {
    let (ends, states) = ends(&[1, 1, 2, 3], Order::SpendFirst);
    assert!(states > 1_000, "{states} states");
    for end in &ends {
        assert!(end.stored.len() <= 1, "{end:?}");
        let winner = end.token.unwrap();
        for (post, at) in &end.people {
            // Whoever is told that it is stored finds it stored, and whoever repeats the post that
            // the token went to is let through.
            assert_eq!(*at, At::Done(*post == winner), "{end:?}");
            assert!(*post != winner || end.stored.contains(post));
        }
    }
    let winners: BTreeSet<_> = ends.iter().map(|end| end.token).collect();
    assert_eq!(winners.len(), 3, "each of them may be first");
}

/// The model finds what is wrong with the other order: more is stored than is paid for.
#[test]
fn the_other_order_stores_what_nobody_paid_for() {
    let (ends, _) = ends(&[1, 2], Order::AppendFirst);
    assert!(ends.iter().any(|end| end.stored.len() > 1));
}
