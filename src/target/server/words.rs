//! Checked words of the conversation: paths over there, digests, and the names of a transaction.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::secret::hex;
use crate::sys::Random;

/// Longest name of a file that leaves room for the names beside it, in bytes; Linux allows 255 in all.
const LONGEST_NAME: usize = 180;

/// Longest path, in bytes (`PATH_MAX` of Linux, without its NUL).
const LONGEST_PATH: usize = 4095;

/// Why a text is no path for a file or folder on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with `/`: nobody knows in which folder a command over there starts.
    Relative,
    /// It has an empty part, `.` or `..`, or ends with `/`.
    NotPlain,
    /// It holds a line break or another control character.
    Control,
    /// It, or its last part, is too long.
    TooLong,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relative => "a path on a server starts with /",
            Self::NotPlain => "a path on a server has no empty part, no . or .. and no / at its end",
            Self::Control => "a path on a server holds no line break and no other control character",
            Self::TooLong => "the path is too long: 180 bytes for the name of a file, 4095 in all",
        })
    }
}

impl std::error::Error for PathError {}

/// The absolute path of a file or a folder on a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerPath(Box<str>);

impl ServerPath {
    /// Checks and takes a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let Some(parts) = text.strip_prefix('/') else { return Err(PathError::Relative) };
        if text.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        if parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(PathError::NotPlain);
        }
        let name = parts.rsplit('/').next().unwrap_or_default();
        if text.len() > LONGEST_PATH || name.len() > LONGEST_NAME {
            return Err(PathError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that holds it; of a file in the root folder, `/.`.
    #[must_use]
    pub fn folder(&self) -> Self {
        match self.0.rsplit_once('/') {
            Some((folder, _)) if !folder.is_empty() => Self(folder.into()),
            _ => Self("/.".into()),
        }
    }
}

impl fmt::Display for ServerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The SHA-256 of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a content.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The name of one transaction, the same on all its hosts: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionId(Box<str>);

impl TransactionId {
    /// A new one, which nobody can guess; file names are made of it.
    pub fn new(random: &mut dyn Random) -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self(hex(&bytes).into()))
    }

    /// Reads one, such as from a note that was found.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex)).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A word in single quotes for `sh`. A line feed comes from the script's own variable `nl`, so that a request stays
/// one line.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''").replace('\n', "'\"$nl\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_plain() {
        for (text, expected) in [
            ("", Err(PathError::Relative)),
            ("a/b", Err(PathError::Relative)),
            ("/", Err(PathError::NotPlain)),
            ("/a/", Err(PathError::NotPlain)),
            ("/a//b", Err(PathError::NotPlain)),
            ("/a/../b", Err(PathError::NotPlain)),
            ("/a\nb", Err(PathError::Control)),
            ("/a\0b", Err(PathError::Control)),
            ("/it's \"here\" $(x)/.env", Ok(())),
        ] {
            assert_eq!(ServerPath::parse(text).map(|_| ()), expected, "{text:?}");
        }
        assert_eq!(ServerPath::parse(&format!("/{}", "n".repeat(181))), Err(PathError::TooLong));
        assert_eq!(ServerPath::parse("/a/b").unwrap().folder().as_str(), "/a");
        assert_eq!(ServerPath::parse("/a").unwrap().folder().as_str(), "/.");
    }

    #[test]
    fn digests_are_read_back() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("ba78"), None);
        assert_eq!(Digest::parse(&"é".repeat(32)), None);
    }
}
