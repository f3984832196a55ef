//! What a new device is given: the state that all devices of the desk share.

use rand_core::CryptoRng;
use sotto_protocol::{
    id::DeviceId,
    limits::LOG_SLOT_BYTES,
    log::{open_prekey, seal_prekey},
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{Case, Desk, Row, index::Index};
use crate::bytes::{bytes, count, list, option, read_bytes, read_list, read_option};

const VERSION: u8 = 1;

impl Desk {
    /// The shared state, for `device`. The log seals it for every device of the desk; the prekeys
    /// in it are sealed once more, and only where it is for a drainer.
    pub(super) fn snapshot(
        &self,
        device: DeviceId,
        rng: &mut impl CryptoRng,
    ) -> Zeroizing<Vec<u8>> {
        let cases = self.cases.iter();
        let cases: Vec<_> = cases.map(|(n, case)| (*n, case.to_bytes())).collect();
        let room: usize = cases.iter().map(|(_, case)| case.len() + 8).sum();
        let out = Writer::with_capacity(16_384 + room).u8(VERSION);
        let out = list(out, &cases, |(number, case), out| {
            bytes(out.u32(*number), case)
        });
        let out = list(out, &self.bundles, |(hash, day), out| {
            out.bytes(hash).u32(*day)
        });
        let out = option(
            out.u32(self.expired),
            self.keeper.as_ref(),
            |out, keeper| out.bytes(&keeper.0.0).u64(keeper.1),
        );
        let prekeys = self.prekeys_for(device, rng);
        let out = count(out, prekeys.len());
        let out = prekeys
            .iter()
            .fold(out, |out, (day, sealed)| out.u32(*day).bytes(sealed));
        Zeroizing::new(out.finish())
    }

    fn prekeys_for(&self, device: DeviceId, rng: &mut impl CryptoRng) -> Vec<(u32, Vec<u8>)> {
        let mut drainers = self.membership.drainers();
        let Some((_, receiver)) = drainers.find(|(id, _)| *id == device) else {
            return Vec::new();
        };
        let place = self.membership.place(self.line());
        let all = self.prekeys.secrets.iter();
        let sealed = all.filter_map(|(day, key)| {
            Some((
                *day,
                seal_prekey(&key.secret, (*day, device), receiver, place, rng)?,
            ))
        });
        sealed.collect()
    }

    /// Takes the state of another device in the place of its own.
    pub(super) fn take_snapshot(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(snapshot);
        let from = &mut reader;
        from.version(VERSION)?;
        let cases = read_list(from, |from| {
            Ok((from.u32()?, Case::from_bytes(&read_bytes(from)?)?))
        })?;
        let bundles = read_list(from, |from| Ok((from.array()?, from.u32()?)))?;
        let expired = from.u32()?;
        let keeper = read_option(from, |from| Ok((DeviceId(from.array()?), from.u64()?)))?;
        let prekeys = read_list(from, |from| {
            Ok((from.u32()?, from.bytes(LOG_SLOT_BYTES)?.to_vec()))
        })?;
        let (device, place) = (self.identity.id(), self.membership.place(self.line()));
        for (day, sealed) in prekeys {
            let opened = open_prekey(&sealed, (day, device), self.identity.sealing(), place);
            if let Ok(secret) = opened {
                self.prekeys
                    .secrets
                    .entry(day)
                    .or_insert_with(|| secret.into());
            }
        }
        reader.finish()?;
        let gone = self.cases.keys().map(|number| Row::Case(*number));
        self.changed.extend(gone);
        self.cases = cases.into_iter().collect();
        self.bundles = bundles;
        self.expired = expired;
        self.keeper = keeper;
        self.index = Index::default();
        for (number, case) in &self.cases {
            self.index.enter(*number, case);
            self.changed.insert(Row::Case(*number));
        }
        self.changed.insert(Row::Meta);
        Ok(())
    }
}
