//! The shapes that every kept state is made of: counted bytes, lists, options. Not on the wire.

use sotto_protocol::wire::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

pub(crate) fn count(out: Writer, count: usize) -> Writer {
    out.u32(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn bytes(out: Writer, bytes: &[u8]) -> Writer {
    count(out, bytes.len()).bytes(bytes)
}

pub(crate) fn read_bytes(from: &mut Reader<'_>) -> Result<Zeroizing<Vec<u8>>, DecodeError> {
    let length = usize::try_from(from.u32()?).map_err(|_| DecodeError::Field)?;
    Ok(Zeroizing::new(from.bytes(length)?.to_vec()))
}

pub(crate) fn list<T>(out: Writer, items: &[T], write: impl Fn(&T, Writer) -> Writer) -> Writer {
    let out = count(out, items.len());
    items.iter().fold(out, |out, item| write(item, out))
}

pub(crate) fn read_list<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = from.u32()?;
    // Every entry takes at least one byte, so a wrong count ends with the bytes.
    (0..count).map(|_| read(from)).collect()
}

pub(crate) fn option<T>(
    out: Writer,
    value: Option<&T>,
    write: impl Fn(Writer, &T) -> Writer,
) -> Writer {
    match value {
        None => out.u8(0),
        Some(value) => write(out.u8(1), value),
    }
}

pub(crate) fn read_option<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if flag(from)? {
        read(from).map(Some)
    } else {
        Ok(None)
    }
}

pub(crate) fn flag(from: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Field),
    }
}
