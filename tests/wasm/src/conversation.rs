//! A conversation between a phone and a desk, begun, accepted, answered and opened.

use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng as _};
use sotto_core::desk::seal_filler;
use sotto_protocol::{
    code::CodeKeys,
    conversation::{Content, Conversation, Fresh, Slot},
    id::{Address, Board, LineId},
    message::{Contact, FirstContact, Flags, Kind},
    seal::{self, Envelope, Place},
    secret::{SealingSecret, Secret, random},
};

use crate::check;

const LINE: LineId = LineId([7; 16]);
const DAY: u32 = 20_780;
const BOARD: Slot = Slot::Board(Board::New, 5_984_640);

/// Both ends after the desk has opened the first contact.
fn begin(rng: &mut impl CryptoRng) -> Option<(Conversation, Conversation)> {
    let prekey = SealingSecret::make(rng);
    let keys = CodeKeys::from_stretched(Secret::make(rng));
    let contact = Contact {
        bundle: random(rng),
        keys: &keys,
    };
    let mut phone = Conversation::begin(LINE, DAY, false, rng);
    let content = text("每周二晚上".as_bytes());
    let sealed = phone.seal_first(content, contact, (&prekey.public(), DAY), rng);
    let message = seal::open(&sealed.ok()?.envelope, &prekey, None, LINE).ok()?;
    let (opened, shown) = FirstContact::parse(&message.body).ok()?;
    check(opened.handle == keys.handle && shown == "每周二晚上".as_bytes())?;
    let desk = Conversation::accept(LINE, &message, &opened).ok()?;
    Some((phone, desk))
}

/// Three rounds, each end kept as bytes and read back in between.
pub(crate) fn round_trip() -> Option<()> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let (mut phone, mut desk) = begin(rng)?;
    for round in 0..3 {
        let answer = [b'a', round];
        let sealed = send(&mut desk, &answer, BOARD, rng)?;
        check(open(&mut phone, &sealed, BOARD)? == answer)?;
        let reply = [b'r', round];
        let sealed = send(&mut phone, &reply, Slot::Inbox, rng)?;
        check(open(&mut desk, &sealed, Slot::Inbox)? == reply)?;
        phone = Conversation::from_bytes(&phone.to_bytes()).ok()?;
        desk = Conversation::from_bytes(&desk.to_bytes()).ok()?;
    }
    Some(())
}

/// A flipped bit, and an envelope that is for nobody, open nothing and change nothing.
pub(crate) fn a_bent_envelope() -> Option<()> {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let (mut phone, mut desk) = begin(rng)?;
    let sealed = send(&mut desk, b"answer", BOARD, rng)?;
    let mut bent = sealed.as_bytes().to_vec();
    *bent.last_mut()? ^= 1;
    let before = phone.to_bytes();
    let nobody = SealingSecret::make(rng);
    let place = Place {
        line: LINE,
        day: DAY,
        address: Address(random(rng)),
    };
    for other in [
        Envelope::parse(bent).ok()?,
        seal_filler(place, &nobody, rng).ok()?,
    ] {
        check(open(&mut phone, &other, BOARD).is_none())?;
        check(phone.to_bytes() == before)?;
    }
    check(open(&mut phone, &sealed, BOARD)? == b"answer")
}

const fn text(body: &[u8]) -> Content<'_> {
    Content {
        kind: Kind::Text,
        flags: Flags::None,
        id: 1,
        part: 0,
        parts: 1,
        body,
    }
}

fn send(
    from: &mut Conversation,
    body: &[u8],
    slot: Slot,
    rng: &mut impl CryptoRng,
) -> Option<Envelope> {
    let outgoing = from.prepare(text(body), &Fresh::make(rng)).ok()?;
    outgoing.seal(LINE, DAY, slot, rng).ok()
}

fn open(to: &mut Conversation, envelope: &Envelope, slot: Slot) -> Option<Vec<u8>> {
    let mut expected = to.expected(slot).into_iter();
    let at = expected.find(|expected| expected.address == envelope.address())?;
    let message = to.open(at.number, envelope, DAY).ok()?;
    Some(message.body.to_vec())
}
