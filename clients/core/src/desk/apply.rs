//! Applying events: the same on every device, and nothing the second time.

use sotto_protocol::{
    attachment::Manifest,
    bundle::day_of,
    conversation::{Content, Conversation},
    log::open_prekey,
    message::{FirstContact, Flags, Kind, Message},
};

use super::{
    BUNDLE_DAYS, Case, Desk, Row,
    case::Taken,
    event::{Answer, Arrived, Event},
    index::Place,
    luck::Luck,
    thread::Thread,
};

impl Desk {
    /// Applies an event at once where this device is the only one of its desk; otherwise it waits
    /// for its place in the log. How many texts or parts of texts were new.
    pub(super) fn submit(&mut self, event: Event) -> usize {
        if !self.has_effect(&event) {
            return 0;
        }
        if self.membership.is_alone() && self.queue.is_empty() {
            return self.apply(&event);
        }
        if self.queue.push(event) {
            self.changed.insert(Row::Queue);
        }
        0
    }

    /// Whether an event would change anything.
    pub(super) fn has_effect(&self, event: &Event) -> bool {
        match event {
            Event::Arrived(arrived) => !self.index.is_taken(&arrived.address),
            Event::Answer(answer) => {
                let case = self.cases.get(&answer.case);
                case.is_some_and(|case| match answer.kind {
                    Kind::Text => !case.has_answer(answer.id, answer.part),
                    _ => !case.waits_for(answer.id),
                })
            }
            Event::Read { case, texts } => {
                let case = self.cases.get(case);
                case.is_some_and(|case| case.is_unread(*texts))
            }
            Event::Prekey { day, .. } => {
                self.membership.drains() && !self.prekeys.secrets.contains_key(day)
            }
            Event::Keeper { device, before, .. } => {
                let keeper = self.keeper.map(|(keeper, _)| keeper);
                keeper == *before && keeper != Some(*device)
            }
            Event::Bundle { hash, day } => {
                let mut known = self.bundles.iter();
                known.all(|(other, seen)| other != hash || seen < day)
            }
            Event::Emptied { at } => day_of(*at) > self.expired,
        }
    }

    /// Applies an event. One that was applied already changes nothing. How many texts or parts of
    /// texts were new.
    pub(super) fn apply(&mut self, event: &Event) -> usize {
        if !self.has_effect(event) {
            return 0;
        }
        match event {
            Event::Arrived(arrived) => {
                return usize::from(self.apply_arrived(arrived) == Some(Taken::New));
            }
            Event::Answer(answer) => self.apply_answer(answer),
            Event::Read { case, texts } => {
                if let Some(seen) = self.cases.get_mut(case) {
                    seen.mark_read(*texts);
                    self.changed.insert(Row::Case(*case));
                }
            }
            Event::Prekey { day, sealed } => self.apply_prekey(*day, sealed),
            Event::Keeper { device, at, .. } => {
                self.keeper = Some((*device, *at));
                self.changed.insert(Row::Meta);
            }
            Event::Bundle { hash, day } => self.apply_bundle(*hash, *day),
            Event::Emptied { at } => self.expire(*at),
        }
        0
    }

    fn apply_arrived(&mut self, arrived: &Arrived) -> Option<Taken> {
        let message = &arrived.message;
        let day = day_of(arrived.opened);
        let ((number, place), taken) = if message.epoch == 0 {
            let (first, body) = FirstContact::parse(&message.body).ok()?;
            let place = self.join(message, &first, body, &arrived.luck)?;
            if arrived.is_foreign
                && let Some(case) = self.cases.get_mut(&place.0)
            {
                case.is_foreign = true;
            }
            (place, self.note(place, (message, body), arrived))
        } else {
            let place = self.index.of_nonce(&arrived.nonce)?;
            let case = self.cases.get_mut(&place.0)?;
            let conversation = &mut case.threads.get_mut(place.1)?.conversation;
            conversation.advance(message, day).ok()?;
            (place, self.note(place, (message, &message.body), arrived))
        };
        let case = self.cases.get_mut(&number)?;
        let thread = case.threads.get_mut(place)?;
        thread.taken.push((arrived.address, day));
        self.index.enter(number, case);
        Some(taken)
    }

    /// The conversation an epoch-0 message belongs to: a known one, one more of a known person, or
    /// the first of somebody new.
    fn join(
        &mut self,
        message: &Message,
        first: &FirstContact,
        body: &[u8],
        luck: &Luck,
    ) -> Option<Place> {
        if let Some((number, place)) = self.index.of_nonce(&first.nonce) {
            let case = self.cases.get_mut(&number)?;
            let conversation = &mut case.threads.get_mut(place)?.conversation;
            return conversation
                .join(message, first)
                .ok()
                .map(|()| (number, place));
        }
        let conversation = Conversation::accept(self.line(), message, first).ok()?;
        let known = self.index.of_handle(&first.handle);
        let case = known.and_then(|number| Some((number, self.cases.get_mut(&number)?)));
        if let Some((number, case)) = case
            && first.is_proven(&case.continuity, message, body)
        {
            let proof = Some(luck.proof(&first.nonce));
            // Not the message's own: whoever stole a desk's keys could put theirs there.
            case.add(Thread::new(conversation, case.static_key.clone(), proof));
            return Some((number, case.threads.len().saturating_sub(1)));
        }
        let case = known.and_then(|number| Some((number, self.cases.get_mut(&number)?)));
        // Nobody else knows the key: a first contact that its successor has overtaken.
        if let Some((number, case)) = case
            && message.flags == Flags::None
            && case.continuity.matches(first.continuity.as_bytes())
        {
            case.add_past(Thread::new(conversation, first.static_key.clone(), None));
            return Some((number, 0));
        }
        // A receipt of somebody this desk never heard of, or words that belong to nobody.
        if !message.kind.is_repeated() {
            return None;
        }
        let thread = Thread::new(conversation, first.static_key.clone(), None);
        let last = self.cases.keys().next_back().copied().unwrap_or(0);
        let number = last.saturating_add(1);
        self.cases.insert(number, Case::new(first, thread));
        Some((number, 0))
    }

    fn note(
        &mut self,
        (number, place): Place,
        said: (&Message, &[u8]),
        arrived: &Arrived,
    ) -> Taken {
        let Some(case) = self.cases.get_mut(&number) else {
            return Taken::Nothing;
        };
        let taken = case.take(place, said, arrived.at, &arrived.luck);
        self.changed.insert(Row::Case(number));
        let (message, body) = said;
        if message.kind == Kind::Manifest
            && taken == Taken::File
            && let Ok(manifest) = Manifest::from_bytes(body)
        {
            self.begin_file(number, message.id, manifest, arrived.opened);
        }
        taken
    }

    fn apply_answer(&mut self, answer: &Answer) {
        let Some(case) = self.cases.get_mut(&answer.case) else {
            return;
        };
        let content = Content {
            kind: answer.kind,
            flags: Flags::None,
            id: answer.id,
            part: answer.part,
            parts: answer.parts,
            body: &answer.body,
        };
        match answer.kind {
            Kind::Text => case.answer(content, answer.at, &answer.luck),
            _ => case.ask(content, answer.at, &answer.luck),
        }
        self.index.enter(answer.case, case);
        self.changed.insert(Row::Case(answer.case));
    }

    fn apply_prekey(&mut self, day: u32, sealed: &[(sotto_protocol::id::DeviceId, Vec<u8>)]) {
        let device = self.identity.id();
        let Some((_, slot)) = sealed.iter().find(|(receiver, _)| *receiver == device) else {
            return;
        };
        let place = self.membership.place(self.line());
        let opened = open_prekey(slot, (day, device), self.identity.sealing(), place);
        if let Ok(secret) = opened {
            self.prekeys.secrets.insert(day, secret.into());
            self.changed.insert(Row::Meta);
        }
    }

    fn apply_bundle(&mut self, hash: [u8; 32], day: u32) {
        match self.bundles.iter_mut().find(|(known, _)| *known == hash) {
            Some((_, seen)) => *seen = day,
            None => self.bundles.push((hash, day)),
        }
        self.bundles
            .retain(|(_, seen)| seen.saturating_add(BUNDLE_DAYS) > day);
        self.changed.insert(Row::Meta);
    }

    /// Erases keys and receipts that are past, once everything posted was read.
    fn expire(&mut self, now: u64) {
        self.expired = day_of(now);
        self.changed.insert(Row::Meta);
        for (number, case) in &mut self.cases {
            if case.expire(now) {
                self.index.enter(*number, case);
                self.changed.insert(Row::Case(*number));
            }
        }
    }
}
