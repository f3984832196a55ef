//! Keeps a child's whole process group from outliving us.
//!
//! A small shell waits at the other end of a pipe. When the pipe closes without a word, because the
//! time is up or because this program was interrupted or killed, the shell ends the group.
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Ends a process group unless it is let go.
#[derive(Debug)]
pub(crate) struct Leash {
    watcher: Child,
    pipe: Option<ChildStdin>,
}

impl Leash {
    /// Starts `command` in a process group of its own, on a leash.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut child = command.process_group(0).spawn()?;
        match Self::hold(child.id()) {
            Ok(leash) => Ok((child, leash)),
            Err(error) => {
                child.kill().ok();
                Err(error)
            }
        }
    }

    fn hold(group: u32) -> io::Result<Self> {
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH, "leash", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // so that an interrupt from the keyboard does not reach it
            .spawn()?;
        let pipe = watcher.stdin.take();
        Ok(Self { watcher, pipe })
    }

    /// The group has ended by itself.
    pub(crate) fn let_go(mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.write_all(b"free\n").ok();
        }
        self.watcher.wait().ok();
    }

    /// Ends the group, and returns when it is gone.
    pub(crate) fn pull(mut self) {
        drop(self.pipe.take());
        self.watcher.wait().ok();
    }
}

/// Asks first (nextest ends its tests when asked) and insists after 15 seconds.
const WATCH: &str = r#"
read -r word && exit 0
kill -s TERM -- "-$1"
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    kill -s 0 -- "-$1" || exit 0
    sleep 1
done
kill -s KILL -- "-$1"
"#;
