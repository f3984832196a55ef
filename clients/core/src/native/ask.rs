//! Questions to a person, or lines of standard input where nobody sits. Never arguments: those show
//! in process lists and shell histories.

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _},
    path::Path,
};

use sotto_protocol::code::Code;
use zeroize::Zeroizing;

use super::Stop;

/// A passphrase from a file's first line, or asked for (twice for a new one).
pub fn passphrase(file: Option<&Path>, is_new: bool) -> Result<Zeroizing<String>, Stop> {
    let passphrase = match file {
        Some(path) => first_line(&read(path)?),
        None if io::stdin().is_terminal() => {
            let passphrase = hidden("Passphrase: ")?;
            if is_new && *hidden("The same again: ")? != *passphrase {
                return Err(Stop::usage("the two passphrases differ; start again"));
            }
            passphrase
        }
        None => {
            return Err(Stop::usage(
                "nobody to ask for the passphrase; use --passphrase-file FILE",
            ));
        }
    };
    if passphrase.chars().count() < SHORTEST {
        return Err(Stop::usage(format!(
            "a passphrase has at least {SHORTEST} characters"
        )));
    }
    Ok(passphrase)
}

/// The code, and what follows it on standard input: nothing where a person types it.
pub fn code_and_rest() -> Result<(Code, Option<Zeroizing<String>>), Stop> {
    if io::stdin().is_terminal() {
        let code = typed_code("Your words: ")?;
        return Ok((code.ok_or_else(no_words)?, None));
    }
    let input = standard_input()?;
    let (first, rest) = input.split_once('\n').unwrap_or((input.as_str(), ""));
    Ok((code(first)?, Some(Zeroizing::new(rest.to_owned()))))
}

/// Whether a person says yes. Where nobody sits, `instead` says which option stands for a yes.
pub fn confirm(question: &str, instead: &str) -> Result<bool, Stop> {
    if !io::stdin().is_terminal() {
        return Err(Stop::usage(format!(
            "{question} Nobody is here to answer: {instead}"
        )));
    }
    say(&format!("{question} [y/N]"));
    Ok(matches!(one_line()?.trim(), "y" | "Y" | "yes" | "Yes"))
}

/// The codes of one or several conversations: lines until an empty one.
pub fn codes() -> Result<Vec<Code>, Stop> {
    let mut all = Vec::new();
    let is_person = io::stdin().is_terminal();
    loop {
        let next = if is_person {
            typed_code(match all.len() {
                0 => "Your words: ",
                _ => "Those of another conversation, or nothing: ",
            })?
        } else {
            let line = one_line()?;
            (!line.trim().is_empty()).then(|| code(&line)).transpose()?
        };
        match next {
            Some(code) => all.push(code),
            None if all.is_empty() => return Err(no_words()),
            None => return Ok(all),
        }
    }
}

/// Asks until what is typed is a code, or nothing.
fn typed_code(question: &str) -> Result<Option<Code>, Stop> {
    loop {
        let line = hidden(question)?;
        if line.trim().is_empty() {
            return Ok(None);
        }
        match code(&line) {
            Ok(code) => return Ok(Some(code)),
            Err(stop) => say(&stop.text),
        }
    }
}

/// Reads a code; where it is none, says what may have been meant.
fn code(text: &str) -> Result<Code, Stop> {
    Code::parse(text).map_err(|error| {
        let stop = Stop::from(error);
        Code::look_alikes(text).iter().fold(stop, |stop, found| {
            let words = found.words.join(", ");
            stop.and(&format!("\nPerhaps word {}: {words}", found.place))
        })
    })
}

fn no_words() -> Stop {
    Stop::usage("no words were given")
}

/// The next line of standard input, byte by byte, so that what follows is still there.
fn one_line() -> Result<Zeroizing<String>, Stop> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    for byte in io::stdin().lock().bytes() {
        match byte {
            Ok(b'\n') => break,
            Ok(byte) if bytes.len() < LINE_BYTES => bytes.push(byte),
            Ok(_) => return Err(Stop::usage("this line is too long for words")),
            Err(_) => return Err(Stop::usage("standard input cannot be read")),
        }
    }
    utf8(&bytes)
}

/// Longer than any eight words.
const LINE_BYTES: usize = 4_096;

/// A text from a file, or from standard input.
pub fn text(file: Option<&Path>, invitation: &str) -> Result<Zeroizing<String>, Stop> {
    if let Some(path) = file {
        return read(path);
    }
    if io::stdin().is_terminal() {
        say(invitation);
    }
    standard_input()
}

const SHORTEST: usize = 8;

#[expect(clippy::print_stderr, reason = "an invitation to type")]
fn say(invitation: &str) {
    eprintln!("{invitation}");
}

fn hidden(question: &str) -> Result<Zeroizing<String>, Stop> {
    let answer = rpassword::prompt_password(question);
    answer
        .map(Zeroizing::new)
        .map_err(|_| Stop::usage("nothing was typed"))
}

fn read(path: &Path) -> Result<Zeroizing<String>, Stop> {
    let bytes = Zeroizing::new(
        fs::read(path).map_err(|_| Stop::usage(format!("{} cannot be read", path.display())))?,
    );
    utf8(&bytes)
}

fn standard_input() -> Result<Zeroizing<String>, Stop> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut input = io::stdin().take(MOST_BYTES);
    input
        .read_to_end(&mut bytes)
        .map_err(|_| Stop::usage("standard input cannot be read"))?;
    utf8(&bytes)
}

/// More than any text or code; what is longer is refused by its length later on.
const MOST_BYTES: u64 = 1 << 20;

fn utf8(bytes: &[u8]) -> Result<Zeroizing<String>, Stop> {
    let text = core::str::from_utf8(bytes);
    text.map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Stop::usage("this is no UTF-8 text; save it as UTF-8 and try again"))
}

fn first_line(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned())
}
