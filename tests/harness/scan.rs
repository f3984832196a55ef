//! Looks for secrets in this process's own memory, live or freed, without holding them itself.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
};

use memchr::memmem;

/// A secret to look for, kept masked so that it is not found here.
#[derive(Debug)]
pub struct Trace {
    name: &'static str,
    pieces: Vec<[u8; PIECE]>,
}

impl Trace {
    /// Remembers a secret by its pieces: an allocator writes over the beginning of what is freed.
    pub fn of(name: &'static str, secret: &[u8]) -> Self {
        assert!(secret.len() >= PIECE, "too short to be found but by chance");
        let starts = (0..=secret.len() - PIECE).step_by(PIECE);
        let starts = starts.chain([secret.len() - PIECE]);
        let mut pieces = Vec::new();
        for start in starts {
            let mut piece = [0; PIECE];
            for (masked, byte) in piece.iter_mut().zip(&secret[start..]) {
                *masked = byte ^ MASK;
            }
            pieces.push(piece);
        }
        Self { name, pieces }
    }
}

/// A look at all writable memory of this process. Takes the room it needs before anything secret is
/// there: what it allocated later would lie over what was freed.
#[derive(Debug)]
pub struct Scan {
    buffer: Vec<u8>,
    maps: String,
    ranges: Vec<(u64, u64)>,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            buffer: vec![0; CHUNK + PIECE],
            maps: String::with_capacity(1 << 18),
            ranges: Vec::with_capacity(1 << 12),
        }
    }
}

impl Scan {
    /// The names of those traces of which a piece is in memory.
    pub fn find(&mut self, traces: &[Trace]) -> Vec<&'static str> {
        let mut memory = File::open("/proc/self/mem").unwrap();
        self.map();
        let mut names = Vec::new();
        for (from, to) in self.ranges.drain(..) {
            for at in (from..to).step_by(CHUNK) {
                let length = self.buffer.len().min(usize::try_from(to - at).unwrap());
                let chunk = &mut self.buffer[..length];
                memory.seek(SeekFrom::Start(at)).unwrap();
                // What another thread has given back meanwhile cannot be read, and holds nothing.
                let is_read = memory.read_exact(chunk).is_ok();
                mask(chunk);
                let here = traces.iter().filter(|trace| is_read && is_in(trace, chunk));
                names.extend(here.map(|trace| trace.name));
                // The buffer is read too, and must not show what was unmasked in it.
                self.buffer.fill(0);
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// First and last address of each mapping that can be written.
    fn map(&mut self) {
        self.maps.clear();
        let mut maps = File::open("/proc/self/maps").unwrap();
        maps.read_to_string(&mut self.maps).unwrap();
        self.ranges.extend(self.maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let parse = |text| u64::from_str_radix(text, 16).ok();
            rest.starts_with("rw").then_some((parse(from)?, parse(to)?))
        }));
        assert!(!self.ranges.is_empty());
    }
}

fn mask(bytes: &mut [u8]) {
    for byte in bytes {
        *byte ^= MASK;
    }
}

fn is_in(trace: &Trace, masked: &[u8]) -> bool {
    let mut pieces = trace.pieces.iter();
    pieces.any(|piece| memmem::find(masked, piece).is_some())
}

/// Chunks overlap by a piece.
const PIECE: usize = 8;
const CHUNK: usize = 1 << 20;
const MASK: u8 = 0x5a;
