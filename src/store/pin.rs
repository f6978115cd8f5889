//! Whether an opened store is the one that this machine, or the identity, has known before.
//!
//! A store's id is random and only its readers know it: whoever merely knows the public recipients can seal a file for
//! them, but not with that id. What is kept outside the store is a digest of the id, never the id.
//!
//! The generation is remembered by path and, in a git working tree, by branch. By path, since a second clone that has
//! not pulled yet is behind without being wrong. By branch, since the store of another branch is another store in time,
//! and a warning at every switch would only teach people to accept everything. A store that goes back on its own branch,
//! in a folder without git or at a detached commit is refused: a credential that was rotated, or a reader who was
//! removed, would be back. The first sight of a branch or a clone that is behind what was seen elsewhere is a warning.
//! The same generation with other content is accepted: a store edited with stock `age` keeps its generation, and of two
//! branches each counts on by itself. While git rebases, it shows one old store after the other, and only the id counts.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::name::SecretName;
use crate::secret::{FingerprintKey, hex};

use super::document::Document;

/// What a comment with a store's digest starts with, in identity files.
const COMMENT: &str = "# luca-secrets store:";

/// Bytes of a digest: enough that nobody finds another id for it.
const PRINT_BYTES: usize = 16;

/// The digest of a store's id: SHA-256 with a prefix of its own, cut to 128 bits. Shown as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorePrint([u8; PRINT_BYTES]);

impl StorePrint {
    /// The digest of an id.
    pub fn of(id: &str) -> Self {
        let digest = Sha256::new().chain_update("luca-secrets store id v1\0").chain_update(id).finalize();
        let mut bytes = [0; PRINT_BYTES];
        bytes.copy_from_slice(&digest[..PRINT_BYTES]);
        Self(bytes)
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; PRINT_BYTES];
        if text.len() != 2 * PRINT_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The line of an identity file that says which store the identity is for.
    pub fn comment(&self) -> String {
        format!("{COMMENT} {self}")
    }

    /// The stores that an identity file names; `Err` is the number of a line that names none, from 1.
    pub fn all_in(text: &str) -> Result<Vec<Self>, usize> {
        let mut found = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if let Some(print) = line.trim().strip_prefix(COMMENT) {
                found.push(Self::parse(print.trim()).ok_or(index + 1)?);
            }
        }
        Ok(found)
    }
}

impl fmt::Display for StorePrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Where in time the store at a path is, as git tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkout {
    /// On a branch, by its full name.
    Branch(String),
    /// At no branch, or not in a git working tree.
    Loose,
    /// Git is rebasing: the store goes back and forth.
    Moving,
}

impl Checkout {
    /// The name under which a generation is remembered.
    pub(super) fn lane(&self) -> &str {
        match self {
            Self::Branch(name) => name,
            Self::Loose | Self::Moving => "",
        }
    }
}

/// What a store said of itself when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// How often it had been written.
    pub generation: u64,
    /// When it was written.
    pub written: Timestamp,
    /// Who wrote it.
    pub by: String,
    /// How many secrets it held.
    pub secrets: usize,
}

impl Sighting {
    /// What a document says of itself.
    pub fn of(document: &Document) -> Self {
        Self {
            generation: document.generation(),
            written: document.written(),
            by: document.by().to_owned(),
            secrets: document.len(),
        }
    }
}

/// What is remembered of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The store's path, without symlinks.
    pub path: String,
    /// The store.
    pub print: StorePrint,
    /// Whether a person said so, by `init` or by accepting it, and not the first use alone.
    pub deliberate: bool,
    /// The newest sighting by branch; `""` where there was none.
    pub sightings: BTreeMap<String, Sighting>,
    /// The key of the names' digests: random, this pin's own. The old store's id is not known to whoever has to tell
    /// how a foreign store differs from it, so it cannot be the key.
    pub(super) key: String,
    /// Digests of the names that the store held when it was seen last.
    pub(super) names: Vec<String>,
}

/// How the names in a store differ from those that were seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesApart {
    /// The names that are new.
    pub new: Vec<SecretName>,
    /// How many of the known ones are missing.
    pub missing: usize,
    /// How many were known.
    pub known: usize,
}

impl Pin {
    /// A pin without a sighting. `key` is for the names' digests.
    pub fn new(path: String, print: StorePrint, key: String) -> Self {
        Self { path, print, deliberate: false, sightings: BTreeMap::new(), key, names: Vec::new() }
    }

    /// Notes a sighting and the names in the store. A newer one that is there already stays, unless the older was
    /// accepted by a person.
    pub fn note(&mut self, checkout: &Checkout, document: &Document, accepted: bool) {
        if *checkout == Checkout::Moving && !accepted {
            return;
        }
        let seen = Sighting::of(document);
        let known = self.sightings.get(checkout.lane());
        if !accepted && known.is_some_and(|known| known.generation > seen.generation) {
            return;
        }
        // What was seen at no branch counts until a branch is seen again.
        if matches!(checkout, Checkout::Branch(_)) {
            self.sightings.remove(Checkout::Loose.lane());
        }
        self.sightings.insert(checkout.lane().to_owned(), seen);
        self.names = digests(&self.key, document).map(|(digest, _)| digest).collect();
    }

    /// How the names of a store differ from those that were seen last.
    pub fn names_apart(&self, document: &Document) -> NamesApart {
        let known: std::collections::HashSet<&str> = self.names.iter().map(String::as_str).collect();
        let here: Vec<(String, &SecretName)> = digests(&self.key, document).collect();
        let common = here.iter().filter(|(digest, _)| known.contains(digest.as_str())).count();
        let new = here.iter().filter(|(digest, _)| !known.contains(digest.as_str()));
        NamesApart {
            new: new.map(|(_, name)| (*name).clone()).collect(),
            missing: known.len() - common,
            known: known.len(),
        }
    }

    /// What was seen on a branch, or else the newest sighting of all.
    pub fn seen_on(&self, checkout: &Checkout) -> Option<&Sighting> {
        self.sightings.get(checkout.lane()).or_else(|| self.newest().map(|(_, sighting)| sighting))
    }

    /// The newest sighting of all, and the branch it was on.
    pub fn newest(&self) -> Option<(&str, &Sighting)> {
        let newest = self.sightings.iter().max_by_key(|(_, sighting)| sighting.generation);
        newest.map(|(branch, sighting)| (branch.as_str(), sighting))
    }
}

fn digests<'d>(key: &str, document: &'d Document) -> impl Iterator<Item = (String, &'d SecretName)> {
    let key = FingerprintKey::new(&format!("names\0{key}"));
    document.names().map(move |name| (key.of_text(name.as_str()).to_string(), name))
}

/// Why a store is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another store was accepted at this path.
    Replaced {
        /// The path at which this machine knows the new one, if it does.
        known_at: Option<String>,
    },
    /// The identity names other stores.
    NotCarried,
    /// It is older than what was seen here.
    Older(Sighting),
}

/// What to do with an opened store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it was seen last.
    Same,
    /// It is to be remembered.
    Note,
    /// It is to be remembered for the first time, on a branch or in a clone that is behind what was seen: where, and
    /// what.
    Behind(String, Sighting),
    /// It must not be used.
    Refused(Refusal),
}

/// Judges an opened store.
///
/// `pin` is what is remembered of its path, `others` what is remembered of all other paths and asked for only where it
/// matters, `carried` what the identity that opened it names.
pub fn judge(
    document: &Document,
    checkout: &Checkout,
    pin: Option<&Pin>,
    carried: &[StorePrint],
    others: impl FnOnce() -> Vec<Pin>,
) -> Verdict {
    let (print, seen) = (document.print(), Sighting::of(document));
    let is_carried = carried.is_empty() || carried.contains(&print);
    let Some(pin) = pin else {
        let same: Vec<Pin> = others().into_iter().filter(|other| other.print == print).collect();
        // A person has accepted it elsewhere on this machine, so this is a clone of it or its new place.
        if !is_carried && !same.iter().any(|other| other.deliberate) {
            return Verdict::Refused(Refusal::NotCarried);
        }
        return first_sight(&seen, &same);
    };
    if pin.print != print {
        let known_at = others().into_iter().find(|other| other.print == print).map(|other| other.path);
        return Verdict::Refused(Refusal::Replaced { known_at });
    }
    if !is_carried && !pin.deliberate {
        return Verdict::Refused(Refusal::NotCarried);
    }
    match (checkout, pin.sightings.get(checkout.lane())) {
        (Checkout::Moving, _) => Verdict::Same,
        (_, Some(known)) if seen == *known => Verdict::Same,
        (Checkout::Branch(_), Some(known)) if seen.generation < known.generation => {
            Verdict::Refused(Refusal::Older(known.clone()))
        }
        (Checkout::Branch(_), Some(_)) => Verdict::Note,
        (Checkout::Branch(_), None) => first_sight(&seen, std::slice::from_ref(pin)),
        // At no branch the newest of all counts, unless this is where a branch is.
        (Checkout::Loose, _) => match first_sight(&seen, std::slice::from_ref(pin)) {
            Verdict::Behind(_, known) => Verdict::Refused(Refusal::Older(known)),
            verdict => verdict,
        },
    }
}

/// The first sight of a branch or a clone: behind, unless it is where one of the others is.
fn first_sight(seen: &Sighting, others: &[Pin]) -> Verdict {
    if others.iter().any(|other| other.sightings.values().any(|known| known == seen)) {
        return Verdict::Note;
    }
    let newest = others.iter().filter_map(|other| Some((other, other.newest()?)));
    // Of two that saw the same, always the same one is named.
    match newest.max_by_key(|(other, (_, known))| (known.generation, std::cmp::Reverse(&other.path))) {
        Some((other, (branch, known))) if known.generation > seen.generation => {
            let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
            let place = if branch.is_empty() { String::new() } else { format!(" on {branch}") };
            Verdict::Behind(format!("{}{place}", other.path), known.clone())
        }
        _ => Verdict::Note,
    }
}

#[cfg(test)]
#[path = "pin/tests.rs"]
mod tests;
