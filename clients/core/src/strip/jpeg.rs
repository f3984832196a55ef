//! JPEG (ITU-T T.81 annex B, JFIF 1.02), segment by segment.
//!
//! Walked here and not by `img-parts`, which takes everything from the first scan on as one piece:
//! there comments, further scans and a second file behind the picture can follow.

use super::{Found, Removed, exif};

/// Rebuilds the picture; `None` where it is damaged.
pub(super) fn strip(bytes: &[u8], found: &mut Found) -> Option<Vec<u8>> {
    let mut jpeg = Jpeg {
        rest: bytes.strip_prefix(&[0xff, SOI])?,
        kept: Vec::with_capacity(bytes.len()),
        is_jfif: false,
        orientation: None,
        frames: 0,
        scans: 0,
    };
    while let Next::Segment(marker) = jpeg.marker(found)? {
        jpeg.segment(marker, found)?;
    }
    if !jpeg.rest.is_empty() {
        found.note(Removed::Trailing);
    }
    (jpeg.frames > 0 && jpeg.scans > 0).then(|| jpeg.rebuild())
}

enum Next {
    Segment(u8),
    End,
}

struct Jpeg<'b> {
    rest: &'b [u8],
    /// Segments and scans that a viewer needs.
    kept: Vec<u8>,
    is_jfif: bool,
    orientation: Option<u8>,
    frames: usize,
    scans: usize,
}

impl<'b> Jpeg<'b> {
    /// The next marker; `None` where the bytes end before the picture does.
    fn marker(&mut self, found: &mut Found) -> Option<Next> {
        loop {
            match self.rest {
                // Any number of 0xff may come before a marker's own.
                [0xff, 0xff, ..] => self.skip(1)?,
                [0xff, EOI, ..] => {
                    self.skip(2)?;
                    return Some(Next::End);
                }
                [0xff, 0 | TEM | RST0..=SOI, ..] | [0..=0xfe, ..] => {
                    found.note(Removed::Unknown);
                    self.skip(1)?;
                }
                [0xff, marker, ..] => {
                    let marker = *marker;
                    self.skip(2)?;
                    return Some(Next::Segment(marker));
                }
                _ => return None,
            }
        }
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// The contents of a segment, behind its length.
    fn contents(&mut self) -> Option<&'b [u8]> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(contents)
    }

    fn segment(&mut self, marker: u8, found: &mut Found) -> Option<()> {
        let contents = self.contents()?;
        match marker {
            SOS => {
                self.keep(marker, contents);
                self.scan()?;
                self.scans += 1;
            }
            DHT | DAC | DQT..=EXP => self.keep(marker, contents),
            SOF0..=SOF15 if marker != JPG => {
                self.keep(marker, contents);
                self.frames += 1;
            }
            APP0 if contents.starts_with(b"JFIF\0") => self.jfif(contents, found),
            APP14 if contents.starts_with(b"Adobe") => self.adobe(contents)?,
            APP1 if contents.starts_with(EXIF) => {
                let tiff = contents.get(EXIF.len()..)?;
                let exif = exif::read(tiff);
                self.orientation = self.orientation.or(exif.orientation);
                // What was rebuilt here before has nothing else in it.
                if exif
                    .orientation
                    .map(exif::with_orientation)
                    .as_ref()
                    .map(|t| &t[..])
                    != Some(tiff)
                {
                    found.note_exif(exif);
                }
            }
            _ => found.note(what_is(marker, contents)),
        }
        Some(())
    }

    fn keep(&mut self, marker: u8, contents: &[u8]) {
        append(&mut self.kept, marker, contents);
    }

    /// Coded pixels, up to the next marker that is not one of theirs.
    fn scan(&mut self) -> Option<()> {
        let is_end = |pair: &[u8]| matches!(pair, [0xff, next] if !matches!(next, 0 | RST0..=RST7));
        let length = self.rest.windows(2).position(is_end)?;
        let (coded, rest) = self.rest.split_at_checked(length)?;
        self.kept.extend_from_slice(coded);
        self.rest = rest;
        Some(())
    }

    /// Says that the colours are `YCbCr`. Its density and small copy are left out.
    fn jfif(&mut self, contents: &[u8], found: &mut Found) {
        self.is_jfif = true;
        // Behind name and version: unit, then dots across and down.
        let density = 7..12;
        if contents.get(density.clone()) != PLAIN_JFIF.get(density) {
            found.note(Removed::Resolution);
        }
        if contents.len() > PLAIN_JFIF.len() {
            found.note(Removed::Thumbnail);
        }
    }

    /// Says how the colours are to be read, in its last byte; decoders use nothing else of it.
    fn adobe(&mut self, contents: &[u8]) -> Option<()> {
        let transform = *contents.get(11)?;
        let plain = [b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
        self.keep(APP14, &plain);
        Some(())
    }

    fn rebuild(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.kept.len() + 64);
        out.extend_from_slice(&[0xff, SOI]);
        if self.is_jfif {
            append(&mut out, APP0, &PLAIN_JFIF);
        }
        if let Some(orientation) = self.orientation {
            let tiff = exif::with_orientation(orientation);
            append(&mut out, APP1, &[EXIF, &tiff].concat());
        }
        out.extend_from_slice(&self.kept);
        out.extend_from_slice(&[0xff, EOI]);
        out
    }
}

fn append(out: &mut Vec<u8>, marker: u8, contents: &[u8]) {
    // Contents come from a segment, whose length has 16 bits.
    let length = u16::try_from(contents.len() + 2).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(contents);
}

fn what_is(marker: u8, contents: &[u8]) -> Removed {
    match marker {
        COM => Removed::Text,
        APP0 if contents.starts_with(b"JFXX\0") => Removed::Thumbnail,
        APP1 if contents.starts_with(b"http://ns.adobe.com/") => Removed::Xmp,
        APP2 if contents.starts_with(b"ICC_PROFILE\0") => Removed::ColourProfile,
        APP2 if contents.starts_with(b"MPF\0") => Removed::OtherPictures,
        APP13 if contents.starts_with(b"Photoshop 3.0\0") => Removed::Iptc,
        _ => Removed::Unknown,
    }
}

const EXIF: &[u8] = b"Exif\0\0";
/// Version 1.1, no unit, square pixels, no small copy.
const PLAIN_JFIF: [u8; 14] = *b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

const TEM: u8 = 0x01;
const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const JPG: u8 = 0xc8;
const DAC: u8 = 0xcc;
const SOF15: u8 = 0xcf;
const RST0: u8 = 0xd0;
const RST7: u8 = 0xd7;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
/// Tables, lines, restart interval and hierarchy: 0xdb to 0xdf.
const DQT: u8 = 0xdb;
const EXP: u8 = 0xdf;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const APP14: u8 = 0xee;
const COM: u8 = 0xfe;
