//! How cost grows: measured points, and the pictures of them in `docs`.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use plotters::prelude::SeriesLabelPosition;
use sotto_tests::redis::{AppendFsync, RedisServer};
use tempfile::TempDir;

use crate::{
    clock,
    intake::posts,
    line::Line,
    load,
    measure::{Effort, Samples, alternate},
    memory::Crowd,
    pages,
    peer::Kind,
    plot::{self, Axis, Curve, Style},
    process::{Server, Storage},
};

type Points = Vec<(f64, f64)>;

/// Measures, writes `target/bench/curves.json` and draws `docs/*.svg`.
pub fn draw(root: &Path, effort: Effort) -> anyhow::Result<()> {
    let mut all = BTreeMap::new();
    let docs = root.join("docs");
    fs::create_dir_all(root.join("target/bench"))?;
    let intake = intake(effort);
    plot::draw(&docs.join("bench-intake.svg"), &intake)?;
    keep(&mut all, "intake", &intake);
    let check = check(effort);
    plot::draw(&docs.join("bench-check.svg"), &check)?;
    keep(&mut all, "check", &check);
    let memory = connections(effort);
    plot::draw(&docs.join("bench-connections.svg"), &memory)?;
    keep(&mut all, "connections", &memory);
    let text = serde_json::to_string_pretty(&all)?;
    fs::write(root.join("target/bench/curves.json"), text + "\n")?;
    Ok(())
}

fn keep(
    all: &mut BTreeMap<&'static str, BTreeMap<String, Points>>,
    name: &'static str,
    plot: &plot::Plot,
) {
    let curves = plot.curves.iter();
    let curves = curves.map(|curve| (curve.name.clone(), curve.points.clone()));
    all.insert(name, curves.collect());
}

/// Posts a second against connections, one in flight on each. Every sample begins with an empty store.
fn intake(effort: Effort) -> plot::Plot {
    let line = Line::make(10, 4);
    let requests = posts(&line);
    let bare = Server::peer(Kind::Intake);
    let run = |server: &Server, connections| {
        load::run(
            server.address,
            &requests,
            connections,
            effort.seconds,
            || (),
        )
        .rate()
    };
    let through_redis = |fsync, multiplexed, connections| {
        let redis = RedisServer::start(fsync);
        let relay = Server::relay(&line, Storage::Redis(&redis, multiplexed));
        run(&relay, connections)
    };
    let mut points: [Points; 4] = Default::default();
    for connections in [1, 4, 16, 64, 128, 256, 512] {
        let rates = alternate(
            effort.rounds.min(3),
            [
                &mut || run(&bare, connections),
                &mut || through_redis(AppendFsync::EverySecond, 2, connections),
                &mut || through_redis(AppendFsync::Always, 64, connections),
                &mut || run(&Server::relay(&line, Storage::Embedded), connections),
            ],
        );
        for (points, rates) in points.iter_mut().zip(rates) {
            let rate = Samples(rates).median();
            println!("intake, {connections} connections: {rate:.0}/s");
            points.push((connections as f64, rate));
        }
    }
    let curves = [
        ("axum, body dropped", Style::Peer),
        ("Redis, appendfsync everysec", Style::Ours(0)),
        ("Redis, appendfsync always", Style::Ours(1)),
        ("embedded store", Style::Ours(2)),
    ];
    plot::Plot {
        legend: SeriesLabelPosition::LowerRight,
        title: "Intake: envelopes a second against connections",
        x: Axis::log("connections, one request in flight on each", 1.0, 512.0),
        y: Axis::log("envelopes a second", 100.0, 100_000.0),
        curves: curves
            .into_iter()
            .zip(points)
            .map(|((name, style), points)| Curve::new(name, style, points))
            .collect(),
    }
}

/// What one look for an answer costs against what the relay holds.
fn check(effort: Effort) -> plot::Plot {
    let (mut relay, mut client) = (Points::new(), Points::new());
    for stored in [1_000, 3_000, 10_000, 30_000, 100_000] {
        let stored = stored / effort.scale.min(10);
        let cost = page_cost(stored, effort);
        println!("check, {stored} stored: {cost:.1} us of the relay");
        relay.push((stored as f64, cost));
        client.push((stored as f64, lookup_cost()));
    }
    let line = |each: f64| {
        (0..=4)
            .map(|i| 10_f64.powf(3.0 + f64::from(i) / 2.0))
            .map(|x| (x, x * each))
            .collect()
    };
    plot::Plot {
        legend: SeriesLabelPosition::MiddleMiddle,
        title: "Looking for an answer: processor time against stored tips",
        x: Axis::log("stored tips", 1_000.0, 100_000.0),
        y: Axis::log("microseconds a check", 0.1, 10_000_000.0),
        curves: vec![
            Curve::new(
                "SecureDrop Protocol, relay (published: 75 us a message)",
                Style::Published(0),
                line(75.0),
            ),
            Curve::new(
                "SecureDrop Protocol, client (published: 42 us a message)",
                Style::Published(1),
                line(42.0),
            ),
            Curve::new("Sotto, relay: one page read", Style::Ours(0), relay),
            Curve::new(
                "Sotto, client: 64 addresses in a page",
                Style::Ours(1),
                client,
            ),
        ],
    }
}

/// Microseconds of the relay's processor for one page, with `stored` tips in its inbox and boards as
/// large as they make them (SPEC 5.3).
fn page_cost(stored: usize, effort: Effort) -> f64 {
    // Of a year's tips, two weeks' are pending on *new*, twice each.
    let pending = u32::try_from(stored).unwrap() * 14 / 365;
    let pages = (pending * 10 / 32 + 1).next_power_of_two().max(4);
    let line = Line::make(11, pages);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("relay.redb");
    pages::fill(&file, line.pin.line, pages, stored);
    let relay = Server::relay(&line, Storage::File(&file));
    let requests = pages::requests(&line, pages);
    let samples = (0..effort.rounds.min(5)).map(|_| {
        let mut before = 0.0;
        let tally = load::run(relay.address, &requests, 16, effort.seconds, || {
            before = relay.cpu();
        });
        (relay.cpu() - before) * 1e6 / tally.done as f64
    });
    Samples(samples.collect()).median()
}

/// Microseconds of a phone that compares its next 64 addresses with the 8 of a page.
fn lookup_cost() -> f64 {
    let mine: std::collections::BTreeSet<[u8; 32]> = (0..64).map(|i| [i; 32]).collect();
    let page: Vec<[u8; 32]> = (0..8).map(|i| [200 + i; 32]).collect();
    let times = 10_000;
    let samples = (0..9).map(|_| {
        let seconds = clock::used(|| {
            for _ in 0..times {
                let found = page.iter().filter(|address| mine.contains(*address));
                std::hint::black_box(found.count());
            }
        });
        seconds * 1e6 / f64::from(times)
    });
    Samples(samples.collect()).median()
}

/// Resident memory against idle connections. Two processes: this one has one end of each, the relay
/// the other.
fn connections(effort: Effort) -> plot::Plot {
    let line = Line::make(12, 4);
    let mut points = Points::new();
    for count in [0, 1_000, 2_000, 4_000, 7_000, 10_000] {
        let count = count / effort.scale;
        let relay = Server::relay(&line, Storage::Embedded);
        let crowd = Crowd::gather(relay.address, &line, count);
        clock::pause(Duration::from_millis(500));
        let megabytes = relay.resident() / 1e6;
        println!("{count} idle connections: {megabytes:.1} MB");
        points.push((count as f64, megabytes));
        drop(crowd);
    }
    let rest = points.first().map_or(0.0, |(_, rest)| *rest);
    let last = points.last().map_or(1.0, |(count, _)| *count);
    let goal = vec![(0.0, rest), (last, rest + last * 0.012)];
    let top = (rest + last * 0.014).ceil();
    plot::Plot {
        legend: SeriesLabelPosition::UpperLeft,
        title: "Memory of a relay against idle connections",
        x: Axis::linear("idle connections", 0.0, last),
        y: Axis::linear("resident MB", 0.0, top),
        curves: vec![
            Curve::new("goal: 12,000 bytes each", Style::Published(0), goal),
            Curve::new("relay", Style::Ours(0), points),
        ],
    }
}
