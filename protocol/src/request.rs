//! Device requests (SPEC 6.1): RFC 9421 with HMAC-SHA-256 under a key that device and relay agree on.
//!
//! A MAC rather than a signature leaves no transferable proof of which analyst was there.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(feature = "seal")]
use crate::secret::Secret;
use crate::{
    hash,
    id::{DeviceId, LineId},
    keys::AgreementPublicKey,
};

/// The label of the one signature.
const LABEL: &str = "sotto=";
const COMPONENTS: &str = r#"("@method" "@path" "@query" "content-digest")"#;

/// Agreed between one device and one relay for one line.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RequestKey([u8; 32]);

impl core::fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RequestKey(..)")
    }
}

/// X25519 secret of a relay or a device.
#[derive(Clone)]
pub struct AgreementSecret(StaticSecret);

impl core::fmt::Debug for AgreementSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AgreementSecret(..)")
    }
}

impl AgreementSecret {
    /// From 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// The bytes it was made from, for storing.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its public key.
    pub fn public(&self) -> AgreementPublicKey {
        AgreementPublicKey(PublicKey::from(&self.0).to_bytes())
    }

    /// The key of requests when this is the device's secret.
    pub fn request_key_of_device(&self, relay: &AgreementPublicKey, line: LineId) -> RequestKey {
        self.agree(relay, &self.public(), relay, line)
    }

    /// The key of requests when this is the relay's secret.
    pub fn request_key_of_relay(&self, device: &AgreementPublicKey, line: LineId) -> RequestKey {
        self.agree(device, device, &self.public(), line)
    }

    /// What proves to `receiver` that this device of the same line lets it into a log (SPEC 5.6).
    #[cfg(feature = "seal")]
    pub fn welcome_key_to(&self, receiver: &AgreementPublicKey, line: LineId) -> Secret {
        self.welcome_key(receiver, [&self.public(), receiver], line)
    }

    /// The same at the receiver's.
    #[cfg(feature = "seal")]
    pub fn welcome_key_from(&self, sender: &AgreementPublicKey, line: LineId) -> Secret {
        self.welcome_key(sender, [sender, &self.public()], line)
    }

    #[cfg(feature = "seal")]
    fn welcome_key(
        &self,
        other: &AgreementPublicKey,
        [sender, receiver]: [&AgreementPublicKey; 2],
        line: LineId,
    ) -> Secret {
        let shared = self.0.diffie_hellman(&PublicKey::from(other.0));
        let prk = hash::extract(b"sotto/1 device pair", &[shared.as_bytes()]);
        let label = b"sotto/1 log welcome key";
        Secret::from_bytes(hash::expand(
            &prk,
            &[label, &sender.0, &receiver.0, &line.0],
        ))
    }

    fn agree(
        &self,
        other: &AgreementPublicKey,
        device: &AgreementPublicKey,
        relay: &AgreementPublicKey,
        line: LineId,
    ) -> RequestKey {
        let shared = self.0.diffie_hellman(&PublicKey::from(other.0));
        let prk = hash::extract(b"sotto/1 device", &[shared.as_bytes()]);
        RequestKey(hash::expand(
            &prk,
            &[b"sotto/1 request", &device.0, &relay.0, &line.0],
        ))
    }
}

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// Upper case.
    pub method: &'a str,
    /// From the first slash, without query.
    pub path: &'a str,
    /// Without the question mark; empty for none.
    pub query: &'a str,
    /// Empty for none.
    pub body: &'a [u8],
}

/// The three headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `content-digest` (RFC 9530).
    pub content_digest: String,
    /// `signature-input`.
    pub signature_input: String,
    /// `signature`.
    pub signature: String,
}

/// What a signature says about itself, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Unix seconds.
    pub created: u64,
    /// 16 random bytes.
    pub nonce: [u8; 16],
    /// Who says to have made it.
    pub device: DeviceId,
    parameters: String,
    mac: [u8; 32],
}

/// Why a signed request is refused; the relay answers all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Headers missing or not in the form of SPEC 6.1.
    #[error("the request is not signed as it should be")]
    Malformed,
    /// The MAC is wrong.
    #[error("the request's signature is wrong")]
    Signature,
}

impl RequestKey {
    /// Signs a request. `created` is unix seconds, `nonce` fresh random bytes.
    pub fn sign(
        &self,
        parts: RequestParts<'_>,
        device: DeviceId,
        created: u64,
        nonce: [u8; 16],
    ) -> SignedHeaders {
        let parameters = format!(
            r#"{COMPONENTS};created={created};nonce="{}";alg="hmac-sha256";keyid="{}";tag="sotto/1""#,
            HEXLOWER.encode(&nonce),
            device.to_text()
        );
        let digest = content_digest(parts.body);
        let mac = self
            .mac(&signature_base(parts, &digest, &parameters))
            .finalize();
        SignedHeaders {
            content_digest: digest,
            signature_input: format!("{LABEL}{parameters}"),
            signature: format!("{LABEL}:{}:", BASE64.encode(&mac.into_bytes())),
        }
    }

    /// Checks the MAC over the parameters as they were received (RFC 9421 section 2.5).
    pub fn verify(&self, parts: RequestParts<'_>, claim: &Claim) -> Result<(), RequestError> {
        let digest = content_digest(parts.body);
        self.mac(&signature_base(parts, &digest, &claim.parameters))
            .verify_slice(&claim.mac)
            .map_err(|_| RequestError::Signature)
    }

    fn mac(&self, base: &str) -> Hmac<Sha256> {
        // HMAC takes keys of any length; the fallback key is never reached.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| Hmac::<Sha256>::new(&[0; 64].into()));
        mac.update(base.as_bytes());
        mac
    }
}

impl Claim {
    /// Reads the headers of a request.
    pub fn parse(headers: &SignedHeaders, body: &[u8]) -> Result<Self, RequestError> {
        Self::read(headers, body).ok_or(RequestError::Malformed)
    }

    fn read(headers: &SignedHeaders, body: &[u8]) -> Option<Self> {
        if headers.content_digest != content_digest(body) {
            return None;
        }
        let parameters = headers.signature_input.strip_prefix(LABEL)?;
        let mut fields = parameters
            .strip_prefix(COMPONENTS)?
            .strip_prefix(';')?
            .split(';');
        let (mut created, mut nonce, mut device) = (None, None, None);
        let (mut algorithm, mut tag) = (None, None);
        for field in fields.by_ref().take(8) {
            let (name, value) = field.split_once('=')?;
            let slot = match name {
                "created" => &mut created,
                "nonce" => &mut nonce,
                "keyid" => &mut device,
                "alg" => &mut algorithm,
                "tag" => &mut tag,
                _ => return None,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        if algorithm? != r#""hmac-sha256""# || tag? != r#""sotto/1""# {
            return None;
        }
        let mac = headers
            .signature
            .strip_prefix(LABEL)?
            .strip_prefix(':')?
            .strip_suffix(':')?;
        Some(Self {
            created: created?.parse().ok()?,
            nonce: HEXLOWER
                .decode(quoted(nonce?)?.as_bytes())
                .ok()?
                .try_into()
                .ok()?,
            device: DeviceId::parse(quoted(device?)?)?,
            parameters: parameters.to_owned(),
            mac: BASE64.decode(mac.as_bytes()).ok()?.try_into().ok()?,
        })
    }
}

fn quoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(&hash::digest(&[body])))
}

fn signature_base(parts: RequestParts<'_>, digest: &str, parameters: &str) -> String {
    let lines: Vec<String> = [
        ("@method", parts.method),
        ("@path", parts.path),
        ("@query", &format!("?{}", parts.query)),
        ("content-digest", digest),
        ("@signature-params", parameters),
    ]
    .into_iter()
    .map(|(name, value)| format!("\"{name}\": {value}"))
    .collect();
    lines.join("\n")
}
