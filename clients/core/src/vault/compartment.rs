//! One compartment as bytes. Nothing in it is in the clear, not even a version.
//!
//! | bytes | what |
//! |---|---|
//! | 72 | the data key, sealed under the vault key of the code |
//! | 72 | the data key, sealed under an external key; random bytes where there is none |
//! | 130,928 | the body, sealed under the data key |

use rand_core::CryptoRng;
use sotto_protocol::secret::Secret;
use zeroize::Zeroizing;

use crate::sealed::{self, Locked, OVERHEAD};

/// Bytes of a compartment.
pub(super) const COMPARTMENT_BYTES: usize = 131_072;
/// Bytes inside the sealed body.
pub(super) const BODY_BYTES: usize = COMPARTMENT_BYTES - 2 * WRAP_BYTES - OVERHEAD;
const WRAP_BYTES: usize = 32 + OVERHEAD;
const PLACE: &[u8] = b"sotto/1 vault";
const BODY: u8 = 2;

/// Where the data key is wrapped.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    /// Under the code's vault key.
    Code,
    /// Under a key from elsewhere.
    External,
}

impl Slot {
    pub(super) const ALL: [Self; 2] = [Self::Code, Self::External];

    const fn byte(self) -> u8 {
        match self {
            Self::Code => 0,
            Self::External => 1,
        }
    }
}

/// The bytes of the compartment with this number.
pub(super) struct Kept<'a> {
    number: u8,
    code: &'a [u8],
    external: &'a [u8],
    body: &'a [u8],
}

impl<'a> Kept<'a> {
    pub(super) fn new(number: usize, bytes: &'a [u8]) -> Option<Self> {
        let (code, rest) = bytes.split_at_checked(WRAP_BYTES)?;
        let (external, body) = rest.split_at_checked(WRAP_BYTES)?;
        Some(Self {
            number: u8::try_from(number).ok()?,
            code,
            external,
            body,
        })
    }

    /// The data key, if `key` is that of the slot.
    pub(super) fn unwrap(&self, slot: Slot, key: &Secret) -> Option<Secret> {
        let place = place(self.number, slot.byte());
        let data = sealed::open(key, &place, self.slot(slot)).ok()?;
        let data: [u8; 32] = data.as_slice().try_into().ok()?;
        Some(Secret::from_bytes(data))
    }

    /// What is inside the body, if `data` is its key.
    pub(super) fn open_body(&self, data: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        sealed::open(data, &place(self.number, BODY), self.body).ok()
    }

    /// A slot as it is.
    pub(super) const fn slot(&self, slot: Slot) -> &'a [u8] {
        match slot {
            Slot::Code => self.code,
            Slot::External => self.external,
        }
    }
}

/// [`COMPARTMENT_BYTES`]: both slots, and `body` ([`BODY_BYTES`]) under `data`.
pub(super) fn seal(
    number: usize,
    slots: [&[u8]; 2],
    data: &Secret,
    body: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Locked> {
    let number = u8::try_from(number).map_err(|_| Locked)?;
    let body = sealed::seal(data, &place(number, BODY), body, rng)?;
    let [code, external] = slots;
    let bytes = [code, external, &body].concat();
    if bytes.len() == COMPARTMENT_BYTES {
        Ok(bytes)
    } else {
        Err(Locked)
    }
}

/// A slot for `key`, or random bytes of the same length where there is none.
pub(super) fn wrap(
    number: usize,
    slot: Slot,
    key: Option<&Secret>,
    data: &Secret,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Locked> {
    let number = u8::try_from(number).map_err(|_| Locked)?;
    let Some(key) = key else {
        let mut bytes = vec![0; WRAP_BYTES];
        rng.fill_bytes(&mut bytes);
        return Ok(bytes);
    };
    let place = place(number, slot.byte());
    sealed::seal(key, &place, data.as_bytes(), rng)
}

fn place(number: u8, part: u8) -> Vec<u8> {
    [PLACE, &[number, part]].concat()
}
