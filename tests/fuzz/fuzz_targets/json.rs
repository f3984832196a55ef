//! Statements and bundles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_protocol::{
    bundle::{BundleParts, Pin, Seen, Untrusted},
    dsse::Dsse,
    id::{Fingerprint, LineId},
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
            let _ = line.policy.cycle(sotto_protocol::id::Board::New, now);
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
    }
});
