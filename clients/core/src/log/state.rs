//! What a device keeps of a log, as bytes. Not on the wire.

use std::collections::BTreeMap;

use sotto_protocol::{
    id::DeviceId,
    keys::{AgreementPublicKey, SealingPublicKey},
    limits::{LOG_BACKLOG_MAX, LOG_BODY_BYTES, LOG_HELD, LOG_RECORD_BYTES, RATCHET_KEY_BYTES},
    log::{DeviceKey, LogKey, Period},
    secret::SealingSecret,
    wire::{DecodeError, Reader, Writer},
};
use zeroize::Zeroizing;

use super::{
    Alarm, Arriving, Change, Current, DeskLog, Event, Holder, Life, LogDevice, LogState, OwnKeys,
    Passing, Roster, Stage, join::Joining, roster::Listed,
};

const VERSION: u8 = 1;
/// Room for the usual, so that the buffer does not grow and leave copies.
const USUAL_BYTES: usize = 32_768 + LOG_HELD * LOG_RECORD_BYTES;

type Read<T> = Result<T, DecodeError>;

impl DeskLog {
    /// Everything needed to go on after a restart, but the device's own secrets.
    pub fn to_bytes(&self) -> LogState {
        let out = Writer::with_capacity(USUAL_BYTES).u8(VERSION);
        let out = self.stage.write(out);
        let out = out.u64(self.next).bytes(&self.hash);
        let out = option(out, self.life.incarnation.as_ref(), |out, n| out.u64(*n));
        let out = out.u64(self.life.quiet_until);
        let out = option(out, self.key.as_ref(), Current::write);
        let out = option(out, self.own.announced.as_ref(), write_own);
        let out = option(out, self.own.drawn.as_ref(), write_own);
        let out = out.u64(self.roster.serial).bytes(&self.roster.hash);
        let out = list(out, &self.roster.listed, |out, (id, listed)| {
            out.bytes(&id.0)
                .bytes(&listed.agreement.0)
                .bytes(listed.sealing.0.as_slice())
        });
        let out = list(out, &self.holders, |out, (id, holder)| {
            holder.write(out.bytes(&id.0))
        });
        let out = option(out, self.change.as_ref(), Change::write);
        let out = option(out, self.drawn.as_ref(), Current::write);
        let out = option(out, self.pending.as_ref(), |out, record| out.bytes(record));
        let out = list(out, &self.held, |out, record| out.bytes(record));
        Zeroizing::new(out.finish())
    }

    /// Reads [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8], device: LogDevice) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let from = &mut reader;
        from.version(VERSION)?;
        let mut log = Self::join(device);
        log.stage = Stage::read(from)?;
        log.next = from.u64()?;
        log.hash = from.array()?;
        log.life = Life {
            incarnation: read_option(from, Reader::u64)?,
            quiet_until: from.u64()?,
        };
        log.key = read_option(from, Current::read)?;
        log.own = OwnKeys {
            announced: read_option(from, read_own)?,
            drawn: read_option(from, read_own)?,
        };
        log.roster = Roster {
            serial: from.u64()?,
            hash: from.array()?,
            listed: read_map(from, |from| {
                Ok(Listed {
                    agreement: AgreementPublicKey(from.array()?),
                    sealing: public(from)?,
                })
            })?,
        };
        log.holders = read_map(from, Holder::read)?;
        log.change = read_option(from, Change::read)?;
        log.drawn = read_option(from, Current::read)?;
        log.pending = read_option(from, record)?;
        log.held = read_list(from, LOG_HELD, record)?.into();
        log.passing = Passing {
            relay_next: log.next,
            ..Passing::default()
        };
        reader.finish()?;
        Ok(log)
    }
}

impl Stage {
    fn write(&self, out: Writer) -> Writer {
        match self {
            Self::Outside => out.u8(0),
            Self::Joining(joining) => joining.write(out.u8(1)),
            Self::Inside => out.u8(2),
            Self::Stopped(alarm) => out.u8(3).u8(match alarm {
                Alarm::Forked => 0,
                Alarm::Unreadable => 1,
                Alarm::Rosters => 2,
                Alarm::Lost => 3,
            }),
        }
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        match from.u8()? {
            0 => Ok(Self::Outside),
            1 => Joining::read(from).map(Self::Joining),
            2 => Ok(Self::Inside),
            3 => Ok(Self::Stopped(match from.u8()? {
                0 => Alarm::Forked,
                1 => Alarm::Unreadable,
                2 => Alarm::Rosters,
                3 => Alarm::Lost,
                _ => return Err(DecodeError::Field),
            })),
            _ => Err(DecodeError::Field),
        }
    }
}

impl Joining {
    fn write(&self, out: Writer) -> Writer {
        let out = sized(out, &self.stream);
        // Nothing but payloads waits.
        let waiting = self.backlog.iter().filter_map(|event| match event {
            Event::Payload {
                position,
                author,
                bytes,
            } => Some((position, author, bytes)),
            _ => None,
        });
        let waiting: Vec<_> = waiting.collect();
        list(out, waiting, |out, (position, author, bytes)| {
            sized(out.u64(*position).bytes(&author.0), bytes)
        })
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            stream: read_sized(from)?,
            backlog: read_list(from, LOG_BACKLOG_MAX, |from| {
                let (position, author) = (from.u64()?, DeviceId(from.array()?));
                let bytes = read_sized(from)?;
                if bytes.len() > LOG_BODY_BYTES {
                    return Err(DecodeError::Field);
                }
                Ok(Event::Payload {
                    position,
                    author,
                    bytes,
                })
            })?,
        })
    }
}

impl Current {
    fn write(out: Writer, current: &Self) -> Writer {
        current.period.write(out.bytes(current.key.as_bytes()))
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            key: from.array().map(LogKey::from_bytes)?,
            period: Period::read(from)?,
        })
    }
}

impl Holder {
    fn write(&self, out: Writer) -> Writer {
        let out = out.u8(u8::from(self.has_state));
        let out = option(out, self.key.as_ref(), |out, key| {
            out.u32(key.day).bytes(key.key.0.as_slice())
        });
        option(out, self.arriving.as_ref(), |out, at| {
            out.bytes(&at.author.0).u64(at.upto).u16(at.next)
        })
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            has_state: match from.u8()? {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::Field),
            },
            key: read_option(from, |from| {
                Ok(DeviceKey {
                    day: from.u32()?,
                    key: public(from)?,
                })
            })?,
            arriving: read_option(from, |from| {
                Ok(Arriving {
                    author: DeviceId(from.array()?),
                    upto: from.u64()?,
                    next: from.u16()?,
                })
            })?,
        })
    }
}

impl Change {
    fn write(out: Writer, change: &Self) -> Writer {
        let out = change.period.write(out.bytes(&change.key_id));
        let out = out.u8(change.next).u8(change.parts);
        let out = option(out, change.key.as_ref(), |out, key| {
            out.bytes(key.as_bytes())
        });
        list(out, &change.given, |out, id| out.bytes(&id.0))
    }

    fn read(from: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            key_id: from.array()?,
            period: Period::read(from)?,
            next: from.u8()?,
            parts: from.u8()?,
            key: read_option(from, |from| from.array().map(LogKey::from_bytes))?,
            given: ascending(read_list(from, usize::MAX, |from| {
                from.array().map(DeviceId)
            })?)?
            .into_iter()
            .collect(),
        })
    }
}

fn write_own(out: Writer, (day, secret): &(u32, SealingSecret)) -> Writer {
    out.u32(*day).bytes(secret.as_bytes())
}

fn read_own(from: &mut Reader<'_>) -> Read<(u32, SealingSecret)> {
    Ok((from.u32()?, SealingSecret::from_bytes(from.array()?)))
}

fn public(from: &mut Reader<'_>) -> Read<SealingPublicKey> {
    SealingPublicKey::from_slice(from.bytes(RATCHET_KEY_BYTES)?).ok_or(DecodeError::Short)
}

fn record(from: &mut Reader<'_>) -> Read<Vec<u8>> {
    from.bytes(LOG_RECORD_BYTES).map(Into::into)
}

fn sized(out: Writer, bytes: &[u8]) -> Writer {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.u32(length).bytes(bytes)
}

fn read_sized(from: &mut Reader<'_>) -> Read<Zeroizing<Vec<u8>>> {
    let length = from.u32()? as usize;
    Ok(from.bytes(length)?.to_vec().into())
}

fn option<T>(out: Writer, value: Option<&T>, write: impl Fn(Writer, &T) -> Writer) -> Writer {
    match value {
        None => out.u8(0),
        Some(value) => write(out.u8(1), value),
    }
}

fn read_option<'b, T>(
    from: &mut Reader<'b>,
    read: impl Fn(&mut Reader<'b>) -> Read<T>,
) -> Read<Option<T>> {
    match from.u8()? {
        0 => Ok(None),
        1 => read(from).map(Some),
        _ => Err(DecodeError::Field),
    }
}

fn list<I: IntoIterator<IntoIter: ExactSizeIterator>>(
    out: Writer,
    values: I,
    write: impl Fn(Writer, I::Item) -> Writer,
) -> Writer {
    let values = values.into_iter();
    let count = u16::try_from(values.len()).unwrap_or(u16::MAX);
    values.take(usize::from(count)).fold(out.u16(count), write)
}

fn read_list<'b, T>(
    from: &mut Reader<'b>,
    most: usize,
    read: impl Fn(&mut Reader<'b>) -> Read<T>,
) -> Read<Vec<T>> {
    let count = from.u16()?;
    if usize::from(count) > most {
        return Err(DecodeError::Field);
    }
    (0..count).map(|_| read(from)).collect()
}

/// Entries by device id, in the one order they are written in.
fn read_map<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Read<T>,
) -> Read<BTreeMap<DeviceId, T>> {
    let entries = read_list(from, usize::MAX, |from| {
        Ok((DeviceId(from.array()?), read(from)?))
    })?;
    let ids = entries.iter().map(|(id, _)| *id).collect();
    ascending(ids)?;
    Ok(entries.into_iter().collect())
}

fn ascending(ids: Vec<DeviceId>) -> Read<Vec<DeviceId>> {
    if ids.is_sorted_by(|a, b| a < b) {
        Ok(ids)
    } else {
        Err(DecodeError::Field)
    }
}
