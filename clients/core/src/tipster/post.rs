//! What is posted: a text that waits, an acknowledgement, or cover.

use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::day_of,
    conversation::{Content, Slot},
    id::{Address, LineId},
    message::{FirstContact, Kind, Message},
    seal::{self, Envelope, Place, Reject},
    secret::{SealingSecret, Secret, random},
};
use zeroize::Zeroizing;

use super::{Tipster, View};

impl Tipster {
    pub(super) fn seal_waiting(
        &mut self,
        view: &View,
        place: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let item = self.outbox.get(place).ok_or(Reject)?;
        let (id, part, parts) = (item.id, item.part, item.parts);
        let text = item.body.clone();
        let (number, envelope) = if self.conversation.is_first_contact() {
            let body = self.first_contact(view).with_text(&text);
            let content = Content {
                kind: Kind::Text,
                id,
                part,
                parts,
                body: &body,
            };
            let prekey = view.prekey(self.desk).ok_or(Reject)?;
            let day = day_of(view.now);
            let sealed = self.conversation.seal_first(content, &prekey, day, rng)?;
            ((0, sealed.index), sealed.envelope)
        } else {
            let content = Content {
                kind: Kind::Text,
                id,
                part,
                parts,
                body: &text,
            };
            self.seal_later(content, view, rng)?
        };
        if let Some(item) = self.outbox.get_mut(place) {
            item.numbers.push(number);
        }
        Ok(envelope)
    }

    pub(super) fn seal_acknowledgement(
        &mut self,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Reject> {
        let content = Content {
            kind: Kind::Acknowledgement,
            id: rng.next_u64(),
            part: 0,
            parts: 1,
            body: &[],
        };
        Ok(self.seal_later(content, view, rng)?.1)
    }

    fn seal_later(
        &mut self,
        content: Content<'_>,
        view: &View,
        rng: &mut impl CryptoRng,
    ) -> Result<((u32, u32), Envelope), Reject> {
        let outgoing = self.conversation.prepare(content, rng)?;
        let day = day_of(view.now);
        let envelope = outgoing.seal(self.line, day, Slot::Inbox, rng)?;
        // Every message acknowledges what was opened before it.
        self.must_acknowledge = false;
        Ok((outgoing.number(), envelope))
    }

    fn first_contact(&self, view: &View) -> FirstContact {
        FirstContact {
            nonce: *self.conversation.nonce(),
            first_day: self.first_day,
            bundle: view.bundle.hash,
            handle: self.keys.handle,
            continuity: self.keys.continuity.clone(),
            static_key: self.keys.static_key.public(),
        }
    }
}

/// An envelope that says nothing, made like a first contact so that nobody can tell.
pub fn seal_cover(
    line: LineId,
    view: &View,
    desk: u16,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, Reject> {
    let message = Message {
        kind: Kind::Cover,
        part: 0,
        parts: 1,
        id: rng.next_u64(),
        epoch: 0,
        index: 0,
        received: None,
        epoch_secret: Secret::make(rng),
        ratchet_key: SealingSecret::make(rng).public(),
        body: Zeroizing::default(),
    };
    let place = Place {
        line,
        day: day_of(view.now),
        address: Address(random(rng)),
    };
    let prekey = view.prekey(desk).ok_or(Reject)?;
    seal::seal(&message, &prekey, None, place, rng)
}
