//! Sentences for people, one JSON object for programs.

use serde_json::{Value, json};
use sotto_core::native::Stop;

/// How this run speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Say {
    json: bool,
}

impl Say {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// What came of a command: `words` for a person, `value` for a program.
    pub(crate) fn done(self, words: &str, value: &Value) {
        if self.json {
            println!("{value}");
        } else {
            println!("{words}");
        }
    }

    /// While running: one line each.
    pub(crate) fn event(self, words: &str, value: &Value) {
        self.done(words, value);
    }

    /// Why it ended early.
    pub(crate) fn stop(self, stop: &Stop) {
        if self.json {
            println!("{}", json!({ "error": stop.text, "exit": stop.code }));
        } else {
            eprintln!("sotto-desk: {}", stop.text);
        }
    }
}
