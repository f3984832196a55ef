//! Durable intake through the whole gateway, beside drivers without one and a server without a store.

use std::cell::RefCell;

use sotto_tests::redis::{AppendFsync, RedisServer};

use crate::{
    line::{self, Line},
    load::{self, Requests},
    measure::{Effort, Measured, alternate},
    peer::Kind,
    process::{Server, Storage},
    raw,
};

const UNIT: &str = "envelopes/s";

/// What everybody posts.
pub fn posts(line: &Line) -> Requests {
    Requests::Posts {
        path: line.inbox(),
        envelope: line::envelope(line.pin.line),
    }
}

/// With `appendfsync everysec`, 64 in flight; also the processor time of the gateway.
pub fn everysec(effort: Effort) -> Vec<Measured> {
    let line = Line::make(1, 4);
    let requests = posts(&line);
    let bare = Server::peer(Kind::Intake);
    let envelope = line::envelope(line.pin.line);
    let (ours_cpu, bare_cpu) = (RefCell::default(), RefCell::default());
    let [ours, raw, axum] = alternate(
        effort.rounds,
        [
            &mut || {
                let redis = RedisServer::start(AppendFsync::EverySecond);
                let relay = Server::relay(&line, Storage::Redis(&redis, 2));
                under_load(&relay, &requests, (64, effort.seconds), &ours_cpu)
            },
            &mut || {
                let redis = RedisServer::start(AppendFsync::EverySecond);
                raw::redis(&redis, 2, 64, effort.seconds, &envelope).rate()
            },
            &mut || under_load(&bare, &requests, (64, effort.seconds), &bare_cpu),
        ],
    );
    vec![
        Measured::ratio("intake_everysec_vs_raw", UNIT, ours.clone(), raw),
        Measured::ratio("intake_everysec_vs_axum", UNIT, ours, axum),
        Measured::ratio(
            "cpu_intake_vs_bare",
            "us of processor per envelope",
            ours_cpu.into_inner(),
            bare_cpu.into_inner(),
        ),
    ]
}

/// With `appendfsync always` over 64 connections.
pub fn always(effort: Effort) -> Vec<Measured> {
    let line = Line::make(2, 4);
    let requests = posts(&line);
    let bare = Server::peer(Kind::Intake);
    let envelope = line::envelope(line.pin.line);
    let ours = |in_flight| {
        let redis = RedisServer::start(AppendFsync::Always);
        let relay = Server::relay(&line, Storage::Redis(&redis, 64));
        load::run(relay.address, &requests, in_flight, effort.seconds, || ()).rate()
    };
    let raw = |in_flight| {
        let redis = RedisServer::start(AppendFsync::Always);
        raw::redis(&redis, 64, in_flight, effort.seconds, &envelope).rate()
    };
    let [ours_64, raw_64] = alternate(effort.rounds, [&mut || ours(64), &mut || raw(64)]);
    let [ours_512, raw_512, axum] = alternate(
        effort.rounds,
        [&mut || ours(512), &mut || raw(512), &mut || {
            load::run(bare.address, &requests, 512, effort.seconds, || ()).rate()
        }],
    );
    vec![
        Measured::ratio("intake_always_vs_raw_64", UNIT, ours_64, raw_64),
        Measured::ratio("intake_always_vs_raw_512", UNIT, ours_512.clone(), raw_512),
        Measured::ratio("intake_always_vs_axum_512", UNIT, ours_512, axum),
    ]
}

/// In the embedded store; every sample begins with an empty file.
pub fn embedded(effort: Effort) -> Vec<Measured> {
    let line = Line::make(3, 4);
    let requests = posts(&line);
    let envelope = line::envelope(line.pin.line);
    let sizes = [
        ("intake_embedded_vs_raw_64", 64),
        ("intake_embedded_vs_raw_512", 512),
    ];
    let measured = sizes.map(|(name, in_flight)| {
        let [ours, raw] = alternate(
            effort.rounds,
            [
                &mut || {
                    let relay = Server::relay(&line, Storage::Embedded);
                    load::run(relay.address, &requests, in_flight, effort.seconds, || ()).rate()
                },
                &mut || raw::redb(in_flight, effort.seconds, &envelope).rate(),
            ],
        );
        Measured::ratio(name, UNIT, ours, raw)
    });
    measured.into()
}

/// The rate; pushes microseconds of the server's processor time per answer.
pub fn under_load(
    server: &Server,
    requests: &Requests,
    (in_flight, seconds): (usize, f64),
    cpu: &RefCell<Vec<f64>>,
) -> f64 {
    let mut before = 0.0;
    let tally = load::run(server.address, requests, in_flight, seconds, || {
        before = server.cpu();
    });
    let used = server.cpu() - before;
    cpu.borrow_mut().push(used * 1e6 / tally.done as f64);
    tally.rate()
}
