//! Reading pages: what a phone does to see whether there is an answer.

use std::{cell::RefCell, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_protocol::{
    envelope::Class,
    id::{Address, Board, LineId},
    limits::PAGE_BODY_BYTES,
};
use sotto_relay::{
    clock::SystemClock,
    epochs::FileKeys,
    store::{Embedded, PageSlot, Post, Sealed, Store},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    clock,
    intake::under_load,
    line::{self, Line},
    load::Requests,
    measure::{Effort, Measured, alternate},
    peer::Kind,
    process::{Server, Storage, epochs},
};

/// Of *new* in a city (CAPACITY.md).
pub const PAGES: u32 = 64;
const IN_FLIGHT: usize = 64;

/// Random pages of a written board, 64 in flight, beside axum with as many in memory.
pub fn read(effort: Effort) -> Vec<Measured> {
    let line = Line::make(4, PAGES);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("relay.redb");
    fill(&file, line.pin.line, PAGES, 0);
    let relay = Server::relay(&line, Storage::File(&file));
    let bare = Server::peer(Kind::Pages);
    let requests = requests(&line, PAGES);
    let (ours_cpu, bare_cpu) = (RefCell::default(), RefCell::default());
    let load = (IN_FLIGHT, effort.seconds);
    let [ours, axum] = alternate(
        effort.rounds,
        [
            &mut || under_load(&relay, &requests, load, &ours_cpu),
            &mut || under_load(&bare, &requests, load, &bare_cpu),
        ],
    );
    vec![
        Measured::ratio("page_read_vs_static", "pages/s", ours, axum),
        Measured::ratio(
            "cpu_page_read_vs_static",
            "us of processor per page",
            ours_cpu.into_inner(),
            bare_cpu.into_inner(),
        ),
    ]
}

/// Random pages of *new*.
pub fn requests(line: &Line, pages: u32) -> Requests {
    Requests::Pages {
        path: line.pages(),
        pages,
    }
}

/// A store with a whole cycle of `pages` and `tips` envelopes in the inbox.
pub fn fill(file: &Path, line: LineId, pages: u32, tips: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bare = Arc::new(Embedded::open(file, 1).unwrap());
        let store = sealed(bare, &epochs(file), line).await;
        write_pages(&*store, line, pages).await;
        append(store, line, tips).await;
    });
    drop(runtime);
    // Its writing thread ends by itself and then lets go of the file.
    clock::pause(Duration::from_millis(300));
}

/// A store as a relay uses it.
pub async fn sealed(bare: Arc<dyn Store>, keys: &Path, line: LineId) -> Arc<dyn Store> {
    let keys = Arc::new(FileKeys::create(keys).unwrap());
    let sealed = Sealed::open(bare, keys, Arc::new(SystemClock), &[line]).await;
    Arc::new(sealed.unwrap())
}

async fn write_pages(store: &dyn Store, line: LineId, pages: u32) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for page in 0..pages {
        let mut body = vec![0; PAGE_BODY_BYTES];
        rng.fill_bytes(&mut body);
        let slot = PageSlot {
            board: Board::New,
            cycle: 1,
            page,
        };
        let written = store.write_page(line, slot, pages, Bytes::from(body));
        written.await.unwrap();
    }
}

/// Several at once, as tips arrive.
pub async fn append(store: Arc<dyn Store>, line: LineId, tips: usize) {
    const TASKS: usize = 128;
    let envelope = line::envelope(line);
    let now = clock::unix();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, envelope) = (Arc::clone(&store), envelope.clone());
        let count = tips / TASKS + usize::from(task < tips % TASKS);
        tasks.spawn(async move {
            let mut rng = ChaCha20Rng::seed_from_u64(task as u64);
            for _ in 0..count {
                let mut body = envelope.clone();
                rng.fill_bytes(&mut body[4..36]);
                let post = Post {
                    class: Class::Envelope,
                    address: Address(body[4..36].try_into().unwrap()),
                    body: Bytes::from(body),
                };
                store.append(line, post, now).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}
