//! Desk logs: one record per position, deleted once every device holds it.

use redb::ReadableTable;
use sotto_protocol::id::{DeviceId, LineId};

use super::{
    super::{super::StoreError, writer::Fault},
    LOGS, Line, Reading, Tables,
};

impl Tables<'_> {
    pub(in super::super) fn append_log(
        &mut self,
        line: LineId,
        log: u16,
        position: u64,
        record: &[u8],
    ) -> Result<(), Fault> {
        let key = (&line.0, log, position);
        if let Some(stored) = self.logs.get(key)? {
            return if stored.value() == record {
                Ok(())
            } else {
                Err(Fault::Refused(StoreError::Conflict))
            };
        }
        let next = next_of(&self.logs, line, log)?;
        if next != position {
            let is_reopened = self.reopened.get((&line.0, log))?.is_some();
            if position < next || !is_reopened {
                return Err(Fault::Refused(StoreError::Conflict));
            }
            // What lies between was lost with the store before; nobody can go on from what is left.
            let before = (&line.0, log, 0)..(&line.0, log, position);
            self.logs.retain_in(before, |_, _| false)?;
        }
        self.reopened.remove((&line.0, log))?;
        self.logs.insert(key, record)?;
        Ok(())
    }

    /// A device that has been wrong about a position it never reached holds no more than there is.
    pub(in super::super) fn acknowledge_log(
        &mut self,
        (line, log): (LineId, u16),
        device: DeviceId,
        position: u64,
        devices: &[DeviceId],
    ) -> Result<(), Fault> {
        let next = next_of(&self.logs, line, log)?;
        let before = self.log_acked((line, log), device)?;
        let position = position.min(next);
        if position <= before {
            return Ok(());
        }
        self.log_acks.insert((&line.0, log, &device.0), position)?;
        let mut floor = next.saturating_sub(1);
        for device in devices {
            floor = floor.min(self.log_acked((line, log), *device)?);
        }
        if !devices.is_empty() {
            self.logs
                .retain_in((&line.0, log, 0)..(&line.0, log, floor), |_, _| false)?;
        }
        Ok(())
    }

    fn log_acked(&self, (line, log): (LineId, u16), device: DeviceId) -> Result<u64, Fault> {
        let value = self.log_acks.get((&line.0, log, &device.0))?;
        Ok(value.map_or(0, |value| value.value()))
    }
}

impl Reading {
    pub(in super::super) fn log_from(
        &self,
        line: LineId,
        log: u16,
        from: u64,
        max: usize,
    ) -> Result<(u64, Vec<Vec<u8>>), Fault> {
        let logs = self.0.open_table(LOGS)?;
        let next = next_of(&logs, line, log)?;
        let mut records = Vec::new();
        for entry in logs
            .range((&line.0, log, from)..=(&line.0, log, u64::MAX))?
            .take(max)
        {
            records.push(entry?.1.value().to_vec());
        }
        Ok((next, records))
    }
}

fn next_of(
    logs: &impl ReadableTable<(Line<'static>, u16, u64), &'static [u8]>,
    line: LineId,
    log: u16,
) -> Result<u64, Fault> {
    let last = logs
        .range((&line.0, log, 0)..=(&line.0, log, u64::MAX))?
        .next_back();
    match last {
        Some(entry) => Ok(entry?.0.value().2.saturating_add(1)),
        None => Ok(0),
    }
}
