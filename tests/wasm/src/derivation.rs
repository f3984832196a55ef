//! What is derived from a code, against the worked examples of SPEC 7, and texts cut into parts.

use data_encoding::HEXLOWER;
use sotto_core::text;
use sotto_protocol::{code::Code, id::LineId};

use crate::check;

/// Words and keys of a code: 64 MiB of Argon2id, which a browser has to be able to spend.
pub(crate) fn code() -> Option<()> {
    let code = Code::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let words = code.to_words();
    check(*words == example("words")?)?;
    check(Code::parse(&words) == Ok(code.clone()))?;
    let keys = code.derive(LineId([0xaa; 16]))?;
    let is = |name, bytes: &[u8]| check(HEXLOWER.encode(bytes) == example(name)?);
    is("handle", &keys.handle)?;
    is("continuity key", keys.continuity.as_bytes())?;
    is("static X-Wing seed", keys.static_key.as_bytes())?;
    is("vault key", keys.vault.as_bytes())
}

/// A long text in four-byte characters, in parts and whole again.
pub(crate) fn texts() -> Option<()> {
    let long = "\u{1f54a}".repeat(4_000);
    let parts = text::split(&long).ok()?;
    check(parts.len() == 4 && text::join(parts) == long)
}

/// The value of a line `name = value` in the worked examples.
fn example(name: &str) -> Option<String> {
    let (_, examples) = SPECIFICATION.split_once("## 7. Worked examples")?;
    let mut values = examples.lines().filter_map(|line| {
        let (found, value) = line.split_once(" = ")?;
        (found == name).then_some(value)
    });
    values.next().map(str::to_owned)
}

const SPECIFICATION: &str = include_str!("../../../SPEC.md");
