//! Metadata: every kind of it planted in a picture is gone, every pixel is where it was.

pub(crate) mod pictures;
mod types;

use memchr::memmem;
use proptest::{collection::vec, prelude::*};
use sotto_core::strip::{Removed, StripError, Stripped, strip};
use sotto_protocol::attachment::FileType;
use sotto_tests::cases::runner;

use self::pictures::{
    ADOBE, FRAME, GPS, JFIF, PNG_KEPT, SCAN, SCAN_TWO, TABLES, WEBP_ALPHA, WEBP_PIXELS, exif, jpeg,
    jpeg_app, png, png_chunk, rich_jpeg, rich_png, rich_webp, riff, webp, webp_chunk,
};

fn clean(bytes: &[u8]) -> Stripped {
    strip(bytes).unwrap()
}

/// Nothing planted is left, and a second pass finds nothing more to take.
fn is_clean(stripped: &Stripped) {
    for planted in [&b"PLANTED"[..], b"planted", GPS] {
        let found = memmem::find(&stripped.bytes, planted);
        assert_eq!(found, None, "{:?}", String::from_utf8_lossy(planted));
    }
    let again = clean(&stripped.bytes);
    assert!(again.bytes == stripped.bytes);
    assert_eq!(again.removed, []);
    assert_eq!(again.kind, stripped.kind);
}

#[test]
fn a_jpeg_keeps_its_pixels_and_its_rotation_alone() {
    for little in [false, true] {
        let picture = rich_jpeg(little);
        assert!(memmem::find(&picture, GPS).is_some());
        assert!(memmem::find_iter(&picture, b"PLANTED").count() >= 11);
        let stripped = clean(&picture);
        is_clean(&stripped);
        assert_eq!(stripped.kind, FileType::Jpeg);
        assert_eq!(
            stripped.removed,
            [
                Removed::Exif,
                Removed::Location,
                Removed::Xmp,
                Removed::Iptc,
                Removed::Text,
                Removed::ColourProfile,
                Removed::Resolution,
                Removed::Thumbnail,
                Removed::OtherPictures,
                Removed::Trailing,
                Removed::Unknown,
            ]
        );
        // Byte for byte: header, rotation 6, colours, tables, frame, both scans with what is between.
        let rotation = jpeg_app(
            0xe1,
            b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
        );
        let adobe = jpeg_app(0xee, ADOBE);
        let parts = [
            JFIF, &rotation, &adobe, TABLES, FRAME, SCAN, TABLES, SCAN_TWO,
        ];
        assert_eq!(stripped.bytes, jpeg(&parts));
    }
}

#[test]
fn every_rotation_is_kept() {
    for orientation in 0..=9 {
        for little in [false, true] {
            let block = jpeg_app(0xe1, &exif(orientation, little));
            let stripped = clean(&jpeg(&[&block, TABLES, FRAME, SCAN]));
            is_clean(&stripped);
            let kept = memmem::find(&stripped.bytes, b"\x01\x12\0\x03\0\0\0\x01\0");
            let value = kept.map(|at| u16::from(stripped.bytes[at + 9]));
            let expected = (2..=8).contains(&orientation).then_some(orientation);
            assert_eq!(value, expected, "orientation {orientation}");
        }
    }
}

#[test]
fn a_jpeg_without_metadata_stays_as_it_is() {
    for picture in [
        jpeg(&[JFIF, TABLES, FRAME, SCAN]),
        jpeg(&[TABLES, FRAME, SCAN, TABLES, SCAN_TWO]),
    ] {
        let stripped = clean(&picture);
        assert_eq!(stripped.bytes, picture);
        assert_eq!(stripped.removed, []);
    }
}

#[test]
fn exif_that_is_bent_is_left_out_quietly() {
    let whole = exif(6, false);
    for length in 6..whole.len() {
        let block = jpeg_app(0xe1, &whole[..length]);
        is_clean(&clean(&jpeg(&[&block, TABLES, FRAME, SCAN])));
    }
    let bits = 6 * 8..whole.len() * 8;
    let outcome = runner(512).run(&bits, |bit| {
        let mut bent = whole.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        let block = jpeg_app(0xe1, &bent);
        let stripped = clean(&jpeg(&[&block, TABLES, FRAME, SCAN]));
        prop_assert_eq!(memmem::find(&stripped.bytes, b"PLANTED"), None);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn each_part_of_a_jpeg_is_named() {
    let cases: [(u8, &[u8], &[Removed]); 9] = [
        (0xfe, b"PLANTED", &[Removed::Text]),
        (0xe0, b"JFXX\0\x10PLANTED", &[Removed::Thumbnail]),
        (
            0xe1,
            b"http://ns.adobe.com/xap/1.0/\0PLANTED",
            &[Removed::Xmp],
        ),
        (
            0xe1,
            b"http://ns.adobe.com/xmp/extension/\0PLANTED",
            &[Removed::Xmp],
        ),
        (
            0xe2,
            b"ICC_PROFILE\0\x01\x01PLANTED",
            &[Removed::ColourProfile],
        ),
        (0xe2, b"MPF\0PLANTED", &[Removed::OtherPictures]),
        (0xed, b"Photoshop 3.0\0PLANTED", &[Removed::Iptc]),
        (0xe5, b"PLANTED", &[Removed::Unknown]),
        (0xf0, b"PLANTED", &[Removed::Unknown]),
    ];
    for (marker, contents, removed) in cases {
        let segment = jpeg_app(marker, contents);
        // Before the tables, and between two scans.
        for parts in [
            [&segment[..], TABLES, FRAME, SCAN, TABLES, SCAN_TWO],
            [TABLES, FRAME, SCAN, &segment, TABLES, SCAN_TWO],
        ] {
            let stripped = clean(&jpeg(&parts));
            is_clean(&stripped);
            assert_eq!(stripped.removed, removed, "{marker:x}");
            assert_eq!(
                stripped.bytes,
                jpeg(&[TABLES, FRAME, SCAN, TABLES, SCAN_TWO])
            );
        }
    }
}

#[test]
fn a_png_keeps_what_is_seen() {
    let picture = rich_png();
    assert!(memmem::find_iter(&picture, b"PLANTED").count() >= 9);
    let stripped = clean(&picture);
    is_clean(&stripped);
    assert_eq!(stripped.kind, FileType::Png);
    assert_eq!(
        stripped.removed,
        [
            Removed::Exif,
            Removed::Location,
            Removed::Xmp,
            Removed::Text,
            Removed::Time,
            Removed::ColourProfile,
            Removed::Resolution,
            Removed::Thumbnail,
            Removed::Trailing,
            Removed::Unknown,
        ]
    );
    let kept: Vec<Vec<u8>> = PNG_KEPT
        .iter()
        .map(|(kind, contents)| png_chunk(kind, contents))
        .collect();
    assert_eq!(stripped.bytes, png(&kept));
}

#[test]
fn a_png_chunk_longer_than_its_format_is_refused() {
    for kind in [
        b"IHDR", b"tRNS", b"gAMA", b"sRGB", b"bKGD", b"IEND", b"PLTE",
    ] {
        let mut chunks = vec![
            png_chunk(b"IHDR", &[0; 13]),
            png_chunk(b"IDAT", &[1; 9]),
            png_chunk(b"IEND", &[]),
        ];
        chunks.insert(1, png_chunk(kind, &[b'P'; 769]));
        let outcome = strip(&png(&chunks)).unwrap_err();
        assert_eq!(outcome, StripError::Broken(FileType::Png));
    }
}

#[test]
fn a_webp_keeps_what_is_seen() {
    let picture = rich_webp();
    assert!(memmem::find_iter(&picture, b"PLANTED").count() >= 6);
    let stripped = clean(&picture);
    is_clean(&stripped);
    assert_eq!(stripped.kind, FileType::WebP);
    assert_eq!(
        stripped.removed,
        [
            Removed::Exif,
            Removed::Location,
            Removed::Xmp,
            Removed::ColourProfile,
            Removed::Thumbnail,
            Removed::Trailing,
            Removed::Unknown,
        ]
    );
    let frame_chunks = [
        webp_chunk(b"ALPH", WEBP_ALPHA),
        webp_chunk(b"VP8 ", WEBP_PIXELS),
    ];
    let expected = [
        // Alpha and animation, as before; profile, EXIF and XMP no more.
        webp_chunk(b"VP8X", b"\x12\0\0\0\x0f\0\0\x0f\0\0"),
        webp_chunk(b"ANIM", &[0; 6]),
        webp_chunk(b"ANMF", &[&[7; 16][..], &frame_chunks.concat()].concat()),
    ];
    assert_eq!(stripped.bytes, webp(&expected));
}

#[test]
fn a_simple_webp_stays_as_it_is() {
    for kind in [b"VP8 ", b"VP8L"] {
        let picture = webp(&[webp_chunk(kind, WEBP_PIXELS)]);
        let stripped = clean(&picture);
        assert_eq!((stripped.bytes, stripped.removed), (picture, vec![]));
    }
}

#[test]
fn pictures_that_are_cut_short_are_refused() {
    let whole = [
        jpeg(&[JFIF, TABLES, FRAME, SCAN]),
        png(&[
            png_chunk(b"IHDR", &[0; 13]),
            png_chunk(b"IDAT", &[1; 40]),
            png_chunk(b"IEND", &[]),
        ]),
        webp(&[webp_chunk(b"VP8 ", WEBP_PIXELS)]),
    ];
    for (picture, kind) in whole
        .iter()
        .zip([FileType::Jpeg, FileType::Png, FileType::WebP])
    {
        assert!(strip(picture).is_ok());
        for length in 12..picture.len() {
            let outcome = strip(&picture[..length]).unwrap_err();
            assert_eq!(outcome, StripError::Broken(kind), "{length}");
        }
    }
}

#[test]
fn pictures_without_a_picture_are_refused() {
    let no_scan = jpeg(&[JFIF, TABLES, FRAME]);
    let no_frame = jpeg(&[JFIF, TABLES, SCAN]);
    let no_data = png(&[png_chunk(b"IHDR", &[0; 13]), png_chunk(b"IEND", &[])]);
    let out_of_order = png(&[
        png_chunk(b"IDAT", &[1; 9]),
        png_chunk(b"IHDR", &[0; 13]),
        png_chunk(b"IEND", &[]),
    ]);
    let no_pixels = webp(&[webp_chunk(b"VP8X", &[0; 10])]);
    let short_features = webp(&[webp_chunk(b"VP8X", &[0; 9]), webp_chunk(b"VP8 ", &[1; 4])]);
    let short_frame = webp(&[webp_chunk(b"ANMF", &[0; 15])]);
    let mut bad_crc = png(&[
        png_chunk(b"IHDR", &[0; 13]),
        png_chunk(b"IDAT", &[1; 9]),
        png_chunk(b"IEND", &[]),
    ]);
    bad_crc[20] ^= 1;
    for broken in [
        no_scan,
        no_frame,
        no_data,
        out_of_order,
        no_pixels,
        short_features,
        short_frame,
        bad_crc,
    ] {
        assert!(matches!(strip(&broken), Err(StripError::Broken(_))));
    }
}

#[test]
fn noise_and_bent_pictures_never_panic() {
    let deep = (0..2_000).fold(webp_chunk(b"VP8 ", WEBP_PIXELS), |inner, _| {
        riff(b"LIST", b"deep", &inner)
    });
    let deep = webp(&[webp_chunk(b"VP8 ", WEBP_PIXELS), deep]);
    assert_eq!(clean(&deep).removed, [Removed::Unknown]);
    let starts: [&[u8]; 5] = [
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x40\0\0\0WEBP",
        b"\0\0\0\x18ftyp",
    ];
    let noise = (0..starts.len(), vec(any::<u8>(), 0..300));
    let outcome = runner(2_000).run(&noise, |(start, noise)| {
        tidy(&[starts[start], &noise].concat());
        Ok(())
    });
    outcome.unwrap();
    let good = [rich_jpeg(true), rich_png(), rich_webp()];
    let changes = vec((any::<usize>(), any::<u8>()), 1..6);
    let all = (0..good.len(), changes, any::<usize>());
    let outcome = runner(2_000).run(&all, |(which, changes, cut)| {
        let mut bent = good[which].clone();
        for (at, byte) in changes {
            let at = at % bent.len();
            bent[at] = byte;
        }
        bent.truncate(cut % (2 * bent.len()));
        tidy(&bent);
        Ok(())
    });
    outcome.unwrap();
}

/// Whatever comes out has nothing more to take out.
fn tidy(bytes: &[u8]) {
    if let Ok(stripped) = strip(bytes) {
        let again = clean(&stripped.bytes);
        assert!(again.bytes == stripped.bytes);
        assert_eq!(again.removed, []);
    }
}
