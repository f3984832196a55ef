//! Attachments from end to end without a network: a file is sealed, posted, lost, asked for again and
//! opened, and nothing but that file comes out.

mod chunks;
mod ends;
mod strays;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_protocol::{
    attachment::{FileType, Manifest, Opener, Sealer},
    limits::MAX_FILE_BYTES,
    seal::Reject,
};
use zeroize::Zeroizing;

const DAY: u32 = 20_781;
const LIMIT: usize = MAX_FILE_BYTES as usize;

fn file(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// A sealed file: its manifest and its chunks in order.
fn sealed(plain: &[u8], seed: u64) -> (Manifest, Vec<Vec<u8>>) {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let mut sealer = Sealer::begin(plain, FileType::Pdf, DAY, rng).unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = sealer.next_chunk().unwrap() {
        chunks.push(chunk);
    }
    (sealer.finish().unwrap(), chunks)
}

fn opened<C: AsRef<[u8]>>(
    manifest: &Manifest,
    chunks: impl IntoIterator<Item = C>,
) -> Result<Zeroizing<Vec<u8>>, Reject> {
    let mut opener = Opener::begin(manifest);
    for chunk in chunks {
        opener.add(chunk.as_ref())?;
    }
    opener.finish()
}
