//! Ways to a relay: openly, or through oblivious relays that others run (SPEC 6.2), so that the relay
//! does not see from where it is asked, and they do not see what for.
//!
//! Once a line names oblivious relays there is no way back to asking openly: who could take the key
//! away would otherwise learn the address.

mod binary;

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use data_encoding::BASE64;
use rand_core::CryptoRng;
use sotto_protocol::{
    bundle::Bundle,
    oblivious::{GatewayKey, ObliviousError},
};

use crate::{
    link::Link,
    transport::{Method, Request, Response, Transport, Unreachable},
};

/// Every way to one relay. `make` opens a transport to an address.
pub struct Ways<T, F, R> {
    make: F,
    rng: RefCell<R>,
    /// What stands in the host field of every request.
    host: String,
    open: T,
    /// The oblivious relay of the link, for the time before there is a bundle.
    first: Option<String>,
    sealed: RefCell<Option<Sealed<T>>>,
}

/// The way through others.
struct Sealed<T> {
    relays: Vec<T>,
    /// The one that is used; the next one once it cannot be reached.
    at: Cell<usize>,
    key: GatewayKey,
}

impl<T, F, R> fmt::Debug for Ways<T, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ways(..)")
    }
}

impl<T: Transport, F: Fn(&str) -> T, R: CryptoRng> Ways<T, F, R> {
    /// To the relay of a link.
    pub fn new(link: &Link, make: F, rng: R) -> Self {
        Self {
            open: make(&link.base),
            host: host(&link.base).to_owned(),
            first: link.ohttp.clone(),
            make,
            rng: RefCell::new(rng),
            sealed: RefCell::default(),
        }
    }

    /// Asks the oblivious relay of the link which key to seal to. Only the bundle is asked for under
    /// it, which says nothing but the line, and whose answer is signed.
    fn begin(&self, relay: &str) -> Result<Sealed<T>, Unreachable> {
        let relay = (self.make)(relay);
        let answer = relay.send(&Request {
            method: Method::Get,
            target: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        })?;
        let key = match answer.status {
            200 => GatewayKey::first(&answer.body),
            _ => Err(ObliviousError::NoKey),
        };
        Ok(Sealed {
            relays: vec![relay],
            at: Cell::new(0),
            key: key.map_err(|_| Unreachable::NoAnswer)?,
        })
    }
}

impl<T: Transport, F: Fn(&str) -> T, R: CryptoRng> Transport for Ways<T, F, R> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        let mut sealed = self.sealed.borrow_mut();
        if let (None, Some(relay)) = (&*sealed, &self.first) {
            *sealed = Some(self.begin(relay)?);
        }
        match &*sealed {
            Some(way) => way.send(request, &self.host, &mut *self.rng.borrow_mut()),
            None => self.open.send(request),
        }
    }

    fn offered(&self, bundle: &Bundle, now: u64) -> Result<(), ObliviousError> {
        let named = &bundle.line.ohttp;
        let relays = match &self.first {
            Some(relay) if named.is_empty() => core::slice::from_ref(relay),
            _ => named.as_slice(),
        };
        if relays.is_empty() {
            return Ok(());
        }
        let statement = bundle.relay.as_ref().ok_or(ObliviousError::NoKey)?;
        let list = statement.ohttp.as_ref().ok_or(ObliviousError::NoKey)?;
        let list = BASE64.decode(list.as_bytes());
        let list = list.map_err(|_| ObliviousError::NoKey)?;
        *self.sealed.borrow_mut() = Some(Sealed {
            key: GatewayKey::choose(&list, now)?,
            relays: relays.iter().map(|relay| (self.make)(relay)).collect(),
            at: Cell::new(0),
        });
        Ok(())
    }
}

impl<T: Transport> Sealed<T> {
    fn send(
        &self,
        request: &Request,
        host: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Response, Unreachable> {
        // What cannot be sealed was given to nobody.
        let plain = binary::request(request, host).ok_or(Unreachable::NotGiven)?;
        let sealed = self.key.seal(&plain, rng);
        let (body, waiting) = sealed.map_err(|_| Unreachable::NotGiven)?;
        let answer = self.pass_on(&Request {
            method: Method::Post,
            target: String::new(),
            headers: vec![("content-type", SEALED.to_owned())],
            body,
        })?;
        if answer.status != 200 {
            // Of the oblivious relay or before the gateway's door: nothing about the request itself.
            return Err(Unreachable::NoAnswer);
        }
        let plain = waiting.open(&answer.body);
        let plain = plain.map_err(|_| Unreachable::NoAnswer)?;
        binary::response(&plain).ok_or(Unreachable::NoAnswer)
    }

    /// To the first oblivious relay that can be reached, beginning with the last that could.
    fn pass_on(&self, request: &Request) -> Result<Response, Unreachable> {
        for _ in &self.relays {
            let at = self.at.get();
            let relay = self.relays.get(at).ok_or(Unreachable::NotGiven)?;
            match relay.send(request) {
                Err(Unreachable::NotGiven) => {
                    let next = at.saturating_add(1);
                    self.at
                        .set(next.checked_rem(self.relays.len()).unwrap_or(0));
                }
                given => return given,
            }
        }
        Err(Unreachable::NotGiven)
    }
}

/// Of an address, what names the machine.
fn host(base: &str) -> &str {
    let (_, rest) = base.split_once("://").unwrap_or(("", base));
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

const SEALED: &str = "message/ohttp-req";
