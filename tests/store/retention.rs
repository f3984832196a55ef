//! What is past cannot be read in any copy of the store, and nothing becomes so early.

mod copies;
mod keys;
mod swaps;

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use memchr::memmem;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_protocol::{
    envelope::{Class, EnvelopeHeader},
    id::{Address, LineId},
    limits::ENVELOPE_BYTES,
};
use sotto_relay::store::{Post, Sealed, Store as _};
use sotto_tests::{
    redis::{AppendFsync, RedisServer},
    world::TestClock,
};

use super::{Fixture, LINE, NOW, sealed};

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// What a line with the longest retention sweeps with.
const KEPT: u64 = 14 * DAY;

/// A store under seal, the one below it, and their clock.
struct Stand {
    store: Sealed,
    below: Fixture,
    clock: TestClock,
}

impl Stand {
    async fn embedded() -> Self {
        Self::on(Fixture::embedded()).await
    }

    async fn redis() -> Self {
        Self::on(Fixture::redis(AppendFsync::Always).await).await
    }

    async fn on(below: Fixture) -> Self {
        let clock = TestClock::at(NOW);
        Self {
            store: sealed(Arc::clone(&below.store), below.dir.path(), &clock).await,
            below,
            clock,
        }
    }

    /// Another relay process on the same store and keys.
    async fn process(&self) -> Sealed {
        sealed(
            Arc::clone(&self.below.store),
            self.below.dir.path(),
            &self.clock,
        )
        .await
    }

    async fn append(&self, post: &Post) {
        let now = self.clock.read();
        self.store.append(LINE, post.clone(), now).await.unwrap();
    }

    /// What the relay's task does.
    async fn sweep(&self) {
        let now = self.clock.read();
        self.store.sweep(LINE, now - KEPT, now).await.unwrap();
    }

    /// A number of hours, with a sweep in each.
    async fn hours(&self, hours: u64) {
        for _ in 0..hours {
            self.clock.pass(HOUR);
            self.sweep().await;
        }
    }

    async fn waiting(&self) -> usize {
        self.store.read(LINE, None, 64).await.unwrap().records.len()
    }

    /// Every byte of every file of the store, the keys apart.
    fn files(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        collect(self.below.dir.path(), &mut all);
        if let Some(redis) = &self.below.redis {
            save(redis);
            collect(redis.data_dir(), &mut all);
        }
        all
    }

    /// Everything in the files of the keys.
    fn keys(&self) -> Vec<u8> {
        let names = ["epochs", "epochs.new", "epochs.lock"];
        let paths = names.map(|name| self.below.dir.path().join(name));
        paths.map(|p| fs::read(p).unwrap_or_default()).concat()
    }
}

/// A snapshot beside the log.
fn save(redis: &RedisServer) {
    let saved: String = redis::cmd("SAVE").query(&mut redis.connection()).unwrap();
    assert_eq!(saved, "OK");
}

fn collect(folder: &Path, all: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_key = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("epochs");
        if path.is_dir() {
            collect(&path, all);
        } else if path.is_file() && !is_key {
            all.push(fs::read(path).unwrap());
        }
    }
}

/// An envelope that looks random, as real ones do.
fn random(seed: u64) -> Post {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut address = Address([0; 32]);
    rng.fill_bytes(&mut address.0);
    let header = EnvelopeHeader {
        class: Class::Envelope,
        day: 0,
        address,
    };
    let mut body = vec![0; ENVELOPE_BYTES];
    rng.fill_bytes(&mut body);
    body[..36].copy_from_slice(&header.to_bytes());
    Post {
        class: Class::Envelope,
        address,
        body: Bytes::from(body),
    }
}

fn today() -> u32 {
    u32::try_from(NOW / DAY).unwrap()
}

/// What a thief of files does: looks for the beginning of a sealed record of this kind and day, and
/// opens what follows with a key. `length` is that of what is inside, `place` what is bound to it.
fn opened(
    files: &[Vec<u8>],
    key: &[u8],
    kind: u8,
    (length, place): (usize, &[u8]),
) -> Vec<Vec<u8>> {
    let header = [&[2, kind, 0, 0][..], &today().to_le_bytes()].concat();
    let bound = [&header[..], &LINE.0, place].concat();
    let cipher = XChaCha20Poly1305::new_from_slice(key).unwrap();
    let mut found = Vec::new();
    for file in files {
        for at in memmem::find_iter(file, &header) {
            let record = file.get(at + 8..at + 8 + 24 + length + 16);
            let Some((nonce, msg)) = record.and_then(|r| r.split_first_chunk::<24>()) else {
                continue;
            };
            let aad = &bound;
            let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad });
            found.extend(plain.ok());
        }
    }
    found
}

/// Every 32 bytes that could be a key.
fn candidates(keys: &[u8]) -> impl Iterator<Item = &[u8]> {
    keys.windows(32)
        .filter(|key| key.iter().any(|byte| *byte != 0))
}

const STRANGER: LineId = LineId([3; 16]);
