//! Envelopes and chunks beside the primitives they are made of, in one process.

use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, Key, KeyInit as _, Nonce, Tag};
use hkdf::Hkdf;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use sotto_protocol::{
    attachment::{FileType, Sealer},
    id::{Address, LineId},
    keys::SealingPublicKey,
    limits::{CHUNK_PAYLOAD_BYTES, CIPHERTEXT_BYTES, MAX_FILE_BYTES, PLAINTEXT_BYTES},
    seal::{self, Envelope, Place, Receiver},
    secret::SealingSecret,
};

use x_wing::kem::{Decapsulate as _, Encapsulate as _};

use crate::{
    clock,
    line::message,
    measure::{Effort, Measured, alternate},
};

const LINE: LineId = LineId([1; 16]);
const PLACE: Place = Place {
    line: LINE,
    day: 20_781,
    address: Address([6; 32]),
};
/// Header, encapsulation and commitment.
const AAD: usize = 1_188;
const UNIT: &str = "us of processor";

/// One envelope with a text of 1,000 bytes, sealed.
pub fn seal(effort: Effort) -> Vec<Measured> {
    let times = 1_000 / effort.scale;
    let receiver = SealingSecret::from_bytes([9; 32]).public();
    let (mut a, mut b) = (rng(), rng());
    let text = message(1_000);
    let [ours, primitives] = alternate(
        2 * effort.rounds,
        [
            &mut || each(times, || drop(sealed(&text, &receiver, &mut a))),
            &mut || each(times, || seal_primitives(&receiver, &mut b)),
        ],
    );
    let name = "seal_vs_primitives";
    vec![Measured::ratio(name, UNIT, ours, primitives)]
}

/// The same envelope, opened by a receiver who keeps the key expanded.
pub fn open(effort: Effort) -> Vec<Measured> {
    let times = 1_000 / effort.scale;
    let secret = SealingSecret::from_bytes([9; 32]);
    let receiver = Receiver::new(&secret).unwrap();
    let kept = x_wing::DecapsulationKey::from([9; 32]);
    let public = receiver.public().clone();
    let envelope = sealed(&message(1_000), &public, &mut rng());
    let [ours, primitives] = alternate(
        2 * effort.rounds,
        [
            &mut || {
                each(times, || {
                    seal::open_with(&envelope, &receiver, None, LINE).unwrap();
                })
            },
            &mut || each(times, || open_primitives(&envelope, (&kept, &public))),
        ],
    );
    let name = "open_vs_primitives";
    vec![Measured::ratio(name, UNIT, ours, primitives)]
}

/// The largest file, chunk by chunk, beside the cipher alone over as many bytes.
pub fn chunks(effort: Effort) -> Vec<Measured> {
    let mut file = vec![0; usize::try_from(MAX_FILE_BYTES).unwrap() / effort.scale];
    rng().fill_bytes(&mut file);
    let mut copy = file.clone();
    let megabytes = file.len() as f64 / 1e6;
    let [ours, raw] = alternate(
        effort.rounds,
        [
            &mut || megabytes / clock::used(|| seal_file(&file)),
            &mut || megabytes / clock::used(|| encrypt(&mut copy)),
        ],
    );
    vec![Measured::ratio(
        "chunk_vs_raw_aead",
        "MB per s of processor",
        ours,
        raw,
    )]
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// Microseconds of one.
fn each(times: usize, mut work: impl FnMut()) -> f64 {
    let all = clock::used(|| (0..times).for_each(|_| work()));
    all * 1e6 / times as f64
}

fn sealed(
    text: &sotto_protocol::message::Message,
    receiver: &SealingPublicKey,
    rng: &mut ChaCha20Rng,
) -> Envelope {
    seal::seal(text, receiver, None, PLACE, rng).unwrap()
}

/// Hash of the receiver's key, encapsulation, key schedule, cipher.
fn seal_primitives(receiver: &SealingPublicKey, rng: &mut ChaCha20Rng) {
    let hash = Sha256::digest(receiver.0.as_slice());
    let public = x_wing::EncapsulationKey::try_from(receiver.0.as_slice()).unwrap();
    let (_, shared) = public.encapsulate_with_rng(rng);
    let (cipher, nonce) = schedule(shared.as_slice(), &hash);
    let mut text = vec![0; PLAINTEXT_BYTES];
    let tag = cipher.encrypt_inout_detached(&nonce, &[0; AAD], text.as_mut_slice().into());
    std::hint::black_box((text, tag.unwrap()));
}

/// Hash of the receiver's key, decapsulation, key schedule, cipher, and the key that the message brings.
fn open_primitives(
    envelope: &Envelope,
    (secret, receiver): (&x_wing::DecapsulationKey, &SealingPublicKey),
) {
    let hash = Sha256::digest(receiver.0.as_slice());
    let bytes = envelope.as_bytes();
    let shared = secret.decapsulate(bytes[36..1_156].try_into().unwrap());
    // What stands in the envelope opens under the receiver's own schedule only; the work is the same.
    let (cipher, nonce) = schedule(shared.as_slice(), &hash);
    let mut text = bytes[AAD..AAD + CIPHERTEXT_BYTES - 16].to_vec();
    let tag = Tag::from([0; 16]);
    let opened =
        cipher.decrypt_inout_detached(&nonce, &bytes[..AAD], text.as_mut_slice().into(), &tag);
    assert!(opened.is_err());
    let tag = cipher.encrypt_inout_detached(&nonce, &[], text.as_mut_slice().into());
    std::hint::black_box((text, tag.unwrap()));
}

/// HPKE's: three extractions, three expansions, and one for the commitment.
fn schedule(shared: &[u8], info: &[u8]) -> (ChaCha20Poly1305, Nonce) {
    let context = [[0; 32]; 2].concat();
    std::hint::black_box(Hkdf::<Sha256>::extract(None, b"HPKE-v1 psk_id_hash"));
    std::hint::black_box(Hkdf::<Sha256>::extract(None, info));
    let secret = Hkdf::<Sha256>::new(Some(shared), b"HPKE-v1 secret");
    let (mut key, mut nonce, mut exporter, mut commitment) = ([0; 32], [0; 12], [0; 32], [0; 32]);
    secret.expand(&context, &mut key).unwrap();
    secret.expand(&context, &mut nonce).unwrap();
    secret.expand(&context, &mut exporter).unwrap();
    let exporter = Hkdf::<Sha256>::from_prk(&exporter).unwrap();
    exporter.expand(b"sotto/1 commit", &mut commitment).unwrap();
    std::hint::black_box(commitment);
    (ChaCha20Poly1305::new(&Key::from(key)), Nonce::from(nonce))
}

fn seal_file(file: &[u8]) {
    let mut sealer = Sealer::begin(file, FileType::Jpeg, PLACE.day, &mut rng()).unwrap();
    while let Some(chunk) = sealer.next_chunk().unwrap() {
        std::hint::black_box(chunk);
    }
    std::hint::black_box(sealer.finish().unwrap());
}

fn encrypt(file: &mut [u8]) {
    let cipher = ChaCha20Poly1305::new(&Key::from([3; 32]));
    for chunk in file.chunks_mut(CHUNK_PAYLOAD_BYTES) {
        let tag = cipher.encrypt_inout_detached(&Nonce::from([0; 12]), &[0; 36], chunk.into());
        std::hint::black_box(tag.unwrap());
    }
}
