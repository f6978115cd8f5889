//! What has to change: plain data, made without asking anybody.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::name::VariableName;
use crate::secret::{FingerprintKey, SecretValue};
use crate::store::Pushed;

use super::name::ActionsName;
use super::observe::{Observed, SecretSeen};
use super::record::PushRecord;
use super::refusal::{LONGEST_VALUE, Refusal};
use super::scope::{Scope, Visibility};

/// Secret or variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sealed; never shown again.
    Secret,
    /// Plain; everybody who can read the repository's settings can read it.
    Variable,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Secret, Self::Variable];

    /// The word in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Variable => "variable",
        }
    }

    /// The word in paths.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Variable => "variables",
        }
    }
}

/// Something that should be on GitHub.
#[derive(Clone, Copy)]
pub struct Wanted<'v> {
    /// As what.
    pub kind: Kind,
    /// Under which name, in any case.
    pub name: &'v VariableName,
    /// With which value.
    pub value: &'v SecretValue,
}

/// How somebody else's hand shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It was pushed from here and is newer there, or has another value.
    ChangedThere,
    /// It is there and was never pushed from here.
    NotOurs,
}

/// What is to be done about one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there.
    Create,
    /// It is there as we left it, and should be different; or nobody knows whether the last push arrived.
    Change,
    /// It is there as it should be.
    Unchanged,
    /// Somebody else changed it. Left alone unless [`Options::overwrite_drift`].
    Drifted(Drift),
    /// It was pushed from here, is there as we left it, and the schema no longer has it. Left alone unless
    /// [`Options::prune`].
    Orphan,
}

/// One name and what is to be done about it.
pub struct Step<'v> {
    /// Secret or variable.
    pub kind: Kind,
    /// The name.
    pub name: ActionsName,
    /// What is to be done.
    pub action: Action,
    /// The value that it should have; nothing where the schema has no such name.
    pub value: Option<&'v SecretValue>,
    /// The keyed digest of that value, and behind a dot that of who may use it; nothing where there is no value.
    pub digest: String,
}

/// What the user allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Remove what the schema no longer has.
    pub prune: bool,
    /// Overwrite, and with `prune` remove, what somebody else changed.
    pub overwrite_drift: bool,
}

/// What has to change in one scope, sorted by kind and name.
pub struct Plan<'v> {
    /// A step for each name that the schema has or that was pushed from here.
    pub steps: Vec<Step<'v>>,
    observed: Observed,
}

/// A write.
pub(super) struct Change<'p> {
    pub(super) kind: Kind,
    pub(super) name: &'p ActionsName,
    /// The value to write; `None` removes.
    pub(super) value: Option<&'p SecretValue>,
    /// The digest of the value.
    pub(super) digest: &'p str,
    /// When the one of that name that is there was written; nothing where there is none.
    pub(super) before: Option<Timestamp>,
}

impl Change<'_> {
    /// Whether what is there now can be what was written. A list may come from a copy that lags behind.
    pub(super) fn shows_in(&self, observed: &Observed) -> bool {
        match (self.kind, self.value) {
            (kind, None) => !observed.has(kind, self.name),
            (Kind::Variable, Some(value)) => {
                observed.variables.get(self.name).is_some_and(|seen| seen.value == *value)
            }
            (Kind::Secret, Some(_)) => {
                let later = |seen: &SecretSeen| self.before.is_none_or(|before| seen.updated_at > before);
                observed.secrets.get(self.name).is_some_and(later)
            }
        }
    }
}

/// Compares what should be there with what is there and with what was pushed last; every reason against it at once.
pub fn plan<'v>(
    scope: &Scope,
    wanted: &[Wanted<'v>],
    observed: Observed,
    recorded: &PushRecord,
    key: &FingerprintKey,
    options: Options,
) -> Result<Plan<'v>, Vec<Refusal>> {
    let named = named(wanted)?;
    let mut steps = Vec::with_capacity(named.len());
    for ((kind, name), wanted) in &named {
        let digest = digest(key, wanted.value, scope);
        let state = State { scope, key, observed: &observed, recorded: recorded.of_kind(*kind).get(name) };
        let action = state.action(*kind, name, wanted.value, &digest);
        steps.push(Step { kind: *kind, name: name.clone(), action, value: Some(wanted.value), digest });
    }
    for kind in Kind::ALL {
        for (name, pushed) in recorded.of_kind(kind) {
            if !named.contains_key(&(kind, name.clone())) && observed.has(kind, name) {
                let action = orphan(kind, name, pushed, &observed, key);
                steps.push(Step { kind, name: name.clone(), action, value: None, digest: String::new() });
            }
        }
    }
    steps.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let plan = Plan { steps, observed };
    let refusals: Vec<_> =
        Kind::ALL.into_iter().filter_map(|kind| plan.too_many(scope, kind, options)).collect();
    if refusals.is_empty() { Ok(plan) } else { Err(refusals) }
}

type Named<'a, 'v> = BTreeMap<(Kind, ActionsName), &'a Wanted<'v>>;

/// The wanted by GitHub's names.
fn named<'a, 'v>(wanted: &'a [Wanted<'v>]) -> Result<Named<'a, 'v>, Vec<Refusal>> {
    let mut named = Named::new();
    let mut refusals = Vec::new();
    for each in wanted {
        let name = match ActionsName::new(each.name) {
            Ok(name) => name,
            Err(error) => {
                refusals.push(Refusal::Name(each.name.clone(), error));
                continue;
            }
        };
        let length = each.value.expose().len();
        if length > LONGEST_VALUE {
            refusals.push(Refusal::TooLong(name.clone(), length));
        }
        if let Some(first) = named.insert((each.kind, name), each) {
            refusals.push(Refusal::SameName(first.name.clone(), each.name.clone()));
        }
    }
    if refusals.is_empty() { Ok(named) } else { Err(refusals) }
}

/// The digest of a value, and behind a dot that of who may use it.
fn digest(key: &FingerprintKey, value: &SecretValue, scope: &Scope) -> String {
    let value = key.of(value);
    match scope.visibility() {
        None => value.to_string(),
        Some(Visibility::Selected(names)) => {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let text = names.into_iter().fold("selected".to_owned(), |text, name| text + " " + name);
            format!("{value}.{}", key.of_text(&text))
        }
        Some(visibility) => format!("{value}.{}", key.of_text(visibility.as_str())),
    }
}

/// What is known about one name.
struct State<'a> {
    scope: &'a Scope,
    key: &'a FingerprintKey,
    observed: &'a Observed,
    recorded: Option<&'a Pushed>,
}

impl State<'_> {
    fn action(&self, kind: Kind, name: &ActionsName, value: &SecretValue, digest: &str) -> Action {
        match kind {
            Kind::Secret => self.secret_action(name, digest),
            Kind::Variable => self.variable_action(name, value, digest),
        }
    }

    fn secret_action(&self, name: &ActionsName, digest: &str) -> Action {
        let Some(seen) = self.observed.secrets.get(name) else { return Action::Create };
        let Some(pushed) = self.recorded else { return Action::Drifted(Drift::NotOurs) };
        match pushed.updated_at {
            Some(ours) if seen.updated_at > ours => Action::Drifted(Drift::ChangedThere),
            Some(_) if pushed.digest == digest && self.is_visible(seen.visibility.as_deref()) => {
                Action::Unchanged
            }
            None | Some(_) => Action::Change,
        }
    }

    /// A variable can be read, so its value decides and not its date.
    fn variable_action(&self, name: &ActionsName, value: &SecretValue, digest: &str) -> Action {
        let Some(seen) = self.observed.variables.get(name) else { return Action::Create };
        let same_readers = self.is_visible(seen.visibility.as_deref())
            && self.recorded.is_none_or(|pushed| readers(&pushed.digest) == readers(digest));
        let same_value = seen.value == *value;
        match self.recorded {
            _ if same_value && same_readers => Action::Unchanged,
            _ if same_value => Action::Change,
            None => Action::Drifted(Drift::NotOurs),
            Some(pushed) if pushed.updated_at.is_none() || is_ours(pushed, &seen.value, self.key) => {
                Action::Change
            }
            Some(_) => Action::Drifted(Drift::ChangedThere),
        }
    }

    fn is_visible(&self, seen: Option<&str>) -> bool {
        self.scope.visibility().is_none_or(|wanted| seen == Some(wanted.as_str()))
    }
}

/// The part of a digest that stands for who may use the value.
fn readers(digest: &str) -> Option<&str> {
    digest.split_once('.').map(|(_, readers)| readers)
}

/// Whether a variable's value is the one that was pushed.
fn is_ours(pushed: &Pushed, value: &SecretValue, key: &FingerprintKey) -> bool {
    pushed.digest.split('.').next() == Some(key.of(value).to_string().as_str())
}

/// What to do about something that was pushed and is no longer wanted.
fn orphan(
    kind: Kind,
    name: &ActionsName,
    pushed: &Pushed,
    observed: &Observed,
    key: &FingerprintKey,
) -> Action {
    let is_ours = match (kind, pushed.updated_at) {
        (_, None) => true,
        (Kind::Secret, Some(ours)) => observed.updated_at(kind, name).is_none_or(|seen| seen <= ours),
        (Kind::Variable, Some(_)) => {
            observed.variables.get(name).is_none_or(|seen| is_ours(pushed, &seen.value, key))
        }
    };
    if is_ours { Action::Orphan } else { Action::Drifted(Drift::ChangedThere) }
}

impl Plan<'_> {
    /// Whether GitHub is as it should be: nothing to write, nothing left over, nothing changed by others.
    pub fn is_clean(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Unchanged)
    }

    /// Whether [`Github::apply`](super::Github::apply) would have anything to do.
    pub fn has_changes(&self, options: Options) -> bool {
        self.changes(options).next().is_some()
    }

    /// The record without the doubts that looking has settled: a variable of which nobody knew whether it arrived did.
    pub(super) fn settled(&self, record: &PushRecord) -> PushRecord {
        let mut settled = record.clone();
        let are_there = self.steps.iter().filter(|step| step.action == Action::Unchanged);
        for step in are_there.filter(|step| step.kind == Kind::Variable) {
            if let Some(pushed) = settled.of_kind_mut(step.kind).get_mut(&step.name)
                && pushed.updated_at.is_none()
            {
                pushed.digest.clone_from(&step.digest);
                pushed.updated_at = self.observed.updated_at(step.kind, &step.name);
            }
        }
        settled
    }

    /// The record that must be safe before the first write: a push that is killed then leaves no doubt about what may
    /// have been ours.
    pub fn begin(&self, record: &PushRecord, options: Options) -> PushRecord {
        let mut begun = self.settled(record);
        for change in self.changes(options).filter(|change| change.value.is_some()) {
            let pushed = Pushed { digest: change.digest.to_owned(), updated_at: None };
            begun.of_kind_mut(change.kind).insert(change.name.clone(), pushed);
        }
        begun
    }

    /// The writes, as far as they are allowed.
    pub(super) fn changes(&self, options: Options) -> impl Iterator<Item = Change<'_>> {
        let allowed = move |step: &&Step<'_>| match (step.action, step.value.is_some()) {
            (Action::Unchanged, _) => false,
            (Action::Create | Action::Change, _) => true,
            (Action::Drifted(_), true) => options.overwrite_drift,
            (Action::Drifted(_), false) => options.overwrite_drift && options.prune,
            (Action::Orphan, _) => options.prune,
        };
        self.steps.iter().filter(allowed).map(|step| Change {
            kind: step.kind,
            name: &step.name,
            value: step.value,
            digest: &step.digest,
            before: self.observed.updated_at(step.kind, &step.name),
        })
    }

    fn too_many(&self, scope: &Scope, kind: Kind, options: Options) -> Option<Refusal> {
        let mut names: BTreeSet<&ActionsName> = self.observed.names(kind).collect();
        for change in self.changes(options).filter(|change| change.kind == kind) {
            if change.value.is_some() {
                names.insert(change.name);
            } else {
                names.remove(change.name);
            }
        }
        let creates = self.steps.iter().any(|step| step.kind == kind && step.action == Action::Create);
        if !creates || names.len() <= scope.limit(kind) {
            return None;
        }
        let ours: BTreeSet<&ActionsName> =
            self.steps.iter().filter(|step| step.kind == kind).map(|step| &step.name).collect();
        let others = names.difference(&ours).map(|name| (*name).clone()).collect();
        Some(Refusal::TooMany(kind, names.len(), scope.limit(kind), others))
    }
}

#[cfg(test)]
#[path = "tests/plan.rs"]
mod tests;
