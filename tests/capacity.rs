//! CAPACITY.md, computed again from the limits of the protocol and the default schedule.

use std::{collections::BTreeMap, fs, path::Path};

use sotto_protocol::{
    limits::{
        CHUNK_BYTES, DAY_SECONDS, ENVELOPE_BYTES, LOG_RECORD_BYTES, LOG_TICK_SECONDS, MAX_PAGES,
        PAGE_BODY_BYTES, PAGE_BYTES, RECEIPT_DAYS, RETENTION_DAYS,
    },
    statement::ScheduleTimings,
};

/// Mean seconds of a sitting.
const SITTING: f64 = 216.0;
/// Measured: a bundle, a stored envelope, a mark.
const BUNDLE: f64 = 7_641.0;
const STORED: f64 = 8_410.0;
const MARK: f64 = 200.0;
const PEAK: f64 = 3.0;

/// What a line is assumed to have.
struct Case {
    tips: f64,
    visits: f64,
    devices: f64,
    posts: (u64, u64),
    cycles: [f64; 2],
}

const CITY: Case = Case {
    tips: 5_000.0,
    visits: 500.0,
    devices: 3.0,
    posts: (15, 60),
    cycles: [300.0, 21_600.0],
};
const COUNTRY: Case = Case {
    tips: 2_000_000.0,
    visits: 10_000_000.0,
    devices: 40.0,
    posts: (60, 180),
    cycles: [900.0, 43_200.0],
};

fn float(number: impl TryInto<u32>) -> f64 {
    f64::from(number.try_into().ok().unwrap())
}

/// Requests of one series that somebody is still there for, in the mean.
fn requests((early, later): (u64, u64)) -> f64 {
    let until = ScheduleTimings::default().early_seconds;
    let first = (1..=until / early).map(|n| n * early);
    let last = until / early * early;
    let then = (1..200).map(|n| last + n * later);
    first.chain(then).map(|t| (-float(t) / SITTING).exp()).sum()
}

impl Case {
    fn computed(&self) -> BTreeMap<&'static str, f64> {
        let schedule = ScheduleTimings::default();
        let draws = 2.0 + requests((schedule.draw_seconds, schedule.later_draw_seconds));
        let posts = requests(self.posts);
        let day = float(DAY_SECONDS);
        let posted = self.visits * posts;
        let (reads_s, posts_s) = (self.visits * (1.0 + draws) / day, posted / day);
        let down = BUNDLE + draws * float(PAGE_BYTES);
        let fortnight = float(RETENTION_DAYS);
        let inbox = posted * STORED;
        let marks = posted * (fortnight + 1.0) * MARK;
        let files = 0.2 * self.tips / 365.0 * 32.0 * float(CHUNK_BYTES);
        let pending_new = 2.0 * 7.0 * self.tips / 365.0;
        let pending_old = 0.4 * self.tips + float(RECEIPT_DAYS) * self.tips / 365.0;
        let pages = [pending_new, pending_old].map(|pending| {
            let mut pages = 1;
            while f64::from(pages) < pending / 3.2 && pages < MAX_PAGES {
                pages *= 2;
            }
            f64::from(pages)
        });
        let body = float(PAGE_BODY_BYTES);
        let boards = 3.0 * body * (pages[0] + pages[1]);
        let written = body * (pages[0] / self.cycles[0] + pages[1] / self.cycles[1]);
        let ticks = float(DAY_SECONDS / LOG_TICK_SECONDS);
        let logs = self.devices * ticks * float(LOG_RECORD_BYTES);
        let minute = inbox / (day / 60.0);
        [
            ("draws of a sitting", draws),
            ("posts of a sitting", posts),
            ("reads, mean", reads_s),
            ("reads, busiest hour", PEAK * reads_s),
            ("posts, mean", posts_s),
            ("posts, busiest hour", PEAK * posts_s),
            ("down in a sitting", down),
            ("up in a sitting", posts * float(ENVELOPE_BYTES)),
            ("down in a day", self.visits * down),
            (
                "down in the busiest hour",
                PEAK * 8.0 * self.visits * down / day,
            ),
            ("down in a month", 30.0 * self.visits * down),
            ("inbox, desks reading every minute", minute),
            ("inbox, a day without a drainer", inbox),
            ("inbox, 14 days without a drainer", fortnight * inbox),
            ("addresses already used, 15 days", marks),
            ("attachments, a day", files),
            ("attachments, 14 days without a drainer", fortnight * files),
            ("pending on *new*", pending_new),
            ("pending on *old*", pending_old),
            ("pages of *new*", pages[0]),
            ("pages of *old*", pages[1]),
            ("boards, three cycles of each", boards),
            ("boards, written", written),
            ("logs, a day", logs),
            ("logs, one device 14 days away", fortnight * logs),
            ("memory or disk, all well", minute + marks + boards),
            (
                "memory or disk, 14 days without a drainer",
                marks + boards + fortnight * (inbox + files + logs),
            ),
        ]
        .into()
    }
}

/// A number as it is written: `39.5 MB`, `1,024`, `0.16 /s`.
fn written(cell: &str) -> f64 {
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let number: f64 = number.replace(',', "").parse().unwrap();
    let times = match unit.chars().next() {
        Some('k') => 1e3,
        Some('M') => 1e6,
        Some('G') => 1e9,
        Some('T') => 1e12,
        _ => 1.0,
    };
    number * times
}

#[test]
fn every_number_can_be_computed_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CAPACITY.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("## What comes of it").unwrap();
    let rows = rest.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut seen = 0;
    let (city, country) = (CITY.computed(), COUNTRY.computed());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        for (cell, computed) in [(cells[2], &city), (cells[3], &country)] {
            let (is, should) = (written(cell), computed[cells[0]]);
            assert!((is / should - 1.0).abs() < 0.006, "{row}: {should}");
        }
        seen += 1;
    }
    assert_eq!(seen, city.len());
}
