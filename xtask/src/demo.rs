//! `cargo xtask demo`: a throw-away line on this machine, and a whole conversation on it.
mod held;
mod story;
mod world;

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    process::ExitCode,
    thread,
};

use anyhow::Context as _;

use self::world::{Backend, World};
use crate::{
    clock,
    setup::{self, Need},
};

/// What the demo is asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep the relay's data in Redis: in the one at URL, or without URL in one started for the demo
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub(crate) redis: Option<String>,
    /// Leave when the story has been told once, instead of keeping the line open
    #[arg(long)]
    pub(crate) once: bool,
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let begun = clock::now();
    let backend = match options.redis.as_deref() {
        None => Backend::Embedded,
        Some("") => Backend::PrivateRedis,
        Some(url) => Backend::Redis(url.to_owned()),
    };
    let needs: &[Need] = match backend {
        Backend::Embedded => &[Need::CCompiler],
        // The demo looks into Redis with its own program, which comes in the same package.
        Backend::PrivateRedis | Backend::Redis(_) => &[Need::CCompiler, Need::Redis],
    };
    setup::ensure(needs)?;
    world::build()?;
    let mut world = World::begin(&backend)?;
    let told = story::tell(&mut world).context("the demo did not go as it should");
    if told.is_err() {
        eprintln!("{}", world.logs());
    }
    let told = told?;
    println!(
        "\nDemo passed over {}: {} steps, {:.1} s.",
        backend.name(),
        told.steps,
        begun.elapsed().as_secs_f32()
    );
    if !options.once {
        println!("{}", world.invitation(&told));
        wait();
    }
    Ok(ExitCode::SUCCESS)
}

/// Until somebody presses Enter, or, where nobody sits, until the process is ended.
fn wait() {
    let mut line = String::new();
    let ended = io::stdin().lock().read_line(&mut line);
    if ended.is_ok() && !io::stdin().is_terminal() && line.is_empty() {
        loop {
            thread::park();
        }
    }
}
