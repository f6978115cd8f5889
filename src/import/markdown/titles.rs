//! Titles as people write them, matched to the schema.

use std::collections::BTreeSet;

use crate::name::SecretName;
use crate::schema::Schema;

use super::super::names::Names;

/// What a label stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A declared secret.
    Secret(SecretName),
    /// A variable that the schema knows.
    Variable(String),
    /// More than one secret.
    Ambiguous,
    /// Nothing that the schema knows. `variable`: it is spelled like a variable.
    Unknown {
        /// Whether it is spelled like a variable.
        variable: bool,
    },
}

/// A title without what does not matter: case, spaces, punctuation, emphasis, and everything in parentheses or braces.
pub(super) fn normalize(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && character.is_alphanumeric() => plain.extend(character.to_lowercase()),
            _ => {}
        }
    }
    plain
}

/// The groups whose title a heading has, with or without a number such as `3.1` in front.
pub(super) fn groups(schema: &Schema, heading: &str) -> Vec<String> {
    let numbered = heading.trim_start_matches(|c: char| c.is_ascii_digit() || ". )".contains(c));
    let wanted = [normalize(heading), normalize(numbered)];
    let mut known: BTreeSet<&str> = schema.secrets.keys().map(SecretName::group).collect();
    known.extend(schema.groups.keys().map(String::as_str));
    let matches = |group: &&str| {
        let title = normalize(group_title(schema, group));
        !title.is_empty() && wanted.contains(&title)
    };
    known.into_iter().filter(matches).map(str::to_owned).collect()
}

fn group_title<'s>(schema: &'s Schema, group: &'s str) -> &'s str {
    schema.groups.get(group).and_then(|known| known.title.as_deref()).unwrap_or(group)
}

/// What a label below the headings of `groups` stands for.
pub(super) fn meaning(names: &Names<'_>, groups: &[String], label: &str) -> Meaning {
    let schema = names.schema();
    let wanted = normalize(label);
    let here = || schema.secrets.iter().filter(|(name, _)| groups.iter().any(|group| group == name.group()));
    let titled: Vec<_> = here()
        .filter(|(_, entry)| entry.title.as_deref().is_some_and(|title| normalize(title) == wanted))
        .map(|(name, _)| name)
        .collect();
    let keyed = || here().map(|(name, _)| name).filter(|name| normalize(name.key()) == wanted).collect();
    let found: Vec<&SecretName> = if titled.is_empty() { keyed() } else { titled };
    match found.as_slice() {
        _ if wanted.is_empty() => Meaning::Unknown { variable: false },
        [] => elsewhere(names, label, &wanted),
        [name] => Meaning::Secret((*name).clone()),
        _ => Meaning::Ambiguous,
    }
}

/// Labels that need no heading: variables, whole names, and titles such as "Database password".
fn elsewhere(names: &Names<'_>, label: &str, wanted: &str) -> Meaning {
    let schema = names.schema();
    let bare =
        label.trim_matches(|c: char| c.is_whitespace() || "`*[]\\\"'$".contains(c)).replace("\\_", "_");
    let variable = bare.contains('_') && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if variable && names.knows_variable(&bare) {
        return Meaning::Variable(bare);
    }
    if let Some(name) = SecretName::parse(&bare).ok().filter(|name| schema.secrets.contains_key(name)) {
        return Meaning::Secret(name);
    }
    let mut full = schema.secrets.iter().filter(|(name, entry)| {
        let key = entry.title.as_deref().unwrap_or(name.key());
        normalize(&format!("{} {key}", group_title(schema, name.group()))) == wanted
    });
    match (full.next(), full.next()) {
        (Some((name, _)), None) => Meaning::Secret(name.clone()),
        (Some(_), Some(_)) => Meaning::Ambiguous,
        _ => Meaning::Unknown { variable: variable && bare.bytes().all(|b| !b.is_ascii_lowercase()) },
    }
}
