//! What a value of each type is.

use std::fmt;

use crate::secret::SecretValue;

use super::duration::parse_duration;
use super::model::Type;
use super::{address, encoding, keys};

/// A value is not of its type. Says what the type wants and never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeMismatch(&'static str);

impl TypeMismatch {
    /// What is wrong, in words.
    pub(super) fn wanted(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TypeMismatch {}

impl Type {
    /// Whether the value is one of this type. The words of an enum are a rule of the entry, not checked here.
    pub fn check(&self, value: &SecretValue) -> Result<(), TypeMismatch> {
        let text = value.expose();
        if text.contains('\0') {
            return Err(TypeMismatch("holds a NUL byte, which no environment can carry"));
        }
        if self.accepts(text) { Ok(()) } else { Err(TypeMismatch(self.wants())) }
    }

    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::String | Self::Enum => is_one_line(text),
            Self::Password => !text.is_empty() && is_one_line(text) && text.trim() == text,
            Self::Token => !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()),
            Self::Url => address::is_url(text),
            Self::Email => address::is_email(text),
            Self::Host => address::is_host(text),
            Self::Ip => address::is_ip(text),
            Self::Port => address::is_port(text),
            Self::Integer => is_integer(text),
            Self::Boolean => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            Self::Duration => parse_duration(text).is_some(),
            Self::Domain => address::is_domain(text),
            Self::Pem => keys::is_pem(text),
            Self::SshPrivateKey => keys::is_ssh_private_key(text),
            Self::SshPublicKey => keys::is_ssh_public_key(text),
            Self::KnownHosts => keys::is_known_hosts(text),
            Self::Json => encoding::is_json(text),
            Self::Base64 => encoding::is_base64(text),
            Self::Hex => encoding::is_hex(text),
            Self::Uuid => encoding::is_uuid(text),
        }
    }

    fn wants(&self) -> &'static str {
        match self {
            Self::String => "not a string: one line without control characters",
            Self::Password => {
                "not a password: one line without control characters, spaces at the start or spaces at the end"
            }
            Self::Token => "not a token: printable ASCII characters without spaces",
            Self::Url => {
                "not a url: scheme://host and what follows, special characters percent-encoded (RFC 3986)"
            }
            Self::Email => "not an email address: name@example.com",
            Self::Host => "not a host: a host name or an IP address, without scheme and port",
            Self::Ip => "not an ip address: IPv4 as in 192.0.2.1 or IPv6 as in 2001:db8::1",
            Self::Port => "not a port: a whole number from 1 to 65535",
            Self::Integer => {
                "not an integer: a whole number of up to 64 bits, without leading zeros or a plus"
            }
            Self::Boolean => "not a boolean: true or false",
            Self::Enum => "not an enum: one of the words that the schema lists",
            Self::Duration => {
                "not a duration: whole numbers with w, d, h, m or s, largest first, as in 90s or 1h30m"
            }
            Self::Domain => "not a domain: a DNS name of two or more labels, as in example.com",
            Self::Pem => {
                "not pem: complete blocks from a BEGIN line to its END line, each on lines of its own"
            }
            Self::SshPrivateKey => {
                "not an ssh private key: one complete key in OpenSSH or PEM form, without carriage returns"
            }
            Self::SshPublicKey => {
                "not an ssh public key: one line with the type, the key in base64 and a comment"
            }
            Self::KnownHosts => {
                "not known hosts: lines with host names, a type and a key in base64, or public keys alone"
            }
            Self::Json => "not json: one complete JSON document",
            Self::Base64 => "not base64: the standard or the URL alphabet on one line, padded or not",
            Self::Hex => "not hex: an even number of the digits 0-9 and a-f",
            Self::Uuid => "not a uuid: 32 hexadecimal digits in the form 8-4-4-4-12",
        }
    }
}

/// Whether a line parser takes the text as one line: the separators of Unicode end a line in Python.
fn is_one_line(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// A number of 64 bits in the one spelling that every language reads alike: 010 is eight in some.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && (!digits.starts_with('0') || text == "0");
    is_plain && text.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests;
