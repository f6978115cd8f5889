//! Gathering what a source gives, and settling what it gives twice.

use std::collections::BTreeMap;

use crate::name::SecretName;
use crate::schema::Schema;
use crate::secret::SecretValue;

use super::model::{Findings, Found, Label, Reason, Skipped};

/// The findings of one source while it is being read.
#[derive(Default)]
pub(super) struct Collector {
    found: Vec<(usize, SecretName, SecretValue)>,
    skipped: Vec<Skipped>,
}

impl Collector {
    pub(super) fn add(&mut self, line: usize, name: SecretName, value: SecretValue) {
        self.found.push((line, name, value));
    }

    pub(super) fn skip(&mut self, line: usize, label: Option<Label>, reason: Reason) {
        self.skipped.push(Skipped { line, label, reason });
    }

    pub(super) fn skip_secret(&mut self, line: usize, name: SecretName, reason: Reason) {
        self.skip(line, Some(Label::Secret(name)), reason);
    }

    /// One value per secret. Of two different ones neither is taken: which is right, only a person can say.
    pub(super) fn finish(mut self, schema: &Schema) -> Findings {
        self.found.sort_by_key(|(line, ..)| *line);
        let mut by_name: BTreeMap<SecretName, Found> = BTreeMap::new();
        let mut conflicts: BTreeMap<SecretName, usize> = BTreeMap::new();
        for (line, name, value) in self.found {
            match by_name.get_mut(&name) {
                None => {
                    let declared = schema.secrets.contains_key(&name);
                    by_name.insert(name.clone(), Found { name, value, line, also: Vec::new(), declared });
                }
                Some(first) if first.value == value => first.also.push(line),
                Some(first) => {
                    conflicts.insert(name.clone(), first.line);
                    let reason = Reason::Conflict { other: first.line };
                    self.skipped.push(Skipped { line, label: Some(Label::Secret(name)), reason });
                }
            }
        }
        let mut found: Vec<_> =
            by_name.into_values().filter(|found| !conflicts.contains_key(&found.name)).collect();
        found.sort_by_key(|found| found.line);
        self.skipped.sort_by_key(|skipped| skipped.line);
        self.skipped.dedup();
        Findings { found, skipped: self.skipped }
    }
}
