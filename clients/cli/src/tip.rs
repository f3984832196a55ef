//! `sotto tip`: what the phone app does, in a terminal.

mod attach;
mod key;
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
        /// Open what is kept here with this file instead of words (see `sotto tip key`).
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
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
        /// Open what is kept here with this file instead of words (see `sotto tip key`).
        #[arg(long, value_name = "FILE", conflicts_with_all = ["new", "desk"])]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        attach: Attach,
    },
    /// Make a file that opens a conversation which is kept here, in place of its words. Asks for your
    /// words; makes no request.
    ///
    /// Whoever has both the file and this machine's state reads the conversation, so keep them apart.
    /// There is one such file for a conversation at a time: making another, or --remove, ends the one
    /// before, even for somebody who has a copy of it.
    Key {
        /// The line's link, in quotation marks.
        link: String,
        /// The file to make; there must be nothing of that name.
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        file: Option<PathBuf>,
        /// Let only the words open it from now on.
        #[arg(long)]
        remove: bool,
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
        Command::Check {
            link,
            wait,
            key_file,
        } => Visit::new(&link, rng, say)?.check(dir, wait, key_file.as_deref()),
        Command::Reply {
            link,
            file,
            desk,
            leave_nothing,
            new,
            key_file,
            attach,
        } => {
            let room = if new { Room::Anywhere } else { Room::Safe };
            let choice = Choice {
                room,
                leave_nothing,
            };
            let parcel = attach.prepare(say)?;
            let words = (file.as_deref(), &parcel);
            let mut visit = Visit::new(&link, rng, say)?;
            match key_file {
                Some(key) => visit.reply_with_key(dir, words, &key, choice),
                None => visit.reply(dir, words, desk, choice),
            }
        }
        Command::Key {
            link,
            file: Some(file),
            ..
        } => Visit::new(&link, rng, say)?.add_key(dir, &file),
        Command::Key { link, .. } => Visit::new(&link, rng, say)?.remove_key(dir),
    }
}
