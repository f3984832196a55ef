//! Statements and bundles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_protocol::{
    bundle::{BundleParts, Pin, Seen, Untrusted, day_of},
    dsse::Dsse,
    id::{Board, Fingerprint, LineId},
    statement::{
        Certificate, DeskStatement, LineStatement, RelayStatement, RootSet, Roster, Statement,
    },
};

fuzz_target!(|data: &[u8]| {
    if let Ok(dsse) = Dsse::parse(data) {
        assert_eq!(Dsse::parse(&dsse.to_json()), Ok(dsse));
    }
    let _ = RootSet::read(data);
    let _ = Certificate::read(data);
    let _ = DeskStatement::read(data);
    let _ = RelayStatement::read(data);
    let _ = Roster::read(data);
    if let Ok(line) = LineStatement::read(data) {
        for now in [0, 1, u64::MAX] {
            let _ = line.policy.cycle(Board::New, now);
        }
    }
    let pin = Pin {
        line: LineId([0; 16]),
        fingerprint: Fingerprint([0; 32]),
    };
    if let Ok(bundle) = Untrusted::<BundleParts>::parse(data) {
        // Nobody can sign for this pin.
        assert!(bundle.verify(pin, 1, &Seen::default()).is_err());
        assert!(bundle.verify_line(pin, 1).is_err());
        own_chain(data, &bundle);
    }
});

/// A second of the seeds' validity.
const NOW: u64 = 1_795_491_000;

/// Pinned to its own first roots, so that what a seed signed is reached.
fn own_chain(json: &[u8], bundle: &Untrusted<BundleParts>) {
    let parts: Option<BundleParts> = serde_json::from_slice(json).ok();
    let first = parts.and_then(|parts| RootSet::peek(parts.roots.first()?).ok());
    let Some(fingerprint) = first.map(|set| set.fingerprint()) else {
        return;
    };
    let line = fingerprint.line();
    let pin = Pin { line, fingerprint };
    let Ok(accepted) = bundle.verify(pin, NOW, &Seen::default()) else {
        return;
    };
    // What was accepted once is accepted again, and is enough to seal with.
    bundle.verify(pin, NOW, &accepted.seen).unwrap();
    bundle.verify_line(pin, NOW).unwrap();
    let today = day_of(NOW);
    for desk in &accepted.line.desks {
        assert!(accepted.prekey(desk.id, today).is_some());
    }
    let boards = accepted.boards();
    let _ = boards.and_then(|boards| boards.pages(Board::Old, NOW));
}
