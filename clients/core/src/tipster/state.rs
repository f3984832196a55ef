//! The tipster's state as bytes for the vault. Not on the wire.

use sotto_protocol::{
    bundle::Seen,
    code::CodeKeys,
    id::LineId,
    secret::Secret,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{File, Incoming, Item, Sent, State, Thread, Tipster};
use crate::{
    bytes::{flag, list, read_list},
    vault::VAULT_ROOM,
};

const VERSION: u8 = 3;

impl Tipster {
    /// Everything that must survive, for a vault.
    pub fn to_bytes(&self) -> State {
        let [new, old] = self.cycles;
        let out = Writer::with_capacity(VAULT_ROOM)
            .u8(VERSION)
            .bytes(&self.line.0)
            .bytes(self.keys.stretched.as_bytes())
            .u16(self.desk)
            .u64(new)
            .u64(old)
            .u8(u8::from(self.must_acknowledge))
            .u32(self.openings)
            .u32(self.receipts);
        let out = write_seen(out, &self.seen);
        let out = list(out, &self.threads, Thread::write);
        let out = list(out, &self.outbox, Item::write);
        let out = list(out, &self.inbox, Incoming::write);
        let out = list(out, &self.known, |(id, part), out| out.u64(*id).u8(*part));
        let out = list(out, &self.confirmed, |id, out| out.u64(*id));
        let out = list(out, &self.sent, Sent::write);
        let out = list(out, &self.files, File::write);
        Zeroizing::new(out.finish())
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(state: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(state);
        let from = &mut reader;
        from.version(VERSION)?;
        let tipster = Self {
            line: LineId(from.array()?),
            keys: CodeKeys::from_stretched(Secret::from_bytes(from.array()?)),
            desk: from.u16()?,
            cycles: [from.u64()?, from.u64()?],
            must_acknowledge: flag(from)?,
            openings: from.u32()?,
            receipts: from.u32()?,
            seen: read_seen(from)?,
            threads: read_list(from, Thread::read)?,
            outbox: read_list(from, Item::read)?,
            inbox: read_list(from, Incoming::read)?,
            known: read_list(from, |from| Ok((from.u64()?, from.u8()?)))?,
            confirmed: read_list(from, number)?,
            sent: read_list(from, Sent::read)?,
            files: read_list(from, File::read)?,
        };
        reader.finish()?;
        Ok(tipster)
    }
}

fn number(from: &mut Reader<'_>) -> Result<u64, DecodeError> {
    from.u64()
}

fn write_seen(out: Writer, seen: &Seen) -> Writer {
    let out = out.u64(seen.root).u64(seen.certificate).u64(seen.line);
    list(out, &seen.desks, |(desk, serial), out| {
        out.u16(*desk).u64(*serial)
    })
}

fn read_seen(from: &mut Reader<'_>) -> Result<Seen, DecodeError> {
    Ok(Seen {
        root: from.u64()?,
        certificate: from.u64()?,
        line: from.u64()?,
        desks: read_list(from, |from| Ok((from.u16()?, from.u64()?)))?,
    })
}
