//! The administrator's keys of a line, and the statements made with them (SPEC 5.1).
//!
//! A renewed line key or root set is kept beside the one in force until the relay has taken it.

mod book;
mod roots;
mod standing;

use std::collections::BTreeMap;

use data_encoding::BASE64;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sotto_protocol::{
    dsse::Dsse,
    id::DeviceId,
    keys::{AgreementPublicKey, SealingPublicKey, SigningPublicKey},
    limits::{DAY_SECONDS, STATEMENT_LIFE_DAYS},
    secret::SigningSecret,
    statement::{
        DeviceEntry, DeviceRole, LineStatement, Policy, RelayKeys, Roster, Statement, Texts,
        are_oblivious_relays, next_serial,
    },
};
use zeroize::Zeroizing;

use self::book::Chain;
pub use self::{
    book::{Book, DeskNames},
    roots::Roots,
    standing::{Standing, Task},
};

/// What the administrator's machine keeps and signs with.
#[derive(Debug)]
pub struct LineKeys {
    line_key: SigningSecret,
    /// The key that takes over once the relay has taken its certificate and statements.
    renewed: Option<SigningSecret>,
    /// Everything public.
    pub book: Book,
}

/// What a new line is made of.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The relay's address.
    pub base: String,
    /// Who reads this, by language.
    pub names: Texts,
    /// The relay's keys, as `sotto-relay keys` printed them.
    pub relay: RelayKeys,
    /// Timings.
    pub policy: Policy,
}

/// The public half of a device, as `sotto-desk init` and `sotto-desk card` write it for the
/// administrator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceCard {
    /// Agrees request keys.
    pub x25519: AgreementPublicKey,
    /// Its first signing key, which names the device for life.
    pub ed25519: SigningPublicKey,
    /// Receives log keys.
    pub xwing: SealingPublicKey,
    /// Signs desk statements, once the first signing key was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_key: Option<SigningPublicKey>,
}

/// Why the administrator's command is refused. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// No desk of that number.
    #[error("there is no desk {0}; `sotto line show` lists them")]
    NoDesk(u16),
    /// No such device.
    #[error("this device is not part of the line; `sotto line show` lists those that are")]
    NoDevice,
    /// The device is in the book.
    #[error(
        "this device is part of the line already; for its renewed signing key use `sotto line renew-desk`"
    )]
    Twice,
    /// A reader signs nothing.
    #[error("this device only reads; it has no signing key to renew")]
    Reader,
    /// Nothing new on the card.
    #[error("the line has these keys already; renew them first, then give the new file")]
    SameKey,
    /// More desks than numbers.
    #[error("a line has at most 65,535 desks")]
    Full,
    /// Not what a line statement may name.
    #[error(
        "up to 8 addresses of oblivious relays, each beginning with https:// and without #, ? and &"
    )]
    Oblivious,
    /// Not the newest root set of this line.
    #[error(
        "these are not the line's newest root keys; take the file that was written when the roots were last replaced"
    )]
    Roots,
    /// The certificate is over.
    #[error(
        "the line key has expired, so that nobody would believe what it signs; renew it with `sotto line renew-key`"
    )]
    Expired,
    /// The file is damaged or of another version.
    #[error("the line's file is damaged or written by a newer version; restore it from your copy")]
    Damaged,
}

/// Statements ready for the relay, in the order it takes them.
#[derive(Debug, Clone)]
pub struct Publication(pub Vec<(&'static str, Dsse)>);

/// Makes roots and line key, and certifies the line key.
pub fn begin(beginning: Beginning, now: u64, rng: &mut impl CryptoRng) -> (Roots, LineKeys) {
    let roots = Roots::make(rng);
    let set = roots.set(1);
    let line = set.fingerprint().line();
    let line_key = SigningSecret::make(rng);
    let chain = Chain {
        certificate: roots.certify(line, &line_key.public(), 0, now),
        roots: vec![roots.sign(set.to_dsse())],
    };
    let book = Book {
        line: line.to_text(),
        chain,
        renewal: None,
        serial: 0,
        published_until: 0,
        roster: None,
        last_desk: 0,
        base: beginning.base,
        names: beginning.names,
        relay: beginning.relay,
        relay_before: None,
        relay_since: 0,
        policy: beginning.policy,
        desks: Vec::new(),
        devices: Vec::new(),
        ohttp: Vec::new(),
        desk_keys: Vec::new(),
    };
    let keys = LineKeys {
        line_key,
        renewed: None,
        book,
    };
    (roots, keys)
}

impl DeviceCard {
    /// The key that signs desk statements.
    fn signing_key(&self) -> &SigningPublicKey {
        self.desk_key.as_ref().unwrap_or(&self.ed25519)
    }

    fn into_entry(self, desk: u16, role: DeviceRole) -> DeviceEntry {
        DeviceEntry {
            role,
            desk,
            x25519: self.x25519,
            ed25519: self.ed25519,
            xwing: self.xwing,
        }
    }
}

impl LineKeys {
    /// For sealing.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.line_key.to_bytes().to_vec());
        bytes.push(u8::from(self.renewed.is_some()));
        if let Some(key) = &self.renewed {
            bytes.extend(key.to_bytes().iter());
        }
        // A book is plain data and always serializes.
        bytes.extend(serde_json::to_vec(&self.book).unwrap_or_default());
        bytes
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let damaged = CeremonyError::Damaged;
        let (seed, rest) = bytes.split_first_chunk::<32>().ok_or(damaged)?;
        let (renewed, book) = match rest.split_first().ok_or(damaged)? {
            (0, book) => (None, book),
            (1, rest) => {
                let (seed, book) = rest.split_first_chunk::<32>().ok_or(damaged)?;
                (Some(SigningSecret::from_bytes(seed)), book)
            }
            _ => return Err(damaged),
        };
        let book: Book = serde_json::from_slice(book).map_err(|_| damaged)?;
        if book.renewal.is_some() != renewed.is_some() {
            return Err(damaged);
        }
        Ok(Self {
            line_key: SigningSecret::from_bytes(seed),
            renewed,
            book,
        })
    }

    /// Adds a desk; its number.
    pub fn add_desk(&mut self, names: Texts) -> Result<u16, CeremonyError> {
        self.book.add_desk(names)
    }

    /// Adds a device to a desk. A drainer may sign for the desk.
    pub fn add_device(
        &mut self,
        card: DeviceCard,
        desk: u16,
        role: DeviceRole,
    ) -> Result<(), CeremonyError> {
        self.book.add_device(card, desk, role)
    }

    /// Takes the renewed signing key of a drainer; its desk. The one before stays good for an
    /// overlap, counted from the next publication.
    pub fn renew_desk_key(&mut self, card: DeviceCard) -> Result<u16, CeremonyError> {
        self.book.renew_desk_key(card)
    }

    /// Removes a device; its desk. The relay refuses it once the next publication is there.
    pub fn remove_device(&mut self, device: DeviceId) -> Result<u16, CeremonyError> {
        self.book.remove_device(device)
    }

    /// Removes a desk with all its devices; how many.
    pub fn remove_desk(&mut self, desk: u16) -> Result<usize, CeremonyError> {
        self.book.remove_desk(desk)
    }

    /// Names the oblivious relays that phones are to use from the next publication on (SPEC 6.2).
    pub fn name_oblivious_relays(&mut self, relays: Vec<String>) -> Result<(), CeremonyError> {
        if !are_oblivious_relays(&relays) {
            return Err(CeremonyError::Oblivious);
        }
        self.book.ohttp = relays;
        Ok(())
    }

    /// Takes the relay's renewed keys, which the relay must hold already.
    pub fn renew_relay(&mut self, relay: RelayKeys) -> Result<(), CeremonyError> {
        self.book.renew_relay(relay)
    }

    /// Makes a new line key. It takes over with [`Self::accepted`].
    pub fn renew_key(
        &mut self,
        roots: &Roots,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CeremonyError> {
        let chain = self.book.next_chain();
        if chain.newest()?.roots != roots.public() {
            return Err(CeremonyError::Roots);
        }
        let sets = chain.roots.clone();
        self.certify(sets, roots, now, rng)
    }

    /// Makes new roots, signed by the old ones too, and a new line key. They take over with
    /// [`Self::accepted`]; the line's id stays, and its old links go on working.
    pub fn renew_roots(
        &mut self,
        old: &Roots,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Roots, CeremonyError> {
        let chain = self.book.next_chain();
        let newest = chain.newest()?;
        if newest.roots != old.public() {
            return Err(CeremonyError::Roots);
        }
        let roots = Roots::make(rng);
        let set = roots.set(newest.serial.saturating_add(1)).to_dsse();
        let mut sets = chain.roots.clone();
        sets.push(old.sign(roots.sign(set)));
        self.certify(sets, &roots, now, rng)?;
        Ok(roots)
    }

    fn certify(
        &mut self,
        sets: Vec<Dsse>,
        roots: &Roots,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CeremonyError> {
        let last = self.book.next_chain().certificate()?.serial;
        let line = self.book.pin()?.line;
        let key = SigningSecret::make(rng);
        self.book.renewal = Some(Chain {
            certificate: roots.certify(line, &key.public(), last, now),
            roots: sets,
        });
        self.renewed = Some(key);
        Ok(())
    }

    /// Signs everything the relay needs, under a new serial, valid for 60 days or as long as the
    /// line key. Tell [`Self::accepted`] when the relay has taken all of it.
    ///
    /// # Errors
    /// [`CeremonyError::Expired`] once the line key is no longer certified.
    pub fn publish(&mut self, now: u64) -> Result<Publication, CeremonyError> {
        let key = self.renewed.as_ref().unwrap_or(&self.line_key);
        let chain = self.book.next_chain().clone();
        let ends = chain.certificate()?.not_after;
        if now >= ends {
            return Err(CeremonyError::Expired);
        }
        let expires = now.saturating_add(STATEMENT_LIFE_DAYS * DAY_SECONDS);
        let book = &mut self.book;
        book.turn(now);
        book.serial = next_serial(book.serial, now);
        let line = book.line_statement(now, expires.min(ends))?.to_dsse();
        let roster = book.next_roster(now, expires.min(ends))?.to_dsse();
        book.roster = Some(BASE64.encode(&roster.payload_hash()));
        let roots = chain.roots.into_iter().map(|set| ("root", set));
        let mut all: Vec<_> = roots.collect();
        all.push(("certificate", chain.certificate));
        // The line statement last: with it the relay goes over to all that came before.
        all.push(("roster", key.sign(roster)));
        all.push(("line", key.sign(line)));
        Ok(Publication(all))
    }

    /// The relay has taken all of it: a renewed line key takes over and the one before is dropped.
    pub fn accepted(&mut self, publication: &Publication) -> Result<(), CeremonyError> {
        let mut statements = publication.0.iter();
        let line = statements.find(|(kind, _)| *kind == "line");
        let (_, line) = line.ok_or(CeremonyError::Damaged)?;
        let line = LineStatement::peek(line).map_err(|_| CeremonyError::Damaged)?;
        self.book.published_until = line.expires;
        let mut statements = publication.0.iter();
        let is_taken = |chain: &mut Chain| {
            statements.any(|(kind, dsse)| *kind == "certificate" && *dsse == chain.certificate)
        };
        if let Some(chain) = self.book.renewal.take_if(is_taken) {
            self.book.chain = chain;
            if let Some(key) = self.renewed.take() {
                self.line_key = key;
            }
        }
        Ok(())
    }
}

impl Book {
    fn line_statement(&self, now: u64, expires: u64) -> Result<LineStatement, CeremonyError> {
        Ok(LineStatement {
            line: self.pin()?.line,
            serial: self.serial,
            issued: now,
            expires,
            min_version: 1,
            names: self.names.clone(),
            guidance: BTreeMap::new(),
            emergency: None,
            onion: None,
            ohttp: self.ohttp.clone(),
            questions: Vec::new(),
            desks: self.desk_entries(),
            relay: self.relay.clone(),
            relay_before: self.relay_before.clone(),
            policy: self.policy.clone(),
        })
    }

    fn next_roster(&self, now: u64, expires: u64) -> Result<Roster, CeremonyError> {
        Ok(Roster {
            line: self.pin()?.line,
            serial: self.serial,
            issued: now,
            expires,
            previous: self.roster.clone(),
            devices: self.devices.clone(),
        })
    }
}
