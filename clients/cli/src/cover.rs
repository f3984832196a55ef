//! `sotto cover`: a line's own visits, between which people's are not told apart.

use std::{sync::mpsc, thread};

use clap::Args;
use serde_json::json;
use sotto_core::{
    cover::{MAX_PER_DAY, Visit, Visits},
    link::Link,
    native::{self, Entropy, RealTime, Stop},
    pace::Pace as _,
    relay::Relay,
    sitting::{Progress, Sitting},
};
use sotto_protocol::bundle::Seen;

use crate::say::Say;

/// Visit the line like people do, at random times, so that a person is not the only one.
///
/// Each visit makes the same requests as somebody who opens the app and writes nothing. To the relay
/// all visits come from this machine unless they go over Tor or a proxy: set `ALL_PROXY` (to Tor's
/// `HTTPTunnelPort`, for example `http://127.0.0.1:9080`). Runs until it is stopped.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The line's link, in quotation marks.
    link: String,
    /// Visits of one day, on average.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PER_DAY)))]
    visits_per_day: u32,
    /// Make one visit now, then end.
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(command: &Command, say: Say) -> Result<(), Stop> {
    let link = Link::parse(&command.link)?;
    let rng = native::entropy()?;
    let now = RealTime.now();
    let mut visits = Visits::new(command.visits_per_day, now, rng);
    if command.once {
        let visit = visits.at_once(now);
        let progress = sit(&link, visit, rng)?;
        tell(visit, &Ok(progress), say);
        return Ok(());
    }
    let (done, ended) = mpsc::channel();
    for visit in visits {
        RealTime.wait_until(visit.begins);
        // Some begin before the last one is over, as people's do.
        let (done, link) = (done.clone(), link.clone());
        thread::spawn(move || {
            // Nobody listens any more only where the program ends.
            let _ended = done.send((visit, sit(&link, visit, rng)));
        });
        for (visit, result) in ended.try_iter() {
            tell(visit, &result, say);
        }
    }
    Ok(())
}

/// Over a connection of its own, and knowing nothing from before, as another person.
fn sit(link: &Link, visit: Visit, mut rng: Entropy) -> Result<Progress, Stop> {
    let http = native::ways(link, rng);
    let times = rng;
    let mut sitting = Sitting {
        relay: Relay::new(&http, link.pin.line),
        pin: link.pin,
        pace: &RealTime,
        rng: &mut rng,
    };
    let (_, progress) = sitting.visit(&Seen::default(), times, visit.lasts)?;
    Ok(progress)
}

/// One that fails is over, as for somebody who closes the app; the next one is tried.
fn tell(visit: Visit, result: &Result<Progress, Stop>, say: Say) {
    let seconds = visit.lasts / 1_000;
    match result {
        Ok(progress) => {
            let posts = progress.posts;
            let words = format!("A visit of {seconds} s, {posts} posts.");
            say.done(&words, &json!({ "seconds": seconds, "posts": posts }));
        }
        Err(stop) => say.stop(stop),
    }
}
