//! The values that secrets had before: the table `[history]`, newest first, capped where it grows.
//!
//! ```toml
//! [history]
//! "database.password" = [
//!   { since = 2026-11-02T09:00:00Z, until = 2026-11-23T12:00:00Z, origin = "generate", value = "…" },
//! ]
//! ```
//! Reading a document goes past all of it without decoding a value; single secrets are looked up when they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::document::Document;
use super::version::{Version, is_usual_time};

mod form;
mod union;

pub(super) use form::{find, index, is_history, pass};

/// A value that a secret had once.
#[derive(Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Since when it had it, if that was recorded.
    pub since: Option<Timestamp>,
    /// When another value took its place, or the secret was removed.
    pub until: Timestamp,
    /// The word for how it got it: one of [`Origin::name`](super::Origin::name), or a later program's.
    pub origin: Option<String>,
    /// The value.
    pub value: SecretValue,
}

impl Earlier {
    /// A value that is replaced now.
    pub(super) fn replaced(value: SecretValue, version: Option<Version>, now: Timestamp) -> Self {
        let (since, origin) = version.map(|version| (version.since, version.origin)).unzip();
        // Whatever a person wrote into `[versions]`, what is written here must be read again.
        let since = since.filter(|since| is_usual_time(&since.to_string()));
        let origin = origin.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        Self { since, until: now, origin, value }
    }

    /// Whether it is the same value of the same time; two branches may have replaced it at different moments.
    fn is_same(&self, other: &Self) -> bool {
        self.since == other.since && self.origin == other.origin && self.value == other.value
    }
}

/// What stands behind a name in the table.
enum Lines<'a> {
    /// What stood there before, as it is spelled.
    Kept(&'a str),
    /// Something new.
    New(Vec<Earlier>),
}

impl Document {
    /// The earlier values of a secret, newest first. A secret that was removed has them too.
    pub fn history(&self, name: &SecretName) -> Vec<Earlier> {
        self.history_lines(name).map(form::read).unwrap_or_default()
    }

    /// Whether a secret has earlier values.
    pub fn has_history(&self, name: &SecretName) -> bool {
        self.history_index().contains_key(name)
    }

    /// The names that have earlier values, sorted. Some may be those of secrets that were removed.
    pub fn with_history(&self) -> impl Iterator<Item = &SecretName> {
        self.history_index().keys()
    }

    /// The values of a secret as they are spelled, without the brackets around them.
    fn history_lines(&self, name: &SecretName) -> Option<&str> {
        let range = self.history_index().get(name)?.clone();
        self.history_text().get(range)
    }

    /// The table without what was `forgotten` and with what was `replaced`, newest first, before it: of each secret
    /// that has anything new, the latest `keep`.
    pub(super) fn next_history(
        &self,
        replaced: &BTreeMap<SecretName, Vec<Earlier>>,
        forgotten: &BTreeSet<SecretName>,
        keep: usize,
    ) -> SecretText {
        let kept = self.with_history().filter(|name| !forgotten.contains(*name));
        let mut table: BTreeMap<&SecretName, Lines<'_>> =
            kept.filter_map(|name| Some((name, Lines::Kept(self.history_lines(name)?)))).collect();
        for (name, new) in replaced {
            table.insert(name, Lines::New(self.grown(name, new, forgotten, keep)));
        }
        form::spell(&table)
    }

    /// The earlier values of one secret with what was `replaced` before them, newest first.
    pub(super) fn grown(
        &self,
        name: &SecretName,
        replaced: &[Earlier],
        forgotten: &BTreeSet<SecretName>,
        keep: usize,
    ) -> Vec<Earlier> {
        let mut all = replaced.to_vec();
        if !forgotten.contains(name) {
            all.extend(self.history(name));
        }
        all.truncate(keep);
        all
    }
}

/// The table of two stores that grew from `base`: of each secret what both have, at most `keep` where both have changed
/// it. What one side has forgotten stays forgotten.
pub(super) fn joined(base: &Document, ours: &Document, theirs: &Document, keep: usize) -> SecretText {
    let names: BTreeSet<&SecretName> = ours.with_history().chain(theirs.with_history()).collect();
    let mut table = BTreeMap::new();
    for name in names {
        let [before, our, their] = [base, ours, theirs].map(|document| document.history_lines(name));
        let lines = if our == their || their == before {
            our.map(Lines::Kept)
        } else if our == before {
            their.map(Lines::Kept)
        } else {
            let [before, our, their] = [base, ours, theirs].map(|document| document.history(name));
            let mut all = union::united(&before, &our, &their);
            all.truncate(keep);
            Some(Lines::New(all))
        };
        if let Some(lines) = lines {
            table.insert(name, lines);
        }
    }
    form::spell(&table)
}
