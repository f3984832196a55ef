//! Pictures made by hand, with `PLANTED` in every place that can hold metadata.

/// A latitude as EXIF has it: three fractions.
pub(crate) const GPS: &[u8] = b"\0\0\0\x34\0\0\0\x01\0\0\0\x1f\0\0\0\x01\0\0\x0d\x05\0\0\0\x64";

pub(crate) const JFIF: &[u8] = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
pub(crate) const ADOBE: &[u8] = b"Adobe\0\x64\0\0\0\0\x01";
/// A quantisation and a Huffman table, and a restart interval.
pub(crate) const TABLES: &[u8] =
    b"\xff\xdb\0\x06\x01\x02\x03\x04\xff\xc4\0\x05\x05\x06\x07\xff\xdd\0\x04\0\x01";
/// Progressive, 16 by 16.
pub(crate) const FRAME: &[u8] = b"\xff\xc2\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0";
/// With a stuffed 0xff and restart markers among the coded pixels.
pub(crate) const SCAN: &[u8] =
    b"\xff\xda\0\x08\x01\x01\0\0\x3f\0pix\xff\0els\xff\xd0more\xff\xd7\xff\0";
pub(crate) const SCAN_TWO: &[u8] = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0second";

pub(crate) const WEBP_PIXELS: &[u8] = b"odd pixels!";
pub(crate) const WEBP_ALPHA: &[u8] = b"alpha";

pub(crate) fn jpeg_app(marker: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len() + 2).unwrap();
    [&[0xff, marker], &length.to_be_bytes()[..], contents].concat()
}

pub(crate) fn jpeg(parts: &[&[u8]]) -> Vec<u8> {
    [b"\xff\xd8", &parts.concat()[..], b"\xff\xd9"].concat()
}

/// Camera, orientation, place and a small copy.
pub(crate) fn tiff(orientation: u16, little: bool) -> Vec<u8> {
    let u16 = |value: u16| {
        if little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    let u32 = |value: u32| {
        if little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    let entry = |tag, kind, count, value: [u8; 4]| {
        [&u16(tag)[..], &u16(kind), &u32(count), &value].concat()
    };
    let [high, low] = u16(orientation);
    let start: &[u8] = if little { b"II" } else { b"MM" };
    // 8 bytes of header, 2 of count, 36 of entries, 4 of next: what follows is at 50.
    [
        start,
        &u16(42),
        &u32(8),
        &u16(3),
        &entry(0x010f, 2, 24, u32(50)),
        &entry(0x0112, 3, 1, [high, low, 0, 0]),
        &entry(0x8825, 4, 1, u32(74)),
        &u32(200),
        b"PLANTED maker and model\0",
        GPS,
        b"PLANTED thumbnail",
    ]
    .concat()
}

pub(crate) fn exif(orientation: u16, little: bool) -> Vec<u8> {
    [b"Exif\0\0", &tiff(orientation, little)[..]].concat()
}

pub(crate) fn rich_jpeg(little: bool) -> Vec<u8> {
    let segments = [
        // A density, and a small copy of one pixel.
        jpeg_app(0xe0, b"JFIF\0\x01\x02\x01\x01\x2c\x01\x2c\x01\x01PLA"),
        jpeg_app(0xe0, b"JFXX\0\x13PLANTED small copy"),
        jpeg_app(0xe1, &exif(6, little)),
        jpeg_app(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x>PLANTED</x>"),
        jpeg_app(0xe2, b"ICC_PROFILE\0\x01\x01PLANTED screen"),
        jpeg_app(0xe2, b"MPF\0MM\0\x2aPLANTED"),
        jpeg_app(0xed, b"Photoshop 3.0\08BIM PLANTED caption"),
        jpeg_app(0xee, &[ADOBE, b"PLANTED"].concat()),
        jpeg_app(0xfe, b"PLANTED comment"),
        jpeg_app(0xef, b"PLANTED maker"),
    ];
    let late = [
        jpeg_app(0xfe, b"PLANTED late comment"),
        jpeg_app(0xe1, b"PLANTED late segment"),
    ];
    // Fill bytes and stray bytes before a marker are allowed by decoders.
    let picture = jpeg(&[
        &segments.concat(),
        b"\xff\xff",
        TABLES,
        b"PLANTED stray",
        FRAME,
        SCAN,
        &late.concat(),
        TABLES,
        SCAN_TWO,
    ]);
    let second = jpeg(&[&jpeg_app(0xe1, &exif(1, little)), TABLES, FRAME, SCAN]);
    [&picture[..], &second, b"\0\0\0\x18ftypmp42 PLANTED film"].concat()
}

/// CRC-32 of ISO 3309, as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

pub(crate) fn png_chunk(kind: &[u8], contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap();
    let checked = [kind, contents].concat();
    let crc = crc(&checked);
    [&length.to_be_bytes()[..], &checked, &crc.to_be_bytes()].concat()
}

pub(crate) fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", &chunks.concat()[..]].concat()
}

/// What must be there afterwards, in this order.
pub(crate) const PNG_KEPT: [(&[u8], &[u8]); 14] = [
    (b"IHDR", b"\0\0\0\x10\0\0\0\x10\x08\x03\0\0\0"),
    (b"gAMA", b"\0\0\xb1\x8f"),
    (b"sBIT", b"\x08\x08\x08"),
    (b"sRGB", b"\0"),
    (b"cICP", b"\x01\x0d\0\x01"),
    (b"PLTE", b"colour"),
    (b"tRNS", b"\0\xff"),
    (b"bKGD", b"\x01"),
    (b"acTL", b"\0\0\0\x02\0\0\0\0"),
    (b"fcTL", &[3; 26]),
    (b"IDAT", b"first pixels"),
    (b"IDAT", b"second pixels"),
    (b"fdAT", b"\0\0\0\x02frame"),
    (b"IEND", b""),
];

pub(crate) fn rich_png() -> Vec<u8> {
    let mut chunks: Vec<Vec<u8>> = PNG_KEPT
        .iter()
        .map(|(kind, contents)| png_chunk(kind, contents))
        .collect();
    let planted = [
        png_chunk(b"iCCP", b"PLANTED\0\0zlib"),
        png_chunk(b"cHRM", &[9; 32]),
        png_chunk(b"eXIf", &tiff(6, false)),
        png_chunk(b"tEXt", b"Author\0PLANTED"),
        png_chunk(b"zTXt", b"PLANTED\0\0zlib"),
        png_chunk(b"iTXt", b"PLANTED\0\0\0\0\0text"),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0PLANTED"),
        png_chunk(b"tIME", b"\x07\xea\x0b\x18\0\0\0"),
        png_chunk(b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\x01"),
        png_chunk(b"prVt", b"PLANTED private"),
    ];
    for (place, chunk) in planted.into_iter().enumerate() {
        chunks.insert(1 + place, chunk);
    }
    let end = chunks.len() - 1;
    chunks.insert(end, png_chunk(b"tEXt", b"Comment\0PLANTED late"));
    [&png(&chunks)[..], b"PLANTED behind the end"].concat()
}

pub(crate) fn webp_chunk(id: &[u8], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let padding = &[0][..data.len() % 2];
    [id, &length.to_le_bytes()[..], data, padding].concat()
}

pub(crate) fn riff(id: &[u8], kind: &[u8], inner: &[u8]) -> Vec<u8> {
    webp_chunk(id, &[kind, inner].concat())
}

pub(crate) fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    riff(b"RIFF", b"WEBP", &chunks.concat())
}

pub(crate) fn rich_webp() -> Vec<u8> {
    let frame_chunks = [
        webp_chunk(b"ALPH", WEBP_ALPHA),
        webp_chunk(b"VP8 ", WEBP_PIXELS),
        webp_chunk(b"ABCD", b"PLANTED in a frame"),
    ];
    let picture = webp(&[
        webp_chunk(b"VP8X", b"\x3e\0\0\0\x0f\0\0\x0f\0\0"),
        webp_chunk(b"ICCP", b"PLANTED profile"),
        webp_chunk(b"ANIM", &[0; 6]),
        webp_chunk(b"ANMF", &[&[7; 16][..], &frame_chunks.concat()].concat()),
        webp_chunk(b"EXIF", &tiff(6, true)),
        webp_chunk(b"XMP ", b"PLANTED xmp"),
        webp_chunk(b"wxyz", b"PLANTED unknown"),
        riff(b"LIST", b"INFO", &webp_chunk(b"IART", b"PLANTED artist")),
    ]);
    [&picture[..], b"PLANTED behind the end"].concat()
}
