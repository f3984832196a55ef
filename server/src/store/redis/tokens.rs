//! Tokens and what they were spent on.

use redis::cmd;
use sotto_protocol::id::LineId;

use super::{
    super::{SHARES, Spending, StoreError},
    Redis,
    batch::Batch,
    keys::Keys,
};

impl Redis {
    pub(super) async fn redeem_token(
        &self,
        line: LineId,
        token: &[u8; 32],
        spending: Spending,
        now: u64,
    ) -> Result<bool, StoreError> {
        let keys = Keys::redeemed(line, token);
        let mut script = cmd("EVAL");
        script
            .arg(include_str!("redeem.lua"))
            .arg(1)
            .arg(keys.token(token))
            .arg([spending.what.as_slice(), &[spending.share]].concat())
            .arg(SHARES)
            .arg(spending.until.saturating_sub(now).max(1));
        let (is_good,): (u8,) = self.run(Batch::of(script).kept(keys.beat())).await?;
        Ok(is_good == 1)
    }
}
