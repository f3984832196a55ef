//! The conversation, step by step: what is done, why, and how long it took.
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    held::{self, Held},
    world::World,
};
use crate::clock;

/// What the demo has to say afterwards.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) steps: usize,
    pub(crate) link: String,
    pub(crate) code: String,
}

const TIP: &str = "每周二晚上，有人在北桥下往河里倒废料。\nكل ثلاثاء ليلاً يلقي أحدهم نفايات في النهر تحت الجسر الشمالي.\nEvery Tuesday night somebody dumps waste into the river under the north bridge.";
const ANSWER: &str =
    "谢谢。您看到车牌了吗？\nشكراً. هل رأيتم لوحة السيارة؟\nThank you. Did you see a number plate?";
const FOLLOW_UP: &str =
    "蓝色卡车，车牌末尾是 47。 شاحنة زرقاء. A blue lorry, its plate ends in 47.";

/// Tells the whole story. An error is a mismatch between what should be and what is.
pub(crate) fn tell(world: &mut World) -> anyhow::Result<Told> {
    let mut teller = Teller::new(world);
    let (link, line) = teller.make_line()?;
    teller.open_line(&link)?;
    let code = teller.send(&link)?;
    teller.hold(&line)?;
    teller.read_and_answer()?;
    teller.check(&link, &code)?;
    teller.follow_up(&link, &code)?;
    teller.hold_no_more(&line)?;
    Ok(Told {
        steps: teller.steps,
        link,
        code,
    })
}

struct Teller<'w> {
    world: &'w mut World,
    steps: usize,
    begun: Instant,
}

impl<'w> Teller<'w> {
    fn new(world: &'w mut World) -> Self {
        Self {
            world,
            steps: 0,
            begun: clock::now(),
        }
    }

    fn step(&mut self, what: &str) {
        self.steps += 1;
        self.begun = clock::now();
        println!("\n{}. {what}", self.steps);
    }

    fn took(&self) {
        println!("   ({} ms)", self.begun.elapsed().as_millis());
    }

    fn desk(&self, arguments: &[&str], input: &str) -> anyhow::Result<Value> {
        let unlock = [
            "--state",
            "desk",
            "--passphrase-file",
            "passphrase",
            "--json",
        ];
        self.world
            .ask("sotto-desk", &[arguments, &unlock].concat(), input)
    }

    fn line(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let unlock = [
            "--state",
            "line",
            "--passphrase-file",
            "passphrase",
            "--json",
        ];
        let arguments = [&["line"], arguments, &unlock].concat();
        self.world.ask("sotto", &arguments, "")
    }

    fn tip(&self, arguments: &[&str], input: &str) -> anyhow::Result<Value> {
        let arguments = [&["tip"], arguments, &["--state", "tip", "--json"]].concat();
        self.world.ask("sotto", &arguments, input)
    }

    fn make_line(&mut self) -> anyhow::Result<(String, String)> {
        self.step(
            "The administrator makes a line: three root keys, of which two sign, and a link.",
        );
        let keys = self
            .world
            .output("sotto-relay", &["keys", "--out", "relay.keys"], "")?;
        std::fs::write(self.world.dir.join("relay.json"), keys)?;
        let address = self.world.address();
        // Cycles of seconds instead of minutes and hours, so that nobody has to wait.
        let made = self.line(&[
            "init",
            "City watch",
            "--relay",
            &address,
            "--relay-keys",
            "relay.json",
            "--new-cycle",
            "2",
            "--old-cycle",
            "4",
            "--drain",
            "1",
            "--schedule",
            "60,1,2,1,2",
        ])?;
        let (link, fp) = (text(&made, "/link")?, text(&made, "/fp")?);
        println!("   {link}");
        self.took();
        self.step("The operator starts a relay that trusts this fingerprint and nothing else.");
        self.world.start_relay(&fp)?;
        self.took();
        Ok((link, text(&made, "/line")?))
    }

    fn open_line(&mut self, link: &str) -> anyhow::Result<()> {
        self.step("A desk makes its own keys; the administrator adds it and publishes.");
        self.desk(&["init", "--link", link, "--card", "card.json"], "")?;
        self.line(&["desk", "Environment"])?;
        self.line(&["device", "card.json", "--desk", "1"])?;
        self.line(&["publish"])?;
        self.took();
        self.step(
            "The desk publishes a key for today and each of the next 14 days, then goes off.",
        );
        self.world.output(
            "sotto-desk",
            &[
                "run",
                "--once",
                "--state",
                "desk",
                "--passphrase-file",
                "passphrase",
            ],
            "",
        )?;
        self.took();
        Ok(())
    }

    fn send(&mut self, link: &str) -> anyhow::Result<String> {
        self.step("Somebody sends a tip. No account, no name, eight words to come back with.");
        println!("{}", indented(TIP));
        let sent = self.tip(&["send", link], TIP)?;
        let code = text(&sent, "/code")?;
        println!("   words: {code}");
        ensure!(
            number(&sent, "/receipts/held") == 1,
            "the relay should hold one envelope: {sent}"
        );
        self.took();
        Ok(code)
    }

    fn hold(&mut self, line: &str) -> anyhow::Result<()> {
        self.step(
            "What the relay holds: 8,128 bytes that only the desk can open. Their beginning:",
        );
        let held = held::look(self.world, line, &texts())?;
        show(&held);
        ensure!(held.envelopes >= 1, "no envelope is waiting");
        ensure!(held.found == 0, "plaintext was found at the relay");
        self.took();
        Ok(())
    }

    fn read_and_answer(&mut self) -> anyhow::Result<()> {
        self.step("The desk comes on, empties the inbox and decrypts on its own machine.");
        self.world.start(
            "sotto-desk",
            &["run", "--state", "desk", "--passphrase-file", "passphrase"],
        )?;
        World::until("the tip is in the list", || {
            self.desk(&["list"], "")
                .is_ok_and(|list| number(&list, "/0/unread") == 1)
        })?;
        let shown = self.desk(&["show", "1"], "")?;
        let read = text(&shown, "/texts/0/text")?;
        ensure!(read == TIP, "the desk reads something else: {read}");
        println!("{}", indented(&read));
        self.took();
        self.step("An analyst answers.");
        println!("{}", indented(ANSWER));
        self.desk(&["reply", "1"], ANSWER)?;
        self.took();
        Ok(())
    }

    fn check(&mut self, link: &str, code: &str) -> anyhow::Result<()> {
        self.step(
            "The tipster comes back with the words, looks at the boards, and finds the answer.",
        );
        let seen = self.tip(&["check", link, "--wait", "40"], code)?;
        let read = text(&seen, "/answers/0")?;
        ensure!(read == ANSWER, "the tipster reads something else: {read}");
        ensure!(
            number(&seen, "/receipts/answered") == 1,
            "the tip should be known to be opened: {seen}"
        );
        println!("{}", indented(&read));
        self.took();
        Ok(())
    }

    fn follow_up(&mut self, link: &str, code: &str) -> anyhow::Result<()> {
        self.step("The tipster replies; it arrives in the same conversation.");
        println!("{}", indented(FOLLOW_UP));
        self.tip(&["reply", link], &format!("{code}\n{FOLLOW_UP}"))?;
        World::until("the reply is in the conversation", || {
            self.desk(&["list"], "")
                .is_ok_and(|list| number(&list, "/0/unread") == 1)
        })?;
        let shown = self.desk(&["show", "1"], "")?;
        let read = text(&shown, "/texts/2/text")?;
        ensure!(read == FOLLOW_UP, "the desk reads something else: {read}");
        ensure!(
            text(&shown, "/texts/1/status")? == "opened by the tipster",
            "the answer should be known to be opened: {shown}"
        );
        self.took();
        Ok(())
    }

    fn hold_no_more(&mut self, line: &str) -> anyhow::Result<()> {
        self.step("What the relay holds now: nothing in the inbox, and two boards full of envelopes that look alike.");
        let held = held::look(self.world, line, &texts())?;
        show(&held);
        ensure!(held.found == 0, "plaintext was found at the relay");
        if self.world.redis.is_some() {
            // A file keeps deleted bytes until they are written over; Redis shows at once.
            ensure!(held.envelopes == 0, "the inbox should be empty");
        }
        self.took();
        Ok(())
    }
}

fn texts() -> Vec<&'static str> {
    vec![
        TIP,
        ANSWER,
        FOLLOW_UP,
        "河里倒废料",
        "نفايات في النهر",
        "north bridge",
        "number plate",
        "blue lorry",
    ]
}

fn show(held: &Held) {
    println!("   envelopes waiting: {}", held.envelopes);
    for line in &held.hex {
        println!("   {line}");
    }
    println!(
        "   {} bytes searched for the texts of this conversation: {} found.",
        held.bytes, held.found
    );
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("   | {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn text(value: &Value, place: &str) -> anyhow::Result<String> {
    let found = value.pointer(place).and_then(Value::as_str);
    found
        .map(ToOwned::to_owned)
        .with_context(|| format!("no {place} in {value}"))
}

fn number(value: &Value, place: &str) -> u64 {
    value.pointer(place).and_then(Value::as_u64).unwrap_or(0)
}
