//! Worked examples in two forms: lines of SPEC 7, and `protocol/vectors/*.json`.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use sotto_protocol::hash;

/// The examples of one area: one file.
pub(super) struct Area {
    /// Name of the file, without its ending.
    pub(super) name: &'static str,
    /// Sections of SPEC.
    spec: &'static str,
    /// How to use it, in one field.
    how: &'static str,
    cases: Vec<Case>,
}

/// What goes in and what comes out.
pub(super) struct Case {
    name: &'static str,
    inputs: Vec<(String, Item)>,
    outputs: Vec<(String, Item)>,
}

enum Item {
    Bytes(Vec<u8>),
    Text(String),
    Number(u64),
}

impl Area {
    pub(super) const fn new(name: &'static str, spec: &'static str, how: &'static str) -> Self {
        Self {
            name,
            spec,
            how,
            cases: Vec::new(),
        }
    }

    pub(super) fn case(&mut self, name: &'static str) -> &mut Case {
        assert!(self.cases.iter().all(|case| case.name != name), "{name}");
        self.cases.push(Case {
            name,
            inputs: Vec::new(),
            outputs: Vec::new(),
        });
        self.cases.last_mut().unwrap()
    }

    /// The lines of SPEC 7.
    pub(super) fn to_spec(&self) -> String {
        let mut out = String::new();
        for case in &self.cases {
            writeln!(out, "[{}: {}]", self.name, case.name).unwrap();
            for (name, item) in case.inputs.iter().chain(&case.outputs) {
                writeln!(out, "{}", item.to_line(name)).unwrap();
            }
        }
        out
    }

    /// The file. Written out by hand, so that its bytes follow from nothing but the examples.
    pub(super) fn to_json(&self) -> String {
        let cases = self.cases.iter().map(Case::to_json);
        format!(
            "{{\n  \"spec\": {},\n  \"use\": {},\n  \"cases\": [\n{}\n  ]\n}}\n",
            quoted(self.spec),
            quoted(self.how),
            cases.collect::<Vec<String>>().join(",\n")
        )
    }
}

impl Case {
    pub(super) fn given(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.inputs.push((name.into(), Item::Bytes(bytes.into())));
        self
    }

    pub(super) fn given_text(&mut self, name: &str, text: &str) -> &mut Self {
        self.inputs.push((name.into(), Item::Text(text.into())));
        self
    }

    pub(super) fn given_number(&mut self, name: &str, number: u64) -> &mut Self {
        self.inputs.push((name.into(), Item::Number(number)));
        self
    }

    pub(super) fn gives(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.outputs.push((name.into(), Item::Bytes(bytes.into())));
        self
    }

    pub(super) fn gives_text(&mut self, name: &str, text: &str) -> &mut Self {
        self.outputs.push((name.into(), Item::Text(text.into())));
        self
    }

    pub(super) fn gives_number(&mut self, name: &str, number: u64) -> &mut Self {
        self.outputs.push((name.into(), Item::Number(number)));
        self
    }

    fn to_json(&self) -> String {
        let fields = |items: &[(String, Item)]| {
            let items = items.iter();
            let lines =
                items.map(|(name, item)| format!("        {}: {}", quoted(name), item.to_json()));
            lines.collect::<Vec<String>>().join(",\n")
        };
        format!(
            "    {{\n      \"name\": {},\n      \"inputs\": {{\n{}\n      }},\n      \"outputs\": {{\n{}\n      }}\n    }}",
            quoted(self.name),
            fields(&self.inputs),
            fields(&self.outputs)
        )
    }
}

/// Longer values stand in SPEC as their hash.
const LONGEST_BYTES: usize = 104;
const LONGEST_TEXT: usize = 1_000;

impl Item {
    fn to_json(&self) -> String {
        match self {
            Self::Bytes(bytes) => quoted(&HEXLOWER.encode(bytes)),
            Self::Text(text) => format!("{{ \"text\": {} }}", quoted(text)),
            Self::Number(number) => number.to_string(),
        }
    }

    fn to_line(&self, name: &str) -> String {
        let hashed = |bytes: &[u8]| {
            let hash = HEXLOWER.encode(&hash::digest(&[bytes]));
            format!("H({name}), {} bytes = {hash}", bytes.len())
        };
        match self {
            Self::Bytes(bytes) if bytes.len() > LONGEST_BYTES => hashed(bytes),
            Self::Bytes(bytes) => format!("{name} = {}", HEXLOWER.encode(bytes)),
            Self::Text(text) if text.len() > LONGEST_TEXT => hashed(text.as_bytes()),
            Self::Text(text) => format!("{name} = {text}"),
            Self::Number(number) => format!("{name} = {number}"),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
