//! What a pushed file says of itself, in comments at its head: when it was pushed, by whom, from which store, and a
//! keyed digest of each variable. So whoever has the store can tell what somebody else has changed there since, without
//! a record of the push anywhere else: a deploy job writes nothing back.
//!
//! ```text
//! # rendered by luca-secrets from generation 12 of the store; change it with `luca-secrets edit`
//! # luca-secrets: pushed 2026-11-24T03:20:00Z by ada@laptop from store 3f…, generation 12
//! # luca-secrets: DJANGO_SECRET_KEY=5d41402abc4b2a76 DATABASE_URL=7d793037a0760186
//! ```

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::bundle::Bundle;
use crate::name::VariableName;
use crate::secret::{FingerprintKey, SecretText, SecretValue};
use crate::store::{Author, Document};

/// How each of our lines starts.
const PREFIX: &str = "# luca-secrets: ";

/// What a digest begins with, so that it is never the fingerprint of a value.
const PURPOSE: &str = "luca-secrets push v1\0";

/// From how many characters a line of digests is full.
const FULL: usize = 100;

/// What a pushed file says of itself. No values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The fingerprint of the store it came from.
    pub store: String,
    /// The store's generation at the push.
    pub generation: u64,
    /// When it was pushed.
    pub at: Timestamp,
    /// Who pushed it, such as `ada@laptop`.
    pub by: String,
    /// The keyed digest of each variable as pushed, in hex.
    pub digests: Vec<(VariableName, String)>,
}

impl Provenance {
    /// What a file with these variables will say of itself.
    pub fn of(bundle: &Bundle, document: &Document, author: &Author) -> Self {
        let key = document.fingerprint_key();
        let digest = |name: &VariableName, value| digest(name.as_str(), value, &key);
        let variables = bundle.variables.iter();
        Self {
            store: document.print().to_string(),
            generation: document.generation(),
            at: author.now,
            by: author.name.replace(char::is_whitespace, "-"),
            digests: variables.map(|one| (one.name.clone(), digest(&one.name, &one.value))).collect(),
        }
    }

    /// The lines for the head of the file, without comment signs.
    pub fn lines(&self) -> String {
        let prefix = PREFIX.trim_start_matches("# ");
        let Self { store, generation, at, by, .. } = self;
        let mut text = format!("{prefix}pushed {at} by {by} from store {store}, generation {generation}");
        let mut line = String::new();
        for (name, digest) in &self.digests {
            let _ = write!(line, "{}{name}={digest}", if line.is_empty() { "" } else { " " });
            if line.len() >= FULL {
                let _ = write!(text, "\n{prefix}{line}");
                line.clear();
            }
        }
        if !line.is_empty() {
            let _ = write!(text, "\n{prefix}{line}");
        }
        text
    }

    /// What a file says of itself; `None` if it was not pushed, or somebody has spoiled it.
    pub fn read(text: &str) -> Option<Self> {
        let head =
            text.lines().map(str::trim_end).take_while(|line| line.starts_with('#') || line.is_empty());
        let mut ours = head.filter_map(|line| line.strip_prefix(PREFIX));
        let rest = ours.next()?.strip_prefix("pushed ")?;
        let (at, rest) = rest.split_once(" by ")?;
        let (by, rest) = rest.split_once(" from store ")?;
        let (store, generation) = rest.split_once(", generation ")?;
        let mut digests = Vec::new();
        for pair in ours.flat_map(|line| line.split(' ')) {
            let (name, digest) = pair.split_once('=')?;
            digests.push((VariableName::parse(name).ok()?, digest.to_owned()));
        }
        Some(Self {
            store: store.to_owned(),
            generation: generation.parse().ok()?,
            at: at.parse().ok()?,
            by: by.to_owned(),
            digests,
        })
    }

    /// Whether a variable was pushed, and with this value.
    pub(super) fn pushed(&self, name: &str, value: &SecretValue, key: &FingerprintKey) -> Option<bool> {
        let (_, pushed) = self.digests.iter().find(|(known, _)| known.as_str() == name)?;
        Some(*pushed == digest(name, value, key))
    }

    /// Whether a variable was pushed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.digests.iter().any(|(known, _)| known.as_str() == name)
    }
}

/// The keyed digest of one variable: 64 bits in lower-case hex.
pub(super) fn digest(name: &str, value: &SecretValue, key: &FingerprintKey) -> String {
    let value = value.expose();
    let mut text = SecretText::with_capacity(PURPOSE.len() + name.len() + value.len() + 1);
    text.push_str(PURPOSE);
    text.push_str(name);
    text.push_str("\0");
    text.push_str(value);
    key.of_text(text.expose()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn provenance(names: &[String]) -> Provenance {
        let key = FingerprintKey::new("k");
        let value = SecretValue::new("v".to_owned());
        let name = |name: &String| (VariableName::parse(name).unwrap(), digest(name, &value, &key));
        Provenance {
            store: "0123456789abcdef".to_owned(),
            generation: 12,
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            by: "ada@laptop".to_owned(),
            digests: names.iter().map(name).collect(),
        }
    }

    fn as_comments(lines: &str) -> String {
        lines.lines().map(|line| format!("# {line}\n")).collect::<Vec<_>>().concat()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(names in prop::collection::btree_set("[A-Z]{1,30}", 0..40), crlf: bool) {
            let names: Vec<String> = names.into_iter().collect();
            let written = provenance(&names);
            let mut text = format!("# rendered by somebody\n{}\nA=1\n# luca-secrets: B=2\n", as_comments(&written.lines()));
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            prop_assert_eq!(Provenance::read(&text), Some(written));
        }
    }

    #[test]
    fn a_file_that_was_not_pushed_says_nothing() {
        assert_eq!(Provenance::read(""), None);
        assert_eq!(Provenance::read("A=1\n"), None);
        assert_eq!(Provenance::read("# luca-secrets: pushed yesterday\nA=1\n"), None);
        let spoiled = as_comments(&provenance(&["A".to_owned()]).lines()).replace("A=", "A ");
        assert_eq!(Provenance::read(&spoiled), None);
    }

    #[test]
    fn name_and_value_are_told_apart() {
        let key = FingerprintKey::new("k");
        let value = |text: &str| SecretValue::new(text.to_owned());
        assert_ne!(digest("A", &value("B"), &key), digest("AB", &value(""), &key));
        assert_ne!(digest("A", &value("B"), &key), key.of(&value("B")).to_string());
    }
}
