//! Files that go with a tip: what is taken out of them, and what is asked before anything is sent.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};
use sotto_core::{
    attachment::AttachmentError,
    native::{self, Stop},
    strip::{self, StripError, Stripped},
    tipster::{AttachError, MAX_ATTACHED},
    upload::UploadError,
};
use sotto_protocol::{
    attachment::{FileError, chunk_count},
    limits::{CHUNK_BYTES, MAX_FILE_BYTES},
};

use crate::say::Say;

/// Options of a command that takes files.
#[derive(Debug, Clone, Args)]
pub(crate) struct Attach {
    /// Attach a file, without its name and without hidden data (place, time, device). May be given
    /// several times.
    #[arg(long = "attach", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Do not ask: it may be seen that something large is sent.
    #[arg(long)]
    yes: bool,
    /// Send files as they are where hidden data cannot be removed. They may be traced to you.
    #[arg(long)]
    with_hidden_data: bool,
}

/// Files that may be sent.
pub(super) struct Parcel(pub(super) Vec<Stripped>);

impl Attach {
    /// Reads the files and takes out what should not travel; asks. Nothing is sent or kept before.
    pub(super) fn prepare(&self, say: Say) -> Result<Parcel, Stop> {
        if self.files.len() > MAX_ATTACHED {
            return Err(AttachError::Full.into());
        }
        let files = self.files.iter().map(|path| self.strip(path, say));
        let files: Vec<Stripped> = files.collect::<Result<_, Stop>>()?;
        let volume: usize = files
            .iter()
            .filter_map(|file| chunk_count(file.bytes.len()).ok())
            .map(|count| usize::from(count) * CHUNK_BYTES)
            .sum();
        if volume > 0 && !self.yes {
            let question = format!(
                "About {} MB will be sent now. Whoever watches your connection can see that something of this size is sent, and the relay can see when. Send?",
                volume.div_ceil(1_000_000)
            );
            if !native::confirm(&question, "--yes")? {
                return Err(Stop::refused("nothing was sent"));
            }
        }
        Ok(Parcel(files))
    }

    fn strip(&self, path: &Path, say: Say) -> Result<Stripped, Stop> {
        let bytes = read(path)?;
        let file = match strip::strip(&bytes) {
            Ok(file) => file,
            Err(error) => self.as_it_is(path, bytes, error)?,
        };
        chunk_count(file.bytes.len()).map_err(refused)?;
        let removed: Vec<&str> = file.removed.iter().map(|what| what.name()).collect();
        let kind = strip::name_of(file.kind);
        let said = match removed.as_slice() {
            [] => format!("{}: {kind}; no hidden data was taken out", path.display()),
            removed => format!(
                "{}: {kind}; taken out: {}",
                path.display(),
                removed.join(", ")
            ),
        };
        say.note(&said);
        Ok(file)
    }

    fn as_it_is(&self, path: &Path, bytes: Vec<u8>, error: StripError) -> Result<Stripped, Stop> {
        // An empty file is refused for what it is.
        chunk_count(bytes.len()).map_err(refused)?;
        let question = format!("{}: {error}. Send it as it is?", path.display());
        if !self.with_hidden_data && !native::confirm(&question, "--with-hidden-data")? {
            return Err(Stop::refused("nothing was sent"));
        }
        let (StripError::Unsupported(kind) | StripError::Broken(kind)) = error;
        Ok(Stripped {
            bytes,
            kind,
            removed: Vec::new(),
        })
    }
}

impl Parcel {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For programs.
    pub(super) fn value(&self) -> Value {
        let files = self.0.iter().map(|file| {
            let removed: Vec<&str> = file.removed.iter().map(|what| what.name()).collect();
            json!({
                "type": strip::name_of(file.kind),
                "bytes": file.bytes.len(),
                "removed": removed,
            })
        });
        files.collect()
    }
}

/// Longer than what is sent, because hidden data goes.
const MOST_BYTES: u64 = 4 * MAX_FILE_BYTES as u64;

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let failed = || Stop::usage(format!("{} cannot be read", path.display()));
    let file = fs::File::open(path).map_err(|_| failed())?;
    let mut bytes = Vec::new();
    let mut file = file.take(MOST_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(|_| failed())?;
    Ok(bytes)
}

fn refused(error: FileError) -> Stop {
    UploadError::from(AttachmentError::from(error)).into()
}
