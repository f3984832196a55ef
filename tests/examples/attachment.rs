//! The examples of SPEC 3.8.

use sotto_protocol::{
    attachment::{ChunkSet, FileType, Sealer, Wanted},
    hash,
};

use super::{DAY, book::Area};
use crate::published::Scripted;

const KEY: [u8; 32] = [0x61; 32];

pub(super) fn attachment() -> Area {
    let mut area = Area::new(
        "attachment",
        "3.8",
        "sealing a file under a given key: the chunks and the manifest; opening: manifest and chunks give the file",
    );
    two_chunks(&mut area);
    let file = b"a small file";
    let mut sealer = Sealer::begin(file, FileType::Text, DAY, &mut Scripted(KEY.to_vec())).unwrap();
    let chunk = sealer.next_chunk().unwrap().unwrap();
    area.case("a file of one chunk")
        .given("file key", &KEY)
        .given_number("type", 9)
        .given_number("day", DAY.into())
        .given("file", file)
        .gives("chunk 0", &chunk)
        .gives("manifest", &sealer.finish().unwrap().to_bytes());
    let mut missing = ChunkSet::default();
    for index in [0, 3, 17] {
        assert!(missing.insert(index));
    }
    let wanted = Wanted {
        manifest: 0x0102_0304_0506_0708,
        count: 32,
        missing,
    };
    area.case("body of a wish for chunks")
        .given_text("missing", "chunks 0, 3 and 17 of 32")
        .gives("body", &wanted.to_bytes());
    area
}

fn two_chunks(area: &mut Area) {
    let file = vec![0x62; 65_421];
    let mut sealer =
        Sealer::begin(&file, FileType::Text, DAY, &mut Scripted(KEY.to_vec())).unwrap();
    let case = area.case("a file of two chunks");
    case.given("file key", &KEY)
        .given_number("type", 9)
        .given_number("day", DAY.into())
        .given_text("file", "the byte 62, 65421 times");
    let mut hashes = Vec::new();
    for (i, is_last) in [(0_u32, 0), (1, 1)] {
        let index = i.to_le_bytes();
        let address = hash::expand::<32>(&KEY, &[b"sotto/1 chunk address", &index]);
        let chunk_key = hash::expand::<32>(&KEY, &[b"sotto/1 chunk", &index, &[is_last]]);
        let chunk = sealer.next_chunk().unwrap().unwrap();
        assert_eq!(chunk[4..36], address);
        case.gives(&format!("chunk key {i}"), &chunk_key)
            .gives(&format!("chunk {i}, 0..36"), &chunk[..36])
            .gives(&format!("chunk {i}, 65456..65472"), &chunk[65_456..])
            .gives(&format!("H(chunk {i})"), &hash::digest(&[&chunk]));
        hashes.push(hash::digest(&[&chunk]));
    }
    assert_eq!(sealer.next_chunk().unwrap(), None);
    let manifest = sealer.finish().unwrap().to_bytes();
    let commitment = hash::digest(&[b"sotto/1 file", hashes.as_flattened()]);
    assert_eq!(manifest[40..72], commitment);
    case.gives("manifest", &manifest);
}
