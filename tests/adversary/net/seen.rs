//! What must never cross a wire twice, whoever sent it.

use std::collections::{BTreeMap, HashMap, HashSet};

use sotto_core::timetable::Due;
use sotto_protocol::{
    id::Address,
    limits::{
        ENCAPSULATION_BYTES, ENVELOPE_BYTES, ENVELOPE_HEADER_BYTES, LOG_HEADER_BYTES,
        LOG_SALT_BYTES, LOG_SLOT_BYTES, PAGE_BODY_BYTES,
    },
    seal::Envelope,
};

/// Who posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    /// A new number for every phone and for every state put back from a copy.
    pub(crate) life: u32,
    /// Which opening of the app.
    pub(crate) sitting: u32,
}

/// Everything that was ever seen, by what it was sealed with.
///
/// Each HPKE context seals one text, under its first nonce, and its key derives from the
/// encapsulation: where no encapsulation comes twice, no pair of key and nonce does. The key of a
/// log record derives from log key, header and salt.
#[derive(Default, Clone)]
pub(crate) struct Witness {
    /// Every envelope a phone ever posted, by address.
    posted: HashMap<Address, (Vec<u8>, Sender)>,
    /// Where each address of a board has stood, and the addresses of each page, in order.
    stood: HashMap<Address, Due>,
    pages: BTreeMap<Due, Vec<Address>>,
    /// Encapsulations, and hashes of what they sealed.
    encapsulations: HashMap<Vec<u8>, Vec<u8>>,
    /// Headers and salts of log records, and the rest.
    records: HashMap<Vec<u8>, Vec<u8>>,
    /// Lives that began with an older state: they may go on where that stood.
    pub(crate) restored: HashSet<u32>,
}

const ENCAPSULATED: std::ops::Range<usize> =
    ENVELOPE_HEADER_BYTES..ENVELOPE_HEADER_BYTES + ENCAPSULATION_BYTES;
const SALTED: std::ops::Range<usize> =
    LOG_HEADER_BYTES + LOG_SLOT_BYTES..LOG_HEADER_BYTES + LOG_SLOT_BYTES + LOG_SALT_BYTES;

impl Witness {
    /// No address is used twice by a phone, but for the same envelope within one sitting.
    pub(super) fn post(&mut self, envelope: &Envelope, sender: Sender) {
        let bytes = envelope.as_bytes().to_vec();
        self.encapsulation(&bytes[ENCAPSULATED], &bytes);
        let before = self
            .posted
            .insert(envelope.address(), (bytes.clone(), sender));
        if let Some((other, who)) = before {
            let is_retry = other == bytes && who == sender;
            let is_copy = self.restored.contains(&sender.life) && who.life != sender.life;
            assert!(
                is_retry || is_copy,
                "an address was used twice: {who:?}, {sender:?}"
            );
        }
    }

    /// No address stands on two pages or in two cycles, and a page that comes again shows those it
    /// showed, whichever device writes it.
    pub(super) fn page(&mut self, due: Due, body: &[u8]) {
        let envelopes = body.as_chunks::<ENVELOPE_BYTES>().0;
        let addresses = envelopes.iter().map(|envelope| {
            let envelope = Envelope::parse(envelope.to_vec());
            envelope.unwrap().address()
        });
        let addresses: Vec<Address> = addresses.collect();
        for (envelope, address) in envelopes.iter().zip(&addresses) {
            self.encapsulation(&envelope[ENCAPSULATED], envelope);
            let before = self.stood.insert(*address, due);
            assert!(
                before.is_none_or(|before| before == due),
                "an address stood in two places"
            );
        }
        let before = self.pages.insert(due, addresses.clone());
        assert!(
            before.is_none_or(|before| before == addresses),
            "a page that came again showed other addresses: {due:?}"
        );
    }

    /// No log key seals two records with one salt at one position; no slot is used twice.
    pub(super) fn record(&mut self, record: &[u8]) {
        let slot = &record[LOG_HEADER_BYTES..LOG_HEADER_BYTES + ENCAPSULATION_BYTES];
        self.encapsulation(slot, record);
        let key = [&record[..LOG_HEADER_BYTES], &record[SALTED]].concat();
        let before = self.records.insert(key, record.to_vec());
        assert!(
            before.is_none_or(|before| before == record),
            "a key of the log sealed two texts"
        );
    }

    fn encapsulation(&mut self, encapsulation: &[u8], sealed: &[u8]) {
        let before = self
            .encapsulations
            .insert(encapsulation.to_vec(), sealed.to_vec());
        assert!(
            before.is_none_or(|before| before == sealed),
            "an encapsulation sealed two texts"
        );
    }
}

const _: () = assert!(PAGE_BODY_BYTES.is_multiple_of(ENVELOPE_BYTES));
