//! What must hold inside a statement, whoever signed it: each rule at its bound.

use sotto_protocol::{
    bundle::{VERSION, VerifyError, verify_roots},
    id::{Board, LineId},
    limits::{MAX_PAGES, SERIAL_AHEAD_SECONDS},
    statement::{BoardSize, Boards, DeskEntry, DeskStatement, RootSet, Roster, Statement as _},
};
use sotto_tests::world::policy;

use super::line::{DAY, FIRST, Line, NOW, root_set, signed};

#[test]
fn roots_are_sorted_different_and_numbered_from_one() {
    let good = root_set(1, FIRST);
    assert!(good.is_sound());
    assert!(!root_set(0, FIRST).is_sound());
    let [a, b, c] = good.roots;
    for [first, second, third] in [[&b, &a, &c], [&a, &c, &b], [&a, &a, &c], [&a, &c, &c]] {
        let roots = [first.clone(), second.clone(), third.clone()];
        assert!(!RootSet { serial: 1, roots }.is_sound());
    }
}

#[test]
fn the_first_root_set_is_the_first_of_its_line() {
    let line = root_set(1, FIRST).fingerprint().line();
    let verified = |serial, line| {
        let chain = [signed(&root_set(serial, FIRST), &FIRST)];
        verify_roots(&chain, line, None).map(|set| set.serial)
    };
    assert_eq!(verified(1, line), Ok(1));
    assert_eq!(verified(2, line), Err(VerifyError::Line));
    assert_eq!(verified(1, LineId([1; 16])), Err(VerifyError::Line));
}

#[test]
fn a_line_that_needs_a_newer_program_says_so() {
    for (min_version, expected) in [
        (0, None),
        (VERSION, None),
        (VERSION + 1, Some(VerifyError::Update)),
        (u32::MAX, Some(VerifyError::Update)),
    ] {
        let mut line = Line::new();
        line.statement.min_version = min_version;
        assert_eq!(line.verify().err(), expected, "{min_version}");
    }
}

#[test]
fn desks_have_numbers_of_their_own_from_one() {
    let desk = |id| DeskEntry {
        id,
        names: [].into(),
        signing_keys: Vec::new(),
    };
    for (ids, is_sound) in [
        (&[][..], true),
        (&[1, 2, 9], true),
        (&[0, 1], false),
        (&[1, 1], false),
        (&[2, 1], false),
    ] {
        let mut statement = Line::new().statement;
        statement.desks = ids.iter().map(|id| desk(*id)).collect();
        assert_eq!(statement.is_sound(), is_sound, "{ids:?}");
        let statement = |desk| DeskStatement {
            desk,
            ..Line::new().desks.remove(0)
        };
        assert!(statement(1).is_sound() && !statement(0).is_sound());
    }
}

#[test]
fn boards_grow_at_cycles_that_follow_each_other() {
    let size = |(pages, first_cycle)| BoardSize { pages, first_cycle };
    for (sizes, is_sound) in [
        (&[][..], true),
        (&[(1, 0)], true),
        (&[(MAX_PAGES, 0)], true),
        (&[(2 * MAX_PAGES, 0)], false),
        (&[(0, 0)], false),
        (&[(3, 0)], false),
        (&[(64, 10), (128, 11)], true),
        (&[(64, 10), (128, 10)], false),
        (&[(64, 11), (128, 10)], false),
    ] {
        let sizes: Vec<BoardSize> = sizes.iter().map(|s| size(*s)).collect();
        let (one, other) = (sizes.clone(), vec![size((1, 0))]);
        for (new, old) in [(one.clone(), other.clone()), (other, one)] {
            let statement = DeskStatement {
                boards: Some(Boards { new, old }),
                ..Line::new().desks.remove(0)
            };
            assert_eq!(statement.is_sound(), is_sound, "{sizes:?}");
        }
    }
}

#[test]
fn a_roster_lasts_and_its_serial_follows_the_clock() {
    let ahead = NOW + SERIAL_AHEAD_SECONDS;
    for (serial, expires, is_sound) in [
        (1, NOW + 1, true),
        (1, NOW, false),
        (1, NOW - DAY, false),
        (ahead, NOW + 1, true),
        (ahead + 1, NOW + 1, false),
        (ahead + 1, NOW, false),
    ] {
        let roster = Roster {
            line: LineId([1; 16]),
            serial,
            issued: NOW,
            expires,
            previous: None,
            devices: Vec::new(),
        };
        assert_eq!(roster.is_sound(), is_sound, "{serial}, until {expires}");
    }
}

#[test]
fn a_cycle_is_counted_from_1970() {
    let mut policy = policy();
    assert_eq!(policy.cycle(Board::New, NOW), NOW / 300);
    assert_eq!(policy.cycle(Board::Old, NOW), NOW / 21_600);
    assert_eq!(policy.cycle(Board::New, 299), 0);
    assert_eq!(policy.cycle(Board::New, 300), 1);
    // Of a policy that is not sound, which nobody believes.
    policy.new_cycle_seconds = 0;
    assert_eq!(policy.cycle(Board::New, NOW), 0);
}
