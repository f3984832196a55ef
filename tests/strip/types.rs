//! What a file is taken for, and which kinds are refused.

use sotto_core::strip::{StripError, detect, strip};
use sotto_protocol::attachment::FileType;

fn media(brands: &[u8]) -> Vec<u8> {
    let length = u32::try_from(brands.len() + 8).unwrap();
    [
        &length.to_be_bytes()[..],
        b"ftyp",
        brands,
        b"\0\0\0\x08free",
    ]
    .concat()
}

#[test]
fn files_are_known_by_their_first_bytes() {
    let cases: [(&[u8], FileType); 18] = [
        (b"\xff\xd8\xff\xe0", FileType::Jpeg),
        (b"\x89PNG\r\n\x1a\n", FileType::Png),
        (b"RIFF\0\0\0\0WEBP", FileType::WebP),
        (b"RIFF\0\0\0\0WAVE", FileType::Other),
        (b"%PDF-1.7", FileType::Pdf),
        (&media(b"heic\0\0\0\0mif1heic"), FileType::Heic),
        (&media(b"mif1\0\0\0\0mif1heic"), FileType::Heic),
        (&media(b"mif1\0\0\0\0mif1avif"), FileType::Other),
        (&media(b"avif\0\0\0\0mif1"), FileType::Other),
        (&media(b"isom\0\0\x02\0isomiso2"), FileType::Mp4),
        (&media(b"mp42\0\0\0\0"), FileType::Mp4),
        (&media(b"qt  \0\0\0\0qt  "), FileType::Mov),
        (&media(b"M4A \0\0\0\0"), FileType::M4a),
        ("它在河边。\r\n\tHere.".as_bytes(), FileType::Text),
        (b"\xff\xd8", FileType::Other),
        (b"text\0with a zero", FileType::Other),
        (b"\x1b[31mred", FileType::Other),
        (b"", FileType::Other),
    ];
    for (bytes, kind) in cases {
        assert_eq!(detect(bytes), kind, "{:?}", String::from_utf8_lossy(bytes));
    }
    // Brands behind the box do not count.
    let box_ends = [&media(b"mif1\0\0\0\0")[..], b"heic"].concat();
    assert_eq!(detect(&box_ends), FileType::Other);
}

#[test]
fn what_cannot_be_cleaned_is_said_to_be_so() {
    let cases: [(&[u8], FileType); 6] = [
        (&media(b"heic\0\0\0\0"), FileType::Heic),
        (&media(b"isom\0\0\0\0"), FileType::Mp4),
        (&media(b"qt  \0\0\0\0"), FileType::Mov),
        (&media(b"M4A \0\0\0\0"), FileType::M4a),
        (b"%PDF-1.4", FileType::Pdf),
        (b"\x7fELF", FileType::Other),
    ];
    for (bytes, kind) in cases {
        let error = strip(bytes).unwrap_err();
        assert_eq!(error, StripError::Unsupported(kind));
        assert!(error.to_string().contains("JPEG, PNG or WebP"));
    }
    let text = strip(b"plain text").unwrap();
    assert_eq!(text.bytes, b"plain text");
    assert_eq!((text.kind, text.removed), (FileType::Text, vec![]));
}

#[test]
fn types_have_one_byte_each() {
    for (byte, kind) in (0..).zip(FileType::ALL) {
        assert_eq!(kind.byte(), byte);
        assert_eq!(FileType::from_byte(byte), Some(kind));
    }
    assert!((10..=255).all(|byte| FileType::from_byte(byte).is_none()));
}
