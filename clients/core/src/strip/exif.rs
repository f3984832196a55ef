//! The little of EXIF that is read: which way up a picture is, and whether it says where it was taken.

/// What an EXIF block holds. One that cannot be read holds nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exif {
    /// 2 to 8; 1, the usual way up, is not worth keeping.
    pub(super) orientation: Option<u8>,
    pub(super) has_location: bool,
    pub(super) has_thumbnail: bool,
}

/// Reads a TIFF structure (TIFF 6.0 section 2, EXIF 2.32 section 4.6).
pub(super) fn read(tiff: &[u8]) -> Exif {
    let mut exif = Exif::default();
    if let Some(order) = Order::of(tiff) {
        exif.read_first_directory(tiff, order);
    }
    exif
}

/// A TIFF structure with nothing in it but the orientation.
pub(super) fn with_orientation(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    // The value stands left in its four bytes: a 16-bit number in the first two.
    let [.., value, _, _, _, _, _, _] = &mut tiff;
    *value = orientation;
    tiff
}

#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn of(tiff: &[u8]) -> Option<Self> {
        match tiff.first_chunk()? {
            b"MM\0\x2a" => Some(Self::Big),
            b"II\x2a\0" => Some(Self::Little),
            _ => None,
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        })
    }
}

impl Exif {
    /// Ends quietly where the bytes end: what was found until then counts.
    fn read_first_directory(&mut self, tiff: &[u8], order: Order) -> Option<()> {
        let start = usize::try_from(order.u32(tiff, 4)?).ok()?;
        let directory = tiff.get(start..)?;
        let count = usize::from(order.u16(directory, 0)?);
        for entry in directory.get(2..)?.chunks_exact(12).take(count) {
            match order.u16(entry, 0)? {
                ORIENTATION if order.u16(entry, 2)? == SHORT => {
                    let value = u8::try_from(order.u16(entry, 8)?).ok();
                    self.orientation = value.filter(|value| (2..=8).contains(value));
                }
                LOCATION => self.has_location = true,
                _ => {}
            }
        }
        // Behind the entries: where the directory of the small copy is.
        let next = order.u32(directory, count.checked_mul(12)?.checked_add(2)?)?;
        self.has_thumbnail = next != 0;
        Some(())
    }
}

const ORIENTATION: u16 = 0x0112;
const LOCATION: u16 = 0x8825;
const SHORT: u16 = 3;
