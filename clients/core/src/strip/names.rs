//! What people call kinds of files, and what was in them.

use sotto_protocol::attachment::FileType;

use super::Removed;

/// A kind of file, for people.
pub const fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::Other => "file of an unknown kind",
        FileType::Jpeg => "JPEG picture",
        FileType::Png => "PNG picture",
        FileType::WebP => "WebP picture",
        FileType::Heic => "HEIC picture",
        FileType::Mp4 => "MP4 video",
        FileType::Mov => "QuickTime video",
        FileType::M4a => "sound recording",
        FileType::Pdf => "PDF document",
        FileType::Text => "plain text",
    }
}

impl Removed {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exif => "camera, settings and times",
            Self::Location => "place",
            Self::Xmp => "editing history",
            Self::Iptc => "captions and authors",
            Self::Text => "comments",
            Self::Time => "time of the last change",
            Self::ColourProfile => "colour profile",
            Self::Resolution => "resolution",
            Self::Thumbnail => "a small copy",
            Self::OtherPictures => "further pictures",
            Self::Trailing => "bytes behind the picture",
            Self::Unknown => "something no viewer needs",
        }
    }
}
