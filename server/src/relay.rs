//! The use cases: what may be stored and what is shown to whom.
//!
//! Names neither HTTP nor a database. A line that does not exist and one that is empty are treated
//! alike everywhere but where the difference is public anyway (its bundle).

mod boards;
mod devices;
mod lines;
mod oblivious;
mod state;
mod statements;
mod tokens;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use sotto_protocol::{
    bundle::Pin,
    drain::{Cursor, DrainPage},
    envelope::{Class, EnvelopeHeader},
    hash,
    id::{Board, LineId},
    limits::{CYCLE_FUTURE_SECONDS, DAY_SECONDS, ENVELOPE_BYTES, MAX_PAGES, RETENTION_DAYS},
    log::{LogHeader, LogPage},
    page::PageHeader,
};
use tokio::time::Instant;

use self::{boards::Shelf, lines::Lines, oblivious::Gateway};
pub use self::{
    devices::{Device, SignedRequest},
    statements::Kind,
    tokens::Issued,
};
use crate::{
    admission::{Admission, Issuer, Sale},
    clock::Clock,
    error::Error,
    keys::RelaySecrets,
    store::{PageSlot, Post, Store},
    telemetry::metrics::Metrics,
};

/// One relay for a few lines.
#[derive(Debug)]
pub struct Relay {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    admission: Admission,
    /// Sells also where nothing is asked for any more: until every desk has seen that.
    issuer: Issuer,
    sale: Sale,
    secrets: RelaySecrets,
    lines: Lines,
    shelf: Shelf,
    metrics: Arc<Metrics>,
    gateway: Gateway,
}

/// The bundle and what stands beside it.
#[derive(Debug, Clone)]
pub struct BundleAnswer {
    /// JSON.
    pub json: Bytes,
    /// Served cycles of *new* and *old*.
    pub cycles: [u64; 2],
}

impl Relay {
    /// A relay that serves `pins`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        admission: Admission,
        secrets: RelaySecrets,
        pins: &[Pin],
    ) -> Self {
        let token_secret = secrets.token_secret();
        let pins: BTreeMap<LineId, Pin> = pins.iter().map(|pin| (pin.line, *pin)).collect();
        Self {
            store,
            clock,
            admission,
            sale: Sale::new(&token_secret, admission.price()),
            issuer: Issuer::new(token_secret),
            secrets,
            lines: Lines::new(pins),
            shelf: Shelf::new(0),
            metrics: Arc::default(),
            gateway: Gateway::default(),
        }
    }

    /// Boards are held in memory as long as all together take no more than `bytes`; without this, none
    /// is. They come there by [`Self::hold_boards`].
    #[must_use]
    pub fn holding(self, bytes: usize) -> Self {
        Self {
            shelf: Shelf::new(bytes),
            ..self
        }
    }

    /// The store, for health checks.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// What is counted.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Everything a client needs to know about a line.
    pub async fn bundle(&self, line: LineId) -> Result<BundleAnswer, Error> {
        let state = self.line(line).await?;
        let cycles = self.cycles(line).await?;
        Ok(BundleAnswer {
            json: state.bundle.clone(),
            cycles,
        })
    }

    /// Takes one envelope or chunk from anyone who spends a token, where one is asked for. `Ok` means
    /// it is stored. The token is spent before, on this post alone: a repeat finds both as they are.
    pub async fn submit(
        &self,
        line: LineId,
        body: Bytes,
        authorization: Option<&str>,
    ) -> Result<(), Error> {
        let header = EnvelopeHeader::parse(&body).map_err(|_| Error::Malformed)?;
        let state = self.line(line).await?;
        let post = (header.class, &body);
        self.admit((line, &state), post, authorization).await?;
        let post = Post {
            class: header.class,
            address: header.address,
            body,
        };
        let begun = Instant::now();
        self.store.append(line, post, self.clock.now()).await?;
        self.metrics.appended(begun.elapsed());
        Ok(())
    }

    /// A page of the served cycle; the same bytes for everybody, also where nobody wrote one.
    pub async fn page(&self, line: LineId, board: Board, page: u32) -> Result<Bytes, Error> {
        if page >= MAX_PAGES {
            return Err(Error::Malformed);
        }
        if let Some(held) = self.shelf.get(line, board) {
            let header = PageHeader {
                board,
                page,
                cycle: held.cycle,
            };
            let page = held.page(page);
            return Ok(page.unwrap_or_else(|| self.shown(line, header, None)));
        }
        let served = self.store.read_page(line, board, page).await?;
        let header = PageHeader {
            board,
            page,
            cycle: served.cycle,
        };
        Ok(self.shown(line, header, served.body))
    }

    /// A page as it is served, with filler where nobody wrote it.
    ///
    /// Pages that nobody wrote cost the same among themselves: of an unknown line, of a board that was
    /// never written, beyond its end. That a page was written is told by its cycle and by the desk's
    /// statement, so there is nothing to hide in making the filler for it as well.
    fn shown(&self, line: LineId, header: PageHeader, body: Option<Bytes>) -> Bytes {
        Bytes::from(match body {
            Some(body) => header.with_body(&body),
            None => header.with_body(&header.fill(self.secrets.fill(), line)),
        })
    }

    /// Records of the inbox after a cursor.
    pub async fn drain(
        &self,
        drainer: &Device,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<DrainPage, Error> {
        drainer.must_drain()?;
        Ok(self.store.read(drainer.line, after, max).await?)
    }

    /// How far a drainer has put everything in safety.
    pub async fn acknowledge(&self, drainer: &Device, cursor: Cursor) -> Result<(), Error> {
        drainer.must_drain()?;
        let state = self.line(drainer.line).await?;
        let drainers = state.drainers();
        let stored = self
            .store
            .acknowledge(drainer.line, drainer.id, cursor, &drainers);
        Ok(stored.await?)
    }

    /// Writes one page of one cycle.
    pub async fn write_page(
        &self,
        drainer: &Device,
        slot: PageSlot,
        body: Bytes,
    ) -> Result<(), Error> {
        drainer.must_drain()?;
        let (envelopes, rest) = body.as_chunks::<ENVELOPE_BYTES>();
        let whole = envelopes.iter().all(|envelope| {
            EnvelopeHeader::parse(envelope).is_ok_and(|header| header.class == Class::Envelope)
        });
        if !whole || !rest.is_empty() {
            return Err(Error::Malformed);
        }
        let state = self.line(drainer.line).await?;
        let length = state.statement.policy.cycle_seconds(slot.board);
        let begins = slot.cycle.checked_mul(length).ok_or(Error::Malformed)?;
        if begins.abs_diff(self.clock.now()) > CYCLE_FUTURE_SECONDS {
            return Err(Error::Conflict);
        }
        let pages = state.pages(slot.board, slot.cycle).ok_or(Error::Conflict)?;
        if slot.page >= pages {
            return Err(Error::Malformed);
        }
        let stored = self.store.write_page(drainer.line, slot, pages, body);
        stored.await?;
        self.shelf.changed();
        Ok(())
    }

    /// Records of a desk's log, or of the line's (log 0). Who reads from a position holds what stands
    /// before it; what all current devices hold is deleted.
    pub async fn read_log(
        &self,
        device: &Device,
        log: u16,
        from: u64,
        max: usize,
    ) -> Result<LogPage, Error> {
        device.may_see(log)?;
        if from > 0 {
            let devices = self.line(device.line).await?.readers(log);
            let holds = (device.id, from);
            self.store
                .acknowledge_log(device.line, log, holds, &devices)
                .await?;
        }
        Ok(self.store.read_log(device.line, log, from, max).await?)
    }

    /// Appends a record at the position it names.
    pub async fn append_log(&self, device: &Device, log: u16, record: Bytes) -> Result<(), Error> {
        device.may_see(log)?;
        let header = LogHeader::parse(&record).map_err(|_| Error::Malformed)?;
        let stored = self
            .store
            .append_log(device.line, log, header.position, record);
        Ok(stored.await?)
    }

    /// Deletes what is past on every line: what fails on one does not keep it on another.
    pub async fn sweep(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for line in self.lines.ids() {
            outcome = self.sweep_line(line).await.and(outcome);
        }
        outcome
    }

    async fn sweep_line(&self, line: LineId) -> Result<(), Error> {
        let now = self.clock.now();
        let days = match self.line(line).await {
            Ok(state) => u64::from(state.statement.policy.retention_days),
            // What it said last, if the store is away.
            Err(_) => self.lines.retention(line).unwrap_or(RETENTION_DAYS),
        };
        let days = days.clamp(1, RETENTION_DAYS);
        self.lines.remember_retention(line, days);
        let before = now.saturating_sub(days * DAY_SECONDS);
        self.store.sweep(line, before, now).await?;
        let stored = self.store.statements(line).await?;
        let past = statements::past(line, &stored, now);
        Ok(self.store.remove_statements(line, &past).await?)
    }
}

/// A nonce as it is remembered: names neither device nor request.
fn nonce_token(device: &[u8], nonce: &[u8]) -> [u8; 32] {
    hash::digest(&[b"sotto/1 nonce", device, nonce])
}
