//! Chunks and manifests by themselves, and against the formulas of SPEC 3.8.

use std::collections::HashSet;

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use sotto_protocol::{
    attachment::{FileError, FileType, Manifest, Sealer, chunk_count},
    envelope::{Class, EnvelopeHeader},
    limits::{CHUNK_BYTES, CHUNK_PAYLOAD_BYTES, MANIFEST_BYTES},
    seal::Reject,
};
use sotto_tests::cases;

use super::{DAY, LIMIT, file, opened, sealed};

#[test]
fn a_file_comes_back() {
    for (length, count) in [
        (1, 1),
        (CHUNK_PAYLOAD_BYTES, 1),
        (CHUNK_PAYLOAD_BYTES + 1, 2),
        (3 * CHUNK_PAYLOAD_BYTES, 4),
        (5_000_000, 128),
        (LIMIT, 256),
    ] {
        let plain = file(length, 1);
        let (manifest, chunks) = sealed(&plain, 2);
        assert_eq!(
            (chunks.len(), manifest.count()),
            (usize::from(count), count)
        );
        assert_eq!(manifest.length() as usize, length);
        assert_eq!(manifest.kind(), FileType::Pdf);
        assert!(chunks.iter().all(|chunk| chunk.len() == CHUNK_BYTES));
        let manifest = Manifest::from_bytes(&manifest.to_bytes()).unwrap();
        let came = opened(&manifest, &chunks).unwrap();
        assert!(came[..] == plain, "{length} bytes");
    }
}

#[test]
fn what_is_no_file_is_refused_before_the_first_chunk() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut begin =
        |plain: &[u8]| Sealer::begin(plain, FileType::Other, DAY, rng).map(|sealer| sealer.count());
    assert_eq!(begin(&[]), Err(FileError::Empty));
    let mut long = vec![1; LIMIT + 1];
    assert_eq!(begin(&long), Err(FileError::Long(LIMIT + 1)));
    long.pop();
    assert_eq!(begin(&long), Ok(256));
    assert_eq!(chunk_count(usize::MAX), Err(FileError::Long(usize::MAX)));
    let text = FileError::Long(20_000_000).to_string();
    assert!(
        text.contains("20000000") && text.contains("16747520"),
        "{text}"
    );
}

/// Computed anew from the text of SPEC 3.8, with nothing of the engine.
#[test]
fn chunks_are_those_of_the_specification() {
    let plain = file(2 * CHUNK_PAYLOAD_BYTES + 7, 3);
    let (manifest, chunks) = sealed(&plain, 4);
    let bytes = manifest.to_bytes();
    assert_eq!(bytes.len(), MANIFEST_BYTES);
    assert_eq!(bytes[..4], [1, 8, 4, 0]);
    assert_eq!(
        bytes[4..8],
        u32::try_from(plain.len()).unwrap().to_le_bytes()
    );
    let derive = |info: &[&[u8]]| {
        let mut out = [0; 32];
        let hkdf = Hkdf::<Sha256>::from_prk(&bytes[8..40]).unwrap();
        hkdf.expand(&info.concat(), &mut out).unwrap();
        out
    };
    let mut hashes = b"sotto/1 file".to_vec();
    let mut padded = Vec::new();
    for (i, chunk) in (0_u32..).zip(&chunks) {
        let address = derive(&[b"sotto/1 chunk address", &i.to_le_bytes()]);
        assert_eq!(chunk[..4], [1, 1, 1, 20_781_u32.to_le_bytes()[0]]);
        assert_eq!(chunk[4..36], address);
        let key = derive(&[b"sotto/1 chunk", &i.to_le_bytes(), &[u8::from(i == 3)]]);
        let sealed = Payload {
            msg: &chunk[36..],
            aad: &chunk[..36],
        };
        let cipher = ChaCha20Poly1305::new(&key.into());
        padded.extend(cipher.decrypt(&Nonce::default(), sealed).unwrap());
        hashes.extend(Sha256::digest(chunk));
    }
    assert_eq!(padded.len(), 4 * CHUNK_PAYLOAD_BYTES);
    let (real, padding) = padded.split_at(plain.len());
    assert!(real == plain && padding.iter().all(|byte| *byte == 0));
    assert_eq!(bytes[40..72], Sha256::digest(&hashes)[..]);
    assert_eq!(bytes[72..], Sha256::digest(&plain)[..]);
}

#[test]
fn one_bent_bit_of_a_manifest_is_refused() {
    let plain = file(CHUNK_PAYLOAD_BYTES + 1, 5);
    let (manifest, chunks) = sealed(&plain, 6);
    let good = manifest.to_bytes();
    let mut decoded = 0;
    for bit in 0..good.len() * 8 {
        let mut bent = good.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        // The type is only what the sender says; the file is the same.
        let is_type = bit / 8 == 1;
        if let Ok(bent) = Manifest::from_bytes(&bent) {
            decoded += 1;
            assert_eq!(opened(&bent, &chunks).is_ok(), is_type, "bit {bit}");
        }
    }
    assert!(
        decoded > 96 * 8,
        "most fields have no wrong values: {decoded}"
    );
}

#[test]
fn one_bent_bit_of_a_chunk_is_refused() {
    let plain = file(CHUNK_PAYLOAD_BYTES + 1, 7);
    let (manifest, chunks) = sealed(&plain, 8);
    let all = CHUNK_BYTES * 8;
    let step = (all / usize::try_from(cases::count(400)).unwrap()).max(1);
    let bits = (0..36 * 8).chain((36 * 8..all - 128).step_by(step));
    for bit in bits.chain(all - 128..all) {
        for (index, chunk) in (0..).zip(&chunks) {
            let mut bent = chunk.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let outcome = manifest.open_chunk(index, &bent);
            assert_eq!(outcome.err(), Some(Reject), "bit {bit} of chunk {index}");
        }
    }
}

#[test]
fn chunks_that_are_cut_swapped_or_missing_are_refused() {
    let plain = file(3 * CHUNK_PAYLOAD_BYTES, 9);
    let (manifest, chunks) = sealed(&plain, 10);
    let (_, others) = sealed(&plain, 11);
    let refused = |chunks: &[&[u8]]| assert_eq!(opened(&manifest, chunks), Err(Reject));
    let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| chunks[i].as_slice());
    assert!(opened(&manifest, [a, b, c, d]).is_ok());
    refused(&[b, a, c, d]);
    refused(&[a, b, d, c]);
    refused(&[a, b, c]);
    refused(&[]);
    refused(&[a, b, c, d, d]);
    refused(&[a, a, c, d]);
    refused(&[&a[..CHUNK_BYTES - 1], b, c, d]);
    refused(&[&[a, &[0]].concat(), b, c, d]);
    refused(&[&others[0], b, c, d]);
    // Sealed bytes of another file under the right address.
    refused(&[&[&a[..36], &others[0][36..]].concat(), b, c, d]);
    for index in [4, 255, 256, u16::MAX] {
        assert_eq!(manifest.open_chunk(index, d).err(), Some(Reject));
        assert_eq!(manifest.address(index), None);
    }
}

/// The last chunk has a key of its own: half of the chunks are no file, whatever the manifest says.
#[test]
fn a_shorter_file_cannot_be_made_of_a_longer_one() {
    let (manifest, chunks) = sealed(&file(2 * CHUNK_PAYLOAD_BYTES, 12), 13);
    let mut shorter = manifest.to_bytes().to_vec();
    shorter[2] = 1;
    let length = u32::try_from(CHUNK_PAYLOAD_BYTES).unwrap();
    shorter[4..8].copy_from_slice(&length.to_le_bytes());
    let shorter = Manifest::from_bytes(&shorter).unwrap();
    assert_eq!(shorter.open_chunk(0, &chunks[0]).err(), Some(Reject));
    assert!(manifest.open_chunk(0, &chunks[0]).is_ok());
}

/// A length one less makes the last byte padding, which must be zero.
#[test]
fn padding_is_checked() {
    let mut plain = file(100, 14);
    plain[99] = 1;
    let (manifest, chunks) = sealed(&plain, 15);
    let mut shorter = manifest.to_bytes().to_vec();
    shorter[4] = 99;
    let shorter = Manifest::from_bytes(&shorter).unwrap();
    assert_eq!(shorter.open_chunk(0, &chunks[0]).err(), Some(Reject));
    let length = manifest.open_chunk(0, &chunks[0]).unwrap().len();
    assert_eq!(length, 100);
}

/// Only who made the file could seal it so; it would lie where nobody looks for it.
#[test]
fn a_chunk_at_another_address_is_refused() {
    let plain = file(100, 17);
    let (manifest, chunks) = sealed(&plain, 18);
    let bytes = manifest.to_bytes();
    let mut key = [0; 32];
    let hkdf = Hkdf::<Sha256>::from_prk(&bytes[8..40]).unwrap();
    let info = [b"sotto/1 chunk".as_slice(), &[0; 4], &[1]].concat();
    hkdf.expand(&info, &mut key).unwrap();
    let mut padded = plain;
    padded.resize(CHUNK_PAYLOAD_BYTES, 0);
    let at = |address: &[u8]| {
        let header = [&chunks[0][..4], address].concat();
        let payload = Payload {
            msg: &padded,
            aad: &header,
        };
        let cipher = ChaCha20Poly1305::new(&key.into());
        let sealed = cipher.encrypt(&Nonce::default(), payload).unwrap();
        [header, sealed].concat()
    };
    let own = at(&chunks[0][4..36]);
    assert!(own == chunks[0]);
    let other = at(&[1; 32]);
    assert_eq!(manifest.open_chunk(0, &other).err(), Some(Reject));
}

#[test]
fn no_address_comes_twice_and_nothing_is_readable() {
    let plain = vec![b'a'; 5 * CHUNK_PAYLOAD_BYTES];
    let mut addresses = HashSet::new();
    for seed in 0..4 {
        let (manifest, chunks) = sealed(&plain, seed);
        for (index, chunk) in (0..).zip(&chunks) {
            let header = EnvelopeHeader::parse(chunk).unwrap();
            assert_eq!(header.class, Class::Chunk);
            assert_eq!(Some(header.address), manifest.address(index));
            assert!(addresses.insert(header.address.0));
            assert_eq!(memchr::memmem::find(chunk, b"aaaaaa"), None);
        }
    }
    assert_eq!(addresses.len(), 4 * 8);
}

#[test]
fn secrets_stay_out_of_debug() {
    let (manifest, _) = sealed(b"text", 16);
    assert_eq!(format!("{manifest:?}"), "Manifest(..)");
    let key = sotto_protocol::attachment::FileKey::from_bytes([7; 32]);
    assert_eq!(format!("{key:?}"), "FileKey(Secret(..))");
}
