//! Looking at what the relay holds: the bytes themselves, in its file or in Redis.
use std::{fs, time::SystemTime};

use anyhow::Context as _;

use super::world::World;

/// What was found.
#[derive(Debug)]
pub(crate) struct Held {
    /// Envelopes waiting for the desk.
    pub(crate) envelopes: usize,
    /// The first bytes of one, in hex.
    pub(crate) hex: Vec<String>,
    /// Bytes looked through for plaintext.
    pub(crate) bytes: usize,
    /// How often one of the texts was found in them.
    pub(crate) found: usize,
}

/// Bytes shown of an envelope.
const SHOWN: usize = 96;

/// Looks through everything the relay keeps for each of `texts`.
pub(crate) fn look(world: &World, line: &str, texts: &[&str]) -> anyhow::Result<Held> {
    match &world.redis {
        None => in_file(world, texts),
        Some(url) => in_redis(world, url, line, texts),
    }
}

fn in_file(world: &World, texts: &[&str]) -> anyhow::Result<Held> {
    let bytes = fs::read(world.dir.join("relay.redb")).context("the relay's file is missing")?;
    let found = texts.iter().map(|text| count(&bytes, text.as_bytes()));
    let mut places = Vec::new();
    for pattern in patterns()? {
        places.extend(
            find(&bytes, &pattern)
                .into_iter()
                .map(|at| at + ARRIVAL_BYTES),
        );
    }
    let first = places.first().and_then(|at| bytes.get(*at..*at + SHOWN));
    Ok(Held {
        envelopes: places.len(),
        hex: first.map(hex).unwrap_or_default(),
        bytes: bytes.len(),
        found: found.sum(),
    })
}

const ARRIVAL_BYTES: usize = 8;

/// How a stored envelope begins: arrival in steps of 600 s, then form 2, kind 1, class 0, 0 and the day
/// whose key it is sealed under. Arrival or day may have changed a moment ago.
fn patterns() -> anyhow::Result<Vec<Vec<u8>>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo looks for what was stored just now"
    )]
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    Ok([now, now - 600]
        .into_iter()
        .map(|time| {
            let arrived = time - time % 600;
            let day = (arrived / 86_400).to_le_bytes();
            let mut pattern = arrived.to_le_bytes().to_vec();
            pattern.extend([2, 1, 0, 0]);
            pattern.extend(day.get(..4).unwrap_or_default());
            pattern
        })
        .collect())
}

fn in_redis(world: &World, url: &str, line: &str, texts: &[&str]) -> anyhow::Result<Held> {
    let pattern = format!("s1:{{{line}}}:*");
    let mut arguments = vec!["-u", url, "EVAL", LOOK, "0", &pattern];
    arguments.extend(texts);
    let answer = world.output("redis-cli", &arguments, "")?;
    let mut lines = answer.lines();
    let mut number = || lines.next().and_then(|line| line.trim().parse().ok());
    let (envelopes, bytes, found) = (number(), number(), number());
    let first = lines.next().unwrap_or_default();
    Ok(Held {
        envelopes: envelopes.context("Redis gave no count")?,
        bytes: bytes.context("Redis gave no count")?,
        found: found.context("Redis gave no count")?,
        hex: wrap(first.trim()),
    })
}

/// Goes through every key and value of the line. Answers waiting envelopes, bytes, texts found, and
/// the beginning of one envelope in hex.
const LOOK: &str = r"
local waiting, bytes, found, first = 0, 0, 0, ''
local function look(value)
  bytes = bytes + #value
  for i = 2, #ARGV do
    if string.find(value, ARGV[i], 1, true) then found = found + 1 end
  end
end
local function all(value)
  if type(value) == 'table' then for _, inner in ipairs(value) do all(inner) end
  else look(tostring(value)) end
end
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  look(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then
    local value = redis.call('GET', key)
    look(value)
    if string.find(key, ':b:', 1, true) then
      waiting = waiting + 1
      first = string.gsub(string.sub(value, 1, 96), '.', function(c)
        return string.format('%02x', string.byte(c))
      end)
    end
  elseif kind == 'hash' then all(redis.call('HGETALL', key))
  elseif kind == 'list' then all(redis.call('LRANGE', key, 0, -1))
  elseif kind == 'zset' then all(redis.call('ZRANGE', key, 0, -1))
  elseif kind == 'stream' then all(redis.call('XRANGE', key, '-', '+'))
  end
end
return {waiting, bytes, found, first}
";

fn hex(bytes: &[u8]) -> Vec<String> {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    wrap(&digits.concat())
}

/// 32 bytes to a line.
fn wrap(digits: &str) -> Vec<String> {
    let characters: Vec<char> = digits.chars().collect();
    characters
        .chunks(64)
        .map(|chunk| chunk.iter().collect())
        .collect()
}

fn find(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    bytes
        .windows(pattern.len().max(1))
        .enumerate()
        .filter(|(_, window)| *window == pattern)
        .map(|(at, _)| at)
        .collect()
}

fn count(bytes: &[u8], pattern: &[u8]) -> usize {
    find(bytes, pattern).len()
}
