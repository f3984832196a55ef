//! Stores of other versions, and copies of stores.

use std::{fs, io::Cursor as Bytes, path::Path, sync::Arc};

use redb::{Database, ReadableDatabase as _, TableDefinition};
use sotto_protocol::id::Board;
use sotto_relay::store::{
    Embedded, PageSlot, Redis, Store, StoreError, Stored,
    backup::{self, BackupError, TABLES},
    format::{self, FORMAT, Found},
};
use sotto_tests::redis::{AppendFsync, RedisServer};
use tempfile::TempDir;

use super::{DRAINERS, LINE, NOW, OTHER, envelope};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// A file in which some relay once wrote something, with this number.
fn written(path: &Path, version: Option<u64>) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("incarnation", 7).unwrap();
        if let Some(version) = version {
            meta.insert("format", version).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn a_file_of_another_version_is_refused_and_stays_as_it_is() {
    let dir = TempDir::new().unwrap();
    for (name, version, refused) in [
        ("unmarked", None, StoreError::Foreign),
        ("zero", Some(0), StoreError::Foreign),
        ("newer", Some(FORMAT + 1), StoreError::Newer),
    ] {
        let path = dir.path().join(name);
        written(&path, version);
        assert_eq!(Embedded::open(&path, 1).unwrap_err(), refused);
        let database = Database::open(&path).unwrap();
        let read = database.begin_read().unwrap();
        assert_eq!(read.list_tables().unwrap().count(), 1);
        let meta = read.open_table(META).unwrap();
        let version_now = meta.get("format").unwrap().map(|value| value.value());
        assert_eq!(version_now, version);
    }
    let path = dir.path().join("something else");
    fs::write(&path, "no store at all".repeat(1_000)).unwrap();
    assert_eq!(Embedded::open(&path, 1).unwrap_err(), StoreError::Corrupt);
    for refused in [StoreError::Foreign, StoreError::Newer] {
        assert!(refused.to_string().contains("sotto-relay"), "{refused}");
    }
}

#[test]
fn versions_are_left_one_after_another() {
    assert_eq!(format::steps(Found::Nothing, 4), Ok(4..4));
    assert_eq!(format::steps(Found::Version(4), 4), Ok(4..4));
    assert_eq!(format::steps(Found::Version(1), 4), Ok(1..4));
    assert_eq!(format::steps(Found::Version(5), 4), Err(StoreError::Newer));
    for found in [Found::Unmarked, Found::Version(0)] {
        assert_eq!(format::steps(found, 4), Err(StoreError::Foreign));
    }
}

#[tokio::test]
async fn a_redis_of_another_version_is_refused() {
    let server = RedisServer::start(AppendFsync::EverySecond);
    let store = Redis::connect(&server.url(), 2, 7).await.unwrap();
    let statement = |serial| Stored {
        name: "format".into(),
        serial,
        json: "{}".into(),
    };
    let lines = [LINE];
    for _ in 0..2 {
        format::check(&store, &lines).await.unwrap();
    }
    let line = Stored {
        name: "line".into(),
        ..statement(9)
    };
    store.put_statement(LINE, line.clone()).await.unwrap();
    format::check(&store, &lines).await.unwrap();
    let mark = sotto_protocol::id::LineId([0; 16]);
    store
        .put_statement(mark, statement(FORMAT + 1))
        .await
        .unwrap();
    let refused = format::check(&store, &lines).await;
    assert_eq!(refused, Err(StoreError::Newer));
    // One in which a relay wrote that knew of no number.
    store
        .remove_statements(mark, &["format".into()])
        .await
        .unwrap();
    let refused = format::check(&store, &lines).await;
    assert_eq!(refused, Err(StoreError::Foreign));
    // What other lines have in it says nothing.
    format::check(&store, &[OTHER]).await.unwrap();
}

/// Something in every table. Changing this changes what the frozen files were made from.
async fn fill(store: &dyn Store) {
    for address in 0..3 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    store.append(OTHER, envelope(1), NOW + 700).await.unwrap();
    let read = store.read(LINE, None, 1).await.unwrap();
    for drainer in DRAINERS {
        let acknowledged = store.acknowledge(LINE, drainer, read.cursor, &DRAINERS);
        acknowledged.await.unwrap();
    }
    assert!(store.spend(LINE, [9; 32], NOW + 60, NOW).await.unwrap());
    let statement = Stored {
        name: "line".into(),
        serial: 9,
        json: "{\"a\":1}".into(),
    };
    store.put_statement(LINE, statement).await.unwrap();
    for position in 0..3_u8 {
        let record = vec![position; 32].into();
        let appended = store.append_log(LINE, 2, position.into(), record);
        appended.await.unwrap();
    }
    let holds = (DRAINERS[0], 1);
    let acknowledged = store.acknowledge_log(LINE, 2, holds, &DRAINERS[..1]);
    acknowledged.await.unwrap();
    let slot = PageSlot {
        board: Board::New,
        cycle: 5,
        page: 0,
    };
    store
        .write_page(LINE, slot, 1, "page".into())
        .await
        .unwrap();
}

/// That all of it is there, but the pages.
async fn check(store: &dyn Store) {
    let read = store.read(LINE, None, 9).await.unwrap();
    let found: Vec<_> = read.records.iter().map(|record| record.position).collect();
    assert_eq!(found, [2, 3]);
    assert_eq!(read.records[0].body, envelope(1).body);
    assert_eq!(read.records[0].arrived, NOW - NOW % 600);
    assert_eq!(store.read(OTHER, None, 9).await.unwrap().records.len(), 1);
    // An address that was read and deleted stays used.
    store.append(LINE, envelope(0), NOW).await.unwrap();
    assert_eq!(store.waiting(LINE).await.unwrap().records, 2);
    assert!(!store.spend(LINE, [9; 32], NOW + 60, NOW).await.unwrap());
    let statements = store.statements(LINE).await.unwrap();
    assert_eq!((statements.len(), statements[0].serial), (1, 9));
    let log = store.read_log(LINE, 2, 0, 9).await.unwrap();
    assert_eq!((log.next, log.records.len()), (3, 2));
    // How far a drainer has read is known: the other one alone decides.
    let read = store.read(LINE, None, 9).await.unwrap();
    let acknowledged = store.acknowledge(LINE, DRAINERS[1], read.cursor, &DRAINERS);
    acknowledged.await.unwrap();
    assert_eq!(store.waiting(LINE).await.unwrap().records, 2);
}

#[tokio::test]
async fn a_backup_is_put_back_as_another_life() {
    let dir = TempDir::new().unwrap();
    let (file, path) = (dir.path().join("backup"), dir.path().join("restored"));
    let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
    fill(&store).await;
    let before = store.read(LINE, None, 1).await.unwrap().cursor;
    let taken = store.backup(&mut fs::File::create(&file).unwrap()).unwrap();
    assert!(taken.iter().all(|count| *count > 0), "{TABLES:?} {taken:?}");
    // What comes later is not in it.
    store.append(LINE, envelope(50), NOW).await.unwrap();
    assert_eq!(Embedded::restore(&path, &file, 8), Ok(taken));
    assert_eq!(
        Embedded::restore(&path, &file, 8),
        Err(BackupError::Io),
        "nothing is overwritten"
    );
    let restored = Embedded::open(&path, 9).unwrap();
    let refused = restored.read(LINE, Some(before), 1).await.unwrap_err();
    assert_eq!(refused, StoreError::Incarnation);
    check(&restored).await;
    assert_eq!(restored.served(LINE).await.unwrap(), [0, 0]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn half_a_backup_is_none() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
    fill(&store).await;
    let mut whole = Vec::new();
    store.backup(&mut whole).unwrap();
    let read = |bytes: &[u8]| {
        backup::read::<BackupError>(&mut Bytes::new(bytes.to_vec()), |_, _, _| Ok(()))
    };
    read(&whole).unwrap();
    for length in (0..whole.len()).step_by(97) {
        assert_eq!(read(&whole[..length]), Err(BackupError::Damaged));
    }
    for place in (27..whole.len()).step_by(397) {
        let mut bent = whole.clone();
        bent[place] ^= 1;
        assert_eq!(read(&bent), Err(BackupError::Damaged), "at {place}");
    }
    let longer = [&whole[..], b"x"].concat();
    assert_eq!(read(&longer), Err(BackupError::Damaged));
    let mut newer = whole.clone();
    newer[19] += 1;
    assert_eq!(read(&newer), Err(BackupError::Version));
    let (file, path) = (dir.path().join("half"), dir.path().join("restored"));
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(
        Embedded::restore(&path, &file, 8),
        Err(BackupError::Damaged)
    );
    assert!(!path.exists());
}

/// Takes a backup, and appends in the middle of it.
struct Busy {
    bytes: Vec<u8>,
    store: Embedded,
    runtime: tokio::runtime::Handle,
    next: u64,
}

impl std::io::Write for Busy {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.next < 60 && self.bytes.len() > 10_000 {
            let append = self.store.append(LINE, envelope(self.next), NOW);
            self.runtime.block_on(append).unwrap();
            self.next += 1;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whoever posts while a backup is taken is neither in the way nor half in it.
#[tokio::test]
async fn a_backup_is_of_one_moment() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(&dir.path().join("store"), 7).unwrap();
    for address in 0..50 {
        store.append(LINE, envelope(address), NOW).await.unwrap();
    }
    let mut busy = Busy {
        bytes: Vec::new(),
        store: store.clone(),
        runtime: tokio::runtime::Handle::current(),
        next: 50,
    };
    let taken = tokio::task::spawn_blocking(move || {
        let counts = busy.store.clone().backup(&mut busy).unwrap();
        assert_eq!(busy.next, 60);
        counts
    });
    assert_eq!(taken.await.unwrap()[0], 50);
    assert_eq!(store.waiting(LINE).await.unwrap().records, 60);
}

/// A store and a backup of version 1, as they were written once.
#[tokio::test]
async fn version_1_opens_for_ever() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/own");
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("restored");
    Embedded::restore(&path, &own.join("store-v1.backup"), 8).unwrap();
    check(&Embedded::open(&path, 9).unwrap()).await;
    let path = dir.path().join("store");
    fs::write(
        &path,
        unfold(&fs::read(own.join("store-v1.folded")).unwrap()),
    )
    .unwrap();
    let store = Arc::new(Embedded::open(&path, 9).unwrap());
    assert_eq!(
        store.read(LINE, None, 1).await.unwrap().cursor.incarnation,
        7
    );
    assert_eq!(store.served(LINE).await.unwrap(), [5, 0]);
    check(&*store).await;
}

/// A file without its empty parts: length u64, then as often offset u64 and 512 bytes.
fn unfold(folded: &[u8]) -> Vec<u8> {
    let (length, mut rest) = folded.split_first_chunk::<8>().unwrap();
    let mut whole = vec![0; usize::try_from(u64::from_le_bytes(*length)).unwrap()];
    while let Some((offset, part)) = rest.split_first_chunk::<8>() {
        let offset = usize::try_from(u64::from_le_bytes(*offset)).unwrap();
        let (part, after) = part.split_first_chunk::<512>().unwrap();
        whole[offset..offset + 512].copy_from_slice(part);
        rest = after;
    }
    whole
}
