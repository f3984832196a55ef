//! A line that a relay believes, and envelopes for it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_core::ceremony::{self, Beginning, DeviceCard};
use sotto_protocol::{
    bundle::{Pin, day_of},
    id::{Address, LineId},
    limits::DAY_SECONDS,
    message::{Flags, Kind, Message},
    request::AgreementSecret,
    seal::{self, Place},
    secret::{SealingSecret, Secret, SigningSecret},
    statement::{BoardSize, Boards, DeskStatement, DeviceRole, Statement as _},
};
use sotto_relay::keys::RelaySecrets;
use sotto_tests::world::policy;
use zeroize::Zeroizing;

use crate::clock;

/// What a relay and its callers have to know.
#[derive(Debug)]
pub struct Line {
    /// Whom to believe.
    pub pin: Pin,
    statements: Vec<(&'static str, Vec<u8>)>,
    secret: Zeroizing<[u8; 64]>,
}

impl Line {
    /// A new line; `seed` makes it the same every time but for its dates. Its boards have `pages` pages.
    pub fn make(seed: u64, pages: u32) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let mut secret = Zeroizing::new([0; 64]);
        rng.fill_bytes(secret.as_mut_slice());
        let now = clock::unix();
        let beginning = Beginning {
            base: "http://relay.test".into(),
            names: [("en".into(), "City watch".into())].into(),
            relay: RelaySecrets::from_bytes(&secret, now).public(),
            policy: policy(),
        };
        let (_, mut keys) = ceremony::begin(beginning, now, rng);
        let signing = SigningSecret::make(rng);
        let desk = keys
            .add_desk([("en".into(), "Desk".into())].into())
            .unwrap();
        let card = DeviceCard {
            x25519: AgreementSecret::from_bytes([3; 32]).public(),
            ed25519: signing.public(),
            xwing: SealingSecret::make(rng).public(),
            desk_key: None,
        };
        keys.add_device(card, desk, DeviceRole::Drainer).unwrap();
        let publication = keys.publish(now).unwrap();
        let pin = keys.book.pin().unwrap();
        let statements = publication.0.iter();
        let of_line = statements.map(|(kind, dsse)| (*kind, dsse.to_json()));
        let sizes = || {
            vec![BoardSize {
                pages,
                first_cycle: 0,
            }]
        };
        let day = day_of(now);
        let of_desk = DeskStatement {
            line: pin.line,
            desk,
            serial: now,
            day,
            prekey: SealingSecret::make(rng).public(),
            issued: now,
            expires: now + 2 * DAY_SECONDS,
            boards: Some(Boards {
                new: sizes(),
                old: sizes(),
            }),
            relay_statement: None,
            relay_statement_next: None,
        };
        let of_desk = signing.sign(of_desk.to_dsse()).to_json();
        Self {
            pin,
            statements: of_line.chain([("desk", of_desk)]).collect(),
            secret,
        }
    }

    /// Where envelopes are posted.
    pub fn inbox(&self) -> String {
        format!("/v1/{}/in", self.pin.line.to_text())
    }

    /// Where pages of *new* are.
    pub fn pages(&self) -> String {
        format!("/v1/{}/out/new/", self.pin.line.to_text())
    }

    /// The key file of its relay.
    pub fn write_keys(&self, path: &Path) {
        let secrets = RelaySecrets::from_bytes(&self.secret, clock::unix());
        secrets.write(path).unwrap();
    }

    /// Hands the statements to its relay.
    pub fn publish(&self, relay: SocketAddr) {
        for (kind, json) in &self.statements {
            let path = format!("/v1/{}/statement/{kind}", self.pin.line.to_text());
            let answer = put(relay, &path, json);
            assert!(answer.starts_with("HTTP/1.1 204"), "{kind}: {answer}");
        }
    }
}

/// An envelope with a text in it, sealed to a key that nobody has.
pub fn envelope(line: LineId) -> Vec<u8> {
    let rng = &mut ChaCha20Rng::seed_from_u64(7);
    let receiver = SealingSecret::make(rng).public();
    let place = Place {
        line,
        day: 20_781,
        address: Address([6; 32]),
    };
    let sealed = seal::seal(&message(1_000), &receiver, None, place, rng);
    sealed.unwrap().into_bytes()
}

/// A text of `length` bytes.
pub fn message(length: usize) -> Message {
    Message {
        kind: Kind::Text,
        flags: Flags::None,
        part: 0,
        parts: 1,
        id: 1,
        epoch: 2,
        index: 3,
        received: None,
        epoch_secret: Secret::from_bytes([4; 32]),
        ratchet_key: SealingSecret::from_bytes([5; 32]).public(),
        body: vec![b'x'; length].into(),
    }
}

fn put(relay: SocketAddr, path: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(relay).unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
