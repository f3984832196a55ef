//! Looks for planted secrets in bytes: as they are, in hex and in base64.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use memchr::memmem;

/// Something that must not be found anywhere.
#[derive(Debug, Clone)]
pub struct Planted {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Planted {
    /// A secret and what to call it in a failure.
    pub fn new(name: &str, secret: &[u8]) -> Self {
        assert!(
            secret.len() >= 6,
            "too short to be found by anything but chance"
        );
        let mut forms = vec![secret.to_vec()];
        forms.push(HEXLOWER.encode(secret).into_bytes());
        forms.push(HEXUPPER.encode(secret).into_bytes());
        for shift in 0..3 {
            // In base64 a text looks different at each of three offsets; its ends depend on the
            // neighbours and are left out.
            let padded = [&[0; 2][..shift], secret].concat();
            for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
                let text = encoding.encode(&padded).into_bytes();
                forms.push(text[(shift * 8).div_ceil(6)..text.len() - 2].to_vec());
            }
        }
        Self {
            name: name.to_owned(),
            forms,
        }
    }

    /// Fails where `bytes` hold the secret.
    pub fn must_not_be_in(&self, place: &str, bytes: &[u8]) {
        for form in &self.forms {
            let found = memmem::find(bytes, form);
            assert!(found.is_none(), "{} found in {place}", self.name);
        }
    }

    /// Whether `bytes` hold it as it is: that the hunt is able to find what is there.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms
            .iter()
            .any(|form| memmem::find(bytes, form).is_some())
    }
}
