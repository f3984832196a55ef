//! The power is cut before every write and sync of a story, and the store is opened on what is left.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::id::{Board, DeviceId};
use sotto_relay::store::{Embedded, PageSlot, Store, StoreError, Stored};
use sotto_tests::cases;
use tokio::task::JoinSet;

use super::{
    LINE, NOW, below, drain, envelope,
    tape::{Spared, Step, Tape, image},
};

/// What was acknowledged, and after how many steps of the disk it was.
#[derive(Debug, Default)]
struct Told {
    posts: Vec<(usize, u64)>,
    tokens: Vec<(usize, u8)>,
    statements: Vec<(usize, u64)>,
    records: Vec<(usize, u64)>,
    cycles: Vec<(usize, u64)>,
    /// When the drainer's deletion began, and up to which position.
    deleted: Option<(usize, u64)>,
}

const INCARNATION: u64 = 7;
const DRAINER: DeviceId = DeviceId([1; 16]);

/// Posts in waves, with all else a relay does in between.
async fn story(tape: &Tape, waves: u64, rng: &mut ChaCha20Rng) -> Told {
    let store = Embedded::open_on(tape.clone(), INCARNATION).unwrap();
    let mut told = Told::default();
    let mut next = 0;
    for wave in 0..waves {
        let mut posting = JoinSet::new();
        for _ in 0..=below(rng, 6) {
            let (store, tape, number) = (store.clone(), tape.clone(), next);
            next += 1;
            posting.spawn(async move {
                store.append(LINE, envelope(number), NOW).await.unwrap();
                (tape.len(), number)
            });
        }
        told.posts.extend(posting.join_all().await);
        let byte = wave.to_le_bytes()[0];
        assert!(store.spend(LINE, [byte; 32], NOW + 9, NOW).await.unwrap());
        told.tokens.push((tape.len(), byte));
        let statement = Stored {
            name: "line".into(),
            serial: wave,
            json: "{}".into(),
        };
        store.put_statement(LINE, statement).await.unwrap();
        told.statements.push((tape.len(), wave));
        let record = format!("record {wave}").into();
        store.append_log(LINE, 1, wave, record).await.unwrap();
        told.records.push((tape.len(), wave));
        let slot = PageSlot {
            board: Board::New,
            cycle: wave + 1,
            page: 0,
        };
        let page = format!("page {wave}").into();
        store.write_page(LINE, slot, 1, page).await.unwrap();
        told.cycles.push((tape.len(), wave + 1));
        if wave == waves / 2 {
            let cursor = store.read(LINE, None, 3).await.unwrap().cursor;
            told.deleted = Some((tape.len(), cursor.position));
            let deleted = store.acknowledge(LINE, DRAINER, cursor, &[DRAINER]);
            deleted.await.unwrap();
        }
    }
    told
}

/// Opens what is left and compares. Whether everything that was acknowledged is there.
async fn is_kept(left: Vec<u8>, cut: usize, told: &Told) -> bool {
    let Ok(store) = Embedded::open_on(Tape::of(left, 1), INCARNATION + 1) else {
        return false;
    };
    let inbox = drain(&store, LINE).await;
    let deleted = told.deleted.map_or(0, |(_, position)| position);
    let may_be_deleted = told.deleted.is_some_and(|(begun, _)| cut > begun);
    let mut kept = true;
    for (after, number) in &told.posts {
        let is_early = *number < deleted + 6 && may_be_deleted;
        if *after <= cut && !is_early {
            kept &= inbox.contains_key(number);
        }
    }
    let due = |after: usize| after <= cut;
    let latest = |all: &[(usize, u64)]| {
        let all = all.iter().filter(|(after, _)| due(*after));
        all.map(|(_, value)| *value).max()
    };
    let statements = store.statements(LINE).await.unwrap();
    kept &= statements.first().map(|stored| stored.serial) >= latest(&told.statements);
    let log = store.read_log(LINE, 1, 0, 64).await.unwrap();
    kept &= Some(log.next) > latest(&told.records) || latest(&told.records).is_none();
    kept &= Some(store.served(LINE).await.unwrap()[0]) >= latest(&told.cycles);
    for (after, byte) in &told.tokens {
        let is_new = store.spend(LINE, [*byte; 32], NOW + 9, NOW).await.unwrap();
        kept &= !(due(*after) && is_new);
    }
    if let (Some(cursor), true) = (store.read(LINE, None, 1).await.ok(), cut > 0) {
        // The same life: nobody reads from the start for nothing.
        let own = told.posts.iter().any(|(after, _)| due(*after));
        kept &= !own || cursor.cursor.incarnation == INCARNATION;
    }
    // Everybody who was not answered asks again, and some who were.
    for (_, number) in &told.posts {
        store.append(LINE, envelope(*number), NOW).await.unwrap();
    }
    let mut again = drain(&store, LINE).await;
    let first = inbox.values().next().copied().unwrap_or(1).max(deleted + 1);
    again.retain(|_, position| *position >= first);
    let posts = u64::try_from(told.posts.len()).unwrap();
    if !may_be_deleted && told.posts.iter().all(|(_, number)| *number < posts) {
        kept &= u64::try_from(again.len()).unwrap() + (first - 1) >= posts;
    }
    kept
}

fn cuts(steps: &[Step], rng: &mut ChaCha20Rng) -> Vec<usize> {
    if cases::is_soak() {
        return (0..=steps.len()).collect();
    }
    // All around syncs, where it matters most, and some in between.
    let is_near = |cut: usize| {
        let around = cut.saturating_sub(1)..(cut + 2).min(steps.len());
        steps[around].iter().any(|step| matches!(step, Step::Sync))
    };
    let mut cuts: Vec<usize> = (0..=steps.len()).filter(|cut| is_near(*cut)).collect();
    cuts.retain(|cut| *cut < 40 || below(rng, 4) == 0);
    cuts.extend((0..40).map(|_| below(rng, steps.len())));
    cuts
}

async fn cut_everywhere(seed: u64, waves: u64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let tape = Tape::blank(seed);
    let told = story(&tape, waves, &mut rng).await;
    let steps = tape.steps();
    // Before the file is whole for the first time nothing is acknowledged, and it may be no store.
    let begun = told.posts.iter().map(|(after, _)| *after).min().unwrap();
    for cut in cuts(&steps, &mut rng) {
        let mut images = vec![
            image(&steps, cut, Spared::Nothing),
            image(&steps, cut, Spared::Everything),
        ];
        for _ in 0..cases::count(1) {
            images.push(image(&steps, cut, Spared::Some(&mut rng)));
        }
        for (which, image) in images.into_iter().enumerate() {
            if cut < begun && Embedded::open_on(Tape::of(image.clone(), 1), 1).is_err() {
                continue;
            }
            let kept = is_kept(image, cut, &told).await;
            assert!(
                kept,
                "seed {seed}, cut {cut} of {}, image {which}",
                steps.len()
            );
        }
    }
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    for seed in 0..u64::from(cases::count(1)) {
        cut_everywhere(seed, 6).await;
    }
}

/// That the test above is able to fail: on a disk whose syncs do nothing, it does.
#[tokio::test]
async fn a_disk_that_does_not_sync_is_found_out() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let tape = Tape::blank(5);
    let told = story(&tape, 3, &mut rng).await;
    let steps = tape.steps();
    let mut lost = 0;
    for _ in 0..8 {
        let image = image(&steps, steps.len(), Spared::NothingAtAll(&mut rng));
        lost += u32::from(!is_kept(image, steps.len(), &told).await);
    }
    assert!(lost > 0);
}

/// A file cut off while it was made holds nothing, and is said to be no store.
#[tokio::test]
async fn a_file_cut_off_at_its_making_is_made_again_or_refused() {
    let tape = Tape::blank(1);
    drop(Embedded::open_on(tape.clone(), 1).unwrap());
    let steps = tape.steps();
    for cut in 0..steps.len() {
        let left = image(&steps, cut, Spared::Everything);
        match Embedded::open_on(Tape::of(left, 1), 1) {
            Ok(store) => store.append(LINE, envelope(1), NOW).await.unwrap(),
            Err(error) => assert_eq!(error, StoreError::Corrupt, "cut {cut}"),
        }
    }
}
