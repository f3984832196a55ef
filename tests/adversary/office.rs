//! A desk of one or more devices as their machines run them: what they know is read back from their
//! rows before every round, and a machine may stop at any save and before any request.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    desk::{Desk, DeskError, Effect, Identity, LiveLog, Rounds, Row, RowKeeper, Rows, Shared},
    keep::{KeepError, Keeper},
    relay::{Relay, RelayError},
};
use sotto_protocol::{
    bundle::{Untrusted, VerifyError},
    id::Address,
    limits::ENVELOPE_BYTES,
    seal::Envelope,
    statement::DeviceRole,
};
use zeroize::Zeroizing;

use super::{
    line::{Line, link},
    net::Net,
    wire::{Wire, step},
};

/// Who works at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crew {
    /// One drainer.
    Alone,
    /// Two drainers.
    Pair,
    /// Two drainers, and a device that is none.
    Three,
}

impl Crew {
    const fn roles(self) -> &'static [DeviceRole] {
        use DeviceRole::{Device, Drainer};
        match self {
            Self::Alone => &[Drainer],
            Self::Pair => &[Drainer, Drainer],
            Self::Three => &[Drainer, Drainer, Device],
        }
    }
}

type Kept = BTreeMap<Row, Vec<u8>>;

/// One device.
pub(crate) struct Machine {
    rows: Kept,
    rng: ChaCha20Rng,
    log: LiveLog,
}

/// The rows outlive whatever the program holds besides.
impl Clone for Machine {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            rng: self.rng.clone(),
            log: LiveLog::default(),
        }
    }
}

/// Where the rows are, until the machine is off.
struct Disk<'d> {
    rows: &'d mut Kept,
    left: &'d Cell<Option<u32>>,
}

impl Keeper<Rows> for Disk<'_> {
    fn keep(&mut self, rows: &Rows) -> Result<(), KeepError> {
        if !step(self.left) {
            return Err(KeepError);
        }
        for (name, bytes) in rows {
            // Kept without wiping: unoptimised, that takes longer than everything else.
            if bytes.is_empty() {
                self.rows.remove(name);
            } else {
                self.rows.insert(*name, bytes.to_vec());
            }
        }
        Ok(())
    }
}

impl RowKeeper for Disk<'_> {
    fn row(&mut self, row: Row) -> Result<Option<Zeroizing<Vec<u8>>>, KeepError> {
        let found = self.rows.get(&row);
        Ok(found.map(|bytes| bytes.clone().into()))
    }
}

/// One round of a program that was just started.
struct Program<'d> {
    desk: Desk,
    disk: Disk<'d>,
}

/// Why a round ended early.
enum Ended {
    Relay(RelayError),
    Verify(VerifyError),
    Desk(DeskError),
    Off,
}

impl From<RelayError> for Ended {
    fn from(error: RelayError) -> Self {
        Self::Relay(error)
    }
}

impl From<VerifyError> for Ended {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

impl From<DeskError> for Ended {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

impl From<KeepError> for Ended {
    fn from(_: KeepError) -> Self {
        Self::Off
    }
}

impl Shared for Program<'_> {
    type Error = Ended;

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Desk, &mut dyn RowKeeper) -> Result<T, Ended>,
    ) -> Result<T, Ended> {
        work(&mut self.desk, &mut self.disk)
    }
}

impl Machine {
    fn begin(identity: Identity, seed: u64) -> Self {
        let mut rows = Kept::new();
        let left = Cell::new(None);
        let mut disk = Disk {
            rows: &mut rows,
            left: &left,
        };
        Desk::begin(identity).saved().save(&mut disk).unwrap();
        Self {
            rows,
            rng: ChaCha20Rng::seed_from_u64(seed),
            log: LiveLog::default(),
        }
    }

    /// What it knows.
    pub(crate) fn desk(&self) -> Desk {
        self.read(|_| true)
    }

    /// What it shows to people, which is read more quickly.
    pub(crate) fn shown(&self) -> Desk {
        self.read(|row| matches!(row, Row::Meta | Row::Case(_)))
    }

    fn read(&self, of: impl Fn(Row) -> bool) -> Desk {
        let rows = self.rows.iter().filter(|(row, _)| of(**row));
        let mut rows: Rows = rows.map(|(row, b)| (*row, b.clone().into())).collect();
        let desk = Desk::from_rows(&rows).unwrap();
        for (_, bytes) in &mut rows {
            std::mem::take(&mut **bytes);
        }
        desk
    }

    /// Publishes, writes boards, empties the inbox, reads and appends to the log; `left` saves and
    /// requests until the machine stops.
    fn round(&mut self, number: usize, net: &mut Net, now: u64, left: Option<u32>) {
        let left = Cell::new(left);
        let (pin, clock) = (net.line.pin, || now);
        let wire = Wire {
            net: RefCell::new(net),
            device: number,
            now,
            left: &left,
        };
        let mut program = Program {
            desk: self.desk(),
            disk: Disk {
                rows: &mut self.rows,
                left: &left,
            },
        };
        let mut rounds = Rounds {
            relay: Relay::new(&wire, pin.line),
            pin,
            clock: &clock,
            rng: &mut self.rng,
            log: &mut self.log,
        };
        match rounds.go(&mut program) {
            // A cursor that the relay's new life does not know is dropped in the next round.
            Ok(_)
            | Err(Ended::Off | Ended::Relay(RelayError::Unreachable(_) | RelayError::Conflict)) => {
            }
            Err(Ended::Relay(error)) => panic!("a device is refused: {error}"),
            Err(Ended::Verify(error)) => panic!("a device refuses the bundle: {error}"),
            Err(Ended::Desk(error)) => panic!("a device cannot go on: {error}"),
        }
        if left.get().is_some() {
            self.log = LiveLog::default();
        }
    }

    fn change(&mut self, work: impl FnOnce(&mut Desk, &mut Disk<'_>, &mut ChaCha20Rng)) {
        let mut desk = self.desk();
        let left = Cell::new(None);
        let mut disk = Disk {
            rows: &mut self.rows,
            left: &left,
        };
        work(&mut desk, &mut disk, &mut self.rng);
    }
}

/// The devices of a desk.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) machines: Vec<Machine>,
}

impl Office {
    /// A desk of which nobody has done anything yet, and what the line says of it.
    pub(crate) fn new(crew: Crew, seed: u64) -> (Self, Net) {
        let roles = crew.roles();
        let identities = || {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let made = roles.iter().map(|_| Identity::make(link(), &mut rng));
            made.collect::<Vec<_>>()
        };
        let listed: Vec<_> = identities()
            .into_iter()
            .zip(roles.iter().copied())
            .collect();
        let machines = (seed + 1..).zip(identities());
        let machines = machines.map(|(seed, identity)| Machine::begin(identity, seed));
        let office = Self {
            machines: machines.collect(),
        };
        let drainers = roles.iter().filter(|role| **role == DeviceRole::Drainer);
        (office, Net::new(Line::of(&listed), drainers.count()))
    }

    /// The machine a number stands for.
    pub(crate) fn place(&self, number: u8) -> usize {
        usize::from(number) % self.machines.len()
    }

    pub(crate) fn desks(&self) -> impl Iterator<Item = Desk> {
        self.machines.iter().map(Machine::shown)
    }

    pub(crate) fn desk(&self, number: u8) -> Desk {
        self.machines[self.place(number)].shown()
    }

    pub(crate) fn round(&mut self, number: u8, net: &mut Net, now: u64, left: Option<u32>) {
        let place = self.place(number);
        self.machines[place].round(place, net, now, left);
    }

    /// Whether every device has the whole state.
    pub(crate) fn is_complete(&self) -> bool {
        self.machines
            .iter()
            .all(|machine| machine.desk().is_inside())
    }

    /// Whether every device keeps the same bytes of every case.
    pub(crate) fn agrees(&self) -> bool {
        let mut all = self.machines.iter().map(|machine| {
            let rows = machine.rows.iter();
            let cases = rows.filter(|(row, _)| matches!(row, Row::Case(_)));
            cases.collect::<Vec<_>>()
        });
        let first = all.next();
        all.all(|other| Some(other) == first)
    }

    pub(crate) fn reply(&mut self, place: usize, case: u32, text: &str, now: u64) {
        self.machines[place].change(|desk, disk, rng| {
            desk.reply(case, text, now, rng)
                .unwrap()
                .save(disk)
                .unwrap();
        });
    }

    /// Composes what is due at the first device and sends nothing: the addresses, in order.
    pub(crate) fn compose(&mut self, net: &Net, now: u64) -> Vec<Address> {
        let bundle = Untrusted::parse(&net.bundle(now)).unwrap();
        let published = bundle.verify_line(net.line.pin, now).unwrap();
        let mut pages = Vec::new();
        self.machines[0].change(|desk, disk, rng| {
            let duties = desk.duties(&published, 0, now, rng).unwrap();
            let effects = duties.save(disk).unwrap().into_iter();
            pages.extend(effects.filter_map(|effect| match effect {
                Effect::Page(_, body) => Some(body),
                Effect::Statement(_) => None,
            }));
        });
        let envelopes = pages.iter().flat_map(|body| body.as_chunks().0);
        envelopes.map(address).collect()
    }
}

fn address(envelope: &[u8; ENVELOPE_BYTES]) -> Address {
    Envelope::parse(envelope.to_vec()).unwrap().address()
}
