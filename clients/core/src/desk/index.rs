//! Where to look things up: addresses, nonces and handles of every case. Made from the cases, never
//! kept.

use std::collections::HashMap;

use sotto_protocol::{conversation::Slot, id::Address};

use super::Case;

/// A conversation: number of the case, place within it.
pub(super) type Place = (u32, usize);

/// Finding mail is a look into a table.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where follow-ups are expected, with epoch and index.
    addresses: HashMap<Address, (Place, (u32, u32))>,
    /// Those of each case, to take them out again.
    of_case: HashMap<u32, Vec<Address>>,
    nonces: HashMap<[u8; 32], Place>,
    handles: HashMap<[u8; 32], u32>,
}

impl Index {
    /// Brings everything up to date with one case.
    pub(super) fn enter(&mut self, number: u32, case: &Case) {
        let old = self.of_case.remove(&number).unwrap_or_default();
        for address in old {
            self.addresses.remove(&address);
        }
        let mut all = Vec::new();
        for (at, thread) in case.threads.iter().enumerate() {
            let place = (number, at);
            for expected in thread.conversation.expected(Slot::Inbox) {
                all.push(expected.address);
                self.addresses
                    .insert(expected.address, (place, expected.number));
            }
            self.nonces.insert(*thread.conversation.nonce(), place);
        }
        self.of_case.insert(number, all);
        // The first case under a handle is the one a person comes back to.
        self.handles.entry(case.handle).or_insert(number);
    }

    /// The conversation, epoch and index of an address.
    pub(super) fn at(&self, address: &Address) -> Option<(Place, (u32, u32))> {
        self.addresses.get(address).copied()
    }

    /// The conversation of a nonce.
    pub(super) fn of_nonce(&self, nonce: &[u8; 32]) -> Option<Place> {
        self.nonces.get(nonce).copied()
    }

    /// The case of a handle.
    pub(super) fn of_handle(&self, handle: &[u8; 32]) -> Option<u32> {
        self.handles.get(handle).copied()
    }
}
