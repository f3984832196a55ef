//! Runs a child: no input, a time limit, its output kept, and nothing of it left behind.
use std::io::{self, PipeReader, Read as _, Write as _};
use std::process::ExitStatus;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::leash::Leash;
use crate::step::Step;

/// How a child ended.
#[derive(Debug)]
pub(crate) enum End {
    Exited(ExitStatus),
    TooLong,
}

/// What came of a child: how it ended, and both its outputs in the order they were written.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) output: String,
}

impl Ran {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(&self.end, End::Exited(status) if status.success())
    }

    /// Whether `line` is the last of the output.
    pub(crate) fn ends_with(&self, line: &str) -> bool {
        self.output.lines().next_back() == Some(line)
    }
}

enum Event {
    Output(Vec<u8>),
    Silent,
    Exited(io::Result<ExitStatus>),
}

/// Runs `step` until `deadline`, repeating its output on ours if `stream`.
pub(crate) fn run(step: &Step, deadline: Instant, stream: bool) -> io::Result<Ran> {
    let (reader, writer) = io::pipe()?;
    let mut command = step.command();
    command.stdout(writer.try_clone()?).stderr(writer);
    let (mut child, leash) = Leash::spawn(&mut command)?;
    drop(command); // and with it our copy of the pipe's writing end

    let (sender, events) = mpsc::channel();
    let from_reader = sender.clone();
    thread::spawn(move || read_all(reader, &from_reader));
    thread::spawn(move || sender.send(Event::Exited(child.wait())));

    let mut output = Vec::new();
    let end = follow(&events, leash, deadline, |chunk| {
        output.extend_from_slice(chunk);
        if stream {
            io::stdout().write_all(chunk).ok();
        }
    })?;
    Ok(Ran {
        end,
        output: String::from_utf8_lossy(&output).into_owned(),
    })
}

/// Passes on output until the child has ended, and ends it at the deadline.
fn follow(
    events: &Receiver<Event>,
    leash: Leash,
    deadline: Instant,
    mut on_output: impl FnMut(&[u8]),
) -> io::Result<End> {
    let mut end = None;
    let mut silent = false;
    let mut until = deadline;
    while end.is_none() || !silent {
        match events.recv_timeout(until.saturating_duration_since(clock::now())) {
            Ok(Event::Output(chunk)) => on_output(&chunk),
            Ok(Event::Silent) => silent = true,
            Ok(Event::Exited(status)) => {
                end = Some(End::Exited(status?));
                until = clock::now() + LINGER;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    if end.is_some() && silent {
        leash.let_go();
    } else {
        leash.pull();
    }
    Ok(end.unwrap_or(End::TooLong))
}

fn read_all(mut reader: PipeReader, to: &Sender<Event>) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        let chunk = buffer.get(..length).unwrap_or_default().to_vec();
        if to.send(Event::Output(chunk)).is_err() {
            return;
        }
    }
    to.send(Event::Silent).ok();
}

/// How long after its end a child's output may stay open: someone it started holds it.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::{End, Ran, run};
    use crate::clock;
    use crate::step::Step;
    use std::time::Duration;

    fn shell(script: &str, limit: Duration) -> (Ran, Duration) {
        let started = clock::now();
        let ran = run(&Step::new("sh", &["-c", script]), started + limit, false).unwrap();
        (ran, started.elapsed())
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn keeps_both_outputs_and_the_status() {
        let (ran, _) = shell("echo one; echo two >&2; exit 3", LONG);
        assert_eq!(ran.output, "one\ntwo\n");
        assert!(!ran.succeeded());
        assert!(matches!(ran.end, End::Exited(status) if status.code() == Some(3)));
    }

    #[test]
    fn input_is_empty() {
        let (ran, _) = shell("cat; echo end", LONG);
        assert_eq!(ran.output, "end\n");
        assert!(ran.succeeded());
    }

    #[test]
    fn ends_what_takes_too_long_with_all_it_started() {
        let (ran, took) = shell("sleep 600 & echo $!; wait", Duration::from_millis(200));
        assert!(matches!(ran.end, End::TooLong));
        assert!(took < LONG);
        // Gone, or ended and waiting for someone to notice.
        let sleeper = ran.output.trim();
        let alive = format!("kill -s 0 {sleeper} && ! grep -q 'State:.Z' /proc/{sleeper}/status");
        assert!(!shell(&alive, LONG).0.succeeded());
    }

    #[test]
    fn does_not_wait_for_what_a_child_leaves_behind() {
        let (ran, took) = shell("sleep 600 & echo done", LONG);
        assert!(ran.succeeded());
        assert_eq!(ran.output, "done\n");
        assert!(took < LONG);
    }
}
