//! Desk logs: a list of records, and a hash that says where it begins and who holds what.

use redis::cmd;
use sotto_protocol::{
    id::{DeviceId, LineId},
    log::LogPage,
};

use super::{super::StoreError, Redis, batch::Batch, keys::Keys, values::accepted};

/// Scripts count in floating point; no log is that long.
const LONGEST_LOG: u64 = 1 << 52;

impl Redis {
    pub(super) async fn append_record(
        &self,
        (line, log): (LineId, u16),
        position: u64,
        record: &[u8],
    ) -> Result<(), StoreError> {
        let keys = Keys::log(line, log);
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("append_log.lua"))
            .arg(2)
            .arg(keys.records())
            .arg(keys.acks())
            .arg(position)
            .arg(record);
        accepted(self.run(Batch::of(script).kept(keys.beat())).await?)
    }

    pub(super) async fn acknowledge_records(
        &self,
        (line, log): (LineId, u16),
        (device, position): (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError> {
        let keys = Keys::log(line, log);
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("acknowledge_log.lua"))
            .arg(2)
            .arg(keys.records())
            .arg(keys.acks())
            .arg(position.min(LONGEST_LOG))
            .arg(&device.0);
        for device in devices {
            script.arg(&device.0);
        }
        self.run::<((),)>(Batch::of(script)).await.map(drop)
    }

    pub(super) async fn records(
        &self,
        (line, log): (LineId, u16),
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError> {
        let keys = Keys::log(line, log);
        // In one step, because places in the list shift when records are deleted.
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("read_log.lua"))
            .arg(2)
            .arg(keys.records())
            .arg(keys.acks())
            .arg(from.min(LONGEST_LOG))
            .arg(max);
        let (incarnation, (next, records)): (u64, (u64, Vec<Vec<u8>>)) =
            self.with_incarnation(&keys, script).await?;
        Ok(LogPage {
            log,
            incarnation,
            next,
            records,
        })
    }
}
