//! The two ends as their machines run them: state is read back from bytes before every use, saved
//! before anything is sent, and a machine may stop at any save.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_core::{
    desk::{Desk, Effect, Identity, LiveLog, Row, Rows},
    draws::{Draw, Draws},
    keep::{KeepError, Keeper},
    link::Link,
    tipster::{State, Tipster, View},
};
use sotto_protocol::{
    bundle::{Bundle, Pin, Published, Seen},
    code::CodeKeys,
    dsse::Dsse,
    id::{Address, Board, Fingerprint, LineId},
    keys::SigningPublicKey,
    limits::{DAY_SECONDS, ENVELOPE_BYTES},
    request::AgreementSecret,
    seal::Envelope,
    statement::{
        DeskEntry, DeskStatement, DeviceEntry, DeviceRole, LineStatement, Policy, RelayKeys,
        Roster, ScheduleTimings, Statement as _,
    },
};

use super::net::{Net, Sender};

/// Long cycles, so that a case needs few pages.
pub(crate) const NEW_SECONDS: u64 = 21_600;
pub(crate) const LINE: LineId = LineId([7; 16]);
const HASH: [u8; 32] = [9; 32];

/// Saves, until it stops: then the machine is off.
pub(crate) struct Disk<S> {
    pub(crate) kept: S,
    /// Saves that are left.
    pub(crate) left: Option<u8>,
}

impl<S> Disk<S> {
    fn count(&mut self) -> Result<(), KeepError> {
        match &mut self.left {
            Some(0) => Err(KeepError),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The power went with the last save: what it would have let out is not sent.
    const fn is_off(&self) -> bool {
        matches!(self.left, Some(0))
    }
}

impl Keeper<State> for Disk<State> {
    fn keep(&mut self, state: &State) -> Result<(), KeepError> {
        self.count()?;
        self.kept.clone_from(state);
        Ok(())
    }
}

impl Keeper<Rows> for Disk<Rows> {
    fn keep(&mut self, rows: &Rows) -> Result<(), KeepError> {
        self.count()?;
        for row in rows {
            self.kept.retain(|(name, _): &(Row, _)| *name != row.0);
            self.kept.push(row.clone());
        }
        Ok(())
    }
}

/// A roster of this device alone.
fn alone(identity: &Identity) -> Roster {
    let card = identity.card();
    Roster {
        line: LINE,
        serial: 1,
        issued: 0,
        expires: u64::MAX,
        previous: None,
        devices: vec![DeviceEntry {
            role: DeviceRole::Drainer,
            desk: 1,
            x25519: card.x25519,
            ed25519: card.ed25519,
            xwing: card.xwing,
        }],
    }
}

/// A desk, and what the line has published of it.
pub(crate) struct Office {
    pub(crate) disk: Disk<Rows>,
    pub(crate) line: LineStatement,
    statements: Vec<DeskStatement>,
    rng: ChaCha20Rng,
}

impl Office {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let link = Link {
            base: "http://relay.test".into(),
            pin: Pin {
                line: LINE,
                fingerprint: Fingerprint([7; 32]),
            },
        };
        let identity = Identity::make(link, &mut rng);
        let line = line(identity.card().ed25519);
        let mut disk = Disk {
            kept: Rows::new(),
            left: None,
        };
        let roster = (alone(&identity), [0; 32]);
        let mut desk = Desk::begin(identity);
        let taken = desk.take_roster(&roster, &mut LiveLog::default());
        taken.unwrap().save(&mut disk).unwrap();
        desk.saved().save(&mut disk).unwrap();
        Self {
            disk,
            line,
            statements: Vec::new(),
            rng,
        }
    }

    pub(crate) fn desk(&self) -> Desk {
        Desk::from_rows(&self.disk.kept).unwrap()
    }

    /// Publishes, writes boards, empties the inbox; `left` saves until the machine stops.
    pub(crate) fn round(&mut self, net: &mut Net, now: u64, left: Option<u8>) {
        self.disk.left = left;
        // A machine that stops is one that goes on from what it saved.
        let _stopped = self.go(net, now);
        self.disk.left = None;
    }

    fn duties(&mut self, now: u64) -> Result<Vec<Effect>, KeepError> {
        let published = Published {
            line: self.line.clone(),
            desks: self.statements.clone(),
            hash: HASH,
        };
        let duties = self
            .desk()
            .duties(&published, 0, now, &mut self.rng)
            .unwrap();
        duties.save(&mut self.disk)
    }

    /// Composes what is due and sends nothing: the addresses, in order.
    pub(crate) fn compose(&mut self, now: u64) -> Vec<Address> {
        let mut all = Vec::new();
        for effect in self.duties(now).unwrap() {
            if let Effect::Page(_, body) = effect {
                let envelopes = body.as_chunks::<ENVELOPE_BYTES>().0.iter();
                let envelopes = envelopes.map(|bytes| Envelope::parse(bytes.to_vec()).unwrap());
                all.extend(envelopes.map(|envelope| envelope.address()));
            }
        }
        all
    }

    fn go(&mut self, net: &mut Net, now: u64) -> Result<(), KeepError> {
        let effects = self.duties(now)?;
        if self.disk.is_off() {
            return Err(KeepError);
        }
        let mut written = Vec::new();
        for effect in effects {
            match effect {
                Effect::Statement(json) => self.publish(&json),
                Effect::Page(due, body) => {
                    net.put_page(due, body, self.pages(due.board, due.cycle));
                    written.push(due);
                }
            }
        }
        self.desk().written(&written).save(&mut self.disk)?;
        loop {
            let mut desk = self.desk();
            let page = net.drain(desk.cursor(0));
            desk.take(std::slice::from_ref(&page), now, &mut self.rng)
                .save(&mut self.disk)?;
            if page.records.is_empty() {
                return Ok(());
            }
        }
    }

    fn publish(&mut self, json: &[u8]) {
        let statement = DeskStatement::peek(&Dsse::parse(json).unwrap()).unwrap();
        self.statements.retain(|other| other.day != statement.day);
        self.statements.push(statement);
    }

    fn pages(&self, board: Board, cycle: u64) -> u32 {
        self.bundle().boards().unwrap().pages(board, cycle).unwrap()
    }

    fn bundle(&self) -> Bundle {
        Bundle {
            line: self.line.clone(),
            desks: self.statements.clone(),
            hash: HASH,
            seen: Seen::default(),
        }
    }

    pub(crate) fn view(&self, net: &Net, now: u64) -> View {
        View {
            bundle: self.bundle(),
            cycles: net.served(),
            now,
        }
    }

    pub(crate) fn reply(&mut self, number: u32, text: &str, now: u64) {
        let change = self.desk().reply(number, text, now, &mut self.rng).unwrap();
        change.save(&mut self.disk).unwrap();
    }

    pub(crate) fn rewind(&mut self) {
        self.desk().rewind(0).save(&mut self.disk).unwrap();
    }
}

fn line(desk: SigningPublicKey) -> LineStatement {
    LineStatement {
        line: LINE,
        serial: 1,
        issued: 1,
        expires: u64::MAX,
        min_version: 1,
        names: [("en".into(), "City watch".into())].into(),
        guidance: [].into(),
        emergency: None,
        onion: None,
        questions: Vec::new(),
        desks: vec![DeskEntry {
            id: 1,
            names: [("en".into(), "Environment".into())].into(),
            signing_keys: vec![desk.clone()],
        }],
        relay: RelayKeys {
            signing_key: desk,
            x25519: AgreementSecret::from_bytes([5; 32]).public(),
        },
        relay_before: None,
        policy: Policy {
            new_cycle_seconds: NEW_SECONDS,
            old_cycle_seconds: DAY_SECONDS,
            repeat_days: 365,
            retention_days: 14,
            drain_seconds: 60,
            schedule: ScheduleTimings::default(),
        },
    }
}

/// A phone. `None` is kept by somebody who keeps nothing.
pub(crate) struct Mobile {
    pub(crate) disk: Disk<State>,
    pub(crate) keys: CodeKeys,
    pub(crate) keeps_nothing: bool,
    /// What somebody who keeps nothing writes at the next opening.
    pub(crate) draft: Option<String>,
    pub(crate) sender: Sender,
    pub(crate) rng: ChaCha20Rng,
}

impl Mobile {
    pub(crate) fn new(keys: CodeKeys, state: State, life: u32) -> Self {
        Self {
            disk: Disk {
                kept: state,
                left: None,
            },
            keys,
            keeps_nothing: false,
            draft: None,
            sender: Sender { life, sitting: 0 },
            rng: ChaCha20Rng::seed_from_u64(u64::from(life) + 1_000),
        }
    }

    pub(crate) fn tipster(&self) -> Tipster {
        Tipster::from_bytes(&self.disk.kept).unwrap()
    }

    /// One opening of the app, in the order of the schedule: first the own pages, then `turns`
    /// posts. What the person was shown.
    pub(crate) fn open(
        &mut self,
        (office, net): (&Office, &mut Net),
        now: u64,
        (turns, left): (usize, Option<u8>),
    ) -> Vec<String> {
        if self.keeps_nothing {
            let mut tipster = Tipster::recall(LINE, self.keys.clone(), 0);
            if let Some(text) = self.draft.take() {
                let written = tipster.write(&text, now, &mut self.rng).unwrap();
                written.save(&mut self.disk).unwrap();
            }
            self.disk.kept = tipster.to_bytes();
        }
        self.sender.sitting += 1;
        self.disk.left = left;
        let mut shown = Vec::new();
        let view = office.view(net, now);
        // A phone that stops is one that goes on from what it saved.
        let _stopped = self.go(&view, net, turns, &mut shown);
        self.disk.left = None;
        shown
    }

    fn go(
        &mut self,
        view: &View,
        net: &mut Net,
        turns: usize,
        shown: &mut Vec<String>,
    ) -> Result<(), KeepError> {
        let mut tipster = self.tipster();
        tipster.opened(view).save(&mut self.disk)?;
        for board in Board::ALL {
            self.draw(&mut tipster, view, board, net)?;
        }
        let unread = tipster.unread();
        shown.extend(unread.iter().map(|(_, text)| text.clone()));
        let ids: Vec<u64> = unread.iter().map(|(id, _)| *id).collect();
        tipster.shown(&ids).save(&mut self.disk)?;
        let mut unanswered = None;
        for _ in 0..turns {
            let post = match unanswered.take() {
                Some(post) => post,
                None => match tipster.next_post(view, &mut self.rng).unwrap() {
                    Some(post) => post.save(&mut self.disk)?,
                    None => return Ok(()),
                },
            };
            if self.disk.is_off() {
                return Err(KeepError);
            }
            if net.post(&post.envelope, self.sender, view.now) {
                tipster.posted(&post).save(&mut self.disk)?;
            } else {
                unanswered = Some(post);
            }
        }
        Ok(())
    }

    /// Both own pages of every conversation, each once in a cycle.
    fn draw(
        &mut self,
        tipster: &mut Tipster,
        view: &View,
        board: Board,
        net: &Net,
    ) -> Result<(), KeepError> {
        loop {
            let all: Vec<_> = tipster.drawn().collect();
            let has_own = |place: &usize| tipster.own_page(view, board, *place, 0).is_some();
            let places: Vec<usize> = (0..all.len()).filter(has_own).collect();
            let mut draws = Draws::new(places.iter().map(|place| all[*place]).collect());
            let proposal = draws.propose(board, view.served(board));
            let Draw::Own {
                conversation,
                choice,
            } = proposal.draw()
            else {
                return Ok(());
            };
            let place = places[conversation];
            let page = tipster.own_page(view, board, place, choice).unwrap();
            draws.given(proposal).unwrap();
            let drawn = *draws.drawn(conversation).unwrap();
            tipster.draw(place, drawn).save(&mut self.disk)?;
            let bytes = net.page(board, page);
            tipster.saw(view).save(&mut self.disk)?;
            tipster
                .read_page(view, board, &bytes)
                .save(&mut self.disk)?;
        }
    }
}
