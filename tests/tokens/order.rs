//! Every order in which posts that share a token can meet a store, with answers lost anywhere: a model
//! of "spend, then append", run to its end in each.

use std::collections::BTreeSet;

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

    /// One of the relay's two steps, and where the poster is then.
    fn step(&mut self, (post, at): (u8, At), order: Order) -> At {
        match (at, order) {
            (At::Asks(left), Order::SpendFirst) if self.spend(post) => At::Spent(left),
            (At::Asks(_), Order::SpendFirst) => At::Done(false),
            (At::Asks(left), Order::AppendFirst) => {
                self.stored.insert(post);
                At::Spent(left)
            }
            (At::Spent(_), Order::SpendFirst) => {
                self.stored.insert(post);
                At::Done(true)
            }
            (At::Spent(_), Order::AppendFirst) => At::Done(self.spend(post)),
            (At::Done(_), _) => at,
        }
    }

    /// Everything that may come next: one of them goes a step, or goes it and does not learn so, or
    /// never gets there; who does not know asks again.
    fn next(&self, order: Order) -> Vec<Self> {
        let mut all = Vec::new();
        for (place, (post, at)) in self.people.iter().copied().enumerate() {
            let (At::Asks(left) | At::Spent(left)) = at else {
                continue;
            };
            let mut after = self.clone();
            let then = after.step((post, at), order);
            let again = left.checked_sub(1).map(At::Asks);
            let outcomes = [(&after, Some(then)), (&after, again), (self, again)];
            all.extend(outcomes.into_iter().filter_map(|(state, at)| {
                let mut state = state.clone();
                state.people[place].1 = at?;
                Some(state)
            }));
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
    let (mut seen, mut ends) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![begin];
    while let Some(state) = open.pop() {
        if !seen.insert(state.clone()) {
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
