//! One rotation, as the journal has it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::SecretValue;

use super::{Direction, EffectNote, Material, Outcome, State, Values};

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
    /// Who wrote this last, `user@machine`.
    pub by: String,
    /// By which lock: whoever holds that one knows that nobody else does anything of what the journal says.
    pub holder: Option<String>,
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
            holder: None,
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

    /// What is about to be tried, or being tried, as far as the journal knows.
    pub fn intended(&self) -> Option<&EffectNote> {
        self.effects.last().filter(|note| note.outcome == Outcome::Intended)
    }

    /// Whether it is under way and not at rest.
    pub const fn is_busy(&self) -> bool {
        !self.state.is_end() && !self.state.is_resting()
    }
}
