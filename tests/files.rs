//! Attachments from a phone to a desk over a relay: stripped, posted, lost, asked for again, whole.

mod loss;
mod phone;
mod programs;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::{
    attachment::{AttachmentError, Progress},
    desk::{Attachment, FileState, Row},
    strip::{Removed, strip},
    tipster::Stage,
    upload::UploadError,
};
use sotto_protocol::{
    attachment::{FileError, FileType},
    limits::{CHUNK_BYTES, MAX_FILE_BYTES},
};
use sotto_tests::{
    hunt::Planted,
    machines::{DeskMachine, Phone},
    shelf::MemoryShelf,
    world::World,
};

use crate::strip::pictures::{FRAME, GPS, JFIF, TABLES, exif, jpeg, jpeg_app};

const LIMIT: usize = MAX_FILE_BYTES as usize;

sotto_tests::on_every_backend!(
    a_photo_arrives_without_its_place(801),
    the_largest_file_arrives(802),
    two_files_in_one_conversation(803),
    nothing_of_a_file_can_be_read_anywhere(804),
);

fn begin(world: &mut World) -> (DeskMachine, Phone, MemoryShelf) {
    let mut desk = DeskMachine::join(world);
    desk.run(world, 600);
    let phone = Phone::new(world);
    (desk, phone, MemoryShelf::default())
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Every attachment of a case, in order.
fn attachments(desk: &mut DeskMachine, case: u32) -> Vec<Attachment> {
    desk.case(case, |case| {
        let entries = case.attachments();
        entries.map(|entry| *entry.attachment().unwrap()).collect()
    })
}

/// A photo of so many bytes, with where it was taken.
fn photo(length: usize) -> Vec<u8> {
    let pixels = noise(length, 1);
    // Coded pixels have no marker among them.
    let pixels: Vec<u8> = pixels.into_iter().map(|byte| byte & 0x7f).collect();
    let scan = [
        b"\xff\xda\0\x08\x01\x01\0\0\x3f\0".as_slice(),
        pixels.as_slice(),
    ]
    .concat();
    let place = jpeg_app(0xe1, &exif(6, false));
    jpeg(&[JFIF, &place, TABLES, FRAME, &scan])
}

fn a_photo_arrives_without_its_place(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let photo = photo(5_000_000);
    assert!(memchr::memmem::find(&photo, GPS).is_some());
    let clean = strip(&photo).unwrap();
    assert_eq!(
        clean.removed,
        [Removed::Exif, Removed::Location, Removed::Thumbnail]
    );
    phone.write("this is their lorry");
    let file = (clean.bytes.as_slice(), clean.kind);
    phone.attach(world, &mut shelf, file).unwrap();
    assert_eq!(phone.tipster().sent()[1].stage, Stage::Waiting);
    phone.sit(world).unwrap();
    world.seen();
    let mut steps = Vec::new();
    phone
        .upload(world, &shelf, |step| {
            steps.push(step.progress.done);
            true
        })
        .unwrap();
    assert_eq!(steps, (1..=128).collect::<Vec<u16>>());
    let seen = world.seen();
    assert!(seen.iter().all(|seen| seen.sizes == (CHUNK_BYTES, 0)));
    assert_eq!(seen.len(), 128);

    // The desk reads the chunks before there is a manifest.
    desk.round(world).unwrap();
    assert_eq!(attachments(&mut desk, 1), []);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    let whole = Attachment {
        kind: FileType::Jpeg,
        length: u32::try_from(clean.bytes.len()).unwrap(),
        state: FileState::Whole,
        progress: Progress {
            done: 128,
            total: 128,
        },
    };
    assert_eq!(attachments(&mut desk, 1), [whole]);
    assert_eq!(desk.case(1, sotto_core::desk::Case::unread), 2);
    let saved = desk.file(1, 1).unwrap();
    assert!(saved == clean.bytes);
    assert_eq!(memchr::memmem::find(&saved, GPS), None);
    assert!(desk.file(1, 0).is_err());
    assert!(desk.file(1, 2).is_err());

    // The phone learns that it is there, and forgets it.
    assert_eq!(phone.tipster().attached().len(), 1);
    desk.run(world, 600);
    assert!(phone.look(world, &mut desk).is_empty());
    assert_eq!(phone.tipster().sent()[1].stage, Stage::Opened);
    assert_eq!(phone.tipster().attached(), []);
    phone.tidy(&mut shelf);
    assert!(shelf.files.is_empty());
    assert!(phone.tipster().leftovers().is_empty());
}

fn the_largest_file_arrives(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let file = noise(LIMIT + 1, 2);
    for length in [0, LIMIT + 1] {
        let error = phone.attach(world, &mut shelf, (&file[..length], FileType::Mp4));
        let expected = match length {
            0 => FileError::Empty,
            _ => FileError::Long(length),
        };
        let expected = UploadError::Attachment(AttachmentError::File(expected));
        assert_eq!(error, Err(expected));
    }
    assert!(shelf.files.is_empty());
    assert!(phone.tipster().sent().is_empty());
    let file = (&file[..LIMIT], FileType::Mp4);
    phone.attach(world, &mut shelf, file).unwrap();
    phone.upload(world, &shelf, |_| true).unwrap();
    // A file may be the first that a desk hears of somebody.
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    assert_eq!(attachments(&mut desk, 1)[0].state, FileState::Whole);
    assert!(desk.file(1, 1).unwrap() == file.0);
}

fn two_files_in_one_conversation(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let (first, second) = (noise(70_000, 3), noise(200_000, 4));
    phone.write("two files");
    let file = (first.as_slice(), FileType::Pdf);
    phone.attach(world, &mut shelf, file).unwrap();
    let file = (second.as_slice(), FileType::Other);
    phone.attach(world, &mut shelf, file).unwrap();
    let mut left = Vec::new();
    phone
        .upload(world, &shelf, |step| {
            left.push(step.files_left);
            true
        })
        .unwrap();
    assert_eq!(left, [2, 1, 1, 1, 1, 0]);
    phone.sit(world).unwrap();
    desk.round(world).unwrap();
    let kinds: Vec<FileType> = attachments(&mut desk, 1).iter().map(|a| a.kind).collect();
    assert_eq!(kinds, [FileType::Pdf, FileType::Other]);
    assert!(desk.file(1, 1).unwrap() == first);
    assert!(desk.file(1, 2).unwrap() == second);
    assert_eq!(desk.texts(1), ["two files", "", ""]);
}

fn nothing_of_a_file_can_be_read_anywhere(world: &mut World) {
    let (mut desk, mut phone, mut shelf) = begin(world);
    let line = "负责人是王小明, behind the sawmill every Tuesday. ";
    let file = line.repeat(5_000).into_bytes();
    phone
        .attach(world, &mut shelf, (&file, FileType::Text))
        .unwrap();
    let state = phone.state();
    phone.upload(world, &shelf, |_| true).unwrap();
    phone.sit(world).unwrap();
    let before = world.held();
    desk.round(world).unwrap();
    assert!(desk.file(1, 1).unwrap() == file);
    let rows = desk.memory.kept().iter().flat_map(|(_, row)| row.to_vec());
    let places = [
        ("the relay's store", [before, world.held()].concat()),
        ("the desk's rows", rows.collect()),
        (
            "the phone's shelf",
            shelf.files.values().flatten().copied().collect(),
        ),
        (
            "the phone's state",
            [state.to_vec(), phone.state().to_vec()].concat(),
        ),
    ];
    for secret in ["王小明", "behind the sawmill", "every Tuesday"] {
        let planted = Planted::new(secret, secret.as_bytes());
        assert!(planted.is_in(&file));
        for (place, bytes) in &places {
            planted.must_not_be_in(place, bytes);
        }
    }
    // And the phone's sealed file has nothing that the relay has seen.
    let chunks = desk.memory.kept().iter();
    for (_, chunk) in chunks.filter(|(row, _)| matches!(row, Row::Chunk(..))) {
        let address = Planted::new("an address", &chunk[4..36]);
        address.must_not_be_in("the phone's shelf", &places[2].1);
    }
}
