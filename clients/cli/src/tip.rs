//! `sotto tip`: what the phone app does, in a terminal.

mod attach;
mod parcel;
mod say;
mod visit;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use sotto_core::native::{self, StateDir, Stop};

use self::{
    attach::Attach,
    visit::{Choice, Room, Visit},
};
use crate::say::Say;

/// Every command makes the same requests at the same times, whatever it is for; that takes a minute.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a tip. Shows the eight words with which you come back.
    Send {
        /// The line's link, in quotation marks.
        link: String,
        /// The text [default: standard input].
        file: Option<PathBuf>,
        /// Which desk of the line is meant [default: the first].
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        desk: u16,
        /// Begin wherever there is room, even where another conversation may be kept.
        #[arg(long)]
        new: bool,
        /// Begin beside conversations that are kept here: their words come first, one line each, then
        /// an empty line. Four have room.
        #[arg(long, conflicts_with = "new")]
        keep: bool,
        /// Keep nothing here: your words bring everything back, on any machine. Who finds them reads
        /// all answers, so write them down with care.
        #[arg(long)]
        leave_nothing: bool,
        #[command(flatten)]
        attach: Attach,
    },
    /// Look for answers; send what still waits, also what is left of attachments. Asks for your words, of one conversation or several.
    Check {
        /// The line's link, in quotation marks.
        link: String,
        /// Look again until something has arrived, for so long.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Answer, or add to what you sent. Asks for your words, then for the text.
    ///
    /// Also with words whose conversation was kept on another machine, now lost: the desk sees that
    /// it is you, and from then on the conversation is kept here.
    Reply {
        /// The line's link, in quotation marks.
        link: String,
        /// The text [default: standard input, after the line with your words].
        file: Option<PathBuf>,
        /// Which desk of the line is meant, for words that are not kept here [default: the first].
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        desk: u16,
        /// Keep nothing here.
        #[arg(long)]
        leave_nothing: bool,
        /// Keep it here wherever there is room, even where another conversation may be kept.
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        attach: Attach,
    },
}

pub(crate) fn run(command: Command, state: &Path, say: Say) -> Result<(), Stop> {
    let rng = native::entropy()?;
    let dir = StateDir::open(state)?;
    let _lock = dir.lock()?;
    match command {
        Command::Send {
            link,
            file,
            desk,
            new,
            keep,
            leave_nothing,
            attach,
        } => {
            let room = match (new, keep) {
                (true, _) => Room::Anywhere,
                (false, true) => Room::Beside,
                (false, false) => Room::Safe,
            };
            let choice = Choice {
                room,
                leave_nothing,
            };
            let parcel = attach.prepare(say)?;
            let words = (file.as_deref(), &parcel);
            Visit::new(&link, rng, say)?.send(dir, words, desk, choice)
        }
        Command::Check { link, wait } => Visit::new(&link, rng, say)?.check(dir, wait),
        Command::Reply {
            link,
            file,
            desk,
            leave_nothing,
            new,
            attach,
        } => {
            let room = if new { Room::Anywhere } else { Room::Safe };
            let choice = Choice {
                room,
                leave_nothing,
            };
            let parcel = attach.prepare(say)?;
            let words = (file.as_deref(), &parcel);
            Visit::new(&link, rng, say)?.reply(dir, words, desk, choice)
        }
    }
}
