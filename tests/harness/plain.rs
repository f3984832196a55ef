//! Plaintexts as SPEC 2.3 lays them out, written byte by byte.

use sotto_protocol::{limits::PLAINTEXT_BYTES, message::Message, wire::Writer};
use zeroize::Zeroizing;

/// What goes into a plaintext; the rest is zero or "none".
#[derive(Debug)]
pub struct Plain<'a> {
    /// 0 cover, 1 text.
    pub kind: u8,
    /// Epoch of the sender.
    pub epoch: u32,
    /// `es`.
    pub epoch_secret: &'a [u8; 32],
    /// The sender's ratchet key.
    pub ratchet_key: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl Plain<'_> {
    /// The 6,924 bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let writer = Writer::with_capacity(PLAINTEXT_BYTES)
            .bytes(&[self.kind, 0])
            .u16(u16::try_from(self.body.len()).unwrap())
            .bytes(&[0, 1, 0, 0])
            .u64(1)
            .u32(self.epoch)
            .u32(0)
            .u32(u32::MAX)
            .u32(0)
            .u64(0)
            .bytes(self.epoch_secret)
            .bytes(self.ratchet_key)
            .bytes(self.body)
            .pad_to(PLAINTEXT_BYTES);
        Zeroizing::new(writer.finish())
    }

    /// The message a receiver reads.
    pub fn message(&self) -> Message {
        Message::from_bytes(&self.to_bytes()).unwrap()
    }
}
