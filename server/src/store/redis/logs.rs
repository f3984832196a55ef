//! Desk logs: a list of records, and a hash that says where it begins and who holds what.

use redis::pipe;
use sotto_protocol::{
    id::{DeviceId, LineId},
    log::LogPage,
};

use super::{super::StoreError, Redis, keys::Keys, values::accepted};

/// Scripts count in floating point; no log is that long.
const LONGEST_LOG: u64 = 1 << 52;

impl Redis {
    pub(super) async fn append_record(
        &self,
        (line, log): (LineId, u16),
        position: u64,
        record: &[u8],
    ) -> Result<(), StoreError> {
        let keys = Keys::of(line);
        let mut pipeline = pipe();
        pipeline
            .cmd("EVAL")
            .arg(include_str!("append_log.lua"))
            .arg(2)
            .arg(keys.log(log))
            .arg(keys.log_acks(log))
            .arg(position)
            .arg(record);
        accepted(self.run(&pipeline).await?)
    }

    pub(super) async fn acknowledge_records(
        &self,
        (line, log): (LineId, u16),
        (device, position): (DeviceId, u64),
        devices: &[DeviceId],
    ) -> Result<(), StoreError> {
        let keys = Keys::of(line);
        let mut pipeline = pipe();
        let command = pipeline
            .cmd("EVAL")
            .arg(include_str!("acknowledge_log.lua"))
            .arg(2)
            .arg(keys.log(log))
            .arg(keys.log_acks(log))
            .arg(position.min(LONGEST_LOG))
            .arg(&device.0);
        for device in devices {
            command.arg(&device.0);
        }
        command.ignore();
        self.run(&pipeline).await
    }

    pub(super) async fn records(
        &self,
        (line, log): (LineId, u16),
        from: u64,
        max: usize,
    ) -> Result<LogPage, StoreError> {
        let keys = Keys::of(line);
        let mut pipeline = pipe();
        Self::ask_incarnation(&mut pipeline, &keys);
        // In one step, because places in the list shift when records are deleted.
        pipeline
            .cmd("EVAL")
            .arg(include_str!("read_log.lua"))
            .arg(2)
            .arg(keys.log(log))
            .arg(keys.log_acks(log))
            .arg(from.min(LONGEST_LOG))
            .arg(max);
        let (seed, info, (next, records)): (Option<String>, String, (u64, Vec<Vec<u8>>)) =
            self.run(&pipeline).await?;
        Ok(LogPage {
            log,
            incarnation: self.incarnation(&keys, (seed, info)).await?,
            next,
            records,
        })
    }
}
