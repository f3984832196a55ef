//! Sealing and opening one envelope (SPEC 2.2). Every failure is [`Reject`].

use alloc::vec::Vec;

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable,
    aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305},
    kdf::HkdfSha256,
    kem::XWing,
    setup_receiver, setup_sender_with_rng,
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    envelope::{Class, EnvelopeHeader},
    id::{Address, LineId},
    keys::SealingPublicKey,
    limits::{
        COMMITMENT_BYTES, ENCAPSULATION_BYTES, ENVELOPE_BYTES, ENVELOPE_HEADER_BYTES,
        PLAINTEXT_BYTES,
    },
    message::Message,
    secret::{SealingSecret, Secret},
    wire::{Reader, Writer},
};

mod receiver;

pub use self::receiver::Receiver;

type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, XWing>;
type Opener = AeadCtxR<ChaCha20Poly1305, HkdfSha256, XWing>;

/// The one error of opening. Says nothing about where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this envelope cannot be opened")]
pub struct Reject;

/// A sealed envelope of [`ENVELOPE_BYTES`].
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope(Vec<u8>);

impl Envelope {
    /// Takes bytes of the right size and class.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Reject> {
        match EnvelopeHeader::parse(&bytes) {
            Ok(EnvelopeHeader {
                class: Class::Envelope,
                ..
            }) => Ok(Self(bytes)),
            _ => Err(Reject),
        }
    }

    /// The whole envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Where it is put.
    pub fn address(&self) -> Address {
        EnvelopeHeader::parse(&self.0).map_or(Address([0; 32]), |header| header.address)
    }
}

impl core::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Envelope(..)")
    }
}

/// Where and when an envelope is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The line both ends belong to.
    pub line: LineId,
    /// UTC day of sealing.
    pub day: u32,
    /// Where it is put.
    pub address: Address,
}

/// Seals a message to `receiver`; with `psk` in HPKE mode PSK, without in Base.
pub fn seal(
    message: &Message,
    receiver: &SealingPublicKey,
    psk: Option<&Secret>,
    place: Place,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let header = EnvelopeHeader {
        class: Class::Envelope,
        day: place.day.to_le_bytes()[0],
        address: place.address,
    }
    .to_bytes();
    let info = info(&header, receiver, place.line);
    let key = <XWing as Kem>::PublicKey::from_bytes(receiver.0.as_slice()).map_err(|_| Reject)?;
    let mode = match psk {
        Some(psk) => OpModeS::Psk(bundle(psk)?),
        None => OpModeS::Base,
    };
    let (encapsulation, mut context): (_, Sender) =
        setup_sender_with_rng(&mode, &key, &info, rng).map_err(|_| Reject)?;
    let mut commitment = [0; COMMITMENT_BYTES];
    context
        .export(COMMIT, &mut commitment)
        .map_err(|_| Reject)?;
    let bytes = Writer::with_capacity(ENVELOPE_BYTES)
        .bytes(&header)
        .bytes(&encapsulation.to_bytes())
        .bytes(&commitment)
        .finish();
    let plaintext = message.to_bytes().ok_or(Reject)?;
    let ciphertext = context.seal(&plaintext, &bytes).map_err(|_| Reject)?;
    let mut bytes = bytes;
    bytes.extend_from_slice(&ciphertext);
    Ok(Envelope(bytes))
}

/// Opens an envelope sealed to `receiver`.
pub fn open(
    envelope: &Envelope,
    receiver: &SealingSecret,
    psk: Option<&Secret>,
    line: LineId,
) -> Result<Message, Reject> {
    open_with(envelope, &Receiver::new(receiver)?, psk, line)
}

/// [`open`] for a receiver who keeps the key expanded.
pub fn open_with(
    envelope: &Envelope,
    receiver: &Receiver,
    psk: Option<&Secret>,
    line: LineId,
) -> Result<Message, Reject> {
    let fields = Fields::read(&envelope.0).ok_or(Reject)?;
    let info = info(fields.header, receiver.public(), line);
    let mode = match psk {
        Some(psk) => OpModeR::Psk(bundle(psk)?),
        None => OpModeR::Base,
    };
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(fields.encapsulation);
    let encapsulation = encapsulation.map_err(|_| Reject)?;
    let mut context: Opener =
        setup_receiver(&mode, &*receiver.secret, &encapsulation, &info).map_err(|_| Reject)?;
    let mut commitment = [0; COMMITMENT_BYTES];
    context
        .export(COMMIT, &mut commitment)
        .map_err(|_| Reject)?;
    // ChaCha20-Poly1305 alone does not commit to its key: compare before opening.
    if !bool::from(commitment.ct_eq(fields.commitment)) {
        return Err(Reject);
    }
    let plaintext = context
        .open(fields.ciphertext, fields.additional_data)
        .map_err(|_| Reject)?;
    let message = Message::from_bytes(&Zeroizing::new(plaintext)).map_err(|_| Reject)?;
    // An answer would be sealed to it: found out now, it harms nobody.
    if message.ratchet_key.is_valid() {
        Ok(message)
    } else {
        Err(Reject)
    }
}

const COMMIT: &[u8] = b"sotto/1 commit";
const AAD_BYTES: usize = ENVELOPE_HEADER_BYTES + ENCAPSULATION_BYTES + COMMITMENT_BYTES;
const _: () = assert!(AAD_BYTES + PLAINTEXT_BYTES + 16 == ENVELOPE_BYTES);

struct Fields<'a> {
    header: &'a [u8],
    encapsulation: &'a [u8],
    commitment: &'a [u8],
    ciphertext: &'a [u8],
    additional_data: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            header: reader.bytes(ENVELOPE_HEADER_BYTES).ok()?,
            encapsulation: reader.bytes(ENCAPSULATION_BYTES).ok()?,
            commitment: reader.bytes(COMMITMENT_BYTES).ok()?,
            ciphertext: reader.bytes(PLAINTEXT_BYTES + 16).ok()?,
            additional_data: bytes.get(..AAD_BYTES)?,
        })
    }
}

fn info(header: &[u8], receiver: &SealingPublicKey, line: LineId) -> Vec<u8> {
    Writer::with_capacity(96)
        .bytes(b"sotto/1 msg")
        .bytes(header)
        .bytes(&receiver.hash())
        .bytes(&line.0)
        .finish()
}

fn bundle(psk: &Secret) -> Result<PskBundle<'_>, Reject> {
    PskBundle::new(psk.as_bytes(), b"sotto/1 psk").map_err(|_| Reject)
}
