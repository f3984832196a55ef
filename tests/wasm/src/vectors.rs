//! X-Wing and HPKE as others published them.

use std::convert::Infallible;

use data_encoding::HEXLOWER_PERMISSIVE;
use hpke::{
    Deserializable as _, Kem, OpModeR, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::XWing,
    setup_receiver,
};
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;
use sotto_protocol::{keys::SealingPublicKey, secret::SealingSecret};
use x_wing::{Decapsulate as _, Encapsulate as _};

use crate::check;

/// The three vectors of the draft: key generation, encapsulation, decapsulation.
pub(crate) fn x_wing() -> Option<()> {
    let vectors: Value =
        serde_json::from_slice(include_bytes!("../../vectors/xwing/x-wing.json")).ok()?;
    let vectors = vectors.as_array()?;
    check(vectors.len() == 3)?;
    for vector in vectors {
        let field = |name: &str| hex(vector.get(name)?);
        let seed: [u8; 32] = field("sk")?.try_into().ok()?;
        let key = field("pk")?;
        let ours = SealingSecret::from_bytes(seed).public();
        check(Some(ours) == SealingPublicKey::from_slice(&key))?;
        let ciphertext = field("ct")?;
        let secret = x_wing::DecapsulationKey::from(seed);
        let shared = secret.decapsulate(ciphertext.as_slice().try_into().ok()?);
        check(shared.as_slice() == field("ss")?)?;
        let public = x_wing::EncapsulationKey::try_from(key.as_slice()).ok()?;
        let (made, shared) = public.encapsulate_with_rng(&mut Scripted(field("eseed")?));
        check(made.as_slice() == ciphertext && shared.as_slice() == field("ss")?)?;
    }
    Some(())
}

/// The vector of the suite that envelopes are sealed in: 10 messages, 5 exports.
pub(crate) fn hpke() -> Option<()> {
    let vectors: Value =
        serde_json::from_slice(include_bytes!("../../vectors/hpke/hpke-pq.json")).ok()?;
    let of_suite = |vector: &&Value| {
        let number = |name: &str| vector.get(name).and_then(Value::as_u64);
        number("kem_id") == Some(0x647a)
            && number("kdf_id") == Some(1)
            && number("aead_id") == Some(3)
    };
    let vector = vectors.as_array()?.iter().find(of_suite)?;
    let field = |name: &str| hex(vector.get(name)?);
    let secret = <XWing as Kem>::PrivateKey::from_bytes(&field("skRm")?).ok()?;
    let enc = <XWing as Kem>::EncappedKey::from_bytes(&field("enc")?).ok()?;
    let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &secret,
        &enc,
        &field("info")?,
    )
    .ok()?;
    let exports = vector.get("exports")?.as_array()?;
    for export in exports {
        let mut out = vec![0; usize::try_from(export.get("L")?.as_u64()?).ok()?];
        let of = hex(export.get("exporter_context")?)?;
        context.export(&of, &mut out).ok()?;
        check(out == hex(export.get("exported_value")?)?)?;
    }
    let messages = vector.get("encryptions")?.as_array()?;
    for message in messages {
        let part = |name: &str| hex(message.get(name)?);
        let opened = context.open(&part("ct")?, &part("aad")?).ok()?;
        check(opened == part("pt")?)?;
    }
    check((messages.len(), exports.len()) == (10, 5))
}

fn hex(value: &Value) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(value.as_str()?.as_bytes()).ok()
}

/// Gives out what a vector says, instead of randomness; zeros where the vector says no more.
struct Scripted(Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        let given = to.len().min(self.0.len());
        to.fill(0);
        for (to, from) in to.iter_mut().zip(self.0.drain(..given)) {
            *to = from;
        }
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}
