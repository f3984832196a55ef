//! Admission tokens: whose keys they are, how they are bought and spent, and that nobody spends twice.

mod announced;

use sotto_relay::admission::{Admission, Price};

/// So cheap that a test does not feel it.
const PRICE: Price = Price {
    tries: 1,
    kib: 8,
    batches: 600,
};
const TOKENS: Admission = Admission::Tokens(PRICE);
const DAY: u64 = 86_400;
