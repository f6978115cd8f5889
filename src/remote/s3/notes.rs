//! How versions are kept: which key each has, and what is noted beside it.
//!
//! ```text
//! secrets.enc                            the newest version, for whoever wants to download it
//! secrets.enc.d/00000000000000000041.age the versions, numbered without a gap, never changed
//! secrets.enc.d/00000000000000000042.age
//! ```
//!
//! To write is to create the next number, which only one of many can do. Everything else follows from that.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::remote::home::{Entry, Next, Version};
use crate::secret::hex;

use super::wire::Head;

/// Most bytes of text that are noted of a writer and of a summary: a service takes 2 KiB of notes in all.
const LONGEST_AUTHOR: usize = 90;
const LONGEST_SUMMARY: usize = 300;

/// The key that a store has.
pub(super) struct Key(pub(super) String);

impl Key {
    /// The key of a version.
    pub(super) fn of(&self, number: u64) -> String {
        format!("{}{number:020}.age", self.folder())
    }

    /// What the keys of all versions start with.
    pub(super) fn folder(&self) -> String {
        format!("{}.d/", self.0)
    }

    /// The number of the version at a key.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let digits = key.strip_prefix(&self.folder())?.strip_suffix(".age")?;
        (digits.len() == 20).then(|| digits.parse().ok())?
    }
}

/// Which version it is: its number, what it holds, and the tag by which to ask whether the store's own key still has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// None is noted, and so 0, for a store that another program put there.
    pub(super) number: u64,
    /// SHA-256 of the sealed store, in hex.
    pub(super) digest: String,
    /// The `ETag` of the store's own key, only where it follows the versions without fail.
    pub(super) tag: Option<String>,
}

impl Mark {
    pub(super) fn new(number: u64, sealed: &[u8]) -> Self {
        Self { number, digest: digest(sealed), tag: None }
    }

    /// The same with a tag. One that is no plain word is left out.
    pub(super) fn tagged(self, tag: Option<&str>) -> Self {
        let tag = tag.map(|tag| tag.trim_matches('"'));
        let is_plain = |tag: &&str| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic());
        Self { tag: tag.filter(is_plain).map(ToOwned::to_owned), ..self }
    }

    /// As others know it.
    pub(super) fn version(&self) -> Option<Version> {
        Version::parse(&format!("{} {} {}", self.number, self.digest, self.tag.as_deref().unwrap_or("-")))
    }

    /// What [`version`](Self::version) has made; `None` for anything else.
    pub(super) fn parse(version: &Version) -> Option<Self> {
        let mut words = version.as_str().split(' ');
        let (number, digest, tag) = (words.next()?, words.next()?, words.next()?);
        let tag = Some(tag).filter(|tag| *tag != "-").map(ToOwned::to_owned);
        Some(Self { number: number.parse().ok()?, digest: digest.to_owned(), tag })
    }

    /// Whether both are the same version.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.number == other.number && self.digest == other.digest
    }
}

pub(super) fn digest(sealed: &[u8]) -> String {
    hex(&Sha256::digest(sealed))
}

/// What is noted beside a version.
pub(super) struct Notes {
    pub(super) number: u64,
    pub(super) generation: u64,
    pub(super) digest: String,
    /// The digest of the version before.
    before: Option<String>,
    /// Whether the store's own key follows the versions without fail.
    pub(super) is_exact: bool,
    author: Option<String>,
    summary: Option<String>,
    at: Option<Timestamp>,
}

impl Notes {
    /// Reads what is noted; `None` if another program has put it there, or changed it.
    pub(super) fn read(notes: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| notes.get(name).map(String::as_str);
        Some(Self {
            number: text("luca-number")?.parse().ok()?,
            generation: text("luca-generation")?.parse().ok()?,
            digest: text("luca-sha256")?.to_owned(),
            before: text("luca-before").map(ToOwned::to_owned),
            is_exact: text("luca-exact") == Some("yes"),
            author: text("luca-author").map(decode),
            summary: text("luca-summary").map(decode),
            at: text("luca-at").and_then(|at| at.parse().ok()),
        })
    }

    /// Whether it was built on that version.
    pub(super) fn follows(&self, mark: &Mark) -> bool {
        self.before.as_ref() == Some(&mark.digest)
    }

    /// One line in the log.
    pub(super) fn entry(self, head: &Head) -> Option<Entry> {
        let mark = Mark { number: self.number, digest: self.digest, tag: None };
        Some(Entry {
            version: mark.version()?,
            generation: Some(self.generation),
            at: self.at.or(head.at),
            author: self.author,
            summary: self.summary,
            size: head.size,
        })
    }
}

/// What to note beside a version.
pub(super) fn notes(mark: &Mark, before: Option<&Mark>, next: &Next<'_>) -> Vec<(&'static str, String)> {
    let mut notes = vec![
        ("luca-number", mark.number.to_string()),
        ("luca-generation", next.generation.to_string()),
        ("luca-sha256", mark.digest.clone()),
        ("luca-author", encode(next.author, LONGEST_AUTHOR)),
        ("luca-summary", encode(next.message.lines().next().unwrap_or_default(), LONGEST_SUMMARY)),
        ("luca-at", next.at.to_string()),
    ];
    if let Some(before) = before {
        notes.push(("luca-before", before.digest.clone()));
    }
    notes
}

/// Text as a header carries it unchanged: percent-encoded but for plain ASCII.
fn encode(text: &str, longest: usize) -> String {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut encoded = String::new();
    for byte in text.as_bytes().iter().take(end) {
        if byte.is_ascii_graphic() && *byte != b'%' {
            encoded.push(char::from(*byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if end < text.len() { encoded + "..." } else { encoded }
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        bytes.extend_from_slice(&part.as_bytes()[if byte.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_survives_a_header(text in "\\PC{0,40}") {
            let encoded = encode(&text, 1000);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decode(&encoded), text);
        }

        #[test]
        fn a_version_says_which_it_is(number: u64, sealed: Vec<u8>, tag in proptest::option::of("[!-~]{1,40}")) {
            let mark = Mark::new(number, &sealed).tagged(tag.as_deref());
            prop_assert_eq!(Mark::parse(&mark.version().unwrap()), Some(mark));
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(encode("äää", 3), "%C3%A4...");
        assert_eq!(decode("%C3%A4..."), "ä...");
        assert_eq!(decode("100%"), "100%");
    }

    #[test]
    fn keys_sort_as_numbers_and_lead_back_to_them() {
        let key = Key("team/secrets.enc".to_owned());
        assert_eq!(key.of(42), "team/secrets.enc.d/00000000000000000042.age");
        assert_eq!(key.number(&key.of(42)), Some(42));
        for other in ["team/secrets.enc", "team/secrets.enc.d/42.age", "team/secrets.enc.d/test-0123"] {
            assert_eq!(key.number(other), None, "{other}");
        }
    }
}
