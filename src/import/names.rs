//! From the names that a source uses to the schema's secrets.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{SecretName, VariableName, is_secret_part};
use crate::schema::{Schema, Template};
use crate::secret::SecretValue;

use super::collect::Collector;
use super::compose::take_apart;
use super::model::{Context, Label, Reason};
use super::placeholder::is_placeholder_in_data;

/// The names of a schema, ready for looking up.
pub(super) struct Names<'a> {
    context: Context<'a>,
    variables: BTreeMap<&'a str, Vec<&'a Template>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(context: &Context<'a>) -> Self {
        let schema = context.schema;
        let mut variables: BTreeMap<&'a str, Vec<&'a Template>> = BTreeMap::new();
        let of_files = schema.env_files.values().flat_map(|file| &file.variables);
        let of_github =
            schema.github.values().flat_map(|target| target.secrets.iter().chain(&target.variables));
        for variable in of_files.chain(of_github) {
            variables.entry(variable.name.as_str()).or_default().push(&variable.template);
        }
        // Known, and made of no secret in particular.
        for marker in schema.env_files.values().filter_map(|file| file.marker.as_ref()) {
            variables.entry(marker.as_str()).or_default();
        }
        Self { context: *context, variables }
    }

    pub(super) fn schema(&self) -> &'a Schema {
        self.context.schema
    }

    pub(super) fn fits(&self, name: &SecretName, value: &SecretValue) -> bool {
        (self.context.fits)(name, value)
    }

    /// Whether a target has a variable of that name or the name follows the convention `GROUP_KEY`.
    pub(super) fn knows_variable(&self, variable: &str) -> bool {
        self.variables.contains_key(variable) || self.by_convention(variable).is_some()
    }

    /// The one declared secret that a variable stands for as a whole, if it is not composed.
    pub(super) fn alias(&self, variable: &str) -> Option<SecretName> {
        let Some(templates) = self.variables.get(variable) else { return self.by_convention(variable) };
        let names: BTreeSet<_> = templates.iter().filter_map(|template| template.is_alias()).collect();
        match (names.len(), names.first()) {
            (1, Some(name)) if templates.iter().all(|template| template.is_alias().is_some()) => {
                Some((*name).clone())
            }
            _ => None,
        }
    }

    /// Adds what a variable's value gives, or why it gives nothing.
    pub(super) fn add_variable(&self, line: usize, variable: &str, value: SecretValue, into: &mut Collector) {
        let label = self.label(variable);
        if label.is_none() {
            into.skip(line, None, Reason::NoSuchSecret);
        } else if value.is_empty() {
            into.skip(line, label, Reason::Empty);
        } else if is_placeholder_in_data(value.expose()) {
            into.skip(line, label, Reason::Placeholder);
        } else if let Some(name) = self.alias(variable) {
            into.add(line, name, value);
        } else {
            match self.readings(variable, &value).as_mut_slice() {
                [] => into.skip(line, label, Reason::Derived),
                [only] => only.drain(..).for_each(|(name, value)| into.add(line, name, value)),
                _ => into.skip(line, label, Reason::Ambiguous),
            }
        }
    }

    /// The different ways in which the templates of this name explain the value.
    fn readings(&self, variable: &str, value: &SecretValue) -> Vec<Vec<(SecretName, SecretValue)>> {
        let mut readings: Vec<Vec<(SecretName, SecretValue)>> = Vec::new();
        for template in self.variables.get(variable).into_iter().flatten() {
            let reading = match template.is_alias() {
                Some(name) => Some(vec![(name.clone(), value.clone())]),
                None => take_apart(template, value.expose())
                    .filter(|parts| parts.iter().all(|(name, value)| self.fits(name, value))),
            };
            if let Some(reading) = reading.filter(|reading| !readings.contains(reading)) {
                readings.push(reading);
            }
        }
        readings
    }

    /// A variable's label: its own name if a target has it, the secret's if only the convention knows it.
    pub(super) fn label(&self, variable: &str) -> Option<Label> {
        if self.variables.contains_key(variable) {
            VariableName::parse(variable).ok().map(Label::Variable)
        } else {
            self.by_convention(variable).map(Label::Secret)
        }
    }

    /// `DATABASE_PASSWORD` is `database.password`, if exactly one place to split it gives a declared secret.
    fn by_convention(&self, variable: &str) -> Option<SecretName> {
        let lower = variable.to_ascii_lowercase();
        let mut names = lower
            .match_indices('_')
            .filter_map(|(at, _)| SecretName::new(&lower[..at], &lower[at + 1..]).ok())
            .filter(|name| self.schema().secrets.contains_key(name));
        let first = names.next()?;
        names.next().is_none().then_some(first)
    }
}

/// A key of a TOML or JSON document: `key` under a group, or a whole name.
pub(super) fn data_name(group: Option<&str>, key: &str) -> Option<SecretName> {
    match group {
        _ if key.contains('.') => SecretName::parse(key).ok(),
        Some(group) if is_secret_part(key) => SecretName::new(group, key).ok(),
        _ => None,
    }
}
