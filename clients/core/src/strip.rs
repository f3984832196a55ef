//! Leaving out of a picture what says where, when and with what it was taken, before it is sealed.
//!
//! Each format is rebuilt from what a viewer needs and nothing else: what is not known is left out.
//! Pixels are not touched, so what a picture shows, and what somebody hid in its pixels, stays.

mod exif;
mod jpeg;
mod names;
mod png;
mod webp;

use sotto_protocol::attachment::FileType;

pub use self::names::name_of;

/// Something that was in a file and no longer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removed {
    /// Camera, settings, times, serial numbers (EXIF).
    Exif,
    /// Where the picture was taken.
    Location,
    /// Editing history and rights (XMP).
    Xmp,
    /// Captions and authors of a press archive (IPTC).
    Iptc,
    /// Comments and other texts.
    Text,
    /// When it was changed last.
    Time,
    /// A colour profile, which can name a device.
    ColourProfile,
    /// Dots per inch, which can name a scanner or screen.
    Resolution,
    /// A small copy, perhaps from before the picture was cropped.
    Thumbnail,
    /// Further pictures in the same file.
    OtherPictures,
    /// Bytes behind the end of the picture: a film, another picture, anything.
    Trailing,
    /// Something no viewer needs.
    Unknown,
}

/// A file without its metadata.
#[derive(Clone, PartialEq, Eq)]
pub struct Stripped {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub kind: FileType,
    /// What was left out, each once, in the order of [`Removed`].
    pub removed: Vec<Removed>,
}

impl std::fmt::Debug for Stripped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stripped(..)")
    }
}

/// Why a file still has its metadata. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StripError {
    /// Nothing here takes this type apart.
    #[error(
        "hidden data (place, time, device, author) cannot be removed from this kind of file; send a JPEG, PNG or WebP picture or plain text, or send it as it is only if it may be traced to you"
    )]
    Unsupported(FileType),
    /// The file is not what its first bytes say.
    #[error(
        "the picture is damaged or cut short, so its hidden data cannot be removed; take a screenshot of it and attach that"
    )]
    Broken(FileType),
}

/// Takes the metadata out of a JPEG, PNG or WebP picture. Plain text has none and stays as it is.
pub fn strip(bytes: &[u8]) -> Result<Stripped, StripError> {
    let kind = detect(bytes);
    let mut found = Found::default();
    let clean = match kind {
        FileType::Jpeg => jpeg::strip(bytes, &mut found),
        FileType::Png => png::strip(bytes, &mut found),
        FileType::WebP => webp::strip(bytes, &mut found),
        FileType::Text => Some(bytes.to_vec()),
        FileType::Other
        | FileType::Heic
        | FileType::Mp4
        | FileType::Mov
        | FileType::M4a
        | FileType::Pdf => return Err(StripError::Unsupported(kind)),
    };
    Ok(Stripped {
        bytes: clean.ok_or(StripError::Broken(kind))?,
        kind,
        removed: found.0,
    })
}

/// What a file is, by its first bytes; names are not looked at.
pub fn detect(bytes: &[u8]) -> FileType {
    let is_riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        [0xff, 0xd8, 0xff, ..] => FileType::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => FileType::Png,
        _ if is_riff => FileType::WebP,
        [b'%', b'P', b'D', b'F', b'-', ..] => FileType::Pdf,
        [_, _, _, _, b'f', b't', b'y', b'p', brands @ ..] => detect_media(bytes, brands),
        _ if is_text(bytes) => FileType::Text,
        _ => FileType::Other,
    }
}

/// The `ftyp` box of ISO 14496-12: a brand, a version, further brands.
fn detect_media(bytes: &[u8], brands: &[u8]) -> FileType {
    let size = bytes
        .first_chunk()
        .map_or(0, |size| u32::from_be_bytes(*size));
    let length = usize::try_from(size).unwrap_or_default().saturating_sub(8);
    let (brands, _) = brands.get(..length).unwrap_or(brands).as_chunks::<4>();
    let is_heic = |brand: &[u8; 4]| {
        matches!(
            brand,
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx"
        )
    };
    match brands.first() {
        Some(b"mif1" | b"msf1") if brands.iter().any(is_heic) => FileType::Heic,
        Some(brand) if is_heic(brand) => FileType::Heic,
        Some(b"qt  ") => FileType::Mov,
        Some(b"M4A " | b"M4B ") => FileType::M4a,
        Some(
            b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"M4V "
            | b"dash" | b"3gp4" | b"3gp5" | b"3gp6",
        ) => FileType::Mp4,
        _ => FileType::Other,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    !bytes.is_empty() && str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_plain))
}

/// What was left out so far, sorted.
#[derive(Debug, Default)]
struct Found(Vec<Removed>);

impl Found {
    fn note(&mut self, what: Removed) {
        if let Err(place) = self.0.binary_search(&what) {
            self.0.insert(place, what);
        }
    }

    fn note_exif(&mut self, exif: exif::Exif) {
        self.note(Removed::Exif);
        if exif.has_location {
            self.note(Removed::Location);
        }
        if exif.has_thumbnail {
            self.note(Removed::Thumbnail);
        }
    }
}
