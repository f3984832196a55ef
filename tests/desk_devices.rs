//! Several devices of one desk: one state, whoever opens what and whoever answers.

mod away;
mod team;

use sotto_core::desk::{Shared as _, Status};
use sotto_protocol::statement::DeviceRole;
use sotto_tests::world::Backend;

use self::team::{READER, Team};

const TIP: &str = "The bridge is sold twice.";

fn answers_reach_the_tipster(backend: Backend, seed: u64) {
    let mut team = Team::new(backend, seed);
    let mut phone = team.tip(TIP);
    team.run(4);
    assert_eq!(team.counts(), [1, 1, 1]);
    team.assert_equal();
    let world = &team.world;
    team.members[READER].reply(world, 1, "Who sold it?");
    let drafts = team.members[READER].with(|desk, _| Ok(desk.drafts(1).len()));
    assert_eq!(drafts.unwrap(), 1, "a draft until it stands in the log");
    assert_eq!(team.members[READER].texts(1), [TIP]);
    assert_eq!(team.look(&mut phone), ["Who sold it?"]);
    phone.write("The mayor.");
    phone.sit(&team.world).unwrap();
    team.run(6);
    team.assert_equal();
    for member in &mut team.members {
        assert_eq!(member.texts(1), [TIP, "Who sold it?", "The mayor."]);
        let status = member.case(1, |case| case.status(&case.entries()[1]));
        assert_eq!(status, Status::Opened);
    }
}

#[test]
fn answers_reach_the_tipster_on_the_embedded_store() {
    answers_reach_the_tipster(Backend::Embedded, 901);
}

#[test]
fn answers_reach_the_tipster_on_redis() {
    answers_reach_the_tipster(Backend::Redis, 902);
}

#[test]
fn two_analysts_answer_at_once() {
    let mut team = Team::new(Backend::Embedded, 903);
    let mut phone = team.tip(TIP);
    team.run(4);
    let long = "y".repeat(10_000);
    for (who, text) in [(0, "First."), (1, long.as_str()), (READER, "Third.")] {
        let world = &team.world;
        team.members[who].reply(world, 1, text);
    }
    let mut got = Vec::new();
    for _ in 0..6 {
        got.extend(phone.sit(&team.world).unwrap());
        team.run(5);
    }
    got.sort();
    assert_eq!(got, ["First.", "Third.", long.as_str()]);
    team.assert_equal();
}

#[test]
fn what_one_has_seen_all_have_seen() {
    let mut team = Team::new(Backend::Embedded, 904);
    let _phone = team.tip(TIP);
    team.run(4);
    let unread = |team: &mut Team| {
        let members = team.members.iter_mut();
        let unread = members.map(|member| member.case(1, sotto_core::desk::Case::unread));
        unread.collect::<Vec<_>>()
    };
    assert_eq!(unread(&mut team), [1, 1, 1]);
    let read = team.members[READER].with(|desk, keeper| Ok(desk.read(1)?.save(keeper)?));
    read.unwrap();
    team.run(2);
    assert_eq!(unread(&mut team), [0, 0, 0]);
    team.assert_equal();
}

#[test]
fn a_crash_between_saving_and_appending_loses_and_doubles_nothing() {
    let mut team = Team::new(Backend::Embedded, 905);
    let mut phone = team.tip(TIP);
    team.run(4);
    let world = &team.world;
    team.members[READER].reply(world, 1, "Who?");
    team.cut_off_log();
    let world = &team.world;
    team.members[READER].round(world).unwrap_err();
    team.members[READER].crash();
    team.world.leave_alone();
    assert_eq!(team.look(&mut phone), ["Who?"]);
    team.run(6);
    for member in &mut team.members {
        assert_eq!(member.texts(1), [TIP, "Who?"]);
    }
    team.assert_equal();
}

#[test]
fn the_inbox_is_kept_until_the_log_has_it() {
    let mut team = Team::new(Backend::Embedded, 906);
    let _phone = team.tip(TIP);
    team.world.seen();
    let acknowledged = |team: &Team| {
        let seen = team.world.seen();
        seen.iter()
            .filter(|seen| seen.what == "POST in/ack")
            .count()
    };
    // Ticks of a moment ago are not due again: both read the inbox, neither appends.
    for who in 0..READER {
        let world = &team.world;
        team.members[who].round(world).unwrap();
    }
    assert_eq!((team.counts(), acknowledged(&team)), (vec![0, 0, 0], 0));
    team.run(4);
    assert_eq!(team.counts(), [1, 1, 1]);
    assert!(acknowledged(&team) >= READER);
}

#[test]
fn a_new_device_sees_the_case_and_a_removed_one_nothing_new() {
    let mut team = Team::new(Backend::Embedded, 907);
    let _phone = team.tip(TIP);
    team.run(4);
    team.hire(DeviceRole::Device);
    team.run(12);
    assert_eq!(team.counts(), [1, 1, 1, 1]);
    team.assert_equal();
    let mut removed = team.members.pop().unwrap();
    team.world.line.remove_device(removed.id).unwrap();
    team.world.publish();
    team.run(3);
    let _other = team.tip("Another matter.");
    team.run(4);
    assert_eq!(team.counts(), [2, 2, 2]);
    team.assert_equal();
    removed.round(&team.world).unwrap_err();
    assert_eq!(removed.count(), 1);
}

#[test]
fn a_new_drainer_gets_the_prekeys() {
    let mut team = Team::alone(908);
    let _phone = team.tip(TIP);
    team.run(2);
    assert_eq!(team.counts(), [1]);
    team.hire(DeviceRole::Drainer);
    team.run(10);
    let _other = team.tip("Sealed to a prekey that the first one drew.");
    // The first drainer is gone before it has read it.
    team.members.remove(0);
    team.run(4);
    assert_eq!(team.counts(), [2]);
}

#[test]
fn a_device_that_is_alone_applies_at_once_and_appends_all_the_same() {
    let mut team = Team::alone(909);
    let _phone = team.tip(TIP);
    team.world.seen();
    team.run(3);
    let seen = team.world.seen();
    let records = seen.iter().filter(|seen| seen.what.starts_with("POST log"));
    assert_eq!(records.count(), 3);
    let world = &team.world;
    team.members[0].reply(world, 1, "Who?");
    assert_eq!(team.members[0].texts(1), [TIP, "Who?"]);
    let drafts = team.members[0].with(|desk, _| Ok(desk.drafts(1).len()));
    assert_eq!(drafts.unwrap(), 0);
}

#[test]
fn ticks_are_quicker_while_somebody_works_at_a_device() {
    let mut team = Team::alone(910);
    let records = |team: &mut Team| {
        team.world.seen();
        team.run_every(10, 12);
        let seen = team.world.seen();
        let records = seen.iter().filter(|seen| seen.what.starts_with("POST log"));
        records.count()
    };
    assert!((2..=3).contains(&records(&mut team)));
    let now = team.world.clock.read();
    let used = team.members[0].with(|desk, keeper| Ok(desk.note_use(now).save(keeper)?));
    used.unwrap();
    assert_eq!(records(&mut team), 12);
    team.world.clock.pass(600);
    assert!((2..=3).contains(&records(&mut team)));
}
