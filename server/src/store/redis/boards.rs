//! Pages are spread over slots, and a cycle is served by one: a page is stored first, then noted
//! beside the others of its cycle, and the step that notes the last one serves the cycle.

use bytes::Bytes;
use redis::cmd;
use sotto_protocol::id::{Board, LineId};

use super::{
    super::{PageSlot, Served, StoreError},
    Redis,
    batch::Batch,
    inbox::{LIFETIME_MS, command},
    keys::{Keys, PAGE_GROUPS},
};

impl Redis {
    pub(super) async fn put_page(
        &self,
        line: LineId,
        slot: PageSlot,
        pages: u32,
        body: &Bytes,
    ) -> Result<(), StoreError> {
        let place = Keys::pages(line, slot.board, slot.page);
        let mut set = cmd("SET");
        set.arg(place.page(slot))
            .arg(body.as_ref())
            .arg("NX")
            .arg("PX")
            .arg(LIFETIME_MS);
        let ((),) = self.run(Batch::of(set).kept(place.beat())).await?;
        let keys = Keys::line(line);
        let written = keys.written(slot.board);
        let mut serve = cmd("EVALSHA");
        serve
            .arg(self.connections.serve.get_hash())
            .arg(3)
            .arg(keys.meta())
            .arg(keys.cycles(slot.board))
            .arg([written.as_slice(), slot.cycle.to_string().as_bytes()].concat())
            .arg(slot.cycle)
            .arg(slot.page)
            .arg(pages)
            .arg(slot.board.name())
            .arg(written);
        let (answer,): (Vec<u64>,) = self.run(Batch::of(serve).kept(keys.beat())).await?;
        if answer.first() == Some(&0) {
            let unlink = command("UNLINK", &place.page(slot), &[]);
            return self.run::<((),)>(Batch::of(unlink)).await.map(drop);
        }
        let (past, _) = answer.get(1..).unwrap_or_default().as_chunks::<2>();
        for [cycle, pages] in past {
            // The page is written whether this succeeds or not; the next cycle tries again.
            let _later = self.remove_cycle(line, slot.board, (*cycle, *pages)).await;
        }
        Ok(())
    }

    async fn remove_cycle(
        &self,
        line: LineId,
        board: Board,
        (cycle, pages): (u64, u64),
    ) -> Result<(), StoreError> {
        let pages = u32::try_from(pages).unwrap_or(0);
        for group in 0..pages.min(PAGE_GROUPS) {
            let keys = Keys::pages(line, board, group);
            let mut unlink = cmd("UNLINK");
            for page in (group..pages).step_by(PAGE_GROUPS as usize) {
                unlink.arg(keys.page(PageSlot { board, cycle, page }));
            }
            self.run::<((),)>(Batch::of(unlink)).await?;
        }
        let keys = Keys::line(line);
        let number = cycle.to_string();
        let bits = [keys.written(board).as_slice(), number.as_bytes()].concat();
        let batch = Batch::atomic()
            .add(command("UNLINK", &bits, &[]))
            .add(command("ZREM", &keys.cycles(board), &[number.as_bytes()]));
        self.run::<((), ())>(batch).await.map(drop)
    }

    pub(super) async fn page(
        &self,
        line: LineId,
        board: Board,
        page: u32,
    ) -> Result<Served, StoreError> {
        let [new, old] = self.cycles(line).await?;
        let cycle = match board {
            Board::New => new,
            Board::Old => old,
        };
        let key = Keys::pages(line, board, page).page(PageSlot { board, cycle, page });
        let get = Batch::of(command("GET", &key, &[]));
        let (body,): (Option<Vec<u8>>,) = self.run(get).await?;
        Ok(Served {
            cycle,
            body: body.map(Bytes::from),
        })
    }

    pub(super) async fn cycles(&self, line: LineId) -> Result<[u64; 2], StoreError> {
        let names = [Board::New, Board::Old].map(|board| board.name().as_bytes());
        let ask = Batch::of(command("HMGET", &Keys::line(line).meta(), &names));
        let ((new, old),): ((Option<u64>, Option<u64>),) = self.run(ask).await?;
        Ok([new.unwrap_or(0), old.unwrap_or(0)])
    }
}
