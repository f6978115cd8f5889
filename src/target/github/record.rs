//! What was pushed last, under GitHub's names.

use std::collections::BTreeMap;

use crate::store::{LastPush, Pushed, Pushes};

use super::name::ActionsName;
use super::plan::Kind;

/// What was pushed to one scope. Never holds a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushRecord {
    /// The secrets.
    pub secrets: BTreeMap<ActionsName, Pushed>,
    /// The variables.
    pub variables: BTreeMap<ActionsName, Pushed>,
}

impl PushRecord {
    /// The record as the store has it.
    pub fn of(pushes: &Pushes) -> Self {
        let named = |(name, pushed): (_, &Pushed)| (ActionsName::of(name), pushed.clone());
        Self {
            secrets: pushes.secrets.iter().map(named).collect(),
            variables: pushes.variables.iter().map(named).collect(),
        }
    }

    /// The record for the store to keep.
    pub fn to_pushes(&self, last: Option<LastPush>) -> Pushes {
        let named = |(name, pushed): (&ActionsName, &Pushed)| (name.as_variable().clone(), pushed.clone());
        Pushes {
            last,
            secrets: self.secrets.iter().map(named).collect(),
            variables: self.variables.iter().map(named).collect(),
        }
    }

    /// The entries of one kind.
    pub const fn of_kind(&self, kind: Kind) -> &BTreeMap<ActionsName, Pushed> {
        match kind {
            Kind::Secret => &self.secrets,
            Kind::Variable => &self.variables,
        }
    }

    /// The same, to be changed.
    pub(super) const fn of_kind_mut(&mut self, kind: Kind) -> &mut BTreeMap<ActionsName, Pushed> {
        match kind {
            Kind::Secret => &mut self.secrets,
            Kind::Variable => &mut self.variables,
        }
    }
}
