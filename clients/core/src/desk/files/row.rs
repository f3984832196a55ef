//! Attachments as rows: one for each file without its chunks, one for what waits without a manifest.

use sotto_protocol::wire::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

use super::{File, FileState};
use crate::{
    attachment::{Inbound, STRAY_ROOM_BYTES, Strays},
    bytes::{option, read_option},
};

const VERSION: u8 = 1;

impl FileState {
    pub(in crate::desk) const fn byte(self) -> u8 {
        match self {
            Self::Arriving => 0,
            Self::Whole => 1,
            Self::Broken => 2,
        }
    }

    pub(in crate::desk) const fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::Arriving),
            1 => Ok(Self::Whole),
            2 => Ok(Self::Broken),
            _ => Err(DecodeError::Field),
        }
    }
}

impl File {
    pub(in crate::desk) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out = Writer::with_capacity(ROOM)
            .u8(VERSION)
            .u32(self.case)
            .u8(self.state.byte())
            .u64(self.since);
        let out = option(out, self.asked.as_ref(), |out, (id, at)| {
            out.u64(*id).u64(*at)
        });
        Zeroizing::new(self.inbound.write(out).finish())
    }

    pub(in crate::desk) fn from_bytes(row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(row);
        let from = &mut reader;
        from.version(VERSION)?;
        let file = Self {
            case: from.u32()?,
            state: FileState::from_byte(from.u8()?)?,
            since: from.u64()?,
            asked: read_option(from, |from| Ok((from.u64()?, from.u64()?)))?,
            inbound: Inbound::read(from)?,
        };
        reader.finish()?;
        Ok(file)
    }
}

/// Reads the row of the strays.
pub(in crate::desk) fn read_strays(row: &[u8]) -> Result<Strays, DecodeError> {
    Strays::from_bytes(row, STRAY_ROOM_BYTES)
}

/// More than any row, so that the buffer does not grow and leave copies.
const ROOM: usize = 256;
const _: () = assert!(1 + 4 + 1 + 8 + 17 + Inbound::STATE_BYTES <= ROOM);
