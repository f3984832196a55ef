//! What a phone does with its sealed files: nothing is left behind, and nothing stands in the way.

use sotto_core::{
    attachment::{AttachmentError, Outbound},
    desk::{FileState, Row},
    keep::KeepError,
    tipster::{AttachError, MAX_ATTACHED, Stage},
    upload::UploadError,
};
use sotto_protocol::{
    attachment::FileType,
    bundle::day_of,
    wire::{Reader, Writer},
};
use sotto_tests::{
    machines::Phone,
    world::{Backend, World},
};

use super::{attachments, begin, noise};

#[test]
fn who_keeps_nothing_sends_files_before_leaving() {
    let mut world = World::new(Backend::Embedded, 821);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    let file = noise(100_000, 1);
    phone.write("a tip");
    phone
        .attach(&world, &mut shelf, (&file, FileType::Pdf))
        .unwrap();
    phone.upload(&world, &shelf, |_| true).unwrap();
    phone.sit(&world).unwrap();
    phone.leave();
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    assert!(desk.file(1, 1).unwrap() == file);
    // Nothing is asked of such a phone.
    assert!(desk.case(1, sotto_core::desk::Case::leaves_nothing));

    let again = phone.attach(&world, &mut shelf, (&file, FileType::Pdf));
    assert_eq!(again, Err(UploadError::Attach(AttachError::KeepsNothing)));
    let mut recalled = Phone::of_somebody_who_keeps_nothing(&mut world, &phone.code);
    let refused = recalled.attach(&world, &mut shelf, (&file, FileType::Pdf));
    assert_eq!(refused, Err(UploadError::Attach(AttachError::KeepsNothing)));
    assert_eq!(shelf.files.len(), 1);
}

/// Numbers of rows are what a store keeps them by.
#[test]
fn rows_keep_their_numbers() {
    let last = u32::MAX;
    let rows = [
        Row::Meta,
        Row::Unopened,
        Row::Case(1),
        Row::Case(last),
        Row::Strays,
        Row::File(1),
        Row::File(last),
        Row::Chunk(0, 0),
        Row::Chunk(last, u16::MAX),
        Row::Stray(0),
        Row::Stray(last),
    ];
    for row in rows {
        assert_eq!(Row::from_number(row.number()), Some(row));
        let is_chunk = matches!(row, Row::Chunk(..) | Row::Stray(_));
        assert_eq!(row.is_loose(), is_chunk);
    }
    assert!(rows.is_sorted_by(|one, next| one.number() < next.number()));
    for unknown in [
        1 << 39,
        (1 << 41) | (1 << 32),
        (1 << 61) | (1 << 32),
        u64::MAX,
    ] {
        assert_eq!(Row::from_number(unknown), None);
    }
}

#[test]
fn a_half_prepared_file_is_cleared_away() {
    let mut world = World::new(Backend::Embedded, 822);
    let (_, mut phone, mut shelf) = begin(&mut world);
    shelf.is_full = true;
    let file = noise(1_000, 2);
    let failed = phone.attach(&world, &mut shelf, (&file, FileType::Pdf));
    assert_eq!(failed, Err(UploadError::Keep(KeepError)));
    assert_eq!(phone.tipster().attached(), []);
    assert_eq!(phone.tipster().next_chunk(), None);
    assert_eq!(phone.tipster().sent().len(), 1);
    phone.tidy(&mut shelf);
    assert!(phone.tipster().sent().is_empty());
    assert!(phone.tipster().leftovers().is_empty());

    // Where the state cannot be saved nothing is written beside it either.
    shelf.is_full = false;
    phone.memory.is_full = true;
    let failed = phone.attach(&world, &mut shelf, (&file, FileType::Pdf));
    assert_eq!(failed, Err(UploadError::Keep(KeepError)));
    assert!(shelf.files.is_empty());
}

#[test]
fn a_damaged_sealed_file_is_given_up_and_others_go_on() {
    let mut world = World::new(Backend::Embedded, 823);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    let file = noise(100_000, 3);
    phone
        .attach(&world, &mut shelf, (&file, FileType::Pdf))
        .unwrap();
    let first = phone.tipster().attached()[0].id;
    phone
        .attach(&world, &mut shelf, (&file, FileType::Text))
        .unwrap();
    shelf.files.get_mut(&first).unwrap()[70_000] ^= 1;
    let told = phone.upload(&world, &shelf, |_| true);
    assert_eq!(told, Err(UploadError::Attachment(AttachmentError::Damaged)));
    phone.sit(&world).unwrap();
    desk.round(&world).unwrap();
    let kinds = attachments(&mut desk, 1);
    assert_eq!(kinds.len(), 1);
    assert_eq!(kinds[0].kind, FileType::Text);
    assert_eq!(phone.tipster().sent().len(), 1);
    phone.tidy(&mut shelf);
    assert_eq!(shelf.files.len(), 1);
    assert_eq!(phone.upload(&world, &shelf, |_| true), Ok(()));
}

#[test]
fn only_so_many_files_wait() {
    let mut world = World::new(Backend::Embedded, 824);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    for _ in 0..MAX_ATTACHED {
        phone
            .attach(&world, &mut shelf, (b"x", FileType::Text))
            .unwrap();
    }
    let full = phone.attach(&world, &mut shelf, (b"x", FileType::Text));
    assert_eq!(full, Err(UploadError::Attach(AttachError::Full)));
    assert_eq!(shelf.files.len(), MAX_ATTACHED);
    phone.upload(&world, &shelf, |_| true).unwrap();
    phone.sit(&world).unwrap();
    desk.run(&world, 900);
    assert_eq!(desk.case(1, |case| case.attachments().count()), 16);
    for _ in 0..12 {
        phone.sit(&world).unwrap();
        desk.run(&world, 600);
    }
    assert_eq!(phone.tipster().attached(), []);
    phone.tidy(&mut shelf);
    assert!(shelf.files.is_empty());
    phone
        .attach(&world, &mut shelf, (b"x", FileType::Text))
        .unwrap();
}

/// A sender who describes another file than the one that is posted gets a file that cannot be opened,
/// and nothing else happens.
#[test]
fn a_manifest_that_lies_is_shown_as_such() {
    let mut world = World::new(Backend::Embedded, 825);
    let (mut desk, mut phone, mut shelf) = begin(&mut world);
    let day = day_of(world.clock.read());
    let file = noise(100_000, 5);
    let (outbound, sealed) = Outbound::make(&file, FileType::Pdf, day, &mut phone.rng).unwrap();
    let mut bytes = outbound.write(Writer::default()).finish();
    // The last byte of H(file).
    bytes[1 + 8 + 103] ^= 1;
    let bent = Outbound::read(&mut Reader::new(&bytes)).unwrap();
    let id = bent.id();
    let mut tipster = phone.tipster();
    let attached = tipster.attach(bent, world.clock.read()).unwrap();
    attached.save(&mut phone.memory).unwrap();
    shelf.files.insert(id, sealed);
    tipster.shelved(id).save(&mut phone.memory).unwrap();
    phone.upload(&world, &shelf, |_| true).unwrap();
    phone.sit(&world).unwrap();
    desk.run(&world, 900);
    assert_eq!(attachments(&mut desk, 1)[0].state, FileState::Broken);
    assert!(desk.file(1, 1).unwrap_err().contains("not what its sender"));
    let rows = desk.memory.kept().iter();
    assert_eq!(rows.filter(|(row, _)| row.is_loose()).count(), 0);
    // Nobody says that it is there.
    phone.look(&world, &mut desk);
    assert_eq!(phone.tipster().attached().len(), 1);
    assert_eq!(phone.tipster().sent()[0].stage, Stage::Opened);
}
