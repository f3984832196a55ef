//! The shards of an inbox read side by side, so that they come out as one in the order of arrival.

use sotto_protocol::{
    drain::{Cursor, DrainPage, Drained},
    limits::DRAIN_MAX,
};

/// What was read of each shard and is not taken yet.
#[derive(Debug)]
pub(super) struct Fronts(Vec<Front>);

#[derive(Debug, Default, Clone)]
struct Front {
    /// Where the next request goes on; `None` before the first one.
    after: Option<Cursor>,
    records: Vec<Drained>,
    /// It has no more.
    is_over: bool,
}

/// Records of all shards together that are asked for at once, about.
const HELD: usize = 4 * DRAIN_MAX;
/// Records of one shard at least.
const FEWEST: usize = 4;

impl Default for Fronts {
    fn default() -> Self {
        // The first answer says how many there are.
        Self(vec![Front::default()])
    }
}

impl Fronts {
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn after(&self, shard: u16) -> Option<Cursor> {
        self.0.get(usize::from(shard))?.after
    }

    /// How many records to ask a shard for, if any.
    pub(super) fn wants(&self, shard: u16) -> Option<usize> {
        let front = self.0.get(usize::from(shard))?;
        let is_wanted = !front.is_over && front.records.is_empty();
        let fair = HELD.checked_div(self.0.len()).unwrap_or(FEWEST);
        is_wanted.then_some(fair.clamp(FEWEST, DRAIN_MAX))
    }

    pub(super) fn arrived(&mut self, page: DrainPage) {
        let count = usize::from(page.last_shard) + 1;
        self.0.resize(count, Front::default());
        let Some(front) = self.0.get_mut(usize::from(page.cursor.shard)) else {
            return;
        };
        front.after = Some(page.cursor);
        front.is_over = page.records.is_empty();
        front.records = page.records;
    }

    /// What came before everything that was not read yet, of each shard that has some of it. Of every
    /// shard a page without records where there is none left.
    pub(super) fn next(&mut self) -> Vec<DrainPage> {
        let last_shard = self.count().saturating_sub(1);
        let open = self.0.iter().filter(|front| !front.is_over);
        let ends = open.filter_map(|front| Some(front.records.last()?.position));
        let bound = ends.min().unwrap_or(u64::MAX);
        let is_all_over = self.0.iter().all(|front| front.records.is_empty());
        let fronts = self.0.iter_mut();
        let pages = fronts.filter_map(|front| {
            let cursor = front.after?;
            let count = front.records.partition_point(|r| r.position <= bound);
            let records: Vec<Drained> = front.records.drain(..count).collect();
            let position = records.last().map(|record| record.position);
            (position.is_some() || is_all_over).then_some(DrainPage {
                cursor: Cursor {
                    position: position.unwrap_or(cursor.position),
                    ..cursor
                },
                last_shard,
                records,
            })
        });
        pages.collect()
    }
}
