//! The people's machines in a world: a desk and any number of phones, each with its own randomness,
//! each keeping its state as bytes and reading it back before every use.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::{
    desk::{Case, Desk, Entry, Identity, LiveLog, Rounded, Rounds, Row, RowKeeper, Rows, Shared},
    keep::{KeepError, Keeper},
    native::Stop,
    relay::Relay,
    sitting::{Person, Progress, Sitting, SittingError},
    tipster::{State, Tipster, View},
    transport::Transport,
};
use sotto_protocol::{
    bundle::{Pin, Seen},
    code::{Code, CodeKeys},
    hash,
    id::{DeviceId, LineId},
    secret::Secret,
    statement::DeviceRole,
};

use zeroize::Zeroizing;

use crate::world::{TestClock, World};

/// Keeps the last state in memory.
#[derive(Debug)]
pub struct Memory<S> {
    kept: Vec<S>,
    /// Whether the next save fails, as on a full disk.
    pub is_full: bool,
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            is_full: false,
        }
    }
}

impl Keeper<State> for Memory<State> {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        if self.is_full {
            return Err(KeepError);
        }
        self.kept = vec![state.clone()];
        Ok(())
    }
}

impl Keeper<Rows> for Memory<(Row, Zeroizing<Vec<u8>>)> {
    fn keep(&mut self, rows: &Rows) -> Result<(), KeepError> {
        if self.is_full {
            return Err(KeepError);
        }
        for row in rows {
            self.kept.retain(|(name, _)| *name != row.0);
            if !row.1.is_empty() {
                self.kept.push(row.clone());
            }
        }
        Ok(())
    }
}

impl<S> Memory<S> {
    /// Everything that is kept.
    pub fn kept(&self) -> &[S] {
        &self.kept
    }
}

impl Memory<(Row, Zeroizing<Vec<u8>>)> {
    /// Damages a row.
    pub fn change(&mut self, row: Row, change: impl FnOnce(&mut [u8])) {
        let mut kept = self.kept.iter_mut();
        let (_, bytes) = kept.find(|(name, _)| *name == row).unwrap();
        change(bytes);
    }
}

impl RowKeeper for Memory<(Row, Zeroizing<Vec<u8>>)> {
    fn row(&mut self, row: Row) -> Result<Option<Zeroizing<Vec<u8>>>, KeepError> {
        let mut kept = self.kept.iter();
        let found = kept.find(|(name, _)| *name == row);
        Ok(found.map(|(_, bytes)| bytes.clone()))
    }
}

/// A drainer. Reads its rows back before every change, so that nothing lives in memory alone.
#[derive(Debug)]
pub struct DeskMachine {
    /// Where its rows are.
    pub memory: Memory<(Row, Zeroizing<Vec<u8>>)>,
    /// Its id in the roster.
    pub id: DeviceId,
    rng: ChaCha20Rng,
    log: LiveLog,
}

impl Shared for DeskMachine {
    type Error = Stop;

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Desk, &mut dyn RowKeeper) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut desk = Desk::from_rows(&self.memory.kept)?;
        work(&mut desk, &mut self.memory)
    }
}

impl DeskMachine {
    /// A new desk that the administrator has added and published.
    pub fn join(world: &mut World) -> Self {
        let names = [("en".into(), "Environment".into())].into();
        let desk = world.line.add_desk(names).unwrap();
        Self::hire(world, desk, DeviceRole::Drainer)
    }

    /// One more device of a desk.
    pub fn hire(world: &mut World, desk: u16, role: DeviceRole) -> Self {
        let mut rng = world.seed();
        let identity = Identity::make(world.link(), &mut rng);
        let id = identity.id();
        world.line.add_device(identity.card(), desk, role).unwrap();
        world.publish();
        let mut memory = Memory::default();
        Desk::begin(identity).saved().save(&mut memory).unwrap();
        Self {
            memory,
            id,
            rng,
            log: LiveLog::default(),
        }
    }

    /// As after a crash: only what is kept is left.
    pub fn crash(&mut self) {
        self.log = LiveLog::default();
    }

    /// Every case as it is kept, byte for byte.
    pub fn kept_cases(&self) -> BTreeMap<u64, Vec<u8>> {
        let cases = self.memory.kept.iter();
        let cases = cases.filter(|(row, _)| matches!(row, Row::Case(_)));
        cases
            .map(|(row, bytes)| (row.number(), bytes.to_vec()))
            .collect()
    }

    /// One round.
    pub fn round(&mut self, world: &World) -> Result<Rounded, Stop> {
        let mut rng = self.rng.clone();
        let mut log = std::mem::take(&mut self.log);
        let clock = || world.clock.read();
        let mut rounds = Rounds {
            relay: world.relay(),
            pin: world.pin(),
            clock: &clock,
            rng: &mut rng,
            log: &mut log,
        };
        let done = rounds.go(self);
        self.rng = rng;
        self.log = log;
        done
    }

    /// Rounds over the next `seconds`, each as soon as something is due, as `sotto-desk run` does.
    pub fn run(&mut self, world: &World, seconds: u64) {
        let end = world.clock.read() + seconds;
        loop {
            let policy = self.round(world).unwrap().policy;
            let now = world.clock.read();
            if now >= end {
                return;
            }
            let idle = self
                .with(|desk, _| Ok(desk.idle(&policy, now, policy.drain_seconds)))
                .unwrap();
            world.clock.pass(idle.clamp(1, end - now));
        }
    }

    /// Answers.
    pub fn reply(&mut self, world: &World, number: u32, text: &str) {
        let (now, mut rng) = (world.clock.read(), self.rng.clone());
        self.with(|desk, keeper| Ok(desk.reply(number, text, now, &mut rng)?.save(keeper)?))
            .unwrap();
        self.rng = rng;
    }

    /// Texts of a conversation, in order.
    pub fn texts(&mut self, number: u32) -> Vec<String> {
        self.case(number, |case| {
            case.entries().iter().map(Entry::text).collect()
        })
    }

    /// Everything it keeps.
    pub fn rows(&self) -> Vec<u8> {
        let rows = self.memory.kept.iter();
        rows.flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// Its keys and prekeys.
    pub fn meta(&self) -> Vec<u8> {
        let mut rows = self.memory.kept.iter();
        let meta = rows.find(|(row, _)| *row == Row::Meta);
        meta.unwrap().1.to_vec()
    }

    /// Looks at a conversation.
    pub fn case<T>(&mut self, number: u32, look: impl FnOnce(&Case) -> T) -> T {
        self.with(|desk, _| Ok(look(&desk.cases()[&number])))
            .unwrap()
    }

    /// Conversations.
    pub fn count(&mut self) -> usize {
        self.with(|desk, _| Ok(desk.cases().len())).unwrap()
    }
}

/// A phone. Kept as bytes between sittings.
#[derive(Debug)]
pub struct Phone {
    /// The code.
    pub code: Code,
    keys: CodeKeys,
    /// Where its state is.
    pub memory: Memory<State>,
    /// Its randomness.
    pub rng: ChaCha20Rng,
    clock: TestClock,
}

impl Phone {
    /// A phone whose person has begun a conversation and written nothing yet.
    pub fn new(world: &mut World) -> Self {
        let code = Code::make(&mut world.seed());
        Self::with(world, code, Tipster::begin)
    }

    /// Another phone of a person who has lost theirs.
    pub fn of_the_same_person(world: &mut World, code: &Code) -> Self {
        Self::with(world, code.clone(), Tipster::come_back)
    }

    /// A phone of a person who keeps nothing on it.
    pub fn of_somebody_who_keeps_nothing(world: &mut World, code: &Code) -> Self {
        Self::with(world, code.clone(), |line, keys, desk, _, _| {
            Tipster::recall(line, keys, desk)
        })
    }

    fn with(
        world: &mut World,
        code: Code,
        begin: impl FnOnce(LineId, CodeKeys, u16, u64, &mut ChaCha20Rng) -> Tipster,
    ) -> Self {
        let mut rng = world.seed();
        let line = world.pin().line;
        let keys = keys_of(&code);
        let tipster = begin(line, keys.clone(), 0, world.clock.read(), &mut rng);
        let mut memory = Memory::default();
        memory.keep(&tipster.to_bytes()).unwrap();
        Self {
            code,
            keys,
            memory,
            rng,
            clock: world.clock.clone(),
        }
    }

    /// What the code is good for.
    pub const fn keys(&self) -> &CodeKeys {
        &self.keys
    }

    /// Its state, read back.
    pub fn tipster(&self) -> Tipster {
        Tipster::from_bytes(&self.memory.kept[0]).unwrap()
    }

    /// A state read back.
    pub fn read(state: &State) -> Tipster {
        Tipster::from_bytes(state).unwrap()
    }

    /// Everything that is kept.
    pub fn state(&self) -> State {
        self.memory.kept[0].clone()
    }

    /// Puts an older state back, as from a copy.
    pub fn restore(&mut self, state: State) {
        self.memory.kept = vec![state];
    }

    /// Puts a text into the outbox.
    pub fn write(&mut self, text: &str) {
        let mut tipster = self.tipster();
        let written = tipster.write(text, self.clock.read(), &mut self.rng);
        written.unwrap().save(&mut self.memory).unwrap();
    }

    /// Decides to keep nothing from now on.
    pub fn leave(&mut self) {
        self.tipster().leave().save(&mut self.memory).unwrap();
    }

    /// One sitting, as short as it may be; the texts that were new.
    pub fn sit(&mut self, world: &World) -> Result<Vec<String>, SittingError> {
        self.sit_until(world, |progress| {
            assert!(progress.elapsed < 3_600_000, "a sitting without end");
            let is_done = progress.has_looked == [true; 2] && !progress.is_waiting;
            (is_done && progress.tries > 0) || progress.tries >= progress.posts + 3
        })
    }

    /// [`Self::sit`] with the clock put back afterwards, for moments that must be exact.
    pub fn sit_at_once(&mut self, world: &World) -> Result<Vec<String>, SittingError> {
        let began = world.clock.read();
        let sat = self.sit(world);
        world.clock.back(world.clock.read() - began);
        sat
    }

    /// One sitting of `seconds`.
    pub fn sit_for(&mut self, world: &World, seconds: u64) -> Result<Vec<String>, SittingError> {
        self.sit_until(world, |progress| progress.elapsed >= seconds * 1_000)
    }

    /// One sitting of `seconds` over another way than the world's own.
    pub fn sit_over<T: Transport>(
        &mut self,
        world: &World,
        way: &T,
        seconds: u64,
    ) -> Result<Vec<String>, SittingError> {
        let mut tipster = self.tipster();
        let mut people = [Person {
            tipster: &mut tipster,
            keeper: &mut self.memory,
        }];
        let times = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let mut sitting = Sitting {
            relay: Relay::new(way, world.pin().line),
            pin: world.pin(),
            pace: &world.clock,
            rng: &mut self.rng,
        };
        sitting.sit(&mut people, &Seen::default(), times, |progress| {
            progress.elapsed >= seconds * 1_000
        })?;
        Ok(self.take_unread())
    }

    fn take_unread(&mut self) -> Vec<String> {
        let unread = self.tipster().unread();
        let ids: Vec<u64> = unread.iter().map(|(id, _)| *id).collect();
        self.tipster().shown(&ids).save(&mut self.memory).unwrap();
        unread.into_iter().map(|(_, text)| text).collect()
    }

    fn sit_until(
        &mut self,
        world: &World,
        is_over: impl Fn(&Progress) -> bool,
    ) -> Result<Vec<String>, SittingError> {
        let mut tipster = self.tipster();
        let mut people = [Person {
            tipster: &mut tipster,
            keeper: &mut self.memory,
        }];
        sit(world, &mut people, &mut self.rng, is_over)?;
        Ok(self.take_unread())
    }

    /// Sits once per cycle until something is new.
    pub fn look(&mut self, world: &World, desk: &mut DeskMachine) -> Vec<String> {
        for _ in 0..8 {
            let texts = self.sit(world).unwrap();
            if !texts.is_empty() {
                return texts;
            }
            desk.run(world, 300);
        }
        Vec::new()
    }
}

/// What a code is good for, without the stretching that programs do: half a second each.
fn keys_of(code: &Code) -> CodeKeys {
    let words = code.to_words();
    CodeKeys::from_stretched(Secret::from_bytes(hash::digest(&[words.as_bytes()])))
}

/// A sitting of whoever is there.
pub fn sit(
    world: &World,
    people: &mut [Person<'_>],
    rng: &mut ChaCha20Rng,
    is_over: impl Fn(&Progress) -> bool,
) -> Result<(View, Progress), SittingError> {
    sit_with_pin(world, world.pin(), people, rng, is_over)
}

/// The same for people who believe somebody else.
pub fn sit_with_pin(
    world: &World,
    pin: Pin,
    people: &mut [Person<'_>],
    rng: &mut ChaCha20Rng,
    is_over: impl Fn(&Progress) -> bool,
) -> Result<(View, Progress), SittingError> {
    let times = ChaCha20Rng::seed_from_u64(rng.next_u64());
    let mut sitting = Sitting {
        relay: world.relay(),
        pin,
        pace: &world.clock,
        rng,
    };
    sitting.sit(people, &Seen::default(), times, is_over)
}

/// A sitting of somebody without a conversation.
pub fn visit(
    world: &World,
    rng: &mut ChaCha20Rng,
    seconds: u64,
) -> Result<(View, Progress), SittingError> {
    sit(world, &mut [], rng, |progress| {
        progress.elapsed >= seconds * 1_000
    })
}
