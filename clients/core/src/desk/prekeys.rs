//! Prekeys: one per UTC day, published ahead, erased when nothing can need them any more.

use std::{collections::BTreeMap, sync::OnceLock};

use data_encoding::BASE64;
use rand_core::CryptoRng;
use sotto_protocol::id::Board;
use sotto_protocol::{
    bundle::{Published, PublishedRelay, day_of},
    keys::SealingPublicKey,
    limits::{DAY_SECONDS, MAX_PAGES, PREKEY_DAYS_AHEAD, PREKEY_GRACE_DAYS, PREKEY_KEEP_DAYS},
    log::seal_prekey,
    seal::Receiver,
    secret::SealingSecret,
    statement::{BoardSize, Boards, DeskStatement, LineStatement, Policy, Statement, next_serial},
};

use super::{
    Desk, Row,
    absence::{Presence, retention},
    event::Event,
};

/// A private half, and the expanded key once it was needed.
#[derive(Debug)]
pub(super) struct Prekey {
    pub(super) secret: SealingSecret,
    receiver: OnceLock<Option<Receiver>>,
}

impl From<SealingSecret> for Prekey {
    fn from(secret: SealingSecret) -> Self {
        Self {
            secret,
            receiver: OnceLock::new(),
        }
    }
}

impl Prekey {
    pub(super) fn receiver(&self) -> Option<&Receiver> {
        let receiver = || Receiver::new(&self.secret).ok();
        self.receiver.get_or_init(receiver).as_ref()
    }

    fn public(&self) -> Option<&SealingPublicKey> {
        self.receiver().map(Receiver::public)
    }
}

/// Private halves, and what was last published.
#[derive(Debug)]
pub(super) struct Prekeys {
    pub(super) secrets: BTreeMap<u32, Prekey>,
    pub(super) serial: u64,
    /// The UTC day of the last publication; 0 before the first.
    pub(super) published: u32,
    pub(super) boards: Boards,
    pub(super) presence: Presence,
}

impl Default for Prekeys {
    fn default() -> Self {
        let smallest = vec![BoardSize {
            pages: SMALLEST_BOARD,
            first_cycle: 0,
        }];
        Self {
            secrets: BTreeMap::new(),
            serial: 0,
            published: 0,
            boards: Boards {
                new: smallest.clone(),
                old: smallest,
            },
            presence: Presence::default(),
        }
    }
}

/// The relay's statements that this desk repeats: the one people see, and the one that is to follow,
/// which is shown once every desk repeats it.
fn relays(published: &Published) -> impl Iterator<Item = &PublishedRelay> {
    published.relay.iter().chain(&published.relay_next)
}

/// Pages of a board that has hardly anything on it.
const SMALLEST_BOARD: u32 = 4;
/// How far into a day a drainer that does not keep the boards leaves publishing to the one that does.
const PATIENCE_SECONDS: u64 = 3_600;
/// Sizes of a board that a statement names at most.
const MAX_SIZES: usize = 4;

impl Desk {
    /// Statements that are due: daily, when a board grows, and when the relay has lost them.
    pub(super) fn publish(
        &mut self,
        published: &Published,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Vec<Vec<u8>> {
        let today = day_of(now);
        self.note_absence(&published.line.policy, now);
        self.note_keys(&published.line, now);
        self.erase_unread(&published.line.policy, today);
        self.adopt(published);
        if self.keeps_boards() {
            self.grow_boards(&published.line.policy, now);
        }
        if self.is_shown(published, today) || !self.is_publisher(now) {
            return Vec::new();
        }
        if !self.has_prekeys(today, rng) {
            return Vec::new();
        }
        let highest = published.desks.iter().map(|desk| desk.serial).max();
        let last = highest.unwrap_or(0).max(self.prekeys.serial);
        self.prekeys.serial = next_serial(last, now);
        self.prekeys.published = today;
        self.changed.insert(Row::Meta);
        let days = today..=today.saturating_add(PREKEY_DAYS_AHEAD);
        let statements = days.filter_map(|day| {
            let statement = self.statement((day, now), published)?;
            self.identity.sign(statement.to_dsse(), &published.line)
        });
        statements.collect()
    }

    /// Takes what another drainer of the desk has published since.
    fn adopt(&mut self, published: &Published) {
        let own = published.desks.iter();
        let own = own.filter(|desk| desk.desk == self.number);
        let newest = own.max_by_key(|desk| desk.serial);
        let Some(newest) = newest.filter(|desk| desk.serial > self.prekeys.serial) else {
            return;
        };
        if self.membership.is_alone() {
            return;
        }
        self.prekeys.serial = newest.serial;
        self.prekeys.published = day_of(newest.issued);
        if let Some(boards) = &newest.boards {
            self.prekeys.boards = boards.clone();
        }
        self.changed.insert(Row::Meta);
    }

    /// Whether the relay shows what this desk has to say today.
    fn is_shown(&self, published: &Published, today: u32) -> bool {
        let mut shown = published.desks.iter();
        let is_there = shown.any(|desk| {
            desk.desk == self.number
                && desk.day == today
                && desk.serial == self.prekeys.serial
                && desk.boards.as_ref() == Some(&self.prekeys.boards)
                && relays(published).all(|relay| desk.repeats(&relay.hash))
        });
        is_there && self.prekeys.published == today
    }

    /// The keeper of the boards publishes; another drainer does where nobody has an hour into the
    /// day.
    fn is_publisher(&self, now: u64) -> bool {
        self.keeps_boards() || (self.keeper.is_some() && now % DAY_SECONDS >= PATIENCE_SECONDS)
    }

    /// Whether there is a prekey for every day ahead. Those that are missing are drawn; with more
    /// than one device, every drainer gets them by the log before they are published.
    fn has_prekeys(&mut self, today: u32, rng: &mut impl CryptoRng) -> bool {
        let days = today..=today.saturating_add(PREKEY_DAYS_AHEAD);
        for day in days.clone() {
            if self.prekeys.secrets.contains_key(&day) {
                continue;
            }
            let secret = SealingSecret::make(rng);
            if self.membership.is_alone() {
                self.prekeys.secrets.insert(day, secret.into());
                self.changed.insert(Row::Meta);
                continue;
            }
            let place = self.membership.place(self.line());
            let drainers = self.membership.drainers();
            let sealed = drainers.filter_map(|(device, receiver)| {
                let sealed = seal_prekey(&secret, (day, device), receiver, place, rng)?;
                Some((device, sealed))
            });
            let sealed = sealed.collect();
            self.submit(Event::Prekey { day, sealed });
        }
        days.into_iter()
            .all(|day| self.prekeys.secrets.contains_key(&day))
    }

    /// Which of this drainer's signing keys the line statement names.
    fn note_keys(&mut self, line: &LineStatement, now: u64) {
        if self.identity.note_keys(line, now) {
            self.changed.insert(Row::Meta);
        }
    }

    fn statement(&self, (day, now): (u32, u64), published: &Published) -> Option<DeskStatement> {
        let prekey = self.prekeys.secrets.get(&day)?.public()?.clone();
        let end = u64::from(day).saturating_add(1 + PREKEY_GRACE_DAYS);
        let mut relays = relays(published).map(|relay| BASE64.encode(&relay.hash));
        Some(DeskStatement {
            line: self.line(),
            desk: self.number,
            serial: self.prekeys.serial,
            day,
            prekey,
            issued: now,
            expires: end.saturating_mul(DAY_SECONDS),
            boards: Some(self.prekeys.boards.clone()),
            relay_statement: relays.next(),
            relay_statement_next: relays.next(),
        })
    }

    /// The prekeys an envelope sealed on `day` (mod 256) may be for, likeliest first.
    pub(super) fn prekeys_of(&self, day: u8, now: u64) -> Vec<&Prekey> {
        let today = day_of(now);
        let age = today.to_le_bytes()[0].wrapping_sub(day);
        // A phone's clock may be a day ahead.
        let sealed = if age == u8::MAX {
            today.saturating_add(1)
        } else {
            today.saturating_sub(u32::from(age))
        };
        let secrets = &self.prekeys.secrets;
        let before = secrets.range(..=sealed).rev().take(2);
        let after = secrets.range(sealed.saturating_add(1)..).take(1);
        before.chain(after).map(|(_, key)| key).collect()
    }

    /// At the latest, also where the inbox is never found empty: once the relay holds nothing that
    /// was sealed before a later prekey came into use.
    fn erase_unread(&mut self, policy: &Policy, today: u32) {
        let kept = retention(policy.retention_days).div_ceil(DAY_SECONDS);
        let kept = u32::try_from(kept).unwrap_or(u32::MAX);
        self.erase_past(today.saturating_sub(kept));
    }

    /// Once a later prekey has been in use for [`PREKEY_KEEP_DAYS`]; only right after the inbox was
    /// found empty, so that a drainer that was off for long still opens what waited.
    pub(super) fn erase_past(&mut self, today: u32) {
        let in_use = today.saturating_sub(PREKEY_KEEP_DAYS);
        let newest = self.prekeys.secrets.range(..=in_use).next_back();
        if let Some(newest) = newest.map(|(day, _)| *day) {
            let before = self.prekeys.secrets.len();
            self.prekeys.secrets.retain(|day, _| *day >= newest);
            if self.prekeys.secrets.len() < before {
                self.changed.insert(Row::Meta);
            }
        }
    }

    /// Boards hold at least what is pending / 3.2, from two cycles ahead on.
    fn grow_boards(&mut self, policy: &Policy, now: u64) {
        for board in Board::ALL {
            let pending = self.pending_on(policy, board, now);
            let needed = (pending.saturating_mul(10) / 32 + 1).next_power_of_two();
            let needed = u32::try_from(needed).unwrap_or(MAX_PAGES).min(MAX_PAGES);
            let first_cycle = policy.cycle(board, now).saturating_add(2);
            let sizes = match board {
                Board::New => &mut self.prekeys.boards.new,
                Board::Old => &mut self.prekeys.boards.old,
            };
            let largest = sizes.last().map_or(0, |size| size.pages);
            if needed <= largest || sizes.last().is_some_and(|s| s.first_cycle >= first_cycle) {
                continue;
            }
            sizes.push(BoardSize {
                pages: needed,
                first_cycle,
            });
            if sizes.len() > MAX_SIZES {
                sizes.remove(0);
            }
            self.changed.insert(Row::Meta);
        }
    }
}
