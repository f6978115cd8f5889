//! What would change on GitHub, as plain data.

use std::collections::BTreeMap;

use crate::name::{TargetName, VariableName};
use crate::push::plan::{Action, Difference};
use crate::secret::FingerprintKey;
use crate::store::{LastPush, Pushes};
use crate::target::github::{self, Drift, Kind, Observed, Options, Plan, PushRecord, Scope, Step, plan};

use super::desired::Desired;
use super::problem::GithubProblem;

/// What is to be done with one target.
pub struct GithubPlan<'v> {
    /// Its name in the schema.
    pub target: TargetName,
    /// Whose secrets and variables.
    pub scope: Scope,
    /// Each secret and variable that the schema has or that was pushed from here, by kind and name.
    pub rows: Vec<GithubRow>,
    /// What the store knows of it.
    pub before: Pushes,
    pub(super) record: PushRecord,
    pub(super) steps: Plan<'v>,
    options: Options,
}

/// One secret or variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRow {
    /// Which of the two.
    pub kind: Kind,
    /// Its name and what a push would do. What a secret is over there is known from our own record only.
    pub difference: Difference,
    /// How somebody else's hand shows.
    pub drift: Option<Drift>,
    /// Whether an earlier push was cut off, so that nobody knows if it arrived.
    pub is_in_doubt: bool,
}

/// The names that a push is restricted to; those of GitHub count in any case.
pub struct Only<'a>(&'a [VariableName]);

impl<'a> Only<'a> {
    /// These; all, if there are none.
    pub const fn new(names: &'a [VariableName]) -> Self {
        Self(names)
    }

    fn holds(&self, name: &VariableName) -> bool {
        self.0.is_empty() || self.0.iter().any(|only| only.to_uppercase() == *name)
    }
}

impl<'v> GithubPlan<'v> {
    /// Compares what should be there with what is there and with what was pushed last.
    pub fn new(
        desired: &'v Desired,
        observed: Observed,
        key: &FingerprintKey,
        options: Options,
        only: &Only<'_>,
    ) -> Result<Self, GithubProblem> {
        let record = desired.record();
        let there = fingerprints(&observed, key);
        let mut steps = plan(&desired.scope, &desired.wanted(), observed, &record, key, options)
            .map_err(GithubProblem::Refused)?;
        steps.steps.retain(|step| only.holds(step.name.as_variable()));
        let rows = steps.steps.iter().map(|step| row(step, &record, &there)).collect();
        Ok(Self {
            target: desired.target.clone(),
            scope: desired.scope.clone(),
            rows,
            before: desired.pushes.clone(),
            record,
            steps,
            options,
        })
    }

    /// Whether everything there is as it should be.
    pub fn is_clean(&self) -> bool {
        self.steps.is_clean()
    }

    /// Whether a push has anything to do.
    pub fn has_changes(&self) -> bool {
        self.steps.has_changes(self.options)
    }

    /// Whether a push writes or removes this one.
    pub fn is_written(&self, row: &GithubRow) -> bool {
        match (row.difference.action, row.difference.is_drifted) {
            (Action::Unchanged, _) => false,
            (Action::Create | Action::Change, is_drifted) => !is_drifted || self.options.overwrite_drift,
            (Action::Orphan, is_drifted) => {
                self.options.prune && (!is_drifted || self.options.overwrite_drift)
            }
        }
    }

    /// What somebody else changed, and a push would have to overwrite: a reason not to push.
    pub fn drifted(&self) -> impl Iterator<Item = &GithubRow> {
        let in_the_way = |row: &&GithubRow| {
            let is_wanted = row.difference.action != Action::Orphan || self.options.prune;
            row.difference.is_drifted && is_wanted && !self.options.overwrite_drift
        };
        self.rows.iter().filter(in_the_way)
    }

    /// What the store has to know before the first write.
    pub fn begun(&self) -> Pushes {
        self.steps.begin(&self.record, self.options).to_pushes(self.before.last.clone())
    }

    /// Whether looking has settled what an earlier push left in doubt, so that the store has to hear of it.
    pub fn has_news(&self) -> bool {
        !self.has_changes() && self.begun() != self.before
    }

    /// The last push, if the store knows of one.
    pub const fn last(&self) -> Option<&LastPush> {
        self.before.last.as_ref()
    }

    pub(super) const fn options(&self) -> Options {
        self.options
    }
}

/// The fingerprints of the variables that are there; a secret cannot be read.
fn fingerprints(observed: &Observed, key: &FingerprintKey) -> BTreeMap<VariableName, String> {
    let variables = observed.variables.iter();
    variables.map(|(name, seen)| (name.as_variable().clone(), key.of(&seen.value).to_string())).collect()
}

fn row(step: &Step<'_>, record: &PushRecord, variables: &BTreeMap<VariableName, String>) -> GithubRow {
    let name = step.name.as_variable();
    let pushed = record.of_kind(step.kind).get(&step.name);
    let drift = match step.action {
        github::Action::Drifted(drift) => Some(drift),
        _ => None,
    };
    let is_in_doubt = pushed.is_some_and(|pushed| pushed.updated_at.is_none());
    let is_there = step.action != github::Action::Create;
    let there = match step.kind {
        Kind::Variable => variables.get(name).cloned(),
        Kind::Secret => {
            let is_known = is_there && drift.is_none() && !is_in_doubt;
            pushed.filter(|_| is_known).map(|pushed| of_value(&pushed.digest))
        }
    };
    let action = match (step.action, step.value.is_some()) {
        (github::Action::Create, _) => Action::Create,
        (github::Action::Unchanged, _) => Action::Unchanged,
        (github::Action::Change, _) | (github::Action::Drifted(_), true) => Action::Change,
        (github::Action::Orphan, _) | (github::Action::Drifted(_), false) => Action::Orphan,
    };
    let here = step.value.is_some().then(|| of_value(&step.digest));
    let difference = Difference { name: name.clone(), action, is_drifted: drift.is_some(), here, there };
    GithubRow { kind: step.kind, difference, drift, is_in_doubt }
}

/// The fingerprint of the value in a digest, without that of who may use it.
fn of_value(digest: &str) -> String {
    digest.split('.').next().unwrap_or_default().to_owned()
}
