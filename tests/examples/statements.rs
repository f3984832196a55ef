//! The examples of SPEC 5.1 to 5.3: every kind of statement, a bundle, names and a link.

use data_encoding::BASE64;
use sotto_core::link::Link;
use sotto_protocol::{
    bundle::{BundleParts, Pin, Seen, Untrusted},
    dsse::Dsse,
    hash,
    id::{Fingerprint, LineId},
    keys::SigningPublicKey,
    request::AgreementSecret,
    secret::{SealingSecret, SigningSecret},
    statement::{
        BoardSize, Boards, Certificate, DeskEntry, DeskStatement, DeviceEntry, DeviceRole,
        LineStatement, Policy, RelayKeys, RelayStatement, RootSet, Roster, ScheduleTimings,
        Statement,
    },
};

use super::{DAY, book::Area};

const NOW: u64 = DAY as u64 * 86_400;
const ROOTS: [u8; 3] = [1, 2, 3];
const LINE_KEY: u8 = 10;
const DESK_KEY: u8 = 20;
const RELAY_KEY: u8 = 30;

fn secret(seed: u8) -> SigningSecret {
    SigningSecret::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> SigningPublicKey {
    secret(seed).public()
}

/// Signs a statement, with the formulas of SPEC 5.1 written out beside.
fn signed(area: &mut Area, name: &'static str, statement: &impl Statement, seeds: &[u8]) -> Dsse {
    let unsigned = statement.to_dsse();
    let payload = String::from_utf8(unsigned.unverified_payload().to_vec()).unwrap();
    let dsse = seeds
        .iter()
        .fold(unsigned, |dsse, seed| secret(*seed).sign(dsse));
    let kind = format!("application/vnd.sotto.{name}+json");
    let (long, longer) = (kind.len(), payload.len());
    let pae = format!("DSSEv1 {long} {kind} {longer} {payload}");
    assert_eq!(dsse.signed_bytes(), pae.as_bytes());
    let case = area.case(name);
    case.given_text("payload", &payload);
    for seed in seeds {
        let key = public(*seed);
        case.given(&format!("signing secret {seed}"), &[*seed; 32])
            .gives(&format!("public key {seed}"), &key.0)
            .gives_text(&format!("keyid {seed}"), &key.keyid());
        assert_eq!(
            key.keyid(),
            data_encoding::HEXLOWER.encode(&hash::digest(&[&key.0])[..8])
        );
    }
    case.gives("PAE", pae.as_bytes())
        .gives("H(payload)", &hash::digest(&[payload.as_bytes()]))
        .gives_text("DSSE", &String::from_utf8(dsse.to_json()).unwrap());
    dsse
}

pub(super) fn statements() -> Area {
    let mut area = Area::new(
        "statements",
        "5.1, 5.2, 5.3",
        "statements: payload, PAE and DSSE envelope; a client accepts the bundle at the time given, with the pin of the link. Payloads are examples: field order and spaces are free, what is signed is what is sent",
    );
    let mut roots = ROOTS.map(public);
    roots.sort();
    let set = RootSet { serial: 1, roots };
    let line = names(&mut area, &set);
    let root = signed(&mut area, "root", &set, &ROOTS[..2]);
    let certificate = Certificate {
        line,
        serial: NOW,
        line_key: public(LINE_KEY),
        not_before: NOW - 3_600,
        not_after: NOW - 3_600 + 90 * 86_400,
    };
    let certificate = signed(&mut area, "certificate", &certificate, &ROOTS[1..]);
    let statement = line_statement(line);
    let parts = Parts {
        root,
        certificate,
        line: signed(&mut area, "line", &statement, &[LINE_KEY]),
    };
    rest(&mut area, line, parts, set.fingerprint());
    area
}

struct Parts {
    root: Dsse,
    certificate: Dsse,
    line: Dsse,
}

fn names(area: &mut Area, set: &RootSet) -> LineId {
    let case = area.case("fingerprint, line id and link");
    for (i, key) in set.roots.iter().enumerate() {
        case.given(&format!("root public key {i}"), &key.0);
    }
    let [a, b, c] = set.roots.each_ref().map(|root| root.0);
    let fingerprint = Fingerprint::of(&set.roots);
    assert_eq!(fingerprint.0, hash::digest(&[&a, &b, &c]));
    let line = fingerprint.line();
    let base = "https://relay.example";
    let text = format!(
        "{base}#line={}&fp={}",
        line.to_text(),
        fingerprint.to_text()
    );
    let link = Link::parse(&text).unwrap();
    assert_eq!((link.pin.line, link.pin.fingerprint), (line, fingerprint));
    assert_eq!(link.to_text(), text);
    case.given_text("base", base)
        .gives("fp", &fingerprint.0)
        .gives_text("fp in text", &fingerprint.to_text())
        .gives_text("line id in text", &line.to_text())
        .gives_text("link, and content of its QR code", &text);
    line
}

fn line_statement(line: LineId) -> LineStatement {
    LineStatement {
        line,
        serial: NOW,
        issued: NOW,
        expires: NOW + 60 * 86_400,
        min_version: 1,
        names: [("en".into(), "City watch".into())].into(),
        guidance: [("en".into(), "Write what you saw.".into())].into(),
        emergency: None,
        onion: None,
        ohttp: Vec::new(),
        questions: Vec::new(),
        desks: vec![DeskEntry {
            id: 1,
            names: [("en".into(), "Investigations".into())].into(),
            signing_keys: vec![public(DESK_KEY)],
        }],
        relay: RelayKeys {
            signing_key: public(RELAY_KEY),
            x25519: AgreementSecret::from_bytes([0x51; 32]).public(),
        },
        relay_before: None,
        policy: Policy {
            new_cycle_seconds: 300,
            old_cycle_seconds: 21_600,
            repeat_days: 365,
            retention_days: 14,
            drain_seconds: 60,
            schedule: ScheduleTimings::default(),
        },
    }
}

fn rest(area: &mut Area, line: LineId, parts: Parts, fingerprint: Fingerprint) {
    let relay = RelayStatement {
        line,
        serial: NOW,
        issued: NOW,
        expires: NOW + 60 * 86_400,
        tokens: Vec::new(),
        ohttp: None,
    };
    let relay = signed(area, "relay", &relay, &[RELAY_KEY]);
    let sizes = |pages| {
        vec![BoardSize {
            pages,
            first_cycle: 0,
        }]
    };
    let desk = DeskStatement {
        line,
        desk: 1,
        serial: NOW,
        day: DAY,
        prekey: SealingSecret::from_bytes([0x25; 32]).public(),
        issued: NOW,
        expires: NOW + 15 * 86_400,
        boards: Some(Boards {
            new: sizes(1_024),
            old: sizes(4),
        }),
        relay_statement: Some(BASE64.encode(&relay.payload_hash())),
        relay_statement_next: None,
    };
    let desk = signed(area, "desk", &desk, &[DESK_KEY]);
    roster(area, line);
    bundle(area, parts, (desk, relay), Pin { line, fingerprint });
}

fn roster(area: &mut Area, line: LineId) {
    let device = DeviceEntry {
        role: DeviceRole::Drainer,
        desk: 1,
        x25519: AgreementSecret::from_bytes([0x52; 32]).public(),
        ed25519: public(DESK_KEY),
        xwing: SealingSecret::from_bytes([0x66; 32]).public(),
    };
    let id = device.id();
    let parts = [
        device.x25519.0.as_slice(),
        &device.ed25519.0,
        device.xwing.0.as_slice(),
    ];
    assert_eq!(hash::digest(&parts)[..16], id.0);
    let case = area.case("device id");
    case.given("x25519", &device.x25519.0)
        .given("ed25519", &device.ed25519.0)
        .given("xwing", device.xwing.0.as_slice())
        .gives("device id", &id.0);
    let roster = Roster {
        line,
        serial: NOW,
        issued: NOW,
        expires: NOW + 60 * 86_400,
        previous: None,
        devices: vec![device],
    };
    signed(area, "roster", &roster, &[LINE_KEY]);
}

fn bundle(area: &mut Area, parts: Parts, (desk, relay): (Dsse, Dsse), pin: Pin) {
    let parts = BundleParts {
        version: 1,
        roots: vec![parts.root],
        certificate: parts.certificate,
        line: parts.line,
        desks: vec![desk],
        relay: Some(relay),
        relay_next: None,
    };
    let json = serde_json::to_string(&parts).unwrap();
    let bundle = Untrusted::parse(json.as_bytes()).unwrap();
    let bundle = bundle.verify(pin, NOW, &Seen::default()).unwrap();
    let lasting = [&parts.roots[0], &parts.certificate, &parts.line];
    let hashes = lasting.map(Dsse::payload_hash);
    assert_eq!(bundle.hash, hash::digest(&[hashes.as_flattened()]));
    let prekey = bundle.prekey(1, DAY).unwrap().prekey.hash();
    area.case("bundle")
        .given_text("bundle", &json)
        .given_number("now", NOW)
        .given("fp", &pin.fingerprint.0)
        .gives("H(bundle)", &bundle.hash)
        .gives("H(prekey of desk 1 today)", &prekey);
}
