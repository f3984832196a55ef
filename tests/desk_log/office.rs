//! Devices of one desk around one relay, each with a disk that survives a crash.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use rand_chacha::ChaCha20Rng;
use sotto_core::{
    ceremony::DeviceCard,
    keep::{KeepError, Keeper},
    log::{ComposeError, DeskLog, Event, LogDevice, LogState, Replayed},
    relay::{RelayError, Signer},
    transport::{Method, Response},
};
use sotto_protocol::{
    dsse::Dsse,
    id::DeviceId,
    limits::LOG_MAX,
    log::{LogPage, LogPlace},
    request::AgreementSecret,
    secret::{SealingSecret, SigningSecret, random},
    statement::{DeviceEntry, DeviceRole, Roster, Statement as _},
};
use sotto_tests::world::{Backend, World};

/// What is on a device's disk: the log and what its payloads have made of the desk, saved together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) log: Vec<u8>,
    /// Payloads in the order they were replayed: all of the desk's state.
    pub(super) seen: Vec<Vec<u8>>,
    /// Payloads to append.
    pub(super) queue: VecDeque<Vec<u8>>,
}

impl Keeper<LogState> for Disk {
    fn keep(&mut self, log: &LogState) -> Result<(), KeepError> {
        self.log = log.to_vec();
        Ok(())
    }
}

/// What becomes of a record on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    /// It arrives, and nobody learns of it.
    AnswerLost,
    /// It never leaves.
    Lost,
    /// The device dies after saving and before sending.
    Crash,
}

/// One device.
pub(super) struct Member {
    pub(super) id: DeviceId,
    pub(super) device: LogDevice,
    pub(super) signer: Signer,
    pub(super) log: DeskLog,
    pub(super) disk: Disk,
    /// Events that are no payloads.
    pub(super) told: Vec<Event>,
    rng: ChaCha20Rng,
    card: DeviceCard,
}

/// World and devices.
pub(super) struct Office {
    pub(super) world: World,
    pub(super) members: Vec<Member>,
    pub(super) desk: u16,
}

impl Office {
    /// A line with one desk and `count` devices in its roster, the first of which has begun the log.
    pub(super) fn new(backend: Backend, seed: u64, count: usize) -> Self {
        let mut world = World::new(backend, seed);
        let names = [("en".into(), "Environment".into())].into();
        let desk = world.line.add_desk(names).unwrap();
        let mut office = Self {
            world,
            members: Vec::new(),
            desk,
        };
        for _ in 0..count {
            office.hire();
        }
        let member = &mut office.members[0];
        member.log = DeskLog::found(member.device.clone(), &mut member.rng);
        member.save();
        office
    }

    /// Adds a device to the roster.
    pub(super) fn hire(&mut self) {
        let mut rng = self.world.seed();
        let line = self.world.pin().line;
        let agreement = AgreementSecret::from_bytes(random(&mut rng));
        let sealing = SealingSecret::make(&mut rng);
        let entry = DeviceEntry {
            role: DeviceRole::Device,
            desk: self.desk,
            x25519: agreement.public(),
            ed25519: SigningSecret::make(&mut rng).public(),
            xwing: sealing.public(),
        };
        let card = DeviceCard {
            x25519: entry.x25519.clone(),
            ed25519: entry.ed25519.clone(),
            xwing: entry.xwing.clone(),
            desk_key: None,
        };
        let id = entry.id();
        let relay = self.world.line.book.relay.x25519.clone();
        let device = LogDevice {
            place: LogPlace {
                line,
                log: self.desk,
            },
            id,
            agreement,
            sealing,
        };
        let signer = Signer {
            device: id,
            key: device.agreement.request_key_of_device(&relay, line),
        };
        let log = DeskLog::join(device.clone());
        let mut member = Member {
            id,
            device,
            signer,
            log,
            disk: Disk::default(),
            told: Vec::new(),
            rng,
            card,
        };
        member.save();
        self.list(&member.card);
        self.members.push(member);
    }

    fn list(&mut self, card: &DeviceCard) {
        let card = card.clone();
        let line = &mut self.world.line;
        line.add_device(card, self.desk, DeviceRole::Device)
            .unwrap();
        self.world.publish();
    }

    /// Puts a device back into the roster.
    pub(super) fn rehire(&mut self, which: usize) {
        let card = self.members[which].card.clone();
        self.list(&card);
    }

    /// Takes a device out of the roster.
    pub(super) fn dismiss(&mut self, which: usize) {
        let id = self.members[which].id;
        let devices = &mut self.world.line.book.devices;
        devices.retain(|device| device.id() != id);
        self.world.publish();
    }

    /// The newest roster, as the relay has it, and its hash.
    pub(super) fn roster(&self) -> (Roster, [u8; 32]) {
        let line = self.world.pin().line;
        let statements = self.world.block_on(self.world.store.statements(line));
        let statements = statements.unwrap();
        let stored = statements.iter().find(|s| s.name == "roster").unwrap();
        let dsse = Dsse::parse(&stored.json).unwrap();
        (Roster::peek(&dsse).unwrap(), dsse.payload_hash())
    }

    /// One tick of one device, with the newest roster; whether its record carried a payload.
    pub(super) fn tick(&mut self, which: usize, fate: Fate) -> bool {
        let (roster, hash) = self.roster();
        self.members[which].log.set_members(&roster, hash).unwrap();
        self.read(which);
        self.append(which, fate)
    }

    /// Reads what is new and saves what it means.
    pub(super) fn read(&mut self, which: usize) {
        loop {
            let page = self.page(which);
            let is_last = page.records.len() < LOG_MAX;
            self.replay(which, &page);
            if is_last {
                return;
            }
        }
    }

    pub(super) fn page(&mut self, which: usize) -> LogPage {
        let (now, member) = (self.world.clock.read(), &mut self.members[which]);
        let stamp = member.signer.stamp(now, &mut member.rng);
        let relay = self.world.relay();
        let page = relay.read_log(&stamp, self.desk, member.log.from());
        page.unwrap()
    }

    pub(super) fn replay(&mut self, which: usize, page: &LogPage) {
        let now = self.world.clock.read();
        let member = &mut self.members[which];
        let replayed = member.log.replay(page, now).unwrap();
        member.take(replayed);
    }

    /// Composes, saves, sends.
    pub(super) fn append(&mut self, which: usize, fate: Fate) -> bool {
        let now = self.world.clock.read();
        let member = &mut self.members[which];
        if let Some(device) = member.log.wants_snapshot(now) {
            let state = pack(&member.disk.seen);
            member.log.give_snapshot(device, &state).unwrap();
        }
        let payload = member.disk.queue.front().map(Vec::as_slice);
        let composed = match member.log.compose(payload, now, &mut member.rng) {
            Ok(composed) => composed.save(&mut member.disk).unwrap(),
            Err(ComposeError::Outside) => return false,
            Err(other) => panic!("{other}"),
        };
        let Some(record) = composed.record else {
            return false;
        };
        match fate {
            Fate::Crash => {
                member.restart();
                return composed.is_carried;
            }
            Fate::Lost => return composed.is_carried,
            Fate::Arrives | Fate::AnswerLost => {}
        }
        let stamp = member.signer.stamp(now, &mut member.rng);
        let sent = self.world.relay().append_log(&stamp, self.desk, record);
        match sent {
            _ if fate == Fate::AnswerLost => {}
            Ok(()) => {
                let replayed = member.log.appended(now);
                member.take(replayed);
            }
            Err(RelayError::Conflict) => {
                member.log.conflict();
                member.save();
            }
            Err(other) => panic!("{other}"),
        }
        composed.is_carried
    }

    /// Ticks of everybody in turn, each a tick's time after the other, `rounds` times.
    pub(super) fn run(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for which in 0..self.members.len() {
                self.tick(which, Fate::Arrives);
            }
            self.world.clock.pass(60);
        }
    }

    /// What a device has replayed, as text.
    pub(super) fn seen(&self, which: usize) -> Vec<String> {
        let seen = self.members[which].disk.seen.iter();
        seen.map(|bytes| String::from_utf8(bytes.clone()).unwrap())
            .collect()
    }

    /// Queues a payload.
    pub(super) fn say(&mut self, which: usize, text: &str) {
        let queue = &mut self.members[which].disk.queue;
        queue.push_back(text.as_bytes().to_vec());
    }

    /// The place of the device with the `rank`-th lowest id.
    pub(super) fn ranked(&self, rank: usize) -> usize {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|which| self.members[*which].id);
        order[rank]
    }

    /// Keeps a copy of every record that is appended.
    pub(super) fn wiretap(&self) -> Rc<RefCell<Vec<Vec<u8>>>> {
        let records = Rc::new(RefCell::new(Vec::new()));
        let to = Rc::clone(&records);
        self.world.tamper(move |request, response: Response| {
            let is_log = request.target.contains("/log/");
            if request.method == Method::Post && is_log && response.status == 204 {
                to.borrow_mut().push(request.body.clone());
            }
            response
        });
        records
    }
}

impl Member {
    fn save(&mut self) {
        self.disk.log = self.log.to_bytes().to_vec();
    }

    /// As after a crash: only the disk is left.
    pub(super) fn restart(&mut self) {
        self.log = DeskLog::from_bytes(&self.disk.log, self.device.clone()).unwrap();
        assert_eq!(self.log.to_bytes()[..], self.disk.log[..]);
    }

    fn take(&mut self, replayed: Replayed) {
        for event in replayed.events {
            match event {
                Event::Payload { author, bytes, .. } => self.note(author, &bytes),
                Event::Snapshot(state) => self.disk.seen = unpack(&state),
                other => self.told.push(other),
            }
        }
        self.save();
    }

    fn note(&mut self, author: DeviceId, payload: &[u8]) {
        if author == self.id {
            let own = self.disk.queue.pop_front();
            assert_eq!(own.as_deref(), Some(payload));
        }
        self.disk.seen.push(payload.to_vec());
    }
}

fn pack(seen: &[Vec<u8>]) -> Vec<u8> {
    let one = |bytes: &Vec<u8>| {
        let length = u32::try_from(bytes.len()).unwrap();
        [&length.to_le_bytes()[..], bytes].concat()
    };
    seen.iter().flat_map(one).collect()
}

fn unpack(mut state: &[u8]) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    while let Some((length, rest)) = state.split_first_chunk::<4>() {
        let (bytes, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        seen.push(bytes.to_vec());
        state = rest;
    }
    seen
}
