//! Chunks whose manifest has not come: kept for a while, within a bound.
//!
//! Anybody may post what looks like a chunk, and nobody can tell it from a real one before its
//! manifest is there. So there is a bound, and the oldest give way: a manifest follows its chunks
//! within minutes, and what has waited longest is least likely to be asked for.

use std::collections::BTreeMap;

use sotto_protocol::{
    id::Address,
    limits::{CHUNK_BYTES, DAY_SECONDS, RETENTION_DAYS},
    wire::{DecodeError, Reader, Writer},
};

/// Bytes of chunks that wait at most: 2,050 chunks, eight files of the largest size.
pub const STRAY_ROOM_BYTES: usize = 134_217_728;

/// Which chunks wait, and in which slot the program keeps each. Slots count from 0, there are never
/// more than the room allows, and one that is free is used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strays {
    held: BTreeMap<Address, Stray>,
    room: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stray {
    /// Unix seconds, as the relay has them.
    arrived: u64,
    slot: u32,
}

impl Default for Strays {
    fn default() -> Self {
        Self::with_room(STRAY_ROOM_BYTES)
    }
}

impl Strays {
    /// Nothing, with room for so many bytes of chunks, at least for one chunk.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            held: BTreeMap::new(),
            room: (bytes / CHUNK_BYTES).max(1),
        }
    }

    /// Takes a chunk in: the slot to write it to, over whatever is there. `None` where the address is
    /// held already (the first one stays) or where it would be the first to give way.
    pub fn hold(&mut self, address: Address, arrived: u64) -> Option<u32> {
        if self.held.contains_key(&address) {
            return None;
        }
        let slot = if self.held.len() < self.room {
            self.free_slot()?
        } else {
            let oldest = self.held.iter().min_by_key(|(_, stray)| stray.arrived);
            let (oldest, stray) = oldest.map(|(address, stray)| (*address, *stray))?;
            if arrived < stray.arrived {
                return None;
            }
            self.held.remove(&oldest);
            stray.slot
        };
        self.held.insert(address, Stray { arrived, slot });
        Some(slot)
    }

    /// Lets a chunk go, as when its manifest is there: the slot to read it from and then to erase.
    pub fn release(&mut self, address: Address) -> Option<u32> {
        self.held.remove(&address).map(|stray| stray.slot)
    }

    /// Drops what arrived more than [`RETENTION_DAYS`] before `now` (unix seconds): slots to erase.
    pub fn expire(&mut self, now: u64) -> Vec<u32> {
        let oldest = now.saturating_sub(RETENTION_DAYS * DAY_SECONDS);
        let gone = self.held.extract_if(.., |_, stray| stray.arrived < oldest);
        gone.map(|(_, stray)| stray.slot).collect()
    }

    /// Chunks that wait.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn free_slot(&self) -> Option<u32> {
        let mut used: Vec<u32> = self.held.values().map(|stray| stray.slot).collect();
        used.sort_unstable();
        let gap = (0..).zip(&used).find(|(slot, used)| slot != *used);
        gap.map_or_else(|| u32::try_from(used.len()).ok(), |(slot, _)| Some(slot))
    }

    /// Which chunks wait where; not the chunks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let out = Writer::with_capacity(HEADER_BYTES + self.held.len() * ENTRY_BYTES)
            .u8(VERSION)
            .u32(u32::try_from(self.held.len()).unwrap_or(u32::MAX));
        let held = self.held.iter();
        held.fold(out, |out, (address, stray)| {
            out.bytes(&address.0).u64(stray.arrived).u32(stray.slot)
        })
        .finish()
    }

    /// Reads [`Self::to_bytes`]; the room is as in [`Self::with_room`].
    ///
    /// # Errors
    /// Also where two chunks share an address or a slot.
    pub fn from_bytes(bytes: &[u8], room: usize) -> Result<Self, DecodeError> {
        let mut strays = Self::with_room(room);
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let count = reader.u32()?;
        let mut last = None;
        let mut slots = Vec::new();
        for _ in 0..count {
            let address = Address(reader.array()?);
            let (arrived, slot) = (reader.u64()?, reader.u32()?);
            if last.is_some_and(|last| last >= address) {
                return Err(DecodeError::Field);
            }
            last = Some(address);
            slots.push(slot);
            strays.held.insert(address, Stray { arrived, slot });
        }
        reader.finish()?;
        slots.sort_unstable();
        slots.dedup();
        if slots.len() != strays.held.len() {
            return Err(DecodeError::Field);
        }
        Ok(strays)
    }
}

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;
const ENTRY_BYTES: usize = 32 + 8 + 4;
