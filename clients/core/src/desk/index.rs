//! Where to look things up: addresses, nonces and handles of every case. Made from the cases, never
//! kept.

use std::collections::{HashMap, HashSet};

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
    /// Envelopes that were taken, as [`mark`] names them, and those of each case.
    taken: HashSet<[u8; 16]>,
    taken_of_case: HashMap<u32, Vec<[u8; 16]>>,
    handles: HashMap<[u8; 32], u32>,
}

impl Index {
    /// Brings everything up to date with one case.
    pub(super) fn enter(&mut self, number: u32, case: &Case) {
        let old = self.of_case.remove(&number).unwrap_or_default();
        for address in old {
            self.addresses.remove(&address);
        }
        let gone = self.taken_of_case.remove(&number).unwrap_or_default();
        for address in gone {
            self.taken.remove(&address);
        }
        let taken = case.threads.iter().flat_map(|thread| &thread.taken);
        let taken: Vec<[u8; 16]> = taken.map(|(address, _)| *address).collect();
        self.taken.extend(&taken);
        self.taken_of_case.insert(number, taken);
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

    /// Whether an envelope was taken before.
    pub(super) fn is_taken(&self, address: &[u8; 16]) -> bool {
        self.taken.contains(address)
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

/// The first bytes of an address: enough to tell envelopes apart.
pub(super) fn mark(address: &Address) -> [u8; 16] {
    *address.0.first_chunk().unwrap_or(&[0; 16])
}
