//! What a backup is called: all that can be known of it without opening it.
//!
//! ```text
//! 2026/11/26/20261126T231500Z-000042-0f3c8a12-9b2cf5d0a1b2c3d4.age
//!            when written     |      |        the beginning of the SHA-256 of its bytes
//!                             |      the beginning of the store's fingerprint
//!                             the store's generation
//! ```
//! Everything in it comes from the store and nothing from the machine that makes the backup: the same generation has the
//! same name, whoever backs it up and how often. Names sort by the time of the write.

use std::fmt;
use std::str::FromStr as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::secret::hex;
use crate::store::{Document, StorePrint};

/// What all names end in.
const ENDING: &str = ".age";

/// Digits of the store's fingerprint.
const STORE_DIGITS: usize = 8;

/// Digits of the digest of the content.
const CONTENT_DIGITS: usize = 16;

/// Fewest digits of the generation.
const GENERATION_DIGITS: usize = 6;

/// Longest text that is read as a name, in bytes.
const LONGEST: usize = 100;

/// The name of a backup. Ordered by time, then by generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupName {
    /// When the store was written, in whole seconds.
    written: Timestamp,
    generation: u64,
    store: String,
    content: String,
}

impl BackupName {
    /// The name of a store that is sealed in these bytes.
    pub fn of(document: &Document, sealed: &[u8]) -> Self {
        // A year before the first has no four digits.
        let seconds = document.written().as_second().max(-62_167_219_200);
        Self {
            written: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
            generation: document.generation(),
            store: Self::tag(document.print()),
            content: Self::digest(sealed),
        }
    }

    /// Reads the key of an object; `None` if no backup is called so.
    pub fn parse(key: &str) -> Option<Self> {
        let name = Self::parse_name(key.rsplit('/').next()?.strip_suffix(ENDING)?)?;
        (name.key() == key).then_some(name)
    }

    /// Reads a name without its folders and its ending.
    fn parse_name(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.len() > LONGEST || !text.bytes().all(is_plain) {
            return None;
        }
        let mut parts = text.split('-');
        let [when, generation, store, content] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let (date, time) = when.strip_suffix('Z')?.split_once('T')?;
        if parts.next().is_some() || date.len() != 8 || time.len() != 6 {
            return None;
        }
        let day = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
        let moment = format!("{day}T{}:{}:{}Z", &time[..2], &time[2..4], &time[4..]);
        let is_hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let fits = is_hex(store, STORE_DIGITS) && is_hex(content, CONTENT_DIGITS);
        let name = Self {
            written: Timestamp::from_str(&moment).ok()?,
            generation: generation.parse().ok()?,
            store: store.to_owned(),
            content: content.to_owned(),
        };
        // There is one way to spell a name.
        (fits && name.to_string() == text).then_some(name)
    }

    /// The key of the object.
    pub fn key(&self) -> String {
        format!("{}/{self}{ENDING}", self.written.strftime("%Y/%m/%d"))
    }

    /// When the store was written.
    pub fn written(&self) -> Timestamp {
        self.written
    }

    /// The store's generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it is called after this store.
    pub fn is_of(&self, store: StorePrint) -> bool {
        self.store == Self::tag(store)
    }

    /// Whether both are called after the same store.
    pub fn is_of_same(&self, other: &Self) -> bool {
        self.store == other.store
    }

    /// Whether these bytes are what it is called after.
    pub fn fits(&self, sealed: &[u8]) -> bool {
        self.content == Self::digest(sealed)
    }

    /// Whether it is what a person has typed: its beginning, with or without folders and ending.
    pub fn is_called(&self, typed: &str) -> bool {
        let typed = typed.rsplit('/').next().unwrap_or_default();
        let typed = typed.strip_suffix(ENDING).unwrap_or(typed);
        !typed.is_empty() && self.to_string().starts_with(typed)
    }

    /// Whether a key looks like that of a backup that somebody has renamed.
    pub fn is_like_one(key: &str) -> bool {
        key.ends_with(ENDING) && Self::parse(key).is_none()
    }

    fn tag(store: StorePrint) -> String {
        store.to_string().chars().take(STORE_DIGITS).collect()
    }

    fn digest(sealed: &[u8]) -> String {
        hex(&Sha256::digest(sealed)[..CONTENT_DIGITS / 2])
    }
}

impl fmt::Display for BackupName {
    /// The name without its folders and its ending.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.written.strftime("%Y%m%dT%H%M%SZ");
        let (generation, store, content) = (self.generation, &self.store, &self.content);
        write!(f, "{written}-{generation:0GENERATION_DIGITS$}-{store}-{content}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(second: i64, generation: u64) -> BackupName {
        let written = Timestamp::from_second(second).unwrap();
        BackupName {
            written,
            generation,
            store: "0f3c8a12".to_owned(),
            content: "9b2cf5d0a1b2c3d4".to_owned(),
        }
    }

    #[test]
    fn a_name_says_when_what_and_which() {
        let name = name(1_795_734_900, 42);
        let key = "2026/11/26/20261126T231500Z-000042-0f3c8a12-9b2cf5d0a1b2c3d4.age";
        assert_eq!(name.key(), key);
        assert_eq!(BackupName::parse(key), Some(name.clone()));
        for typed in ["20261126T231500Z-000042", "20261126", key, &name.to_string()] {
            assert!(name.is_called(typed), "{typed}");
        }
        for typed in ["", ".age", "/", "20261127", "000042"] {
            assert!(!name.is_called(typed), "{typed}");
        }
    }

    #[test]
    fn what_is_spelled_in_another_way_is_no_name() {
        let key = "2026/11/26/20261126T231500Z-000042-0f3c8a12-9b2cf5d0a1b2c3d4.age";
        for wrong in [
            key.replace("26/2026", "27/2026"),
            key.replace("2026/11/26/", ""),
            key.replace(".age", ""),
            key.replace("000042", "0000042"),
            key.replace("000042", "42"),
            key.replace("000042", "+00042"),
            key.replace("0f3c", "0F3C"),
            key.replace("c3d4", "c3"),
            key.replace("-0f3c8a12", ""),
            key.replace("T231500Z", "T251500Z"),
            key.replace("-9b2c", "-x-9b2c"),
            format!("a/{key}"),
            "é".repeat(40) + ".age",
        ] {
            assert_eq!(BackupName::parse(&wrong), None, "{wrong}");
        }
        assert!(BackupName::is_like_one("old.age") && !BackupName::is_like_one("README"));
    }

    proptest! {
        #[test]
        fn every_name_reads_back_and_sorts_as_its_key(
            one in (-62_167_219_200_i64..253_402_207_200, 0..1_000_000_u64),
            other in (-62_167_219_200_i64..253_402_207_200, 0..1_000_000_u64),
        ) {
            let (one, other) = (name(one.0, one.1), name(other.0, other.1));
            prop_assert_eq!(BackupName::parse(&one.key()), Some(one.clone()));
            prop_assert_eq!(one.cmp(&other), one.key().cmp(&other.key()));
        }

        #[test]
        fn no_text_is_a_name_by_accident(text in "\\PC{0,60}") {
            let _ = BackupName::parse(&text);
            let key = format!("2026/11/26/{text}.age");
            let name = BackupName::parse(&key);
            prop_assert!(name.is_none());
        }
    }
}
