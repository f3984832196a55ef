//! A desk that was away for a year: opening 5,000 tips.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    desk::{Desk, Rows},
    keep::{KeepError, Keeper},
};
use sotto_protocol::{
    bundle::{Untrusted, day_of},
    code::CodeKeys,
    conversation::{Content, Conversation},
    drain::{Cursor, DrainPage, Drained},
    id::LineId,
    keys::SealingPublicKey,
    limits::DRAIN_MAX,
    message::{Contact, Flags, Kind},
    secret::Secret,
};
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World},
};

use crate::{
    clock,
    measure::{Effort, Measured},
};

/// A city's year (CAPACITY.md).
const TIPS: u32 = 5_000;

/// First contacts with a text of 1,000 bytes each, to today's prekey, on one thread; rows are made but
/// not written to a disk. Counted for 5,000 also where fewer were made.
pub fn open(effort: Effort) -> Vec<Measured> {
    let tips = TIPS / u32::try_from(effort.scale).unwrap();
    let mut world = World::new(Backend::Embedded, 1);
    let mut machine = DeskMachine::join(&mut world);
    machine.round(&world).unwrap();
    let now = world.clock.read();
    let bundle = Untrusted::parse(&world.relay().bundle().unwrap().json).unwrap();
    let published = bundle.verify_line(world.pin(), now).unwrap();
    let mut desks = published.desks.iter();
    let today = desks.find(|desk| desk.day == day_of(now)).unwrap();
    let to = Receiver {
        line: world.pin().line,
        bundle: published.hash,
        prekey: &today.prekey,
        now,
    };
    let pages = to.tips(tips);
    let seconds = (0..effort.rounds.min(5)).map(|_| {
        let mut desk = Desk::from_rows(&machine.memory.kept().to_vec()).unwrap();
        let rng = &mut ChaCha20Rng::seed_from_u64(2);
        let seconds = clock::used(|| {
            for page in &pages {
                desk.take(std::slice::from_ref(page), now, rng)
                    .save(&mut Nowhere)
                    .unwrap();
            }
        });
        assert_eq!(desk.cases().len(), usize::try_from(tips).unwrap());
        seconds * f64::from(TIPS) / f64::from(tips)
    });
    vec![Measured::alone(
        "desk_open_5000_s",
        "s of processor",
        seconds.collect(),
    )]
}

struct Nowhere;

impl Keeper<Rows> for Nowhere {
    fn keep(&mut self, change: &Rows) -> Result<(), KeepError> {
        std::hint::black_box(change);
        Ok(())
    }
}

struct Receiver<'a> {
    line: LineId,
    bundle: [u8; 32],
    prekey: &'a SealingPublicKey,
    now: u64,
}

impl Receiver<'_> {
    fn tips(&self, count: u32) -> Vec<DrainPage> {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let records: Vec<Drained> = (0..count)
            .map(|number| Drained {
                class: 0,
                position: u64::from(number) + 1,
                arrived: self.now,
                body: self.tip(number, rng),
            })
            .collect();
        let pages = records.chunks(DRAIN_MAX).map(|records| DrainPage {
            last_shard: 0,
            cursor: Cursor {
                shard: 0,
                incarnation: 1,
                position: records.last().map_or(0, |record| record.position),
            },
            records: records.to_vec(),
        });
        pages.collect()
    }

    fn tip(&self, number: u32, rng: &mut ChaCha20Rng) -> Vec<u8> {
        let mut stretched = [1; 32];
        stretched[..4].copy_from_slice(&number.to_le_bytes());
        let keys = CodeKeys::from_stretched(Secret::from_bytes(stretched));
        let day = day_of(self.now);
        let mut phone = Conversation::begin(self.line, day, false, rng);
        let content = Content {
            kind: Kind::Text,
            flags: Flags::None,
            id: 1,
            part: 0,
            parts: 1,
            body: &[b'x'; 1_000],
        };
        let contact = Contact {
            bundle: self.bundle,
            keys: &keys,
        };
        let sealed = phone.seal_first(content, contact, (self.prekey, day), rng);
        sealed.unwrap().envelope.into_bytes()
    }
}
