//! Filler, cover and real envelopes are one kind of bytes, and random bytes would not be.
//!
//! The relay's own filler for pages that nobody wrote is a PRF and is meant to be recognised.

use std::collections::BTreeMap;

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng as _};
use sotto_core::{
    desk::{Effect, Shared as _, seal_filler},
    tipster::{View, seal_cover},
};
use sotto_protocol::{
    bundle::{Untrusted, day_of},
    hash,
    id::{Address, Board, LineId},
    keys::SealingPublicKey,
    limits::{ENVELOPE_BYTES, ENVELOPE_HEADER_BYTES},
    seal::{self, Place},
    secret::{SealingSecret, Secret, random},
};
use sotto_tests::{
    cases,
    machines::{DeskMachine, visit},
    plain::Plain,
    statistics::likelihood,
    world::{Backend, World},
};

/// Everything that is counted of envelopes of one kind.
struct Tally {
    envelopes: usize,
    fixed: Option<Vec<u8>>,
    bytes: Vec<[u64; 256]>,
    u: Vec<[u64; 1024]>,
    v: [u64; 16],
    on_curve: [u64; 2],
}

impl Tally {
    fn of(envelopes: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut tally = Self {
            envelopes: 0,
            fixed: None,
            bytes: vec![[0; 256]; ENVELOPE_BYTES - FIXED],
            u: vec![[0; 1024]; 3],
            v: [0; 16],
            on_curve: [0; 2],
        };
        for envelope in envelopes {
            tally.add(&envelope);
        }
        tally
    }

    fn add(&mut self, envelope: &[u8]) {
        assert_eq!(envelope.len(), ENVELOPE_BYTES);
        self.envelopes += 1;
        let (fixed, rest) = envelope.split_at(FIXED);
        assert_eq!(self.fixed.get_or_insert_with(|| fixed.to_vec()), fixed);
        for (counts, byte) in self.bytes.iter_mut().zip(rest) {
            counts[usize::from(*byte)] += 1;
        }
        let (u, v) = envelope[ENVELOPE_HEADER_BYTES..].split_at(U_BYTES);
        for (counts, polynomial) in self.u.iter_mut().zip(u.chunks(U_BYTES / 3)) {
            let fours = polynomial.as_chunks::<5>().0;
            for coefficient in fours.iter().copied().flat_map(ten_bits) {
                counts[coefficient] += 1;
            }
        }
        for byte in &v[..V_BYTES] {
            self.v[usize::from(byte & 15)] += 1;
            self.v[usize::from(byte >> 4)] += 1;
        }
        let share = MontgomeryPoint(*v[V_BYTES..].first_chunk().unwrap());
        self.on_curve[usize::from(share.to_edwards(0).is_some())] += 1;
    }
}

/// Four coefficients in 40 bits, the first in the lowest (FIPS 203, `ByteEncode`).
fn ten_bits(five: [u8; 5]) -> [usize; 4] {
    let bits = five
        .iter()
        .rev()
        .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
    [0, 10, 20, 30].map(|shift| bits >> shift & 1023)
}

/// What a test of one statistic found: where it looked, and how likely the difference is.
type Finding = (String, f64);

/// Each offset by halves of its byte, and by whole bytes where there are enough of them.
fn by_bytes(tallies: &[&Tally]) -> Vec<Finding> {
    let few = tallies.iter().any(|tally| tally.envelopes < 5_000);
    let mut findings = Vec::new();
    for offset in 0..ENVELOPE_BYTES - FIXED {
        let mut look = |what: &str, values: usize, part: fn(usize) -> usize| {
            let of = |tally: &&Tally| merged(&tally.bytes[offset], values, part);
            let counts = tallies.iter().map(of);
            let likely = likelihood(&counts.collect::<Vec<_>>());
            findings.push((format!("{what} of byte {}", offset + FIXED), likely));
        };
        look("low half", 16, |value| value & 15);
        look("high half", 16, |value| value >> 4);
        if !few {
            look("value", 256, |value| value);
        }
    }
    findings
}

/// Counts of bytes by a part of them that has so many values.
fn merged(bytes: &[u64; 256], values: usize, part: fn(usize) -> usize) -> Vec<u64> {
    let mut counts = vec![0; values];
    for (value, count) in bytes.iter().enumerate() {
        counts[part(value)] += count;
    }
    counts
}

fn by_u(tallies: &[&Tally]) -> Vec<Finding> {
    let one = |polynomial: usize| {
        let counts: Vec<_> = tallies.iter().map(|tally| tally.u[polynomial]).collect();
        (format!("polynomial {polynomial} of u"), likelihood(&counts))
    };
    (0..3).map(one).collect()
}

fn by_v(tallies: &[&Tally]) -> Vec<Finding> {
    let counts: Vec<_> = tallies.iter().map(|tally| tally.v).collect();
    vec![("v".into(), likelihood(&counts))]
}

fn by_curve(tallies: &[&Tally]) -> Vec<Finding> {
    let counts: Vec<_> = tallies.iter().map(|tally| tally.on_curve).collect();
    vec![("point on the curve".into(), likelihood(&counts))]
}

/// The findings that chance does not explain: less likely than one in ten thousand, over all that
/// was looked at (Bonferroni).
fn differences(findings: Vec<Finding>) -> Vec<Finding> {
    let bound = 1e-4 / f64::from(u32::try_from(findings.len()).unwrap());
    let is_different = |finding: &Finding| finding.1 < bound;
    findings.into_iter().filter(is_different).collect()
}

/// What envelopes are sealed in: the line, its view, and the page writer.
struct Scene {
    world: World,
    desk: DeskMachine,
    view: View,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(Backend::Embedded, 1);
        let mut desk = DeskMachine::join(&mut world);
        desk.run(&world, 600);
        let mut rng = world.seed();
        let (view, _) = visit(&world, &mut rng, 0).unwrap();
        Self {
            world,
            desk,
            view,
            rng,
        }
    }

    fn line(&self) -> LineId {
        self.world.pin().line
    }

    fn filler(&mut self) -> Vec<u8> {
        let nobody = SealingSecret::make(&mut self.rng);
        let (line, day) = (self.line(), day_of(self.view.now));
        let address = Address(random(&mut self.rng));
        let place = Place { line, day, address };
        let envelope = seal_filler(place, &nobody, &mut self.rng).unwrap();
        envelope.into_bytes()
    }

    fn cover(&mut self) -> Vec<u8> {
        let envelope = seal_cover(self.line(), &self.view, 0, &mut self.rng).unwrap();
        envelope.into_bytes()
    }

    /// A first contact with a text.
    fn first(&mut self) -> Vec<u8> {
        let desk = self.view.bundle.line.desks[0].id;
        let day = day_of(self.view.now);
        let prekey = self.view.bundle.prekey(desk, day).unwrap().prekey.clone();
        let address = random(&mut self.rng);
        self.text(0, &prekey, None, address)
    }

    /// A text of a later epoch, under a message key, where the other side looks for it.
    fn later(&mut self) -> Vec<u8> {
        let receiver = SealingSecret::make(&mut self.rng).public();
        let key = Secret::make(&mut self.rng);
        let address = hash::expand(&random(&mut self.rng), &[b"sotto/1 slot", &[0; 13]]);
        self.text(1, &receiver, Some(&key), address)
    }

    fn text(
        &mut self,
        epoch: u32,
        receiver: &SealingPublicKey,
        psk: Option<&Secret>,
        address: [u8; 32],
    ) -> Vec<u8> {
        let length = usize::try_from(self.rng.next_u32() % 4_000).unwrap();
        let ratchet = SealingSecret::make(&mut self.rng).public();
        let plain = Plain {
            kind: 1,
            epoch,
            epoch_secret: &random(&mut self.rng),
            ratchet_key: ratchet.0.as_slice(),
            body: &b"Every Tuesday night. ".repeat(191)[..length],
        };
        let place = Place {
            line: self.line(),
            day: day_of(self.view.now),
            address: Address(address),
        };
        let sealed = seal::seal(&plain.message(), receiver, psk, place, &mut self.rng);
        sealed.unwrap().into_bytes()
    }
}

fn random_bytes(fixed: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut bytes = vec![0; ENVELOPE_BYTES];
    rng.fill_bytes(&mut bytes);
    bytes[..FIXED].copy_from_slice(fixed);
    bytes
}

#[test]
fn filler_cover_and_real_envelopes_are_alike_and_random_bytes_are_not() {
    let count = if cases::is_soak() { 10_000 } else { 300 };
    let mut scene = Scene::new();
    let filler = Tally::of((0..count).map(|_| scene.filler()));
    let cover = Tally::of((0..count).map(|_| scene.cover()));
    let first = Tally::of((0..count).map(|_| scene.first()));
    let later = Tally::of((0..count).map(|_| scene.later()));
    let all = [&filler, &cover, &first, &later];
    for tally in all {
        assert_eq!((tally.envelopes, &tally.fixed), (count, &filler.fixed));
        assert_eq!(tally.on_curve[0], 0, "every share is a point of the curve");
    }
    for statistic in [by_bytes, by_u, by_v, by_curve] {
        assert_eq!(differences(statistic(&all)), []);
    }

    let fixed = filler.fixed.clone().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let noise = Tally::of((0..count).map(|_| random_bytes(&fixed, &mut rng)));
    // The highest bit of an X25519 share is never set.
    let bytes = differences(by_bytes(&[&filler, &cover, &first, &later, &noise]));
    let places: Vec<&str> = bytes.iter().map(|(place, _)| place.as_str()).collect();
    assert!(places.contains(&"high half of byte 1155"), "{places:?}");
    for real in all {
        let pair = [real, &noise];
        assert_eq!(differences(by_u(&pair)).len(), 3);
        assert_eq!(differences(by_curve(&pair)).len(), 1);
    }
}

/// A page as the desk writes it, with nothing on it: eight envelopes like any other.
#[test]
fn pages_are_written_with_filler_and_not_with_random_bytes() {
    let pages = if cases::is_soak() { 1_250 } else { 40 };
    let mut scene = Scene::new();
    scene.world.clock.pass(21_600);
    let bundle = scene.world.relay().bundle().unwrap();
    let bundle = Untrusted::parse(&bundle.json).unwrap();
    let (pin, mut now) = (scene.world.pin(), scene.world.clock.read());
    let published = bundle.verify_line(pin, now).unwrap();
    let cycle_seconds = published.line.policy.cycle_seconds(Board::New);
    // Each page once: one that is written again keeps its addresses.
    let mut written = BTreeMap::new();
    while written.len() < pages {
        let rng = &mut scene.rng;
        let duties = scene
            .desk
            .with(|desk, keeper| Ok(desk.duties(&published, 0, now, rng)?.save(keeper)?));
        let before = written.len();
        for effect in duties.unwrap() {
            if let Effect::Page(due, body) = effect {
                written.entry(due).or_insert(body);
            }
        }
        assert!(written.len() > before, "a page is due");
        now += cycle_seconds;
    }
    let envelopes = written
        .values()
        .flat_map(|body| body.chunks(ENVELOPE_BYTES));
    // So many pages take days, which stand in the header.
    let undated = |mut bytes: Vec<u8>| {
        bytes[3] = 0;
        bytes
    };
    let written = Tally::of(envelopes.map(|bytes| undated(bytes.to_vec())));
    scene.view.now = now;
    let later = Tally::of((0..written.envelopes).map(|_| undated(scene.later())));
    assert_eq!(written.fixed, later.fixed);
    for statistic in [by_bytes, by_u, by_v, by_curve] {
        assert_eq!(differences(statistic(&[&written, &later])), []);
    }
}

/// The four bits of a coefficient of v hide almost everything: one value in sixteen is half a
/// percent more frequent. The test sees that, but from more envelopes than a line ever carries.
#[test]
fn random_bytes_show_in_v_only_among_hundreds_of_thousands() {
    let exact = compressed::<16>();
    assert_eq!((exact[0], exact[1..].iter().min()), (209, Some(&208)));
    assert_eq!(exact[1..].iter().max(), Some(&208));
    let sample = |envelopes: u64| {
        let coefficients = envelopes * 256;
        let real = exact.map(|count| coefficients * count / 3_329);
        let noise = [coefficients / 16; 16];
        likelihood(&[real, noise]) < 1e-4
    };
    assert!(!sample(10_000) && sample(400_000));
}

/// In u, where ten bits are kept of almost twelve, 257 values are a third more frequent.
#[test]
fn coefficients_of_u_are_uneven() {
    let exact = compressed::<1024>();
    let of = |count| exact.iter().filter(|found| **found == count).count();
    assert_eq!((of(4), of(3)), (257, 767));
}

/// How many of the 3,329 coefficients each of `N` compressed values stands for (FIPS 203, 4.7).
fn compressed<const N: usize>() -> [u64; N] {
    let mut counts = [0; N];
    for coefficient in 0..3_329 {
        counts[(coefficient * N * 2 + 3_329) / (2 * 3_329) % N] += 1;
    }
    counts
}

/// Version, suite, class and day.
const FIXED: usize = 4;
/// An X-Wing encapsulation is an ML-KEM-768 ciphertext (u: 3 x 256 coefficients of 10 bits, v: 256 of
/// 4 bits) and an X25519 share.
const U_BYTES: usize = 960;
const V_BYTES: usize = 128;
