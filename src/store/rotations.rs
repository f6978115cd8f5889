//! The journal of rotations: what was intended, what was done, and every value that may be live anywhere, kept in the
//! store's own document so that whoever can read the store can take a rotation up or back.
//!
//! The states follow section 14 of the research that the project began with; they are resting points, each safe to stay
//! in for days.
//!
//! ```toml
//! [rotations."database.password"]
//! id = "01JDC3V5T0…"
//! kind = "postgres-alternating"
//! state = "granted"
//! done = 2
//! …
//! [rotations."database.password".pending]
//! "database.password" = "…"       # false for a secret that is to have no value
//! [rotations."database.password".deploy-0]
//! [[rotations."database.password".effect]]
//! step = "grant"
//! ```
//! A second one of the same secret, begun on another branch, stands below `[rotations."database.password@ID"]`. What has
//! ended stays, without values, until the next rotation of the secret: it tells a branch that it is over.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::SecretValue;

use super::document::Document;
use super::edit::Edit;
use super::error::StoreError;
use super::splice::Changes;

mod record;
mod form;
mod merge;
#[cfg(test)]
mod tests;

pub(super) use form::{read, spell};
pub(super) use merge::{join, twice};
pub use record::RotationRecord;

/// What some secrets are to be: a value, or none.
pub type Values = BTreeMap<SecretName, Option<SecretValue>>;

/// Further values that a kind of credential keeps, by its own names: a verifier, a public key, an id at the issuer. All
/// are kept as secret, whether they are or not.
pub type Material = BTreeMap<String, SecretValue>;

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Looked at and found possible. Nothing is new yet.
    Planned,
    /// The new values are in the journal, and nowhere else.
    Staged,
    /// The new credential is valid at its source, beside the old one.
    Granted,
    /// The new credential was seen to work, and a wrong one to be refused.
    Proven,
    /// Of a credential that cannot be two at once: the old one has ended, and the consumers do not have the new one yet.
    Swap,
    /// The consumers have the new values, and run on them.
    Rolled,
    /// The old credential is still valid, until enough time has passed and nobody is seen to use it.
    Grace,
    /// The old credential is being ended. From here there is no way back.
    Retiring,
    /// The old credential is gone, and was seen to be.
    Done,
    /// What was done is being taken back.
    Undoing,
    /// Everything is as it was before.
    Undone,
    /// Waiting for what only a person can do: to paste a new value, to delete an old one.
    Waiting,
    /// Stopped, since going on by itself could do harm. A person decides.
    Held,
}

impl State {
    /// Every state and its word.
    const WORDS: [(Self, &'static str); 13] = [
        (Self::Planned, "planned"),
        (Self::Staged, "staged"),
        (Self::Granted, "granted"),
        (Self::Proven, "proven"),
        (Self::Swap, "swap"),
        (Self::Rolled, "rolled"),
        (Self::Grace, "grace"),
        (Self::Retiring, "retiring"),
        (Self::Done, "done"),
        (Self::Undoing, "undoing"),
        (Self::Undone, "undone"),
        (Self::Waiting, "waiting"),
        (Self::Held, "held"),
    ];

    /// The word for it in the journal, in messages and in reports.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// The state with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }

    /// Whether nothing more is to be done.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Undone)
    }

    /// Whether it waits for time or for a person, so that another rotation may go on meanwhile.
    pub const fn is_resting(self) -> bool {
        matches!(self, Self::Grace | Self::Waiting | Self::Held)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is known of one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is about to be tried: whether it was is not known.
    Intended,
    /// It was done.
    Applied,
    /// It was refused, and has changed nothing.
    Rejected,
    /// Nobody can tell until a probe has an answer.
    Unknown,
}

impl Outcome {
    /// Every outcome and its word.
    const WORDS: [(Self, &'static str); 4] = [
        (Self::Intended, "intended"),
        (Self::Applied, "applied"),
        (Self::Rejected, "rejected"),
        (Self::Unknown, "unknown"),
    ];

    /// The word for it in the journal.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, word)| word)
    }

    /// The outcome with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(outcome, _)| *outcome)
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectNote {
    /// The step's name.
    pub step: String,
    /// When it was about to be tried.
    pub intended: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// What shows that, in words without values.
    pub evidence: Option<String>,
    /// When that was known.
    pub settled: Option<Timestamp>,
}

/// Which way a rotation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the new credential.
    Forward,
    /// Back to the old one, from so many begun steps.
    Back {
        /// How many of the forward steps were begun, the one under way included.
        begun: usize,
    },
}

/// By secret: the one rotation that there is, or several that were begun on different branches. No list is empty.
pub(super) type AllRotations = BTreeMap<SecretName, Vec<RotationRecord>>;

impl Document {
    /// The rotation of a secret: under way, or the last one that has ended.
    pub fn rotation(&self, name: &SecretName) -> Option<&RotationRecord> {
        self.rotations.get(name).and_then(|all| all.first())
    }

    /// The rotations of a secret: several where they were begun on different branches.
    pub fn rotations_of(&self, name: &SecretName) -> &[RotationRecord] {
        self.rotations.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// All rotations, each with the secret that gives it its name; the last one of each secret that has ended too.
    pub fn rotations(&self) -> impl Iterator<Item = (&SecretName, &RotationRecord)> {
        self.rotations.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
    }

    /// The rotations that have not ended.
    pub fn live_rotations(&self) -> impl Iterator<Item = (&SecretName, &RotationRecord)> {
        self.rotations().filter(|(_, record)| !record.state.is_end())
    }

    /// The rotation that a secret is part of now, by its name.
    pub fn rotation_with(&self, secret: &SecretName) -> Option<(&SecretName, &RotationRecord)> {
        self.live_rotations().find(|(name, record)| *name == secret || record.changed().contains(secret))
    }

    /// Whether a value stood in the journal already at a moment, where every reader of that time could read it.
    pub(super) fn was_staged(&self, value: &SecretValue, at: Timestamp) -> bool {
        let earlier = self.live_rotations().filter(|(_, record)| record.started <= at);
        earlier.flat_map(|(_, record)| record.values()).any(|(_, one)| one == value)
    }

    fn rotation_by_id(&self, name: &SecretName, id: &str) -> Option<&RotationRecord> {
        self.rotations_of(name).iter().find(|record| record.id == id)
    }
}

impl Edit<'_> {
    /// Writes a rotation's record, in the place of the one with its id. The commit is refused where somebody else has
    /// written to it since the store was opened, and where it would be the second one under way.
    pub fn set_rotation(&mut self, name: SecretName, record: RotationRecord) {
        self.rotations.push((name, record));
    }

    /// The rotations after the edit.
    pub(super) fn next_rotations(&self, theirs: &Document) -> Result<AllRotations, StoreError> {
        let mut next = theirs.rotations.clone();
        for (name, record) in &self.rotations {
            let before = self.opened().document().rotation_by_id(name, &record.id);
            if theirs.rotation_by_id(name, &record.id) != before {
                return Err(StoreError::RotationMoved(name.clone()));
            }
            let mut others = theirs.live_rotations().filter(|(_, other)| other.id != record.id);
            let in_the_way = |(other, one): &(&SecretName, &RotationRecord)| {
                (record.is_busy() && one.is_busy()) || (before.is_none() && *other == name)
            };
            if let Some((other, _)) = others.find(in_the_way) {
                return Err(StoreError::Rotating(other.clone()));
            }
            put(next.entry(name.clone()).or_default(), record.clone());
        }
        Ok(next)
    }
}

/// Refuses to change what a rotation changes: nobody else may meanwhile. A conflict may be settled all the same.
pub(super) fn refuse_rotated(theirs: &Document, changed: &Changes) -> Result<(), StoreError> {
    let with = |name: &SecretName| theirs.rotation_with(name).map(|(rotation, _)| rotation.clone());
    let mut changed = changed.keys().filter(|name| !theirs.is_in_conflict(name));
    match changed.find_map(|name| Some((name.clone(), with(name)?))) {
        Some((name, rotation)) => Err(StoreError::Rotated(name, rotation)),
        None => Ok(()),
    }
}

/// Puts a record in the place of the one with its id, and of those that have ended.
fn put(all: &mut Vec<RotationRecord>, record: RotationRecord) {
    match all.iter_mut().find(|one| one.id == record.id) {
        Some(one) => *one = record,
        None => all.push(record),
    }
    if all.iter().any(|one| !one.state.is_end()) {
        all.retain(|one| !one.state.is_end());
    } else {
        all.drain(..all.len() - 1);
    }
}
