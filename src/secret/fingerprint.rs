//! Keyed digests, so that two values can be compared or named without being shown.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fmt::Write as _;
use zeroize::Zeroizing;

use super::value::SecretValue;

/// The key of all fingerprints of one store. Without it a fingerprint of a short value could be searched for.
pub struct FingerprintKey(Zeroizing<Vec<u8>>);

impl FingerprintKey {
    /// A key made from a text that only readers of the store know.
    pub fn new(material: &str) -> Self {
        Self(Zeroizing::new(format!("luca-secrets fingerprint v1\0{material}").into_bytes()))
    }

    /// The fingerprint of a value: HMAC-SHA-256 (RFC 2104), cut to 64 bits, in lower-case hex.
    pub fn of(&self, value: &SecretValue) -> Fingerprint {
        self.of_text(value.expose())
    }

    /// The fingerprint of any text.
    pub fn of_text(&self, text: &str) -> Fingerprint {
        let mut bytes = [0; 8];
        // HMAC takes keys of any length, so the error cannot happen; a zero fingerprint would only show as a change.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) {
            mac.update(text.as_bytes());
            bytes.copy_from_slice(&mac.finalize().into_bytes()[..8]);
        }
        Fingerprint(bytes)
    }
}

/// A short digest that tells whether two values of one store are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 8]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
