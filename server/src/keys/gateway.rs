//! Keys that phones seal requests to (SPEC 6.2): one a week, the same in every process of the relay.

use sotto_protocol::{
    hash,
    oblivious::{GatewaySecret, key_list, week_of},
};
use zeroize::Zeroizing;

use super::{Pair, RelaySecrets};

impl RelaySecrets {
    /// `application/ohttp-keys` for the relay's statement: the key of the week of `now` (unix seconds)
    /// and of the two after it, so that a statement may stand for a fortnight.
    pub fn ohttp_keys(&self, now: u64) -> Vec<u8> {
        let first = week_of(now);
        let weeks = (first..).take(STATED_WEEKS);
        let keys: Vec<_> = weeks.map(|week| self.newest.gateway(week)).collect();
        key_list(&keys)
    }

    /// The keys of `weeks`: the newest of each, then those before the last renewal.
    pub(crate) fn gateways(&self, weeks: &[u64]) -> Vec<GatewaySecret> {
        let pairs = core::iter::once(&self.newest).chain(&self.before);
        let keys = pairs.flat_map(|pair| weeks.iter().map(|week| pair.gateway(*week)));
        keys.collect()
    }
}

impl Pair {
    fn gateway(&self, week: u64) -> GatewaySecret {
        let agreement = Zeroizing::new(self.agreement.to_bytes());
        let secret = Zeroizing::new(hash::extract(b"sotto/1 relay", &[&*agreement]));
        let label: [&[u8]; 2] = [b"sotto/1 ohttp key", &week.to_le_bytes()];
        let seed = Zeroizing::new(hash::expand(&secret, &label));
        GatewaySecret::derive(week.to_le_bytes()[0], &seed)
    }
}

/// Statements live as long as that, and a desk that was off for so long may still repeat an old one.
const STATED_WEEKS: usize = 3;
