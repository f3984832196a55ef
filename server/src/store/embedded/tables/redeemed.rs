//! Tokens and what they were spent on.

use redb::ReadableTable as _;
use sotto_protocol::id::LineId;

use super::{
    super::{
        super::{Spending, StoreError, redeemed},
        writer::Fault,
    },
    Tables,
};

impl Tables<'_> {
    pub(in super::super) fn redeem(
        &mut self,
        line: LineId,
        token: [u8; 32],
        spending: &Spending,
        now: u64,
    ) -> Result<bool, Fault> {
        let key = (&line.0, &token);
        let spent = match self.redeemed.get(key)? {
            None => Vec::new(),
            Some(value) => {
                let (until, spent) = value
                    .value()
                    .split_first_chunk()
                    .ok_or(Fault::Refused(StoreError::Corrupt))?;
                let is_past = u64::from_le_bytes(*until) <= now;
                if is_past { Vec::new() } else { spent.to_vec() }
            }
        };
        let Some(after) = redeemed(&spent, spending).map_err(Fault::Refused)? else {
            return Ok(false);
        };
        if after != spent {
            let value = [&spending.until.to_le_bytes(), after.as_slice()].concat();
            self.redeemed.insert(key, value.as_slice())?;
            self.spent_times
                .insert((&line.0, spending.until, &token), ())?;
        }
        Ok(true)
    }
}
