//! What a phone keeps: one size, no trace of use, and nothing lost.

mod frozen;

use proptest::{collection::vec, prelude::*};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng as _};
use sotto_core::vault::{COMPARTMENTS, Compartment, VAULT_BYTES, VAULT_ROOM, Vault, VaultError};
use sotto_protocol::secret::Secret;
use sotto_tests::cases::runner;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn key(byte: u8) -> Secret {
    Secret::from_bytes([byte; 32])
}

/// As after the app was closed and opened again.
fn reopen(vault: &Vault) -> Vault {
    Vault::parse(vault.as_bytes()).unwrap()
}

fn kept(vault: &mut Vault, byte: u8) -> Option<Vec<u8>> {
    let compartment = vault.unlock(&key(byte))?;
    Some(vault.state(compartment).unwrap().to_vec())
}

/// A vault with so many conversations under the keys 1, 2, .. and states that begin with them.
fn used(conversations: u8, rng: &mut impl CryptoRng) -> (Vault, Vec<Compartment>) {
    fill(&Vault::empty(rng), conversations, rng)
}

fn fill(vault: &Vault, conversations: u8, rng: &mut impl CryptoRng) -> (Vault, Vec<Compartment>) {
    let mut vault = reopen(vault);
    let places = (1..=conversations)
        .map(|byte| vault.place(&key(byte), &[byte; 40], rng).unwrap())
        .collect();
    (vault, places)
}

#[test]
fn four_conversations_open_with_their_own_codes() {
    let rng = &mut rng(1);
    assert_eq!((COMPARTMENTS, VAULT_BYTES), (4, 524_288));
    let (mut vault, places) = used(4, rng);
    for (byte, place) in (1..).zip(&places) {
        assert_eq!(vault.state(*place).unwrap().as_slice(), [byte; 40]);
    }
    assert_eq!(vault.place(&key(9), b"", rng), Err(VaultError::Full));
    let mut vault = reopen(&vault);
    assert_eq!(vault.state(places[0]), Err(VaultError::Closed));
    assert_eq!(vault.unlock(&key(9)), None);
    for (byte, place) in (1..).zip(&places) {
        assert_eq!(vault.unlock(&key(byte)), Some(*place));
        assert_eq!(kept(&mut vault, byte), Some(vec![byte; 40]));
    }
    vault
        .put(places[2], b"a longer one than before", rng)
        .unwrap();
    let mut vault = reopen(&vault);
    assert_eq!(kept(&mut vault, 3).unwrap(), b"a longer one than before");
    assert_eq!(kept(&mut vault, 4), Some(vec![4; 40]));
}

#[test]
fn a_new_conversation_takes_any_place_that_is_not_open() {
    let mut counts = [0_u32; COMPARTMENTS];
    let (two, places) = used(2, &mut rng(2));
    for seed in 0..300 {
        let mut vault = reopen(&two);
        vault.unlock(&key(1)).unwrap();
        let place = vault.place(&key(7), b"new", &mut rng(seed)).unwrap();
        assert_ne!(place, places[0], "an open conversation stays");
        assert_eq!(kept(&mut vault, 1), Some(vec![1; 40]));
        let number = (0..COMPARTMENTS).find(|n| is_changed(&two, &vault, *n));
        counts[number.unwrap()] += 1;
    }
    counts.sort_unstable();
    assert_eq!(counts[0], 0);
    for count in &counts[1..] {
        // 100 are expected.
        assert!((70..=130).contains(count), "{counts:?}");
    }
}

fn is_changed(before: &Vault, after: &Vault, number: usize) -> bool {
    let part = number * frozen::COMPARTMENT..(number + 1) * frozen::COMPARTMENT;
    before.as_bytes()[part.clone()] != after.as_bytes()[part]
}

#[test]
fn a_state_too_large_is_refused_before_anything_is_lost() {
    let rng = &mut rng(3);
    assert_eq!(VAULT_ROOM, 130_880);
    let (mut vault, places) = used(1, rng);
    let before = vault.as_bytes().to_vec();
    let large = vec![5; VAULT_ROOM + 1];
    assert_eq!(vault.put(places[0], &large, rng), Err(VaultError::TooLarge));
    let placed = vault.place(&key(2), &large, rng);
    assert_eq!(placed, Err(VaultError::TooLarge));
    assert_eq!(vault.as_bytes(), before);
    let full = &large[1..];
    vault.put(places[0], full, rng).unwrap();
    assert_eq!(kept(&mut reopen(&vault), 1).unwrap(), full);
    vault.put(places[0], b"", rng).unwrap();
    assert_eq!(kept(&mut reopen(&vault), 1).unwrap(), b"");
}

#[test]
fn a_second_key_comes_and_goes() {
    let rng = &mut rng(4);
    let (mut vault, places) = used(2, rng);
    vault.set_external(places[0], Some(key(80)), rng).unwrap();
    let mut by_passkey = reopen(&vault);
    assert_eq!(kept(&mut by_passkey, 80), Some(vec![1; 40]));
    let refused = by_passkey.set_external(places[0], None, rng);
    assert_eq!(refused, Err(VaultError::CodeNeeded));
    // What is put under one key is there for the other.
    by_passkey.put(places[0], b"by passkey", rng).unwrap();
    by_passkey.rewrite(rng);
    let mut vault = reopen(&by_passkey);
    assert_eq!(kept(&mut vault, 1).unwrap(), b"by passkey");
    assert_eq!(kept(&mut vault, 80).unwrap(), b"by passkey");
    vault.set_external(places[0], Some(key(81)), rng).unwrap();
    assert_eq!(vault.unlock(&key(80)), None);
    let mut vault = reopen(&vault);
    assert_eq!(vault.unlock(&key(80)), None);
    assert_eq!(kept(&mut vault, 81).unwrap(), b"by passkey");
    assert_eq!(kept(&mut vault, 1).unwrap(), b"by passkey");
    vault.set_external(places[0], None, rng).unwrap();
    let mut vault = reopen(&vault);
    assert_eq!(vault.unlock(&key(81)), None);
    assert_eq!(kept(&mut vault, 1).unwrap(), b"by passkey");
    let refused = vault.set_external(places[1], None, rng);
    assert_eq!(refused, Err(VaultError::Closed));
}

/// Somebody who took a copy and later the passkey has the slot of then: it opens nothing of now.
#[test]
fn an_old_slot_in_a_new_blob_opens_nothing() {
    let rng = &mut rng(5);
    let (mut vault, places) = used(1, rng);
    vault.set_external(places[0], Some(key(80)), rng).unwrap();
    let old = vault.as_bytes().to_vec();
    vault.set_external(places[0], None, rng).unwrap();
    let number = (0..COMPARTMENTS).find(|n| {
        old[n * frozen::COMPARTMENT..][..72] != vault.as_bytes()[n * frozen::COMPARTMENT..][..72]
    });
    let slot = number.unwrap() * frozen::COMPARTMENT + 72;
    let mut spliced = vault.as_bytes().to_vec();
    spliced[slot..slot + 72].copy_from_slice(&old[slot..slot + 72]);
    let mut vault = Vault::parse(&spliced).unwrap();
    let by_old = vault.unlock(&key(80)).unwrap();
    assert_eq!(vault.state(by_old), Err(VaultError::Damaged));
    // The code opens it all the same, before and after.
    assert_eq!(kept(&mut vault, 1), Some(vec![1; 40]));
    assert_eq!(vault.unlock(&key(80)), None);
    vault.put(places[0], b"new", rng).unwrap();
    assert_eq!(kept(&mut reopen(&vault), 1).unwrap(), b"new");
}

#[test]
fn what_is_forgotten_is_gone() {
    let rng = &mut rng(6);
    let (mut vault, places) = used(3, rng);
    let before = reopen(&vault);
    vault.forget(places[1], rng);
    assert_eq!(vault.unlock(&key(2)), None);
    assert_eq!(vault.state(places[1]), Err(VaultError::Closed));
    assert_eq!(vault.put(places[1], b"", rng), Err(VaultError::Closed));
    let changed = (0..COMPARTMENTS).filter(|n| is_changed(&before, &vault, *n));
    let changed: Vec<usize> = changed.collect();
    assert_eq!(changed.len(), 1);
    let part = changed[0] * frozen::COMPARTMENT..(changed[0] + 1) * frozen::COMPARTMENT;
    assert_differs(&before.as_bytes()[part.clone()], &vault.as_bytes()[part]);
    // What is closed already is nobody's to forget.
    let once = reopen(&vault);
    vault.forget(places[1], rng);
    assert_eq!(vault.as_bytes(), once.as_bytes());
    assert_eq!(kept(&mut vault, 3), Some(vec![3; 40]));
    vault.close(places[2]);
    assert_eq!(vault.state(places[2]), Err(VaultError::Closed));
    assert_eq!(kept(&mut vault, 3), Some(vec![3; 40]));
}

/// Random bytes agree in 1 of 256 places; in 16 neighbours they never do.
fn assert_differs(a: &[u8], b: &[u8]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.windows(16).zip(b.windows(16)) {
        assert_ne!(a, b);
    }
}

#[test]
fn a_rewritten_vault_differs_everywhere_and_says_the_same() {
    let rng = &mut rng(7);
    let (mut vault, places) = used(4, rng);
    for (byte, place) in (80..).zip(&places) {
        vault.set_external(*place, Some(key(byte)), rng).unwrap();
    }
    let mut blobs = vec![vault.as_bytes().to_vec()];
    for _ in 0..2 {
        blobs.push(vault.rewrite(rng).to_vec());
    }
    assert_differs(&blobs[0], &blobs[1]);
    assert_differs(&blobs[1], &blobs[2]);
    assert_differs(&blobs[0], &blobs[2]);
    let mut vault = Vault::parse(&blobs[2]).unwrap();
    for byte in 1..=4 {
        assert_eq!(kept(&mut vault, byte), Some(vec![byte; 40]));
        assert_eq!(kept(&mut vault, 79 + byte), Some(vec![byte; 40]));
    }
}

#[test]
fn what_is_locked_stays_as_it_is() {
    let rng = &mut rng(8);
    let (full, places) = used(4, rng);
    let mut vault = reopen(&full);
    assert_eq!(vault.rewrite(rng), full.as_bytes());
    vault.unlock(&key(1)).unwrap();
    vault.rewrite(rng);
    let changed = (0..COMPARTMENTS).filter(|n| is_changed(&full, &vault, *n));
    assert_eq!(changed.count(), 1);
    let mut vault = reopen(&vault);
    for (byte, place) in (1..).zip(&places) {
        assert_eq!(vault.unlock(&key(byte)), Some(*place));
        assert_eq!(kept(&mut vault, byte), Some(vec![byte; 40]));
    }
}

/// 255 degrees of freedom: outside of these bounds once in some million blobs.
fn looks_random(bytes: &[u8]) -> bool {
    let mut bins = [0_u32; 256];
    for byte in bytes {
        bins[usize::from(*byte)] += 1;
    }
    let expected = f64::from(u32::try_from(bytes.len()).unwrap()) / 256.0;
    let square: f64 = bins
        .iter()
        .map(|seen| (f64::from(*seen) - expected).powi(2) / expected)
        .sum();
    (150.0..380.0).contains(&square)
}

#[test]
fn a_used_vault_looks_like_an_unused_one() {
    assert!(!looks_random(&vec![0; VAULT_BYTES]), "the measure measures");
    let english = b"they changed the papers ".repeat(VAULT_BYTES / 24);
    assert!(!looks_random(&english));
    for seed in 0..4 {
        let rng = &mut rng(100 + seed);
        let unused = Vault::empty(rng);
        let (mut in_use, places) = used(4, rng);
        for place in &places {
            in_use.put(*place, &vec![0; VAULT_ROOM], rng).unwrap();
        }
        let (mut first, _) = used(1, rng);
        first.rewrite(rng);
        for vault in [&unused, &in_use, &first] {
            assert_eq!(vault.as_bytes().len(), VAULT_BYTES);
            assert!(looks_random(vault.as_bytes()));
            let mut parts = vault.as_bytes().chunks(frozen::COMPARTMENT);
            assert!(parts.all(looks_random));
        }
    }
}

/// The first bytes of every part, where a version or a length would stand, over many vaults.
#[test]
fn no_place_in_a_compartment_has_a_habit() {
    let rng = &mut rng(17);
    let empty = Vault::empty(rng);
    let firsts: Vec<u8> = (0..96)
        .flat_map(|_| {
            let (vault, _) = fill(&empty, 4, rng);
            let parts = vault.as_bytes().chunks(frozen::COMPARTMENT);
            let firsts = parts.flat_map(|part| {
                [
                    &part[..64],
                    &part[72..136],
                    &part[144..208],
                    &part[131_008..],
                ]
                .concat()
            });
            firsts.collect::<Vec<u8>>()
        })
        .collect();
    assert!(looks_random(&firsts));
}

#[test]
fn only_the_right_size_is_a_vault() {
    let blob = vec![7; VAULT_BYTES + 1];
    for length in [0, 1, 262_144, VAULT_BYTES - 1, VAULT_BYTES + 1] {
        assert_eq!(Vault::parse(&blob[..length]).err(), Some(VaultError::Size));
    }
    let mut vault = Vault::parse(&blob[1..]).unwrap();
    assert_eq!(vault.unlock(&key(7)), None);
}

/// A bent bit locks what it is in, is never taken for another state, and touches nothing else.
#[test]
fn bent_bits_are_noticed() {
    let rng = &mut rng(9);
    let (mut vault, places) = used(3, rng);
    vault.set_external(places[0], Some(key(80)), rng).unwrap();
    let good = vault.as_bytes().to_vec();
    let slots = (0..COMPARTMENTS, 0_usize..150).prop_map(|(n, i)| n * frozen::COMPARTMENT + i);
    let anywhere = prop_oneof![slots, 0..VAULT_BYTES];
    let cases = (vec((anywhere, 0_u8..8), 1..4), any::<u64>());
    let outcome = runner(64).run(&cases, |(bits, seed)| {
        let mut bent = good.clone();
        for (byte, bit) in bits {
            bent[byte] ^= 1 << bit;
        }
        let mut vault = Vault::parse(&bent).unwrap();
        for (byte, state) in [(1, 1), (2, 2), (3, 3), (80, 1)] {
            let Some(compartment) = vault.unlock(&key(byte)) else {
                continue;
            };
            match vault.state(compartment) {
                Ok(read) => prop_assert_eq!(read.as_slice(), [state; 40]),
                Err(error) => prop_assert_eq!(error, VaultError::Damaged),
            }
        }
        vault.rewrite(&mut ChaCha20Rng::seed_from_u64(seed));
        prop_assert_eq!(vault.as_bytes().len(), VAULT_BYTES);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_bent_bit_hits_one_key_alone() {
    let rng = &mut rng(10);
    let (mut vault, places) = used(1, rng);
    vault.set_external(places[0], Some(key(80)), rng).unwrap();
    let number = (0..COMPARTMENTS).find(|n| {
        let slot = &vault.as_bytes()[n * frozen::COMPARTMENT..][..72];
        frozen::open([1; 32], u8::try_from(*n).unwrap(), 0, slot).is_some()
    });
    let start = number.unwrap() * frozen::COMPARTMENT;
    // What the code and what the external key then say of the state.
    let cases = [
        (0, None, Some(true)),
        (71, None, Some(true)),
        (72, Some(true), None),
        (143, Some(true), None),
        (144, Some(false), Some(false)),
        (frozen::COMPARTMENT - 1, Some(false), Some(false)),
    ];
    for (byte, by_code, by_external) in cases {
        let mut bent = vault.as_bytes().to_vec();
        bent[start + byte] ^= 0x80;
        let opens = |byte| {
            let mut vault = Vault::parse(&bent).unwrap();
            let compartment = vault.unlock(&key(byte))?;
            Some(vault.state(compartment).is_ok())
        };
        assert_eq!((opens(1), opens(80)), (by_code, by_external), "{byte}");
    }
    // Nor does a compartment open in another place.
    let mut swapped = vault.as_bytes().to_vec();
    swapped.rotate_left(frozen::COMPARTMENT);
    let mut swapped = Vault::parse(&swapped).unwrap();
    assert_eq!(
        (swapped.unlock(&key(1)), swapped.unlock(&key(80))),
        (None, None)
    );
}

const FIXTURE: &[u8] = include_bytes!("vectors/own/vault-v1.bin");

/// A vault with noise around one compartment.
fn around(compartment: &[u8]) -> Vault {
    let mut blob = vec![0; VAULT_BYTES];
    rng(11).fill_bytes(&mut blob);
    let start = usize::from(frozen::NUMBER) * frozen::COMPARTMENT;
    blob[start..start + frozen::COMPARTMENT].copy_from_slice(compartment);
    Vault::parse(&blob).unwrap()
}

#[test]
fn a_vault_of_version_1_opens_for_ever() {
    let made = frozen::compartment(&frozen::body(1, &frozen::state()));
    assert!(FIXTURE == made, "the fixture is frozen");
    let rng = &mut rng(12);
    for first in [frozen::CODE, frozen::EXTERNAL] {
        let mut vault = around(FIXTURE);
        let compartment = vault.unlock(&Secret::from_bytes(first)).unwrap();
        assert_eq!(*vault.state(compartment).unwrap(), frozen::state());
        vault.put(compartment, b"of today", rng).unwrap();
        let mut vault = reopen(&vault);
        for key in [frozen::CODE, frozen::EXTERNAL] {
            let compartment = vault.unlock(&Secret::from_bytes(key)).unwrap();
            assert_eq!(vault.state(compartment).unwrap().as_slice(), b"of today");
        }
    }
}

/// What is written today, read by the frozen reader.
#[test]
fn what_is_written_is_version_1() {
    let rng = &mut rng(13);
    let (vault, places) = used(1, rng);
    let found = vault
        .as_bytes()
        .chunks(frozen::COMPARTMENT)
        .zip(0..)
        .find_map(|(part, number)| {
            let data = frozen::open([1; 32], number, 0, &part[..72])?;
            frozen::open(data.try_into().unwrap(), number, 2, &part[144..])
        });
    assert!(found.unwrap() == frozen::body(1, &[1; 40]));
    assert_eq!(vault.state(places[0]).unwrap().as_slice(), [1; 40]);
}

#[test]
fn a_newer_version_is_neither_read_nor_overwritten() {
    let rng = &mut rng(14);
    for version in [0, 2, 255] {
        let mut vault = around(&frozen::compartment(&frozen::body(version, b"newer")));
        let before = reopen(&vault);
        let compartment = vault.unlock(&Secret::from_bytes(frozen::CODE)).unwrap();
        assert_eq!(vault.state(compartment), Err(VaultError::Newer));
        let refused = vault.put(compartment, b"older", rng);
        assert_eq!(refused, Err(VaultError::Newer));
        assert_eq!(vault.as_bytes(), before.as_bytes());
        // To be written at every start it need not be understood.
        vault.rewrite(rng);
        vault.set_external(compartment, None, rng).unwrap();
        assert!(is_changed(&before, &vault, usize::from(frozen::NUMBER)));
        assert_eq!(vault.state(compartment), Err(VaultError::Newer));
    }
}

#[test]
fn a_body_that_is_none_is_damaged() {
    let good = frozen::body(1, b"state");
    let bends: [fn(&mut Vec<u8>); 4] = [
        |body| body[1] = 1,
        |body| body[4..8].copy_from_slice(&130_881_u32.to_le_bytes()),
        |body| body[4..8].fill(0xff),
        |body| *body.last_mut().unwrap() = 1,
    ];
    for bend in bends {
        let mut bent = good.clone();
        bend(&mut bent);
        let mut vault = around(&frozen::compartment(&bent));
        let compartment = vault.unlock(&Secret::from_bytes(frozen::CODE)).unwrap();
        assert_eq!(vault.state(compartment), Err(VaultError::Damaged));
        let rng = &mut rng(15);
        vault.put(compartment, b"anew", rng).unwrap();
        assert_eq!(vault.state(compartment).unwrap().as_slice(), b"anew");
    }
}

#[test]
fn keys_do_not_show() {
    let (vault, _) = used(4, &mut rng(16));
    assert_eq!(format!("{vault:?}"), "Vault(..)");
}
