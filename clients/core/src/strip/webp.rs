//! WebP (RFC 9649): only the chunks that decide what is seen are kept.

use img_parts::{
    Bytes,
    riff::{RiffChunk, RiffContent},
    webp::{
        CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L,
        CHUNK_VP8X, CHUNK_XMP, WebP,
    },
};

use super::{Found, Removed, exif};

/// Rebuilds the picture; `None` where it is damaged.
pub(super) fn strip(bytes: &[u8], found: &mut Found) -> Option<Vec<u8>> {
    let webp = WebP::from_bytes(Bytes::copy_from_slice(bytes)).ok()?;
    if usize::try_from(webp.len()).is_ok_and(|length| length < bytes.len()) {
        found.note(Removed::Trailing);
    }
    let mut kept = Vec::new();
    for chunk in webp.chunks() {
        let id = chunk.id();
        let data = chunk.content().data();
        let clean = match (id, data) {
            (CHUNK_VP8 | CHUNK_VP8L | CHUNK_ALPH | CHUNK_ANIM, Some(data)) => Some(data.clone()),
            (CHUNK_VP8X, Some(data)) => Some(features(data)?),
            (CHUNK_ANMF, Some(data)) => Some(frame(data, found)?),
            (CHUNK_EXIF, Some(data)) => {
                let tiff = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                found.note_exif(exif::read(tiff));
                None
            }
            _ => {
                found.note(what_is(id));
                None
            }
        };
        kept.extend(clean.map(|data| RiffChunk::new(id, RiffContent::Data(data))));
    }
    let is_pixels = |chunk: &RiffChunk| matches!(chunk.id(), CHUNK_VP8 | CHUNK_VP8L | CHUNK_ANMF);
    let content = kept.iter().any(is_pixels).then_some(RiffContent::List {
        kind: Some(*b"WEBP"),
        subchunks: kept,
    });
    Some(encode(RiffChunk::new(*b"RIFF", content?)))
}

fn encode(chunk: RiffChunk) -> Vec<u8> {
    chunk.encoder().bytes().to_vec()
}

/// Which features there are, and the size: without those that are left out, and without what is
/// reserved.
fn features(data: &[u8]) -> Option<Bytes> {
    let [flags, _, _, _, size @ ..] = data else {
        return None;
    };
    let size: &[u8; 6] = size.try_into().ok()?;
    let flags = [flags & (ALPHA | ANIMATION), 0, 0, 0];
    Some([&flags[..], size].concat().into())
}

/// One frame of an animation: place, time, then chunks of its own.
fn frame(data: &[u8], found: &mut Found) -> Option<Bytes> {
    let (head, chunks) = data.split_at_checked(FRAME_HEADER_BYTES)?;
    // The crate parses chunks inside a RIFF only.
    let length = u32::try_from(chunks.len()).ok()?.checked_add(4)?;
    let riff = [b"RIFF", &length.to_le_bytes(), &CHUNK_ANMF, chunks].concat();
    let riff = RiffChunk::from_bytes(riff.into()).ok()?;
    let (_, chunks) = riff.content().list()?;
    let mut out = head.to_vec();
    for chunk in chunks {
        if matches!(chunk.id(), CHUNK_ALPH | CHUNK_VP8 | CHUNK_VP8L) {
            out.extend(encode(chunk.clone()));
        } else {
            found.note(what_is(chunk.id()));
        }
    }
    Some(out.into())
}

const fn what_is(id: [u8; 4]) -> Removed {
    match id {
        CHUNK_EXIF => Removed::Exif,
        CHUNK_ICCP => Removed::ColourProfile,
        CHUNK_XMP => Removed::Xmp,
        _ => Removed::Unknown,
    }
}

const ALPHA: u8 = 0b0001_0000;
const ANIMATION: u8 = 0b0000_0010;
const FRAME_HEADER_BYTES: usize = 16;
