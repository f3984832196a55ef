//! How much one network address may ask for. Kept in memory, forgotten within minutes.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub(super) struct Limit(DefaultKeyedRateLimiter<IpAddr>);

impl fmt::Debug for Limit {
    // It holds who called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limit(..)")
    }
}

impl Limit {
    pub(super) fn new(per_minute: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(
            Quota::per_minute(per_minute).allow_burst(burst),
        ))
    }

    pub(super) fn admits(&self, caller: IpAddr) -> bool {
        self.0.len() < MOST && self.0.check_key(&site(caller)).is_ok()
    }

    pub(super) fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// What one customer of a provider is usually given: a machine changes its address within it at will.
fn site(caller: IpAddr) -> IpAddr {
    match caller.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Addresses that are remembered at once: about 30 MB. Beyond, everybody waits a minute.
const MOST: usize = 262_144;
