//! The schema held against what is there.

use jiff::civil::Date;
use regex_lite::Regex;

use crate::name::{SecretName, nearest};
use crate::secret::SecretValue;

use super::model::{Entry, Schema, Type};
use super::placeholder::is_placeholder;
use super::violation::{Severity, Violation, ViolationKind};

/// Every violation at once: the declared secrets in the order of the schema's files and lines, then the undeclared
/// ones by name.
///
/// `values` gives what the store has, `present` the names of all that it has, and `today` is the day in UTC.
pub fn check<'a>(
    schema: &Schema,
    values: &dyn Fn(&SecretName) -> Option<SecretValue>,
    present: impl IntoIterator<Item = &'a SecretName>,
    today: Date,
) -> Vec<Violation> {
    let mut declared: Vec<_> = schema.secrets.iter().collect();
    declared.sort_by_key(|(_, entry)| &entry.place);
    let mut violations = Vec::new();
    for (name, entry) in declared {
        let kinds = check_entry(entry, values(name).as_ref(), today);
        violations.extend(kinds.into_iter().map(|kind| Violation {
            secret: Some(name.clone()),
            place: Some(entry.place.clone()),
            kind,
        }));
    }
    let mut undeclared: Vec<_> =
        present.into_iter().filter(|name| !schema.secrets.contains_key(name)).collect();
    undeclared.sort();
    violations.extend(undeclared.into_iter().map(|name| Violation {
        secret: Some(name.clone()),
        place: None,
        kind: ViolationKind::Undeclared { similar: most_similar(name, schema) },
    }));
    violations
}

/// What is wrong with one value by its entry: its type, the rules, and whether it is a placeholder. Nothing about
/// dates.
pub fn check_value(entry: &Entry, value: &SecretValue) -> Vec<ViolationKind> {
    Checker::new(entry).check(value)
}

/// What of [`check_value`] is an error, without looking for what would only be a warning.
pub fn value_errors(entry: &Entry, value: &SecretValue) -> Vec<ViolationKind> {
    let mut kinds = Checker::new(entry).check_rules(value);
    kinds.retain(|kind| kind.severity() == Severity::Error);
    kinds
}

/// Compiles a rule's pattern so that it matches whole values only.
///
/// The error is the compiler's own, in one line.
pub fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    // By itself first: `a)|(b` is no pattern, yet would become one between the brackets.
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
        .map_err(|error| error.to_string().replace('\n', " "))
}

fn check_entry(entry: &Entry, value: Option<&SecretValue>, today: Date) -> Vec<ViolationKind> {
    let Some(value) = value else {
        let missing = ViolationKind::Missing { generated: entry.generate.is_some() };
        return if entry.required { vec![missing] } else { Vec::new() };
    };
    let mut kinds = check_value(entry, value);
    if let Some(reason) = &entry.deprecated {
        kinds.push(ViolationKind::Deprecated { reason: reason.clone() });
    }
    kinds.extend(expiry(entry, today));
    kinds
}

fn expiry(entry: &Entry, today: Date) -> Option<ViolationKind> {
    let on = entry.expires?;
    let days = (on - today).get_days();
    if days <= 0 {
        Some(ViolationKind::Expired { on })
    } else {
        (days <= entry.expiry_notice).then_some(ViolationKind::ExpiresSoon { on, days })
    }
}

fn most_similar(name: &SecretName, schema: &Schema) -> Option<SecretName> {
    let found = nearest(name.as_str(), schema.secrets.keys().map(SecretName::as_str))?;
    SecretName::parse(found).ok()
}

/// An entry with its pattern compiled, for many values.
pub(super) struct Checker<'a> {
    entry: &'a Entry,
    /// Nothing matches a pattern that does not compile.
    pattern: Option<Result<Regex, String>>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(entry: &'a Entry) -> Self {
        let pattern = entry.rules.pattern.as_deref().map(compile_pattern);
        Self { entry, pattern }
    }

    pub(super) fn check(&self, value: &SecretValue) -> Vec<ViolationKind> {
        let mut kinds = self.check_rules(value);
        let text = value.expose();
        let is_plain = !matches!(kinds[..], [ViolationKind::ContainsNul | ViolationKind::Empty]);
        if is_plain && !self.is_listed(text) && (is_placeholder(text) || self.is_example(text)) {
            kinds.push(ViolationKind::Placeholder);
        }
        kinds
    }

    /// The type and the rules; whether the value is a placeholder takes longer than all of them.
    fn check_rules(&self, value: &SecretValue) -> Vec<ViolationKind> {
        let text = value.expose();
        // Where one of these holds, everything else that could be said follows from it.
        if text.contains('\0') {
            return vec![ViolationKind::ContainsNul];
        }
        if text.is_empty() && (self.entry.required || self.entry.kind != Type::String) {
            return vec![ViolationKind::Empty];
        }
        let mismatch = self.entry.kind.check(value).err().map(ViolationKind::WrongType);
        mismatch.into_iter().chain(self.lengths(text)).chain(self.content(text)).collect()
    }

    fn lengths(&self, text: &str) -> impl Iterator<Item = ViolationKind> + use<> {
        let length = text.chars().count();
        let rules = &self.entry.rules;
        let short = rules.min_length.filter(|fewest| length < *fewest);
        let long = rules.max_length.filter(|most| length > *most);
        let short = short.map(|fewest| ViolationKind::TooShort { fewest });
        short.into_iter().chain(long.map(|most| ViolationKind::TooLong { most }))
    }

    fn content(&self, text: &str) -> Vec<ViolationKind> {
        let rules = &self.entry.rules;
        let mut kinds = Vec::new();
        if let (Some(pattern), Some(source)) = (&self.pattern, &rules.pattern)
            && !pattern.as_ref().is_ok_and(|regex| regex.is_match(text))
        {
            kinds.push(ViolationKind::PatternMismatch { pattern: source.clone() });
        }
        if let Some(start) = rules.starts_with.as_ref().filter(|start| !text.starts_with(start.as_str())) {
            kinds.push(ViolationKind::StartsWith { start: start.clone() });
        }
        let must_be_listed = self.entry.kind == Type::Enum || !rules.one_of.is_empty();
        if must_be_listed && !self.is_listed(text) {
            kinds.push(ViolationKind::NotOneOf { allowed: rules.one_of.clone() });
        }
        kinds
    }

    fn is_listed(&self, text: &str) -> bool {
        self.entry.rules.one_of.iter().any(|allowed| allowed == text)
    }

    /// The example shows the form of a secret and is public; that of an address or a port may well be the real one.
    fn is_example(&self, text: &str) -> bool {
        self.entry.secret && self.entry.example.as_deref() == Some(text) && !text.is_empty()
    }
}

#[cfg(test)]
mod tests;
