//! Posts to a real relay while it is killed again and again: what got its 204 is drained exactly once.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::{
    ceremony::{self, Beginning, LineKeys},
    desk::{Desk, Identity},
    native::Http,
    relay::{Relay, RelayError, Signer},
};
use sotto_protocol::{
    drain::Cursor, id::LineId, limits::ENVELOPE_BYTES, secret::random, statement::DeviceRole,
};

use crate::{programs::Programs, redis::RedisServer, world::policy};

/// Posts while the relay is killed again and again: what got its 204 is drained exactly once.
pub struct Storm {
    /// The relay, and its directory.
    pub programs: Programs,
    line: LineKeys,
    signer: Signer,
    rng: ChaCha20Rng,
}

const POSTERS: u64 = 8;

impl std::fmt::Debug for Storm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storm(..)")
    }
}

impl Storm {
    /// Where its relay takes posts.
    pub fn base(&self) -> &str {
        &self.line.book.base
    }

    /// The line.
    pub fn line(&self) -> LineId {
        self.line.book.pin().unwrap().line
    }

    /// A relay with a line whose inbox this can read. `store` is the settings' part about it.
    pub fn begin(seed: u64, store: &str) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut programs = Programs::new();
        let keys = programs.run("sotto-relay", &["keys", "--out", "relay.keys"], "");
        let beginning = Beginning {
            base: format!("http://127.0.0.1:{}", programs.port()),
            names: [("en".into(), "Storm".into())].into(),
            relay: serde_json::from_slice(&keys.stdout).unwrap(),
            policy: policy(),
        };
        let now = sotto_core::native::now();
        let (_, mut line) = ceremony::begin(beginning, now, &mut rng);
        let desk = line
            .add_desk([("en".into(), "Desk".into())].into())
            .unwrap();
        let link = sotto_core::link::Link {
            base: line.book.base.clone(),
            pin: line.book.pin().unwrap(),
            ohttp: None,
        };
        let identity = Identity::make(link, &mut rng);
        line.add_device(identity.card(), desk, DeviceRole::Drainer)
            .unwrap();
        let fp = line.book.pin().unwrap().fingerprint.to_text();
        programs.write_settings(&fp, store);
        programs.start_relay();
        let http = Http::new(&line.book.base);
        let relay = Relay::new(&http, line.book.pin().unwrap().line);
        for (kind, dsse) in line.publish(now).unwrap().0 {
            relay.put_statement(kind, dsse.to_json()).unwrap();
        }
        let bundle = relay.bundle().unwrap().json;
        let published = sotto_protocol::bundle::Untrusted::parse(&bundle)
            .unwrap()
            .verify_line(line.book.pin().unwrap(), now)
            .unwrap();
        let signer = Desk::begin(identity).signer(&published.line);
        Self {
            programs,
            line,
            signer,
            rng,
        }
    }

    /// Posts while the relay is killed `kills` times at random moments, `also` right before each time.
    pub fn rage(mut self, posts: usize, kills: usize, also: impl FnMut(&mut ChaCha20Rng)) {
        let (base, line) = (
            self.line.book.base.clone(),
            self.line.book.pin().unwrap().line,
        );
        let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let acknowledged: Mutex<BTreeMap<Vec<u8>, Vec<u8>>> = Mutex::default();
        let storm = Posting {
            base: &base,
            line,
            posts,
            next: &next,
            taken: &taken,
            acknowledged: &acknowledged,
        };
        thread::scope(|scope| {
            for seed in 0..POSTERS {
                scope.spawn(move || storm.post(seed));
            }
            self.kill_at_random(&taken, (posts, kills), also);
        });
        self.programs.kill("sotto-relay");
        self.programs.start_relay();
        let mut acknowledged = acknowledged.into_inner().unwrap();
        assert_eq!(acknowledged.len(), posts);
        for body in self.drain() {
            let expected = acknowledged.remove(&body[4..36]);
            assert_eq!(expected.as_ref(), Some(&body), "drained twice or changed");
        }
        assert!(acknowledged.is_empty(), "{} are lost", acknowledged.len());
    }

    fn kill_at_random(
        &mut self,
        taken: &AtomicUsize,
        (posts, kills): (usize, usize),
        mut also: impl FnMut(&mut ChaCha20Rng),
    ) {
        let mut moments: Vec<usize> = (0..kills)
            .map(|_| usize::try_from(self.rng.next_u32()).unwrap() % (posts - posts / 20))
            .collect();
        moments.sort_unstable();
        for moment in moments {
            while taken.load(Ordering::SeqCst) < moment {
                thread::yield_now();
            }
            also(&mut self.rng);
            self.programs.kill("sotto-relay");
            self.programs.start_relay();
        }
    }

    /// Everything in the inbox.
    pub fn drain(&mut self) -> Vec<Vec<u8>> {
        let base = self.line.book.base.clone();
        let http = Http::new(&base);
        let relay = Relay::new(&http, self.line.book.pin().unwrap().line);
        let (mut cursor, mut bodies) = (Cursor::start(0), Vec::new());
        loop {
            let stamp = self.signer.stamp(sotto_core::native::now(), &mut self.rng);
            let page = match relay.drain(&stamp, cursor) {
                Err(RelayError::Unreachable(_)) => continue,
                other => other.unwrap(),
            };
            cursor = match page.records.len() {
                0 if cursor.shard == page.last_shard => return bodies,
                0 => Cursor::start(cursor.shard + 1),
                _ => page.cursor,
            };
            bodies.extend(page.records.into_iter().map(|record| record.body));
        }
    }
}

/// What all posters share.
#[derive(Clone, Copy)]
struct Posting<'s> {
    base: &'s str,
    line: LineId,
    posts: usize,
    next: &'s AtomicUsize,
    taken: &'s AtomicUsize,
    acknowledged: &'s Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Posting<'_> {
    fn post(self, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(1_000 + seed);
        let http = Http::new(self.base);
        let relay = Relay::new(&http, self.line);
        while self.next.fetch_add(1, Ordering::SeqCst) < self.posts {
            let envelope = envelope(&mut rng);
            // As a phone does: again and again until the relay says that it holds it.
            while relay.post(envelope.clone(), None).is_err() {
                thread::yield_now();
            }
            let mut all = self.acknowledged.lock().unwrap();
            all.insert(envelope[4..36].to_vec(), envelope);
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The settings' part about a store in Redis.
pub fn redis_settings(server: &RedisServer) -> String {
    format!("[store]\nkind = \"redis\"\nurl = \"{}\"\n", server.url())
}

/// An envelope that nobody can open.
pub fn envelope(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut envelope = vec![0; ENVELOPE_BYTES];
    rng.fill_bytes(&mut envelope);
    envelope[..4].copy_from_slice(&[1, 1, 0, 0]);
    let address: [u8; 32] = random(rng);
    envelope[4..36].copy_from_slice(&address);
    envelope
}
