//! Identities: the private keys that open a store.

use std::fmt;
use std::str::FromStr;

use age::secrecy::ExposeSecret;

use crate::secret::{SecretText, SecretValue};
use crate::sys::keep_in_memory;

/// Why a text holds no usable identity. Points at a line, never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityError {
    /// There is no identity in it, only comments or nothing.
    Empty,
    /// The line is neither an identity nor a comment.
    Line(usize),
    /// A public key stands where the private one belongs.
    Recipient(usize),
    /// The text is itself an encrypted age file.
    Encrypted,
    /// A private SSH key.
    Ssh,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no identity in it"),
            Self::Line(line) => write!(f, "line {line} is neither an age identity nor a comment"),
            Self::Recipient(line) => {
                write!(
                    f,
                    "line {line} is a recipient, the public half; an identity starts with AGE-SECRET-KEY-1"
                )
            }
            Self::Encrypted => f.write_str("it is encrypted itself; decrypt it first with `age -d`"),
            Self::Ssh => f.write_str("it is an SSH key, which this version cannot use"),
        }
    }
}

impl std::error::Error for IdentityError {}

/// A private key. Not printable; the key inside wipes itself.
pub struct Identity(age::x25519::Identity);

impl Identity {
    /// A new X25519 identity from the operating system's randomness.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// All identities in the text of an identity file: one a line, `#` starts a comment.
    pub fn parse_all(text: &SecretText) -> Result<Vec<Self>, IdentityError> {
        let plain = text.expose();
        keep_in_memory(plain.as_bytes());
        if plain.starts_with("age-encryption.org/") || plain.starts_with("-----BEGIN AGE ENCRYPTED FILE") {
            return Err(IdentityError::Encrypted);
        }
        if plain.starts_with("-----BEGIN") {
            return Err(IdentityError::Ssh);
        }
        let mut found = Vec::new();
        for (index, line) in plain.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = age::x25519::Identity::from_str(line).map_err(|_| {
                let recipient = line.starts_with("age1");
                if recipient { IdentityError::Recipient(index + 1) } else { IdentityError::Line(index + 1) }
            })?;
            found.push(Self(identity));
        }
        keep_in_memory(&found);
        if found.is_empty() { Err(IdentityError::Empty) } else { Ok(found) }
    }

    /// The public half, `age1…`.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// The private key as text, for the file that `init` writes.
    pub fn to_secret(&self) -> SecretValue {
        SecretValue::new(self.0.to_string().expose_secret().to_owned())
    }

    pub(super) fn as_age(&self) -> &dyn age::Identity {
        &self.0
    }
}
