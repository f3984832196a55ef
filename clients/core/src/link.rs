//! A line's link: where its relay is, and whom to believe (SPEC 5.2).

use sotto_protocol::{
    bundle::Pin,
    id::{Fingerprint, LineId},
    statement::are_oblivious_relays,
};

/// `BASE#line=LINE&fp=FP`, and perhaps `&ohttp=ADDRESS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The relay's address without a slash at its end.
    pub base: String,
    /// Line and fingerprint.
    pub pin: Pin,
    /// The oblivious relay that is asked for the first bundle (SPEC 6.2).
    pub ohttp: Option<String>,
}

/// Why a text is no link. For people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Does not begin with an address.
    #[error("a link begins with https:// (or http:// for an onion or a test)")]
    Address,
    /// The part after `#` is missing or cut short.
    #[error("the link is not complete; copy all of it, with everything after the # sign")]
    Pin,
    /// What follows `ohttp=` does not begin with an address.
    #[error("the part of the link after ohttp= is no address; copy all of it again")]
    Oblivious,
}

impl Link {
    /// Reads a link as it is copied or typed.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let (base, fragment) = text.split_once('#').ok_or(LinkError::Pin)?;
        let host = base
            .strip_prefix("https://")
            .or_else(|| base.strip_prefix("http://"));
        if host.is_none_or(str::is_empty) {
            return Err(LinkError::Address);
        }
        let (mut line, mut fingerprint, mut ohttp) = (None, None, None);
        for part in fragment.split('&') {
            match part.split_once('=') {
                Some(("line", value)) => line = LineId::parse(value),
                Some(("fp", value)) => fingerprint = Fingerprint::parse(value),
                Some(("ohttp", value)) => ohttp = Some(value.to_owned()),
                _ => {}
            }
        }
        if !are_oblivious_relays(ohttp.as_slice()) {
            return Err(LinkError::Oblivious);
        }
        let pin = Pin {
            line: line.ok_or(LinkError::Pin)?,
            fingerprint: fingerprint.ok_or(LinkError::Pin)?,
        };
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            pin,
            ohttp,
        })
    }

    /// The text people pass on.
    pub fn to_text(&self) -> String {
        let (line, fp) = (self.pin.line.to_text(), self.pin.fingerprint.to_text());
        let mut text = format!("{}#line={line}&fp={fp}", self.base);
        if let Some(ohttp) = &self.ohttp {
            text.push_str("&ohttp=");
            text.push_str(ohttp);
        }
        text
    }
}
