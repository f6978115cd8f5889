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

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::SecretValue;

use super::document::Document;
use super::edit::Edit;
use super::error::StoreError;
use super::splice::Changes;

mod form;
mod merge;
#[cfg(test)]
mod tests;

pub(super) use form::{read, spell};
pub(super) use merge::{join, twice};

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

/// One rotation. Without `Debug`: it holds values.
#[derive(Clone, PartialEq, Eq)]
pub struct RotationRecord {
    /// Its name: a ULID, which is also the mark on what it makes elsewhere (a key's comment, a file's suffix).
    pub id: String,
    /// The kind of credential, as the schema calls it.
    pub kind: String,
    /// How far it is.
    pub state: State,
    /// Which way it goes.
    pub direction: Direction,
    /// How many steps of that way are done.
    pub done: usize,
    /// The store's generation when it began.
    pub base_generation: u64,
    /// When it began.
    pub started: Timestamp,
    /// Who began it, `user@machine`.
    pub by: String,
    /// How often the step under way has failed in a row without a definite answer.
    pub attempts: u32,
    /// Before this moment the step under way is not tried, or not over.
    pub not_before: Option<Timestamp>,
    /// What the secrets were when it began: what an undo brings back.
    pub current: Values,
    /// What they will be in the end.
    pub pending: Values,
    /// What they are to be in each deploy, in order.
    pub deploys: Vec<Values>,
    /// What else the kind needs to do it again, and to undo it.
    pub material: Material,
    /// What was tried, oldest first.
    pub effects: Vec<EffectNote>,
    /// Why it stopped, goes back, or waits, in words without values.
    pub reason: Option<String>,
}

impl RotationRecord {
    /// One that begins now, with the secrets as they are: looked at, and nothing new yet.
    pub fn new(
        id: String,
        kind: String,
        by: String,
        started: Timestamp,
        base_generation: u64,
        current: Values,
    ) -> Self {
        Self {
            id,
            kind,
            state: State::Planned,
            direction: Direction::Forward,
            done: 0,
            base_generation,
            started,
            by,
            attempts: 0,
            not_before: None,
            current,
            pending: Values::new(),
            deploys: Vec::new(),
            material: Material::new(),
            effects: Vec::new(),
            reason: None,
        }
    }

    /// A further value of the kind's own.
    pub fn material(&self, name: &str) -> Option<&SecretValue> {
        self.material.get(name)
    }

    /// The value that a secret had when it began.
    pub fn current(&self, name: &SecretName) -> Option<&SecretValue> {
        self.current.get(name)?.as_ref()
    }

    /// The value that a secret will have in the end.
    pub fn pending(&self, name: &SecretName) -> Option<&SecretValue> {
        self.pending.get(name)?.as_ref()
    }

    /// The secrets that it changes, and that nobody else may change meanwhile. One that has the same value all the way
    /// through, such as a host, is only read: whoever changes that is not in the way, and an undo leaves it as it is then.
    pub fn changed(&self) -> BTreeSet<&SecretName> {
        let pieces = std::iter::once(&self.pending).chain(&self.deploys);
        let is_new = |(name, value): &(&SecretName, &Option<SecretValue>)| {
            value.as_ref() != self.current.get(*name).and_then(Option::as_ref)
        };
        pieces.flatten().filter(is_new).map(|(name, _)| name).collect()
    }

    /// Of some values those of the secrets that it changes.
    pub fn changes_of(&self, values: &Values) -> Values {
        let changed = self.changed();
        let ours = values.iter().filter(|(name, _)| changed.contains(name));
        ours.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Every value in it, with the secret's name where it is one's.
    pub fn values(&self) -> impl Iterator<Item = (Option<&SecretName>, &SecretValue)> {
        let pieces = [&self.current, &self.pending].into_iter().chain(&self.deploys);
        let own = pieces.flatten().filter_map(|(name, value)| Some((Some(name), value.as_ref()?)));
        own.chain(self.material.values().map(|value| (None, value)))
    }

    /// The same without its values, once it has ended.
    #[must_use]
    pub fn ended(mut self) -> Self {
        (self.current, self.pending, self.material) = (Values::new(), Values::new(), Material::new());
        self.deploys.clear();
        self
    }

    /// Whether it is under way and not at rest.
    pub const fn is_busy(&self) -> bool {
        !self.state.is_end() && !self.state.is_resting()
    }
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
