//! Requests that somebody else passed on, sealed to this relay (SPEC 6.2).

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use sotto_protocol::{
    limits::OBLIVIOUS_REQUEST_OVERHEAD_BYTES,
    oblivious::{Asker, GatewaySecret, key_list, weeks_around},
};
use zeroize::Zeroizing;

use super::Relay;

/// The keys in use, made anew when the week changes.
#[derive(Default)]
pub(super) struct Gateway(Mutex<InUse>);

type InUse = (Vec<u64>, Arc<[GatewaySecret]>);

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway(..)")
    }
}

impl Relay {
    /// Opens a request that was sealed to one of this relay's keys. `None` for any other.
    pub fn open(&self, sealed: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Asker)> {
        if sealed.len() <= OBLIVIOUS_REQUEST_OVERHEAD_BYTES {
            return None;
        }
        let keys = self.gateway_keys();
        let mut named = keys.iter().filter(|key| key.is_named_by(sealed));
        named.find_map(|key| key.open(sealed).ok())
    }

    /// The keys it opens requests with, as `application/ohttp-keys`; the running week's first.
    pub fn ohttp_keys(&self) -> Vec<u8> {
        key_list(&self.gateway_keys())
    }

    fn gateway_keys(&self) -> Arc<[GatewaySecret]> {
        let weeks: Vec<u64> = weeks_around(self.clock.now()).collect();
        let mut in_use = self
            .gateway
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if in_use.0 != weeks {
            let keys = self.secrets.gateways(&weeks).into();
            *in_use = (weeks, keys);
        }
        Arc::clone(&in_use.1)
    }
}
