//! A backup: one file with every row that cannot be made anew, as it is stored, and no key.
//!
//! ```text
//! "sotto-relay backup\n", format u64, then rows: table u8, key length u32, value length u32, key, value
//! 255 u8, number of rows of each table u64, SHA-256 of everything before it
//! ```
//! Integers are little-endian. Tables are numbered in the order of [`TABLES`]. Pages of boards are
//! left out: desks write them anew in every cycle. So is what tokens were spent on: where a backup is put
//! back, a token of the last days may be spent once more.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::{StoreError, format::FORMAT};

/// What is kept, in the order of the numbers in a file.
pub const TABLES: [&str; 10] = [
    "inbox",
    "heads",
    "marks",
    "mark_times",
    "acks",
    "spent",
    "spent_times",
    "statements",
    "logs",
    "log_acks",
];

/// Rows of each table.
pub type Counts = [u64; TABLES.len()];

/// Why a backup was not made or is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The file or the connection failed.
    #[error(
        "it could not be written or read to its end; look for room and rights, and do it again"
    )]
    Io,
    /// Something else, or not all of it.
    #[error("this is no whole backup of a sotto-relay; take another one")]
    Damaged,
    /// Of a layout this relay does not know.
    #[error("this backup is of another version of sotto-relay; restore it with that version")]
    Version,
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] StoreError),
}

impl From<io::Error> for BackupError {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

/// Writes rows.
pub(super) struct RowWriter<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
    counts: Counts,
}

impl<'a> RowWriter<'a> {
    pub(super) fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            counts: Counts::default(),
        };
        writer.put(MAGIC)?;
        writer.put(&FORMAT.to_le_bytes())?;
        Ok(writer)
    }

    pub(super) fn row(&mut self, table: u8, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        self.put(&[table])?;
        self.put(&length(key)?.to_le_bytes())?;
        self.put(&length(value)?.to_le_bytes())?;
        self.put(key)?;
        self.put(value)?;
        if let Some(count) = self.counts.get_mut(usize::from(table)) {
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Counts> {
        self.put(&[END])?;
        for count in self.counts {
            self.put(&count.to_le_bytes())?;
        }
        let hash = self.hash.clone().finalize();
        self.out.write_all(&hash)?;
        self.out.flush()?;
        Ok(self.counts)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads a backup to its end and hands every row to `each`; what was counted.
///
/// # Errors
/// [`BackupError::Damaged`] unless everything is there as it was written, which is only known at the
/// end: read it once for nothing before you use it.
pub fn read<E: From<BackupError>>(
    input: &mut dyn Read,
    mut each: impl FnMut(u8, &[u8], &[u8]) -> Result<(), E>,
) -> Result<Counts, E> {
    let mut reader = RowReader {
        input,
        hash: Sha256::new(),
    };
    if reader.array::<{ MAGIC.len() }>()? != *MAGIC {
        return Err(BackupError::Damaged.into());
    }
    if u64::from_le_bytes(reader.array()?) != FORMAT {
        return Err(BackupError::Version.into());
    }
    let mut counts = Counts::default();
    loop {
        let [table] = reader.array()?;
        if table == END {
            break;
        }
        let count = counts.get_mut(usize::from(table));
        *count.ok_or(BackupError::Damaged)? += 1;
        let (key, value) = (reader.length()?, reader.length()?);
        let (key, value) = (reader.bytes(key)?, reader.bytes(value)?);
        each(table, &key, &value)?;
    }
    for count in counts {
        if u64::from_le_bytes(reader.array()?) != count {
            return Err(BackupError::Damaged.into());
        }
    }
    let hash = reader.hash.clone().finalize();
    if reader.array::<32>()? != *hash {
        return Err(BackupError::Damaged.into());
    }
    if reader.input.read(&mut [0]).map_err(BackupError::from)? > 0 {
        return Err(BackupError::Damaged.into());
    }
    Ok(counts)
}

struct RowReader<'a> {
    input: &'a mut dyn Read,
    hash: Sha256,
}

impl RowReader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, BackupError> {
        let length = u32::from_le_bytes(self.array()?);
        let length = usize::try_from(length).map_err(|_| BackupError::Damaged)?;
        if length > LONGEST {
            return Err(BackupError::Damaged);
        }
        Ok(length)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                BackupError::Damaged
            } else {
                BackupError::Io
            }
        })?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

const MAGIC: &[u8; 19] = b"sotto-relay backup\n";
const END: u8 = 255;
/// No row is longer; a chunk or statement is far below.
const LONGEST: usize = 1 << 22;
