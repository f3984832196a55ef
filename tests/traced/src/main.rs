//! One check that fails at a place it is given, for `compare.sh` beside this to trace.
//!
//! 32 bytes of input are laid over what is compared, by exclusive or and always all of them, so that
//! this program itself does the same whatever they are. What differs then is the check.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Read as _},
    process::ExitCode,
};

use data_encoding::BASE64;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sotto_protocol::{
    id::{Address, DeviceId, LineId},
    message::{FirstContact, Flags, Message},
    request::{AgreementSecret, Claim, RequestParts},
    seal::{self, Envelope, Place},
    secret::{SealingSecret, Secret, random},
};

const LINE: LineId = LineId([7; 16]);

/// 0 if the check refused what it was given, as it has to.
fn main() -> ExitCode {
    let mut mask = [0; 32];
    let case = env::args().nth(1).unwrap_or_default();
    let refused = io::stdin().read_exact(&mut mask).is_ok()
        && match case.as_str() {
            "commitment" => envelope(1_156, &mask),
            "tag" => envelope(8_112, &mask),
            "mac" => mac(&mask),
            "recontact" => recontact(&mask),
            "early" => early(&mask),
            _ => None,
        }
        .is_some();
    ExitCode::from(u8::from(!refused))
}

/// Opens an envelope of which the bytes from `place` on are bent.
fn envelope(place: usize, mask: &[u8; 32]) -> Option<()> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let receiver = SealingSecret::make(rng);
    let psk = Secret::make(rng);
    let mut plain = vec![0; sotto_protocol::limits::PLAINTEXT_BYTES];
    plain.get_mut(..6)?.copy_from_slice(&[1, 0, 0, 0, 0, 1]);
    plain.get_mut(24..28)?.fill(0xff);
    let message = Message::from_bytes(&plain).ok()?;
    let at = Place {
        line: LINE,
        day: 20_780,
        address: Address(random(rng)),
    };
    let sealed = seal::seal(&message, &receiver.public(), Some(&psk), at, rng).ok()?;
    seal::open(&sealed, &receiver, Some(&psk), LINE).ok()?;
    let mut bytes = sealed.into_bytes();
    lay_over(bytes.get_mut(place..)?, mask);
    let bent = Envelope::parse(bytes).ok()?;
    seal::open(&bent, &receiver, Some(&psk), LINE).err()?;
    Some(())
}

/// Checks a request of which the MAC is bent.
fn mac(mask: &[u8; 32]) -> Option<()> {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let device = AgreementSecret::from_bytes(random(rng));
    let relay = AgreementSecret::from_bytes(random(rng));
    let key = device.request_key_of_device(&relay.public(), LINE);
    let parts = RequestParts {
        method: "GET",
        path: "/",
        query: "",
        body: b"",
    };
    let mut headers = key.sign(parts, DeviceId([1; 16]), 1, [2; 16]);
    key.verify(parts, &Claim::parse(&headers, b"").ok()?).ok()?;
    let text = headers.signature.strip_prefix("sotto=:")?;
    let mut mac = BASE64.decode(text.strip_suffix(':')?.as_bytes()).ok()?;
    lay_over(&mut mac, mask);
    headers.signature = format!("sotto=:{}:", BASE64.encode(&mac));
    key.verify(parts, &Claim::parse(&headers, b"").ok()?)
        .err()?;
    Some(())
}

/// Checks a re-contact of which the proof is bent.
fn recontact(mask: &[u8; 32]) -> Option<()> {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let continuity = Secret::make(rng);
    let body = [5; 100];
    let mut plain = vec![0; sotto_protocol::limits::PLAINTEXT_BYTES];
    plain.get_mut(..6)?.copy_from_slice(&[1, 0, 0, 0, 0, 1]);
    plain.get_mut(24..28)?.fill(0xff);
    let mut message = Message::from_bytes(&plain).ok()?;
    message.flags = Flags::Recontact;
    let static_key = SealingSecret::make(rng).public();
    let mut first = FirstContact {
        nonce: random(rng),
        first_day: 20_780,
        bundle: random(rng),
        handle: random(rng),
        continuity: continuity.clone(),
        static_key,
        mac: [0; 32],
    };
    first.mac = first.proof(&continuity, &message, &body);
    first
        .is_proven(&continuity, &message, &body)
        .then_some(())?;
    lay_over(&mut first.mac, mask);
    (!first.is_proven(&continuity, &message, &body)).then_some(())
}

/// A comparison that ends at the first difference: the traces have to show it.
fn early(mask: &[u8; 32]) -> Option<()> {
    let expected = std::hint::black_box([9_u8; 32]);
    let mut given = expected;
    lay_over(&mut given, mask);
    let given = std::hint::black_box(given);
    let first = expected.iter().zip(&given).position(|(a, b)| a != b);
    first.map(|place| {
        std::hint::black_box(place);
    })
}

fn lay_over(bytes: &mut [u8], mask: &[u8; 32]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}
