//! Log records stay readable for as long as the store keeps them: a device may be away for weeks. So
//! the keys of a log are destroyed when no record of their day is left, and with no record are they
//! destroyed early by a clock.

use sotto_protocol::{id::LineId, log::LogPage};

use super::{
    super::StoreError,
    Sealed,
    record::{Kept, Place},
};
use crate::epochs::Scope;

impl Sealed {
    pub(super) async fn append_sealed(
        &self,
        (line, log): (LineId, u16),
        position: u64,
        record: &[u8],
    ) -> Result<(), StoreError> {
        let at = (line, Scope::Log(line, log));
        let sealed = self.seal(at, Place::Log(log, position), record).await?;
        let appended = self.inner.append_log(line, log, position, sealed).await;
        // Sealed twice the same record differs, so the store cannot tell that it is.
        if appended == Err(StoreError::Conflict)
            && self.holds((line, log), position, record).await?
        {
            return Ok(());
        }
        appended
    }

    async fn holds(
        &self,
        (line, log): (LineId, u16),
        position: u64,
        record: &[u8],
    ) -> Result<bool, StoreError> {
        let page = self.inner.read_log(line, log, position, 1).await?;
        let Some(stored) = page.records.first() else {
            return Ok(false);
        };
        let kept = Kept::parse(stored).ok_or(StoreError::Corrupt)?;
        if kept.position() != position {
            return Ok(false);
        }
        let at = (line, Scope::Log(line, log));
        let place = Place::Log(log, position);
        let opened = self.unseal(at, place, stored).await?;
        Ok(opened.is_some_and(|known| known == record))
    }

    pub(super) async fn records(
        &self,
        (line, log): (LineId, u16),
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError> {
        let mut from = from;
        loop {
            let page = self.inner.read_log(line, log, from, max).await?;
            let (records, following) = self.open_page((line, log), from, &page).await?;
            match following {
                // Nothing but what is past is not the end.
                Some(position) if records.is_empty() && position < page.next => from = position,
                _ => return Ok(LogPage { records, ..page }),
            }
        }
    }

    /// The records of a page, and the position after them.
    async fn open_page(
        &self,
        (line, log): (LineId, u16),
        from: u64,
        page: &LogPage,
    ) -> Result<(Vec<Vec<u8>>, Option<u64>), StoreError> {
        let mut records = Vec::with_capacity(page.records.len());
        let mut expected = None;
        for stored in &page.records {
            let kept = Kept::parse(stored).ok_or(StoreError::Corrupt)?;
            let position = kept.position();
            // Where they begin is the store's to say, that they follow one another is not.
            if position < from
                || position >= page.next
                || expected.is_some_and(|next| next != position)
            {
                return Err(StoreError::Corrupt);
            }
            expected = position.checked_add(1);
            let at = (line, Scope::Log(line, log));
            match self.unseal(at, Place::Log(log, position), stored).await? {
                Some(record) => records.push(record),
                // Every device held it once: a store that was put back from a copy has it again.
                None if records.is_empty() => {}
                None => return Err(StoreError::Keyless),
            }
        }
        Ok((records, expected))
    }

    /// Destroys keys of days of which a log holds nothing any more, but never today's or
    /// yesterday's: another process may be sealing under them.
    pub(super) async fn destroy_of_logs(&self, line: LineId, today: u32) -> Result<(), StoreError> {
        for scope in self.keys.scopes().await? {
            let Scope::Log(of, log) = scope else { continue };
            if of != line {
                continue;
            }
            let page = self.inner.read_log(line, log, 0, 1).await?;
            let first = page.records.first();
            let held = first.map(|stored| Kept::parse(stored).ok_or(StoreError::Corrupt));
            let held = held.transpose()?.map_or(u32::MAX, |kept| kept.epoch);
            let before = held.min(today.saturating_sub(1));
            let oldest = self.keys.oldest(scope).await?;
            if oldest.is_some_and(|day| day < before) {
                self.keys.destroy(scope, before).await?;
            }
            self.keys.settle(scope, today).await?;
        }
        Ok(())
    }
}
