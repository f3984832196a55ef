//! Attachments for an analyst: what they are, and saving one.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use serde_json::{Value, json};
use sotto_core::{
    desk::{Attachment, FileState, Shared as _},
    native::Stop,
    strip::name_of,
};

use crate::{say::Say, store::Store};

/// One line: what it is and how far.
pub(crate) fn words(number: usize, file: &Attachment) -> String {
    let Attachment { kind, length, .. } = *file;
    let state = match file.state {
        FileState::Arriving => {
            let (done, total) = (file.progress.done, file.progress.total);
            format!("arriving, {done} of {total} parts")
        }
        FileState::Whole => "whole".to_owned(),
        FileState::Broken => "not what its sender described, cannot be opened".to_owned(),
    };
    let kind = name_of(kind);
    format!("Attachment {number}: {kind}, {length} bytes, {state}")
}

/// The same for a program.
pub(crate) fn value(number: usize, file: &Attachment) -> Value {
    let state = match file.state {
        FileState::Arriving => "arriving",
        FileState::Whole => "whole",
        FileState::Broken => "broken",
    };
    json!({
        "number": number,
        "type": name_of(file.kind),
        "bytes": file.length,
        "state": state,
        "parts": file.progress.done,
        "of": file.progress.total,
    })
}

/// Writes an attachment into a new file.
pub(crate) fn save(
    store: &mut Store,
    (case, number): (u32, usize),
    path: &Path,
    say: Say,
) -> Result<(), Stop> {
    let failed = |what: &str| Stop::refused(format!("{} {what}", path.display()));
    if path.exists() {
        return Err(failed("is there already; choose another name"));
    }
    let bytes = store.with(|desk, rows| Ok(desk.file(case, number, rows)?))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    written.map_err(|_| failed("cannot be written"))?;
    let words = format!(
        "Saved in {}, {} bytes, not encrypted. Open it with care: nobody knows who made it. Use a machine that has nothing else on it and no network.",
        path.display(),
        bytes.len()
    );
    say.done(&words, &json!({ "file": path, "bytes": bytes.len() }));
    Ok(())
}
