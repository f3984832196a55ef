//! Runs published vectors, the code's derivation and a whole conversation, with nothing from outside:
//! no clock, no randomness, no files. The exit code is 0, or the number of the step that failed.
//!
//! Made for WebAssembly, where `main` is what a host calls; `run.mjs` beside this is that host.
#![forbid(unsafe_code)]

mod conversation;
mod derivation;
mod vectors;

use std::process::ExitCode;

/// Whether it is as it should be; `None` where it is not.
type Step = fn() -> Option<()>;

const STEPS: &[Step] = &[
    vectors::x_wing,
    vectors::hpke,
    derivation::code,
    derivation::texts,
    conversation::round_trip,
    conversation::a_bent_envelope,
];

fn main() -> ExitCode {
    let failed = STEPS.iter().position(|step| step().is_none());
    failed.map_or(ExitCode::SUCCESS, |place| {
        ExitCode::from(u8::try_from(place).map_or(u8::MAX, |place| place.saturating_add(1)))
    })
}

/// `Some` where `is_so`.
fn check(is_so: bool) -> Option<()> {
    is_so.then_some(())
}
