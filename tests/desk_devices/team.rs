//! The devices of one desk around one relay.

use sotto_core::{desk::Shared as _, transport::Method};
use sotto_protocol::statement::DeviceRole;
use sotto_tests::{
    machines::{DeskMachine, Phone},
    world::{Backend, World},
};

/// World and devices.
pub(super) struct Team {
    pub(super) world: World,
    pub(super) members: Vec<DeskMachine>,
    desk: u16,
}

/// The device that is no drainer.
pub(super) const READER: usize = 2;

impl Team {
    /// Two drainers and a reader, all of them in the log, with keys published and boards written.
    pub(super) fn new(backend: Backend, seed: u64) -> Self {
        let mut team = Self::of(backend, seed);
        team.hire(DeviceRole::Drainer);
        team.hire(DeviceRole::Device);
        team.run(20);
        for member in &mut team.members {
            assert!(member.with(|desk, _| Ok(desk.is_inside())).unwrap());
        }
        team
    }

    /// One drainer.
    pub(super) fn alone(seed: u64) -> Self {
        let mut team = Self::of(Backend::Embedded, seed);
        team.run(10);
        team
    }

    fn of(backend: Backend, seed: u64) -> Self {
        let mut world = World::new(backend, seed);
        let names = [("en".into(), "Environment".into())].into();
        let desk = world.line.add_desk(names).unwrap();
        let first = DeskMachine::hire(&mut world, desk, DeviceRole::Drainer);
        Self {
            world,
            members: vec![first],
            desk,
        }
    }

    pub(super) fn hire(&mut self, role: DeviceRole) {
        let member = DeskMachine::hire(&mut self.world, self.desk, role);
        self.members.push(member);
    }

    /// Rounds of everybody in turn, a tick apart.
    pub(super) fn run(&mut self, rounds: usize) {
        self.run_every(60, rounds);
    }

    pub(super) fn run_every(&mut self, seconds: u64, rounds: usize) {
        for _ in 0..rounds {
            for member in &mut self.members {
                member.round(&self.world).unwrap();
            }
            self.world.clock.pass(seconds);
        }
    }

    /// Somebody new writes.
    pub(super) fn tip(&mut self, text: &str) -> Phone {
        let mut phone = Phone::new(&mut self.world);
        phone.write(text);
        phone.sit(&self.world).unwrap();
        phone
    }

    /// Sits once per cycle until something is new.
    pub(super) fn look(&mut self, phone: &mut Phone) -> Vec<String> {
        for _ in 0..8 {
            self.run(5);
            let texts = phone.sit(&self.world).unwrap();
            if !texts.is_empty() {
                return texts;
            }
        }
        Vec::new()
    }

    /// No record of the log reaches the relay.
    pub(super) fn cut_off_log(&self) {
        self.world.intercept(|request| {
            let is_record = request.method == Method::Post && request.target.contains("/log/");
            is_record.then_some(0)
        });
    }

    pub(super) fn counts(&mut self) -> Vec<usize> {
        self.members.iter_mut().map(DeskMachine::count).collect()
    }

    /// Every device keeps the same bytes of every case.
    pub(super) fn assert_equal(&self) {
        let first = self.members[0].kept_cases();
        for member in &self.members {
            assert!(member.kept_cases() == first, "the devices differ");
        }
    }

    /// The device that writes the boards.
    pub(super) fn keeper(&mut self) -> usize {
        let mut members = self.members.iter_mut();
        let keeps =
            |member: &mut DeskMachine| member.with(|desk, _| Ok(desk.keeps_boards())).unwrap();
        members.position(keeps).unwrap()
    }
}
