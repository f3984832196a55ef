//! PNG (W3C, third edition): only the chunks that decide what is seen are kept.

use img_parts::{
    Bytes,
    png::{Png, PngChunk},
};

use super::{Found, Removed, exif};

/// Rebuilds the picture; `None` where it is damaged.
pub(super) fn strip(bytes: &[u8], found: &mut Found) -> Option<Vec<u8>> {
    let mut png = Png::from_bytes(Bytes::copy_from_slice(bytes)).ok()?;
    if png.len() < bytes.len() {
        found.note(Removed::Trailing);
    }
    for chunk in png.chunks() {
        let (kind, contents) = (chunk.kind(), chunk.contents());
        match most_bytes(kind) {
            // More than its format allows is a place to hide something.
            Some(most) if contents.len() > most => return None,
            Some(_) => {}
            None if kind == *b"eXIf" => found.note_exif(exif::read(contents)),
            None => found.note(what_is(kind, contents)),
        }
    }
    png.chunks_mut()
        .retain(|chunk| most_bytes(chunk.kind()).is_some());
    let kinds: Vec<[u8; 4]> = png.chunks().iter().map(PngChunk::kind).collect();
    let is_picture =
        kinds.first() == Some(b"IHDR") && kinds.last() == Some(b"IEND") && kinds.contains(b"IDAT");
    is_picture.then(|| png.encoder().bytes().to_vec())
}

/// How long the contents of a kept chunk may be; `None` for a chunk that is left out.
const fn most_bytes(kind: [u8; 4]) -> Option<usize> {
    Some(match &kind {
        b"IHDR" => 13,
        b"PLTE" => 768,
        b"tRNS" => 256,
        b"sBIT" | b"gAMA" | b"cICP" => 4,
        b"sRGB" => 1,
        b"bKGD" => 6,
        b"acTL" => 8,
        b"fcTL" => 26,
        b"IDAT" | b"fdAT" => usize::MAX,
        b"IEND" => 0,
        _ => return None,
    })
}

fn what_is(kind: [u8; 4], contents: &[u8]) -> Removed {
    match &kind {
        b"iTXt" if contents.starts_with(b"XML:com.adobe.xmp\0") => Removed::Xmp,
        b"tEXt" | b"zTXt" | b"iTXt" => Removed::Text,
        b"tIME" => Removed::Time,
        // Measured primaries tell one screen from another as a profile does.
        b"iCCP" | b"cHRM" => Removed::ColourProfile,
        b"pHYs" => Removed::Resolution,
        _ => Removed::Unknown,
    }
}
