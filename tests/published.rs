//! Vectors nobody here wrote, put to the primitives our code stands on and, where it can be, to our
//! code. Each test says how many there are, so that none can be skipped unseen.

mod hpke;
mod kems;
mod standards;
mod tokens;
mod wycheproof;

use std::{convert::Infallible, fs, path::Path};

use data_encoding::HEXLOWER_PERMISSIVE;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

pub(crate) fn load(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER_PERMISSIVE
        .decode(value.as_str().unwrap().as_bytes())
        .unwrap()
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

/// Gives out what a vector says, instead of randomness.
pub(crate) struct Scripted(pub(crate) Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        to.copy_from_slice(&self.0[..to.len()]);
        self.0.drain(..to.len());
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}
