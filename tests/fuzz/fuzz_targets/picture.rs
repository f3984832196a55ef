//! Pictures whose metadata is taken out: what comes out has nothing more to take out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_core::strip::{detect, strip};

fuzz_target!(|data: &[u8]| {
    let _ = detect(data);
    if let Ok(stripped) = strip(data) {
        let again = strip(&stripped.bytes).unwrap();
        assert!(again.bytes == stripped.bytes && again.removed.is_empty());
    }
});
