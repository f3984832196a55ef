//! How an open compartment is sealed: its body always anew, its slots as far as their keys are here.

use rand_core::CryptoRng;
use sotto_protocol::secret::Secret;
use zeroize::Zeroizing;

use super::{
    Compartment, Open, Vault, VaultError,
    compartment::{self, Slot, wrap},
};

impl Vault {
    /// What is inside the sealed body, of whatever version.
    pub(super) fn body(&self, compartment: Compartment) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let open = self.opened(compartment)?;
        let kept = self.kept(compartment.0).ok_or(VaultError::Closed)?;
        kept.open_body(&open.data).ok_or(VaultError::Damaged)
    }

    /// Under a new data key, so that whatever stood in the slots is void.
    pub(super) fn seal_new(
        &mut self,
        compartment: Compartment,
        open: Open,
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let number = compartment.0;
        let code = wrap(number, Slot::Code, open.code.as_ref(), &open.data, rng)?;
        let external = wrap(
            number,
            Slot::External,
            open.external.as_ref(),
            &open.data,
            rng,
        )?;
        let slots = [code.as_slice(), &external];
        let sealed = compartment::seal(number, slots, &open.data, body, rng)?;
        self.write(number, &sealed);
        if let Some(before) = self.open.get_mut(number) {
            *before = Some(open);
        }
        Ok(())
    }

    /// Under the same data key: a slot whose key is not here stays as it is.
    pub(super) fn seal_again(
        &mut self,
        compartment: Compartment,
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let number = compartment.0;
        let open = self.opened(compartment)?;
        let kept = self.kept(number).ok_or(VaultError::Closed)?;
        let mut again = |slot, key: Option<&Secret>| match key {
            None => Ok(kept.slot(slot).to_vec()),
            key => wrap(number, slot, key, &open.data, rng),
        };
        let code = again(Slot::Code, open.code.as_ref())?;
        let external = again(Slot::External, open.external.as_ref())?;
        let slots = [code.as_slice(), &external];
        let sealed = compartment::seal(number, slots, &open.data, body, rng)?;
        self.write(number, &sealed);
        Ok(())
    }

    fn write(&mut self, number: usize, sealed: &[u8]) {
        if let Some(bytes) = self.bytes_mut(number) {
            bytes.copy_from_slice(sealed);
        }
    }
}
